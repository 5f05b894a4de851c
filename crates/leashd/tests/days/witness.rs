//! What the tools left in the project: a line for each time a command ran, with the moment, or a file a tool wrote.

use crate::chance::Chance;
use crate::support::{call, script, shell};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The clock of files is behind the one of commands by up to a tick of the kernel.
const TICK_MICROS: i64 = 10_000;
/// The policy of the day's sessions: `free-*` goes unasked, the rest is asked for, the floor denies.
pub(crate) const POLICY: &str = "version: \"1.0\"\nname: day\nrules:\n  - name: moment\n    commands: [date]\n    action: allow\n  - name: free\n    tool: Bash\n    command_patterns: [\"^tee -a free-\"]\n    action: allow\nsettings:\n  default_action: require_approval\n";

/// What the message of this name has the agent do.
pub(crate) fn deeds(project: &Path, name: &str, chance: &mut Chance) -> String {
    let deeds: Vec<Value> = (0..=chance.below(3))
        .map(|number| match chance.below(10) {
            0..4 => shell(&line(&format!("free-{name}-{number}"))),
            4..7 => shell(&line(&format!("asked-{name}-{number}"))),
            7..9 => {
                let path = project.join(format!("written-{name}-{number}"));
                call("Write", json!({"file_path": path, "content": "x\n"}))
            }
            _ => shell(&format!("sudo tee -a never-{name}-{number}")),
        })
        .collect();
    script(&deeds)
}

/// The command that leaves a line in `file`.
pub(crate) fn line(file: &str) -> String {
    format!("date +%s%N | tee -a {file}")
}

/// Of each file the moments at which something was put there, in microseconds; not before these.
pub(crate) fn moments(project: &Path) -> BTreeMap<String, Vec<i64>> {
    let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for entry in fs::read_dir(project).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // A file tool that was killed leaves what it would have moved to its place.
        let name = name.split_once(".tmp.").map_or(name.as_str(), |(file, _)| file);
        let moments: Vec<i64> = if name.starts_with("free-") || name.starts_with("asked-") {
            let text = fs::read_to_string(entry.path()).unwrap();
            // `tee` makes the file before it has the line.
            text.lines().map(|line| line.parse::<i64>().unwrap() / 1000).collect()
        } else if name.starts_with("written-") || name.starts_with("never-") {
            let stat = entry.metadata().unwrap();
            vec![stat.mtime() * 1_000_000 + stat.mtime_nsec() / 1000 + TICK_MICROS]
        } else {
            continue;
        };
        all.entry(name.to_owned()).or_default().extend(moments);
    }
    all
}
