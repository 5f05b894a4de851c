//! Watches whether Claude Code keeps its transcript. With a full or read-only disk it reports success, writes nothing
//! (2.1.197) and cannot be resumed.

use std::fs;
use std::path::PathBuf;

#[derive(Debug)]
pub(crate) struct Transcript {
    projects: Option<PathBuf>,
    file: Option<PathBuf>,
    /// Bytes at the end of the last turn.
    length: u64,
    reported: bool,
}

impl Transcript {
    pub(crate) fn new(config_directory: Option<PathBuf>) -> Self {
        Self {
            projects: config_directory.map(|it| it.join("projects")),
            file: None,
            length: 0,
            reported: false,
        }
    }

    /// To be called after each turn. The complaint comes once.
    pub(crate) fn complaint(&mut self, session: &str) -> Option<String> {
        let projects = self.projects.clone()?;
        let name = format!("{session}.jsonl");
        if self.file.as_ref().is_none_or(|file| !file.ends_with(&name)) {
            self.length = 0;
            self.file = fs::read_dir(&projects).ok().and_then(|entries| {
                entries.flatten().map(|entry| entry.path().join(&name)).find(|it| it.is_file())
            });
        }
        let length = self.file.as_ref().and_then(|file| fs::metadata(file).ok()).map_or(0, |it| it.len());
        let grew = length > self.length;
        self.length = length;
        if grew || std::mem::replace(&mut self.reported, true) {
            return None;
        }
        Some(format!(
            "Claude Code did not write its transcript below {} (is the disk full or read-only?); after a restart this \
             session cannot be resumed",
            projects.display()
        ))
    }
}
