//! Reads the lines that Rust's test runner prints. Runs nothing.

use crate::skips::Skip;

/// What the runner said, summed over all test binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) failures: Vec<String>,
    pub(crate) ignored: Vec<Skip>,
}

impl Report {
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(counts) = line.trim().strip_prefix("test result: ") {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
        } else if let Some((name, outcome)) =
            line.trim().strip_prefix("test ").and_then(|it| it.split_once(" ... "))
        {
            self.outcome(name, outcome);
        }
    }

    fn outcome(&mut self, name: &str, outcome: &str) {
        if outcome == "FAILED" {
            self.failures.push(name.to_owned());
        } else if let Some(reason) = outcome.strip_prefix("ignored") {
            let reason = reason.trim_start_matches(',').trim();
            let reason = if reason.is_empty() { "ignored without a reason" } else { reason };
            self.ignored.push(Skip::new(name, reason));
        }
    }

    /// The failed tests by name; a test binary that did not build or died has none.
    pub(crate) fn failed_names(&self) -> String {
        if self.failures.is_empty() { "none by name, see above".to_owned() } else { self.failures.join(", ") }
    }
}

/// `3` from `ok. 3 passed; 0 failed; …` for `passed`.
fn count(counts: &str, what: &str) -> u64 {
    let part = counts.split(['.', ';']).map(str::trim).find_map(|it| it.strip_suffix(what));
    part.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_what_several_binaries_say() {
        let mut report = Report::default();
        let said = "
running 4 tests
test words::quotes ... ok
test words::globs ... FAILED
test slow ... ignored, needs a Mac
test plain ... ignored
test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.50s
";
        said.lines().for_each(|line| report.read(line));
        assert_eq!((report.passed, report.failed), (13, 1));
        assert_eq!(report.failed_names(), "words::globs");
        let ignored = [Skip::new("slow", "needs a Mac"), Skip::new("plain", "ignored without a reason")];
        assert_eq!(report.ignored, ignored);
    }
}
