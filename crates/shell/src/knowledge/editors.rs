//! Editors, whose commands can run programs.

use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use super::{Stdin, code};
use crate::Word;
use leashd_types::CodeSource;

/// `-c CMD`, `+CMD`, `-S SCRIPT`; the rest are files to edit.
pub(super) fn vim(report: &mut Report<'_>, parsed: &Parsed<'_>, words: &[Word]) -> After {
    // `vim -e -s` is `ex -s`: the letter takes no value then.
    if parsed.has("-e")
        && parsed.has("-s")
        && report.name != "ex"
        && let Some(Ok(spec)) = super::table::find("ex").map(super::table::Slot::spec)
    {
        let parsed = super::args::parse(spec, words);
        edits(report, &parsed);
        commands_on_stdin(report);
        super::roles::generic(report, spec, &parsed);
        return After::Done;
    }
    edits(report, parsed);
    if is_ex(report, parsed) {
        commands_on_stdin(report);
    }
    After::Generic
}

fn edits(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    for command in parsed.values("-c") {
        vim_command(report, command);
    }
    for operand in &parsed.operands {
        match operand.text().and_then(|text| text.strip_prefix('+')) {
            Some(command) => vim_command(report, &Word::literal(command)),
            None => {
                report.read(operand);
                if !parsed.has("-R") {
                    report.write(operand);
                }
            }
        }
    }
}

/// In ex mode standard input is commands.
fn is_ex(report: &Report<'_>, parsed: &Parsed<'_>) -> bool {
    report.name == "ex" || parsed.has("-e")
}

/// `ed`: line editing, commands on standard input.
pub(super) fn ed(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for file in &parsed.operands {
        match file.text().and_then(|text| text.strip_prefix('!')) {
            Some(code) => report.script_text(code),
            None => {
                report.read(file);
                report.write(file);
            }
        }
    }
    commands_on_stdin(report);
    After::Done
}

fn commands_on_stdin(report: &mut Report<'_>) {
    let text = match report.argv.stdin {
        Stdin::Inherited => return,
        Stdin::Text(text) => text,
        Stdin::Opaque(origin) => {
            let interpreter = report.name.to_owned();
            report.runs(CodeSource::Piped { interpreter, origin: origin.to_owned() });
            return;
        }
    };
    let mut typing = false;
    for line in text.lines() {
        if typing {
            typing = line != ".";
            continue;
        }
        let bare = line
            .trim()
            .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '%' | ',' | '$' | '.'));
        typing = matches!(bare, "a" | "i" | "c" | "append" | "insert" | "change");
        vim_command(report, &Word::literal(line));
    }
}

fn vim_command(report: &mut Report<'_>, command: &Word) {
    let Some(text) = command.text() else {
        report.unclear("an editor command cannot be told, and it can run programs");
        return;
    };
    for part in text.split('|').map(str::trim) {
        let part = part
            .trim_start_matches([':', ' '])
            .trim_start_matches("silent!")
            .trim_start_matches("silent")
            .trim();
        let trimmed = part;
        let part =
            part.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '%' | ',' | '$' | '.'));
        functions(report, part);
        let (name, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        if let Some(code) =
            part.strip_prefix("r!").or_else(|| part.strip_prefix("read!")).or_else(|| part.strip_prefix('!'))
        {
            let filters = trimmed.len() > part.len()
                && code.split_whitespace().next().is_some_and(|word| word.ends_with("sh"));
            if filters {
                report.unclear("an editor hands its text to a shell");
            }
            // The bar belongs to the command.
            let from = text.find(code).unwrap_or(0);
            report.script_text(text.get(from..).unwrap_or(code).trim());
            return;
        }
        match name {
            "w" | "write" | "sav" | "saveas" | "wq" | "x" | "w!" | "wq!" if !rest.is_empty() => {
                match rest.strip_prefix('!') {
                    Some(code) => report.script_text(code),
                    None => report.write_text(rest.trim()),
                }
            }
            "r" | "read" | "e" | "edit" | "e!" | "tabe" | "sp" | "vs" => {
                match rest.trim().strip_prefix('!') {
                    Some(code) => report.script_text(code),
                    None => report.read_text(rest.trim()),
                }
            }
            "so" | "source" | "luafile" | "pyfile" | "py3file" => {
                report.runs_file(&Word::literal(rest.trim()))
            }
            "py" | "py3" | "python" | "python3" => code::scan(report, "python", rest),
            "ruby" => code::scan(report, "ruby", rest),
            "perl" => code::scan(report, "perl", rest),
            "lua" => code::scan(report, "lua", rest),
            _ if rest.contains("system(") => match rest.split(['\'', '"']).nth(1) {
                Some(code) => report.script_text(code),
                None => report.unclear("an editor command runs something that cannot be told"),
            },
            "terminal" | "term" => report.script_text(rest),
            "exe" | "execute" | "eval" | "au" | "autocmd" => {
                report.unclear("an editor command runs something that cannot be told");
            }
            // Behind an address or a pattern a `!` still starts a command.
            _ => {
                if let Some((_, code)) = part.split_once('!').filter(|(_, code)| !code.trim().is_empty()) {
                    report.script_text(code.trim());
                }
            }
        }
    }
}

