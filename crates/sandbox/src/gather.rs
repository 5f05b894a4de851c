//! Answers what the judge has to know about the file system. Knows no rules.

use leashd_types::{Facts, FileText, PathFact, Questions};
use std::path::Path;

/// Answers every question into `facts`, newly even where an answer is already there. What cannot be resolved is
/// answered as such; it never fails as a whole.
pub fn gather(questions: &Questions, facts: &mut Facts) {
    for path in &questions.paths {
        let fact = match crate::resolve(Path::new(path), facts.cwd.as_path()) {
            Ok((real, kind)) => {
                let recovery = crate::recovery(&real, kind);
                PathFact::Resolved { real, kind, recovery }
            }
            Err(reason) => PathFact::Unresolvable(reason.to_string()),
        };
        facts.paths.insert(path.clone(), fact);
    }
    for path in &questions.files {
        facts.files.insert(path.clone(), FileText::Unreadable("not implemented".to_owned()));
    }
}
