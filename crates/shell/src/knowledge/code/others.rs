//! Languages that are not read: only whether a text in them looks like a command that is run. What is found adds to what
//! is said of code nobody reads; what is not found proves nothing.

use crate::knowledge::report::Report;

/// Texts of one snippet that are looked at.
const MOST_TEXTS: usize = 32;

pub(super) fn scan(report: &mut Report<'_>, text: &str) {
    // Tcl runs words.
    for line in text.split(['\n', ';']).map(str::trim) {
        if let Some(command) = line.strip_prefix("exec ") {
            // Braces are Tcl's quotes.
            report.script_text(&command.replace(['{', '}'], "'"));
        }
    }
    let lower = text.to_ascii_lowercase();
    let runs = ["system", "exec", ".cmd", "cmd(", "run", "shell", "spawn", "process", "popen"];
    if !runs.iter().any(|word| lower.contains(word)) {
        return;
    }
    let quotes = if text.contains('"') {
        '"'
    } else if text.contains('\'') {
        '\''
    } else {
        '`'
    };
    let texts: Vec<&str> = text.split(quotes).skip(1).step_by(2).take(MOST_TEXTS).collect();
    if !texts.is_empty() {
        report.script_text(&texts.join(" "));
    }
}