/// Functions of the editor that reach files.
fn functions(report: &mut Report<'_>, text: &str) {
    for name in ["delete(", "writefile(", "readfile(", "rename(", "mkdir("] {
        let Some((_, rest)) = text.split_once(name) else { continue };
        let path = rest.split(['"', '\'']).nth(1).unwrap_or_default();
        match name {
            "delete(" => {
                let depth = report.depth;
                if rest.contains("rf") {
                    report.depth = leashd_types::Depth::Recursive;
                }
                report.delete(&Word::literal(path));
                report.depth = depth;
            }
            "readfile(" => report.read_text(path),
            "writefile(" => report.write_text(rest.rsplit(['"', '\'']).nth(1).unwrap_or_default()),
            _ => report.write_text(path),
        }
    }
}

/// `less +COMMAND FILE`: what starts with `!` is for the shell.
pub(super) fn pager(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for operand in &parsed.operands {
        let start = operand.prefix();
        if start.starts_with('+')
            && let Some((before, _)) = start.split_once('!')
        {
            report.script(super::args::after(operand, before.len() + 1));
        }
    }
    After::Generic
}

pub(super) fn emacs(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for code in parsed.values("--eval") {
        lisp(report, code);
    }
    After::Generic
}

fn lisp(report: &mut Report<'_>, code: &Word) {
    let Some(text) = code.text() else {
        report.unclear("the code given to emacs cannot be told");
        return;
    };
    for name in [
        "delete-directory",
        "delete-file",
        "write-region",
        "append-to-file",
        "insert-file-contents",
        "load-file",
    ] {
        let Some(path) = text.split_once(name).and_then(|(_, rest)| rest.split('"').nth(1)) else { continue };
        match name {
            "delete-directory" => {
                report.depth = leashd_types::Depth::Recursive;
                report.delete(&Word::literal(path));
            }
            "delete-file" => report.delete(&Word::literal(path)),
            "insert-file-contents" => report.read_text(path),
            "load-file" => report.runs_file(&Word::literal(path)),
            _ => report.write_text(path),
        }
    }
    let runs = ["shell-command", "call-process", "start-process", "async-shell-command"];
    match runs.iter().find_map(|name| text.split_once(*name)) {
        Some((_, rest)) => match lisp_text(rest) {
            Some(command) => report.script_text(&command),
            None => report.unclear("the code given to emacs runs a command that cannot be told"),
        },
        None => report.runs(CodeSource::Inline { language: "lisp".to_owned(), text: text.to_owned() }),
    }
}

/// The first text of Lisp code, with its escapes undone.
fn lisp_text(code: &str) -> Option<String> {
    let mut chars = code.chars().skip_while(|c| *c != '"').skip(1);
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}
