//! The text files of the repository, read once. Knows no rule.

use crate::steps::output;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Larger files are recordings or data; no rule is about them. Bytes.
const LARGEST: u64 = 4 << 20;

#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Path from the root, with `/`, to the text. A file that is not UTF-8 text, or too large, has none.
    pub(super) files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// What git tracks, and what it would track if it were added now.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let mut files = BTreeMap::new();
        for name in output(&mut git)?.split_terminator('\0') {
            let path = root.join(name);
            // A file that is deleted but not yet staged is still listed, and a link is judged where it points.
            let Ok(about) = fs::symlink_metadata(&path) else { continue };
            if about.is_file() {
                let text = if about.len() > LARGEST { None } else { text(&path)? };
                files.insert(name.to_owned(), text);
            }
        }
        Ok(Self { files })
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(name, text)| Some((name.as_str(), text.as_deref()?)))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.files.get(name)?.as_deref()
    }

    /// True for a file, and for a directory that holds one.
    pub(super) fn holds(&self, name: &str) -> bool {
        let below = format!("{name}/");
        self.files.contains_key(name) || self.files.keys().any(|it| it.starts_with(&below))
    }

    /// Names of the directories in `crates/`.
    pub(super) fn crates(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.files.keys().filter_map(|it| Some(it.strip_prefix("crates/")?.split_once('/')?.0)).collect();
        names.dedup();
        names
    }
}

fn text(path: &Path) -> Result<Option<String>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8(bytes).ok().filter(|it| !it.contains('\0')))
}
