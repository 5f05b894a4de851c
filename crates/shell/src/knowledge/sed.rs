//! sed scripts: finds the commands that write, read or execute. Knows the grammar of addresses and commands, not what
//! the text would become.

use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use super::{Stdin, roles};
use crate::Word;

pub(super) fn program(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let mut operands = parsed.operands.as_slice();
    let given = parsed.has("-e") || parsed.has("-f");
    let scripts: Vec<&Word> = if given {
        parsed.values("-e").collect()
    } else {
        match operands.split_first() {
            Some((first, rest)) => {
                operands = rest;
                vec![first]
            }
            None => Vec::new(),
        }
    };
    if parsed.has("--help") {
        report.help = true;
        return After::Done;
    }
    let sandbox = parsed.has("--sandbox");
    for script in scripts {
        match script.text() {
            Some(text) if !sandbox => read_script(report, text),
            Some(_) => {}
            None => report.unclear("the sed script cannot be told, and sed can write files and run commands"),
        }
    }
    for file in parsed.values("-f") {
        report.read(file);
        report.runs_file(file);
    }
    for file in operands {
        report.read(file);
        if parsed.has("-i") {
            roles::write(report, file);
        }
    }
    After::Done
}

fn read_script(report: &mut Report<'_>, text: &str) {
    let mut rest = text;
    while !rest.is_empty() {
        rest = command(report, rest);
    }
}

/// Reads one command and gives what is after it.
fn command<'t>(report: &mut Report<'_>, text: &'t str) -> &'t str {
    let text = addresses(text.trim_start_matches(|c: char| c.is_whitespace() || c == ';'));
    let Some(letter) = text.chars().next() else { return "" };
    let rest = text.get(letter.len_utf8()..).unwrap_or("");
    match letter {
        's' => substitute(report, rest),
        'y' => {
            let Some(mark) = rest.chars().next() else { return "" };
            let rest = rest.get(mark.len_utf8()..).unwrap_or("");
            skip_to(skip_to(rest, mark), mark)
        }
        'w' | 'W' => {
            let (name, tail) = line(rest);
            write(report, name);
            tail
        }
        'r' | 'R' => {
            let (name, tail) = line(rest);
            report.read_text(name);
            tail
        }
        'e' => {
            let (text, tail) = line(rest);
            match text {
                "" => input_runs(report, ""),
                text => report.script_text(text),
            }
            tail
        }
        'a' | 'i' | 'c' => text_block(rest),
        '#' => line(rest).1,
        ':' | 'b' | 't' | 'T' => rest.find([';', '\n', '}']).and_then(|end| rest.get(end..)).unwrap_or(""),
        '{' | '}' => rest,
        _ => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
    }
}

/// Lines of the input that are looked at.
const MOST_LINES: usize = 64;

/// The input, without what a substitution takes away, runs as commands.
fn input_runs(report: &mut Report<'_>, taken: &str) {
    let taken = taken.trim_start_matches('^').trim_end_matches('$');
    match report.argv.stdin {
        Stdin::Text(text) => {
            for line in text.lines().take(MOST_LINES) {
                report.script_text(line);
                if !taken.is_empty() && line.contains(taken) {
                    report.script_text(&line.replacen(taken, "", 1));
                }
            }
        }
        _ => report.unclear("sed runs the text of its input as commands"),
    }
}

fn write(report: &mut Report<'_>, name: &str) {
    if !matches!(name, "/dev/stdout" | "/dev/stderr") {
        roles::write(report, &Word::literal(name));
    }
}

/// Text to the end of the line, without the blanks around it.
fn line(text: &str) -> (&str, &str) {
    let (line, tail) = text.split_once('\n').unwrap_or((text, ""));
    (line.trim(), tail)
}

fn text_block(text: &str) -> &str {
    let mut rest = text;
    loop {
        let (line, tail) = rest.split_once('\n').unwrap_or((rest, ""));
        if !line.ends_with('\\') || tail.is_empty() {
            return tail;
        }
        rest = tail;
    }
}

/// `1,5`, `/x/,$`, `\cxc`, `0~3`, `!`.
fn addresses(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| {
            c.is_ascii_digit() || matches!(c, '$' | ',' | '~' | '+' | '!' | ' ' | '\t')
        });
        if let Some(tail) = rest.strip_prefix('/') {
            rest = flags_after(skip_to(tail, '/'));
        } else if let Some(tail) = rest.strip_prefix('\\') {
            let Some(mark) = tail.chars().next() else { return "" };
            rest = flags_after(skip_to(tail.get(mark.len_utf8()..).unwrap_or(""), mark));
        } else {
            return rest;
        }
    }
}

fn flags_after(text: &str) -> &str {
    text.trim_start_matches(['I', 'M'])
}

/// What follows the next unescaped mark; marks within brackets do not count in a pattern, but erring the other way only
/// makes more of the script be read as commands.
fn skip_to(text: &str, mark: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == mark {
            return text.get(at + c.len_utf8()..).unwrap_or("");
        }
    }
    ""
}

fn substitute<'t>(report: &mut Report<'_>, text: &'t str) -> &'t str {
    let Some(mark) = text.chars().next() else { return "" };
    let pattern = text.get(mark.len_utf8()..).unwrap_or("");
    let replacement = skip_to(pattern, mark);
    let mut rest = skip_to(replacement, mark);
    loop {
        let Some(flag) = rest.chars().next() else { return "" };
        let tail = rest.get(flag.len_utf8()..).unwrap_or("");
        match flag {
            'e' => {
                let shown = replacement.get(..replacement.len().saturating_sub(rest.len() + mark.len_utf8()));
                // An escaped mark is the mark.
                let shown = shown.map(|text| text.replace(&format!("\\{mark}"), &mark.to_string()));
                match shown.filter(|text| !text.contains(['\\', '&']) && !text.is_empty()) {
                    Some(text) => report.script_text(&text),
                    None => {
                        let taken =
                            pattern.get(..pattern.len().saturating_sub(replacement.len() + mark.len_utf8()));
                        input_runs(report, taken.unwrap_or(""));
                    }
                }
                rest = tail;
            }
            'w' => {
                let (name, tail) = line(tail);
                write(report, name);
                return tail;
            }
            'g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9' => rest = tail,
            _ => return rest,
        }
    }
}
