//! Programs that start another one in a way roles cannot say: debuggers, daemon starters, `fd -x`, `eval`.

use super::args::Parsed;
use super::custom::After;
use super::find::replace_mark;
use super::report::Report;
use crate::{Part, Word};
use leashd_types::CodeSource;

/// Words joined with blanks, as `eval`, `ssh` and `watch` do before a shell reads them.
pub(super) fn joined(words: &[Word]) -> Word {
    let mut line = Word::default();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            line.push(Part::Text(" ".to_owned()));
        }
        word.parts().iter().for_each(|part| line.push(part.clone()));
    }
    line
}

pub(super) fn eval(report: &mut Report<'_>, words: &[Word]) -> After {
    let words = match words.split_first() {
        Some((first, rest)) if first.text() == Some("--") => rest,
        _ => words,
    };
    if !words.is_empty() {
        report.script(joined(words));
    }
    After::Done
}

/// One word is a line for the shell, several are a command.
pub(super) fn line_or_command(report: &mut Report<'_>, words: &[Word]) {
    match words {
        [] => {}
        [line] => report.script(line.clone()),
        words => report.command(words.to_vec()),
    }
}

pub(super) fn printenv(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let secret = |word: &Word| word.text().is_none_or(super::code::is_secret_name);
    if parsed.operands.is_empty() || parsed.operands.iter().any(secret) {
        report.secret("the environment");
    }
    After::Done
}

/// gdb and lldb: commands given with `-ex` may be `shell …`, `!…`, `python …`.
pub(super) fn debugger(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for command in parsed.values("-ex") {
        let Some(text) = command.text().map(str::trim) else {
            report.unclear("a command of the debugger cannot be told");
            continue;
        };
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match name {
            "shell" | "!" | "make" => report.script_text(rest),
            "platform" | "pipe" | "|" => report.script_text(rest.trim_start_matches("shell ")),
            "python" | "py" | "pi" | "python-interactive" => super::code::scan(report, "python", rest),
            "script" => super::code::scan(report, "python", rest.trim_start_matches("-- ")),
            "source" => report.runs_file(&Word::literal(rest.trim())),
            "run" | "r" | "start" | "starti" | "process" => report.runs_project(report.name),
            _ if text.starts_with('!') => report.script_text(text.trim_start_matches('!')),
            "call" | "print" | "p" | "expr" | "expression" if rest.contains('(') => {
                report.runs(CodeSource::Unknown { why: "a call inside the debugged program".to_owned() });
                if rest.contains("system(") || rest.contains("exec") {
                    match rest.split('"').nth(1) {
                        Some(code) => report.script_text(code),
                        None => report.unclear("the debugger runs a command that cannot be told"),
                    }
                }
            }
            _ => {}
        }
    }
    After::Generic
}

/// `start-stop-daemon --start --exec PROGRAM -- ARG…`.
pub(super) fn start_stop(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.has("-K") {
        report.system(leashd_types::SystemChange::Kill);
        return After::Done;
    }
    for user in parsed.values("-c") {
        report.privilege(user.prefix());
    }
    let program = parsed.value("-a").or_else(|| parsed.value("-x"));
    match program {
        Some(program) => {
            let words = std::iter::once(program.clone()).chain(parsed.operands.iter().cloned()).collect();
            report.command(words);
        }
        None => report.unclear("which program start-stop-daemon starts cannot be told"),
    }
    After::Done
}

/// `fd PATTERN PATH… -x CMD`: the command runs for everything that is found.
pub(super) fn fd(report: &mut Report<'_>, words: &[Word]) -> After {
    let executes = |word: &Word| matches!(word.text(), Some("-x" | "-X" | "--exec" | "--exec-batch"));
    let split = words.iter().position(executes).unwrap_or(words.len());
    let (search, command) = words.split_at_checked(split).unwrap_or((words, &[]));
    let valued = [
        "-e",
        "-E",
        "-t",
        "-d",
        "-S",
        "-c",
        "-j",
        "-o",
        "--extension",
        "--exclude",
        "--type",
        "--max-depth",
        "--min-depth",
        "--size",
        "--color",
        "--threads",
        "--changed-within",
        "--changed-before",
        "--owner",
        "--max-results",
    ];
    let mut operands = Vec::new();
    let mut rest = search;
    while let Some((word, tail)) = rest.split_first() {
        rest = tail;
        match word.text() {
            Some("--help" | "--version" | "-h" | "-V") => {
                report.help = true;
                return After::Done;
            }
            Some("--search-path" | "--base-directory") => {
                operands.insert(0, Word::default());
                operands.extend(tail.first().cloned());
                rest = tail.get(1..).unwrap_or(&[]);
            }
            Some(flag) if valued.contains(&flag) => rest = tail.get(1..).unwrap_or(&[]),
            _ if word.prefix().starts_with('-') => {}
            _ => operands.push(word.clone()),
        }
    }
    let here = [Word::literal(".")];
    let starts = operands.get(1..).filter(|starts| !starts.is_empty()).unwrap_or(&here);
    starts.iter().for_each(|start| report.read(start));
    let command: Vec<Word> =
        command.iter().skip(1).take_while(|word| word.text() != Some(";")).cloned().collect();
    if command.is_empty() {
        return After::Done;
    }
    let marked = command.iter().any(|word| word.text().is_some_and(|text| text.contains('{')));
    for start in starts {
        if report.is_full() {
            break;
        }
        let found = super::find::found(start, None);
        let mut line: Vec<Word> = command.iter().map(|word| replace_mark(word, "{}", &found)).collect();
        if !marked {
            line.push(found);
        }
        report.command(line);
    }
    After::Done
}

