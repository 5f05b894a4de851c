//! Code that speaks git through a library instead of the program: which operation it comes to.

use crate::knowledge::report::Report;
use leashd_types::{Direction, GitOperation};

/// Modules by language.
const LIBRARIES: [(&str, &[&str]); 3] = [
    ("python", &["dulwich", "pygit2", "git", "gitpython"]),
    ("node", &["simple-git", "isomorphic-git", "nodegit", "simple-git/promise"]),
    ("ruby", &["rugged", "git"]),
];
const COMMITS: &[&str] = &[
    "commit",
    "do_commit",
    "create_commit",
    "merge",
    "rebase",
    "cherry_pick",
    "revert",
    "create_reference",
    "set_target",
    "tag",
    "commit_tree",
    "raw",
    "am",
];

pub(super) fn check(report: &mut Report<'_>, language: &str, text: &str) {
    let Some((_, modules)) = LIBRARIES.iter().find(|(of, _)| *of == language) else { return };
    let words = || text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '/')));
    let brings_in = {
        let mut before = "";
        words().filter(|word| !word.is_empty()).any(|word| {
            let found =
                matches!(before, "import" | "from" | "require" | "as" | "__import__" | "import_module")
                    && modules.contains(&word.to_ascii_lowercase().as_str());
            before = word;
            found
        })
    };
    if !brings_in {
        return;
    }
    if words().any(|word| matches!(word, "push" | "send_pack")) {
        report.git(GitOperation::Push);
        report.configured("the git remote", Direction::Send);
    } else if words().any(|word| COMMITS.contains(&word)) {
        report.git(GitOperation::Commit);
    } else {
        report.git(GitOperation::Read);
    }
}
