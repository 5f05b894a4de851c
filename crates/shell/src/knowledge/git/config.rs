//! git settings: which of them are code that git runs.

use crate::knowledge::args::after;
use crate::knowledge::report::Report;
use crate::{Part, Word};
use leashd_types::{Effect, Force, GitOperation};

/// What the value of a setting is to git.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// A shell command.
    Shell,
    /// A program or a directory of programs.
    Program,
    /// `!` makes it a shell command.
    Alias,
    /// Takes in other settings.
    Include,
}

fn kind(key: &str) -> Kind {
    let key = key.to_ascii_lowercase();
    let ends = |end: &str| key.ends_with(end);
    if key.starts_with("alias.") {
        return Kind::Alias;
    }
    if key.starts_with("include.") || key.starts_with("includeif.") {
        return Kind::Include;
    }
    if key.starts_with("pager.") {
        return Kind::Shell;
    }
    match key.as_str() {
        "core.fsmonitor"
        | "core.pager"
        | "core.editor"
        | "sequence.editor"
        | "core.sshcommand"
        | "core.askpass"
        | "diff.external"
        | "core.alternaterefscommand"
        | "uploadpack.packobjectshook"
        | "credential.helper"
        | "gpg.program"
        | "interactive.difffilter"
        | "sendemail.smtpserver"
        | "sendemail.tocmd"
        | "sendemail.cccmd"
        | "web.browser"
        | "init.templatedir"
        | "receive.procreceiverefs"
        | "gpg.ssh.defaultkeycommand" => Kind::Shell,
        "core.hookspath" | "core.gitproxy" | "core.worktree" | "extensions.partialclone" => Kind::Program,
        _ if ends(".textconv")
            || ends(".clean")
            || ends(".smudge")
            || ends(".process")
            || ends(".driver") =>
        {
            Kind::Shell
        }
        _ if (key.starts_with("diff.")
            || key.starts_with("difftool.")
            || key.starts_with("mergetool.")
            || key.starts_with("merge."))
            && (ends(".command") || ends(".cmd") || ends(".path")) =>
        {
            Kind::Shell
        }
        _ if ends(".program")
            || ends(".helper")
            || ends(".uploadpack")
            || ends(".receivepack")
            || ends(".vcs")
            || ends(".sshcommand")
            || ends(".editor")
            || ends(".pager")
            || ends(".update") =>
        {
            Kind::Shell
        }
        _ => Kind::Plain,
    }
}

/// `-c key=value` for one command.
pub(super) fn given(report: &mut Report<'_>, setting: &Word, aliases: &mut Vec<(String, Word)>) {
    let Some((key, _)) = setting.prefix().split_once('=') else {
        if setting.text().is_none() {
            report.unclear("a setting given to git cannot be told");
        }
        return;
    };
    let value = after(setting, key.len() + 1);
    match kind(key) {
        Kind::Alias => {
            let name = key.get("alias.".len()..).unwrap_or("").to_owned();
            aliases.push((name, value));
        }
        Kind::Plain => {
            if key.eq_ignore_ascii_case("protocol.ext.allow") {
                report.unclear("git is told to let addresses run commands");
            }
            // What a push sends without being told otherwise.
            let lower = key.to_ascii_lowercase();
            let forced = lower.ends_with(".push") && value.prefix().starts_with('+')
                || lower.ends_with(".mirror") && value.text() != Some("false");
            if lower.starts_with("remote.") && forced {
                aliases.push(("push".to_owned(), Word::literal("push --force")));
            }
        }
        kind => code(report, key, kind, &value),
    }
}

/// A value that git runs.
fn code(report: &mut Report<'_>, key: &str, kind: Kind, value: &Word) {
    let text = value.text();
    let switches = matches!(
        text,
        Some("" | "true" | "false" | "cat" | ":" | "store" | "cache" | "osxkeychain" | "manager")
    );
    let pager = matches!(
        text,
        Some("less" | "more" | "delta" | "less -FRX" | "less -R" | "vim" | "vi" | "nano" | "code --wait")
    );
    if switches || pager {
        return;
    }
    match kind {
        Kind::Shell if key.eq_ignore_ascii_case("init.templatedir") => report.runs_file(value),
        Kind::Shell => match text.and_then(|text| text.strip_prefix('!')) {
            Some(code) => report.script_text(code),
            None => report.script(value.clone()),
        },
        Kind::Program => report.runs_file(value),
        Kind::Include => {
            report.read(value);
            report.unclear("git would take in settings from another file, which can run code");
        }
        Kind::Alias | Kind::Plain => {}
    }
}