/// `NAME=value… CMD…`.
pub(super) fn assignments_then_command(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let rest = after_assignments(&parsed.operands);
    report.command(rest.to_vec());
    After::Done
}

/// `NAME=value… CODE`.
pub(super) fn assignments_then_line(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let rest = after_assignments(&parsed.operands);
    if !rest.is_empty() {
        report.script(joined(rest));
    }
    After::Done
}

/// `mise exec TOOL… -- CMD…`: with a `--` the command is what comes after it.
pub(super) fn tool_exec(report: &mut Report<'_>, parsed: &Parsed<'_>, words: &[Word]) -> After {
    let Some(at) = words.iter().position(|word| word.text() == Some("--")) else { return After::Generic };
    report.command(words.get(at + 1..).unwrap_or(&[]).to_vec());
    parsed.values("-c").chain(parsed.values("--command")).for_each(|code| report.script(code.clone()));
    After::Done
}

/// `cargo watch -x 'test -p x' -s 'shell code'`.
pub(super) fn cargo_watch(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for words in parsed.values("-x") {
        match words.text() {
            Some(text) => {
                let words = std::iter::once("cargo").chain(text.split_whitespace());
                report.command_texts(&words.collect::<Vec<_>>());
            }
            None => report.unclear("which command of cargo runs cannot be told"),
        }
    }
    parsed.values("-s").for_each(|code| report.script(code.clone()));
    line_or_command(report, &parsed.operands);
    report.runs_project("cargo");
    After::Done
}

fn after_assignments(words: &[Word]) -> &[Word] {
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first() {
        let Some((name, _)) = word.prefix().split_once('=') else { break };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            break;
        }
        rest = tail;
    }
    rest
}

/// `tmux new -d \; run-shell CODE`: commands of tmux behind each other.
pub(super) fn tmux(report: &mut Report<'_>, parsed: &Parsed<'_>, words: &[Word]) -> After {
    let Some(at) = words.iter().position(|word| matches!(word.text(), Some(";" | "\\;"))) else {
        return if parsed.sub.is_none() && parsed.operands.is_empty() { After::Done } else { After::Generic };
    };
    let (first, rest) = words.split_at_checked(at).unwrap_or((words, &[]));
    for part in [first, rest.get(1..).unwrap_or(&[])].into_iter().filter(|part| !part.is_empty()) {
        report.command(std::iter::once(Word::literal("tmux")).chain(part.iter().cloned()).collect());
    }
    After::Done
}

/// `expect -c 'spawn CODE'`.
pub(super) fn spawns(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for code in parsed.values("-c") {
        let Some(text) = code.text() else {
            report.unclear("what expect would start cannot be told");
            continue;
        };
        for line in text.split([';', '\n']).map(str::trim) {
            let started = ["spawn ", "exec ", "system "].iter().find_map(|verb| line.strip_prefix(verb));
            if let Some(command) = started {
                report.script_text(command.trim_start_matches("-noecho "));
            }
        }
        report.unclear("expect can start programs");
    }
    After::Generic
}

/// `do shell script "CODE"` of AppleScript.
pub(super) fn apple_script(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for code in parsed.values("-e").filter_map(Word::text) {
        let mut rest = code;
        while let Some((_, tail)) = rest.split_once("do shell script \"") {
            let (command, after) = tail.split_once('"').unwrap_or((tail, ""));
            report.script_text(command);
            if after.contains("administrator privileges") {
                report.privilege("osascript");
            }
            rest = after;
        }
    }
    After::Generic
}
