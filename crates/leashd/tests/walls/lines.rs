//! The lines: what the corpus denies, and a sample of the hostile ones. Knows no walls.

use crate::Level;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Ordinary work, which must succeed: walls behind which nothing runs would hold anything.
pub(crate) const WORK: &[&str] = &[
    "echo made > made && cat README.md made",
    "git status --short && git log --oneline && echo x > new && git add new && git commit -qm new",
    "make all && sh scripts/build.sh && sort README.md | head -n 1",
    "t=$(mktemp) && echo x > \"$t\" && cat \"$t\" && rm \"$t\"",
    "test \"$(id -u)\" != 0 && test \"$HOME\" = /home/dev && test \"$PWD\" = /home/dev/proj",
    "grep -q '^CapPrm:.*0000000000000000' /proc/self/status && grep -q '^NoNewPrivs:.*1' /proc/self/status",
];

/// Of the hostile corpus so many lines: the same ones in every run, until the corpus changes.
fn sample(level: Level) -> usize {
    match level {
        Level::Namespaces => 250,
        Level::Landlock => 100,
    }
}

/// Lines that the corpus says must not be allowed.
pub(crate) fn denied(level: Level) -> Vec<String> {
    let whole = ["commands.jsonl", "executed.jsonl", "git-lock.jsonl"];
    let mut lines: BTreeSet<String> = whole.into_iter().flat_map(read).collect();
    let hostile = ["hostile.jsonl", "hostile-git-lock.jsonl"].into_iter().flat_map(read);
    let mut hostile: Vec<(u64, String)> = hostile.map(|line| (mixed(&line, level), line)).collect();
    hostile.sort();
    let all = std::env::var_os("LEASHD_WALLS_ALL").is_some();
    let sample = if all { usize::MAX } else { sample(level) };
    lines.extend(hostile.into_iter().take(sample).map(|(_, line)| line));
    assert!(lines.len() > 500, "{} lines", lines.len());
    lines.into_iter().collect()
}

fn read(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus").join(file);
    let text = fs::read_to_string(path).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let denied = |case: &Value| {
        case["tool"] == "Bash" && matches!(case["expect"].as_str(), Some("deny" | "not-allow"))
    };
    cases.filter(denied).map(|case| case["command"].as_str().unwrap().to_owned()).collect()
}

/// A number that depends on nothing but the line and the level (FNV-1a).
fn mixed(line: &str, level: Level) -> u64 {
    let bytes = level.as_str().bytes().chain(line.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
