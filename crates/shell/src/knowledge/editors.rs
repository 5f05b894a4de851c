//! Editors, whose commands can run programs.

use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use super::{Stdin, code};
use crate::Word;
use leashd_types::CodeSource;

/// `-c CMD`, `+CMD`, `-S SCRIPT`; the rest are files to edit.
pub(super) fn vim(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
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
    if let (Stdin::Text(text), true) =
        (report.argv.stdin, parsed.has("-e") || matches!(report.name, "ex" | "ed" | "red"))
    {
        text.lines().for_each(|line| vim_command(report, &Word::literal(line)));
    }
    After::Generic
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
        let part =
            part.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '%' | ',' | '$' | '.'));
        let (name, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        if let Some(code) =
            part.strip_prefix("r!").or_else(|| part.strip_prefix("read!")).or_else(|| part.strip_prefix('!'))
        {
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
            _ => {}
        }
    }
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
    let runs = ["shell-command", "call-process", "start-process", "async-shell-command"];
    match runs.iter().find_map(|name| text.split_once(*name)) {
        Some((_, rest)) => match rest.split('"').nth(1) {
            Some(command) => report.script_text(command),
            None => report.unclear("the code given to emacs runs a command that cannot be told"),
        },
        None => report.runs(CodeSource::Inline { language: "lisp".to_owned(), text: text.to_owned() }),
    }
}