/// `git config`: reading, setting, and settings that are code to be run later.
pub(super) fn config(report: &mut Report<'_>, args: &[Word]) {
    let mut operands: Vec<&Word> = Vec::new();
    let mut reads = false;
    let mut edits = false;
    let mut rest = args;
    while let Some((word, tail)) = rest.split_first() {
        rest = tail;
        match word.text() {
            Some(
                "--get" | "--get-all" | "--get-regexp" | "--get-urlmatch" | "-l" | "--list" | "--get-color"
                | "--get-colorbool" | "--name-only" | "--show-origin" | "--show-scope",
            ) => reads = true,
            Some(
                "--unset" | "--unset-all" | "--remove-section" | "--rename-section" | "--add"
                | "--replace-all" | "-e" | "--edit",
            ) => edits = true,
            Some("-f" | "--file" | "--blob" | "--type" | "--default" | "--comment" | "--value" | "--url") => {
                if let (Some("-f" | "--file"), Some(file)) = (word.text(), tail.first()) {
                    report.read(file);
                }
                rest = tail.get(1..).unwrap_or(&[]);
            }
            Some(text) if text.starts_with('-') && text != "-" => {}
            _ => operands.push(word),
        }
    }
    // The newer spelling: `git config get|set|unset|list|edit`.
    let verb = operands.first().and_then(|word| word.text());
    match verb {
        Some("list" | "get") => reads = true,
        Some("set" | "unset" | "edit" | "rename-section" | "remove-section")
            if operands.len() > 1 || verb == Some("edit") =>
        {
            edits = true;
            operands.remove(0);
        }
        _ => {}
    }
    if reads || (!edits && operands.len() <= 1) {
        report.git(GitOperation::Read);
        return;
    }
    let key = operands.first().and_then(|word| word.text()).map(str::to_owned);
    report.add(Effect::Git { operation: GitOperation::Configure, force: Force::Normal, target: key.clone() });
    let elsewhere = args.iter().any(|word| matches!(word.text(), Some("--global" | "--system")));
    if elsewhere {
        let system = args.iter().any(|word| word.text() == Some("--system"));
        report.write_text(if system { "/etc/gitconfig" } else { "~/.gitconfig" });
    }
    for file in
        args.windows(2).filter(|pair| matches!(pair.first().and_then(Word::text), Some("-f" | "--file")))
    {
        file.get(1).into_iter().for_each(|file| report.write(file));
    }
    match (key, operands.get(1)) {
        (Some(key), Some(value)) => will_run(report, &key, value),
        (None, _) => report.unclear("which git setting is changed cannot be told"),
        _ => {}
    }
}

/// The setting stays: what it would run is read now.
fn will_run(report: &mut Report<'_>, key: &str, value: &Word) {
    match kind(key) {
        Kind::Alias => match value.text() {
            Some(text) => match text.strip_prefix('!') {
                Some(code) => report.script_text(code),
                None => {
                    let words: Vec<&str> = std::iter::once("git").chain(text.split_whitespace()).collect();
                    report.command_texts(&words);
                }
            },
            None => report.unclear("a git alias cannot be told"),
        },
        Kind::Plain
            if key.starts_with("remote.") && key.ends_with(".push") && value.prefix().starts_with('+') =>
        {
            // The next plain push is a forced one.
            let target = value.text().and_then(|text| text.rsplit(['/', ':']).next()).map(str::to_owned);
            report.add(Effect::Git { operation: GitOperation::Push, force: Force::Forced, target });
        }
        Kind::Plain if key.ends_with(".mirror") => {
            report.add(Effect::Git { operation: GitOperation::Push, force: Force::Forced, target: None });
        }
        Kind::Plain => {}
        found => {
            let mut shown = Word::default();
            value.parts().iter().for_each(|part: &Part| shown.push(part.clone()));
            code(report, key, found, &shown);
        }
    }
}
