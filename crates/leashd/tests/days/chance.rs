//! Choices that can be made again: a generator from a seed. What matters is that they differ.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Self(seed ^ 0x2545_f491_4f6c_dd1d | 1);
        // Seeds that differ little begin alike.
        for _ in 0..16 {
            chance.next();
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }

    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(longest.as_micros()).unwrap() + 1))
    }

    /// Another one, for somebody who chooses at the same time.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.next())
    }
}
