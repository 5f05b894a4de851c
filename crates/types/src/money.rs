//! What things cost.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign};

/// Nano-dollars (10⁻⁹ USD): one token of the cheapest model is still a whole number of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    pub const ZERO: Money = Money(0);

    #[must_use]
    pub const fn from_nano_usd(nano_usd: i64) -> Self {
        Self(nano_usd)
    }

    /// From the dollars an agent reports as a JSON number. Not a number counts as nothing.
    #[must_use]
    pub fn from_usd(usd: f64) -> Self {
        // A saturating float-to-int conversion: NaN is 0, the infinities are the limits.
        #[allow(clippy::cast_possible_truncation, reason = "saturating on purpose")]
        Self((usd * 1e9).round() as i64)
    }

    #[must_use]
    pub const fn as_nano_usd(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn saturating_sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl Add for Money {
    type Output = Money;

    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl fmt::Display for Money {
    /// `$1.2345`: dollars with four decimals, as Claude Code shows them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let tenths_of_milli = self.0.unsigned_abs().saturating_add(50_000) / 100_000;
        write!(formatter, "{sign}${}.{:04}", tenths_of_milli / 10_000, tenths_of_milli % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn shown_with_four_decimals() {
        assert_eq!(Money::from_usd(0.0043).to_string(), "$0.0043");
        assert_eq!(Money::from_usd(12.5).to_string(), "$12.5000");
        assert_eq!((Money::from_usd(0.1) + Money::from_usd(0.2)).to_string(), "$0.3000");
        assert_eq!(Money::from_usd(f64::NAN), Money::ZERO);
    }
}
