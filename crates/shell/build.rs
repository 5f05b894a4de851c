//! Turns the effects table into one sorted list of names and one list of entries, so that a program that judges a
//! single line and ends does not read 200 KB to find two of them. Knows where entries begin, not what they say.

#![expect(clippy::disallowed_methods, reason = "the crate reads no files; building it does")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

/// One file per family.
const FAMILIES: [&str; 17] = [
    "coreutils",
    "text",
    "shells",
    "git",
    "packages",
    "network",
    "databases",
    "containers",
    "cloud",
    "publishing",
    "editors",
    "interpreters",
    "archivers",
    "system",
    "build",
    "tests",
    "agents",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("knowledge");
    println!("cargo::rerun-if-changed=build.rs");
    let mut slots = String::new();
    let mut entries = 0_u16;
    let mut names = BTreeMap::new();
    for family in FAMILIES {
        let path = here.join(family);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path)?;
        for entry in split(&text).map_err(|line| format!("{}:{line}: belongs to no entry", path.display()))? {
            let (heading, body) = entry.split_at(entry.find(['|', '\n']).unwrap_or(entry.len()));
            for name in heading.split_whitespace() {
                if names.insert(name.to_owned(), entries).is_some() {
                    return Err(format!("{}: {name} has two entries", path.display()).into());
                }
            }
            writeln!(slots, "Slot::new({:?}, {body:?}),", heading.trim())?;
            entries += 1;
        }
    }
    let mut sorted = String::new();
    for (name, entry) in &names {
        writeln!(sorted, "({name:?}, {entry}),")?;
    }
    let out = PathBuf::from(env::var("OUT_DIR")?).join("table.rs");
    let text = format!(
        "static SLOTS: [Slot; {entries}] = [\n{slots}];\nstatic NAMES: [(&str, u16); {}] = [\n{sorted}];\n",
        names.len()
    );
    fs::write(out, text)?;
    Ok(())
}

/// The entries of a family. One starts at a line that is neither indented, empty nor a comment; the indented lines
/// after it are its own. An error is the number of a line that is nobody's.
fn split(family: &str) -> Result<Vec<String>, usize> {
    let mut entries: Vec<String> = Vec::new();
    let mut open = false;
    for (number, line) in family.lines().enumerate() {
        match (line.starts_with(' '), open, entries.last_mut()) {
            (true, true, Some(entry)) => {
                entry.push_str(line);
                entry.push('\n');
            }
            (true, _, _) => return Err(number + 1),
            (false, _, _) => {
                open = !line.is_empty() && !line.starts_with('#');
                entries.extend(open.then(|| format!("{line}\n")));
            }
        }
    }
    Ok(entries)
}
