//! Tool calls from a file, one JSON object a line, as the corpora are written.

use super::judging::Asked;
use crate::failure::Failure;
use leashd_types::{Attendance, Containment, Mode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes of one line.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Lines of one file.
const LINES_MAX: usize = 1_000_000;
/// Characters of a call that are shown.
const SHOWN_CHARS: usize = 160;

/// What a line expects of the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expect {
    Allow,
    Ask,
    Deny,
    NotAllow,
}

/// One line.
#[derive(Debug)]
pub(super) struct Case {
    /// 1-based.
    pub(super) line: usize,
    pub(super) asked: Asked,
    pub(super) expect: Option<Expect>,
    /// The policies it is about, `default+dev-tools` for two loaded together; empty: any.
    pub(super) policies: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default = "shell")]
    tool: String,
    command: Option<String>,
    input: Option<Value>,
    expect: Option<Expect>,
    cwd: Option<PathBuf>,
    #[serde(default)]
    grants: Vec<String>,
    mode: Option<Mode>,
    contained: Option<bool>,
    unattended: Option<bool>,
    #[serde(default)]
    policy: String,
}

fn shell() -> String {
    "Bash".to_owned()
}

/// Reads all lines; one that cannot be read is an error that names it.
pub(super) fn read(path: &Path) -> Result<Vec<Case>, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut cases = Vec::new();
    let mut bytes = Vec::new();
    for line in 1..=LINES_MAX {
        bytes.clear();
        if (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
            return Ok(cases);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let case = case(&bytes, line).map_err(|why| {
            Failure::usage(format!("{}:{line}: {why}", path.display()))
                .hint(r#"a line is {"command":"git push","expect":"ask"}, or has "tool" and "input""#)
        })?;
        cases.push(case);
    }
    Err(Failure::usage(format!("{} has more than {LINES_MAX} lines", path.display())))
}

fn case(bytes: &[u8], line: usize) -> Result<Case, String> {
    let read: Line = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let input = match (read.command, read.input) {
        (Some(command), None) => json!({"command": command}),
        (None, Some(input)) => input,
        (Some(_), Some(_)) => return Err("it has both `command` and `input`".to_owned()),
        (None, None) => return Err("it has neither `command` nor `input`".to_owned()),
    };
    let containment =
        read.contained.map(|yes| if yes { Containment::Proven } else { Containment::NotProven });
    let attendance =
        read.unattended.map(|yes| if yes { Attendance::Unattended } else { Attendance::Attended });
    let asked = Asked {
        tool: read.tool,
        input,
        cwd: read.cwd,
        root: None,
        grants: read.grants,
        mode: read.mode,
        containment,
        attendance,
    };
    let policies = read.policy.split_whitespace().map(str::to_owned).collect();
    Ok(Case { line, asked, expect: read.expect, policies })
}

/// A call on one line: `git push`, `Read(src/main.rs)`.
pub(super) fn shown(tool: &str, input: &Value) -> String {
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let whole = match (tool, text("command")) {
        ("Bash", Some(command)) => command.to_owned(),
        _ => match ["file_path", "notebook_path", "path", "url", "pattern"].into_iter().find_map(text) {
            Some(argument) => format!("{tool}({argument})"),
            None => tool.to_owned(),
        },
    };
    let line = whole.replace('\n', "⏎");
    match line.char_indices().nth(SHOWN_CHARS).and_then(|(end, _)| line.get(..end)) {
        Some(kept) => format!("{kept}… ({} bytes)", whole.len()),
        None => line,
    }
}
