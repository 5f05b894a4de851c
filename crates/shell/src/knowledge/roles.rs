//! Applies an entry to a command: flags first (they change what operands mean), then values, then operands. Knows the
//! roles, not the programs.

use super::args::{self, Parsed};
use super::report::Report;
use super::spec::{Action, Operand, Repeat, Spec, UnknownFlags};
use super::{code, hosts, sql};
use crate::Word;
use leashd_types::{CodeSource, Depth, Direction, Effect, Force, Opens, Strength, SystemChange};

/// Reads the words after the program's name against its entry.
pub(super) fn apply(report: &mut Report<'_>, spec: &Spec, words: &[Word]) {
    let parsed = args::parse(spec, words);
    report.project = parsed.place().map(|word| report.path(word));
    if let Some(custom) = parsed.sub.and_then(|sub| sub.custom).or(spec.custom)
        && super::custom::run(custom, report, &parsed, words) == super::custom::After::Done
    {
        return;
    }
    generic(report, spec, &parsed);
}

pub(super) fn generic(report: &mut Report<'_>, spec: &Spec, parsed: &Parsed<'_>) {
    if !spec.subs.is_empty() && parsed.sub.is_none() && spec.operands.is_empty() {
        subcommand_missing(report, parsed);
    }
    if spec.unknown_flags == UnknownFlags::Unclear {
        for flag in &parsed.unknown_flags {
            report.unclear(format!("{} has no option `{flag}` that is known here", report.name));
        }
    }
    settings(report, spec, parsed);
    report.help |= matches!(report.name, "aws" | "awslocal")
        && parsed.operands.last().and_then(Word::text).or(parsed.path.last().map(String::as_str))
            == Some("help");
    for hit in &parsed.hits {
        for action in &hit.flag.actions {
            match &hit.value {
                Some(value) => act(report, action, value, &[]),
                None => act(report, action, &Word::default(), &[]),
            }
        }
    }
    operands(report, parsed.roles, &parsed.operands);
    always(report, parsed.sub.unwrap_or(spec));
    publishing(report, parsed);
    changing(report, parsed);
}

/// A step of a project's tool that is called after publishing publishes, whether it is listed or not.
fn publishing(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    let skipped = |role: &Operand| role.actions.iter().all(|action| matches!(action, Action::Skip));
    let runs = |effect: &Effect| matches!(effect, Effect::Runs { code: CodeSource::Project { .. } });
    let listed = |effect: &Effect| matches!(effect, Effect::Publishes { .. });
    if report.name == "make"
        || report.out.effects.iter().any(listed)
        || !parsed.roles.iter().all(skipped)
        || !report.out.effects.iter().any(runs)
    {
        return;
    }
    let step = match parsed.path.as_slice() {
        [] => parsed.operands.first().and_then(Word::text),
        [path] => Some(path.as_str()),
        [..] => None,
    };
    if step.is_some_and(publishes) {
        report.add(Effect::Publishes { what: "what the project makes".to_owned() });
        report.configured("the package registry", Direction::Send);
    }
}

fn publishes(step: &str) -> bool {
    let lower = step.to_ascii_lowercase();
    let last = lower.rsplit([':', '/']).next().unwrap_or(&lower);
    matches!(last, "upload" | "deploy" | "publish" | "release:perform")
        || last.starts_with("publish") && !last.contains("local") && !last.contains('.')
}

/// `apps create` of a client whose `apps` alone only lists.
fn changing(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    const CHANGES: [&str; 14] = [
        "create", "update", "set", "add", "apply", "start", "stop", "restart", "scale", "put", "write",
        "import", "attach", "enable",
    ];
    const LOOKS: [&str; 14] = [
        "get",
        "describe",
        "logs",
        "log",
        "help",
        "explain",
        "list",
        "ls",
        "show",
        "search",
        "view",
        "inspect",
        "status",
        "completion",
    ];
    let [noun] = parsed.path.as_slice() else { return };
    let Some(verb) = parsed.operands.first().and_then(Word::text) else { return };
    let destroys = matches!(verb, "delete" | "destroy" | "remove" | "rm");
    if LOOKS.contains(&noun.as_str()) || !destroys && !CHANGES.contains(&verb) {
        return;
    }
    let queried = report.out.effects.iter().find_map(|effect| match effect {
        Effect::Service { name, action: Strength::Query } if name != "docker" => Some(name.clone()),
        _ => None,
    });
    if let Some(name) = queried {
        report.service(&name, if destroys { Strength::Destroy } else { Strength::Change });
    }
}

fn subcommand_missing(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    match (&parsed.unknown_sub, parsed.operands.first()) {
        (Some(why), _) => report.unclear(format!("the subcommand of {} cannot be told: {why}", report.name)),
        (None, None) => {}
        (None, Some(first)) => {
            let words: Vec<String> =
                parsed.path.iter().cloned().chain(std::iter::once(shown(first))).collect();
            report.unclear(format!(
                "{} has no subcommand `{}` that is known here",
                report.name,
                words.join(" ")
            ));
        }
    }
}

fn shown(word: &Word) -> String {
    word.prefix().chars().take(40).collect()
}

fn settings(report: &mut Report<'_>, spec: &Spec, parsed: &Parsed<'_>) {
    for action in &parsed.sub.unwrap_or(spec).always {
        match action {
            Action::Recursive => report.depth = Depth::Recursive,
            Action::Forced => report.force = Force::Forced,
            _ => {}
        }
    }
    for hit in &parsed.hits {
        for action in &hit.flag.actions {
            match action {
                Action::Recursive => report.depth = Depth::Recursive,
                Action::Forced => report.force = Force::Forced,
                Action::Sends => report.direction = Direction::Send,
                Action::Help => report.help = true,
                Action::Dry => report.dry |= is_on(hit.value.as_ref()),
                _ => {}
            }
        }
    }
}

/// `--dry-run=none` and `--dry-run=false` are no dry runs.
fn is_on(value: Option<&Word>) -> bool {
    value.is_none_or(|value| value.text().is_some_and(|text| !matches!(text, "none" | "false" | "0" | "no")))
}

fn always(report: &mut Report<'_>, spec: &Spec) {
    for action in &spec.always {
        act(report, action, &Word::default(), &[]);
    }
}

/// Gives every operand its role: the first ones and the last ones by position, the repeated one what is between.
pub(super) fn operands(report: &mut Report<'_>, roles: &[Operand], words: &[Word]) {
    let many = roles.iter().position(|role| role.repeat == Repeat::Any);
    let head = many.unwrap_or(roles.len());
    let tail = many.map_or(0, |at| roles.len().saturating_sub(at + 1));
    let last_start = words.len().saturating_sub(tail).max(head);
    for (at, word) in words.iter().enumerate() {
        let role = if at < head {
            roles.get(at)
        } else if at >= last_start {
            roles.get(head + 1 + (at - last_start))
        } else {
            many.and_then(|many| roles.get(many))
        };
        let rest = words.get(at..).unwrap_or(&[]);
        for action in role.iter().flat_map(|role| &role.actions) {
            act(report, action, word, rest);
        }
    }
}

/// One role for one word; `rest` are the word and all after it.
pub(super) fn act(report: &mut Report<'_>, action: &Action, word: &Word, rest: &[Word]) {
    match action {
        Action::Skip
        | Action::Stop
        | Action::Recursive
        | Action::Forced
        | Action::Dry
        | Action::Help
        | Action::Sends
        | Action::Project
        | Action::Operands(_) => {}
        Action::Read => report.read(word),
        Action::Write => write(report, word),
        Action::Edit => {
            report.read(word);
            write(report, word);
        }
        Action::Delete => report.delete(word),
        Action::Mode => report.permissions(word, Opens::No),
        Action::Host(direction) => report.network(host(word), *direction),
        Action::Url => report.url(word, report.direction),
        Action::RemoteRead => remote(report, word, Direction::Fetch),
        Action::RemoteWrite => remote(report, word, Direction::Send),
        Action::AtFile => at_file(report, word),
        Action::Command => report.command(rest.to_vec()),
        Action::CommandOrShell => super::wrappers::line_or_command(report, rest),
        Action::Shell => report.script(word.clone()),
        Action::Code(language) => code::inline(report, language, word),
        Action::Script(language) => {
            code::own_tool(report, rest);
            code::file(report, language, word);
        }
        Action::Load => load(report, word),
        Action::Module => module(report, word),
        Action::Setting => setting(report, word),
        Action::Part => report.runs_part(word),
        Action::Sql => sql::statement(report, word),
        Action::Effect(token) => report.fixed(token),
        Action::Unclear(why) => report.unclear(why.replace('_', " ")),
    }
}

/// Writing to a block device is more than writing a file.
pub(super) fn write(report: &mut Report<'_>, word: &Word) {
    report.write(word);
    if word.text().is_some_and(is_disk) {
        report.system(SystemChange::Disk);
    }
}

/// A device whose contents are a file system.
pub(crate) fn is_disk(path: &str) -> bool {
    let device =
        ["sd", "nvme", "vd", "xvd", "hd", "disk", "rdisk", "mmcblk", "mapper/", "dm-", "md", "loop", "nbd"];
    path.strip_prefix("/dev/").is_some_and(|name| device.iter().any(|start| name.starts_with(start)))
}

fn host(word: &Word) -> leashd_types::Host {
    match word.text() {
        // A socket of this machine.
        Some(text) if ["unix:", "npipe:", "fd:"].iter().any(|scheme| text.starts_with(scheme)) => {
            leashd_types::Host::Named("localhost".to_owned())
        }
        Some(text) if !text.contains("://") => hosts::of_authority(text),
        _ => hosts::of_url(word),
    }
}

fn remote(report: &mut Report<'_>, word: &Word, direction: Direction) {
    match (hosts::of_remote(word), direction) {
        (Some(host), _) => report.network(host, direction),
        (None, Direction::Send) => write(report, word),
        (None, _) => report.read(word),
    }
}

fn at_file(report: &mut Report<'_>, word: &Word) {
    match word.prefix().split_once('@') {
        Some(("", _)) => report.read(&args::after(word, 1)),
        Some((name, _)) if name.ends_with('=') => report.read(&args::after(word, name.len() + 1)),
        _ => {}
    }
}

fn load(report: &mut Report<'_>, word: &Word) {
    if word.parts().is_empty() {
        return;
    }
    report.read(word);
    report.runs_file(word);
}

/// A module is looked up where modules are; a path of one is a file like any other.
fn module(report: &mut Report<'_>, word: &Word) {
    let start = word.prefix();
    if let Some(path) = start.strip_prefix("lib=") {
        load(report, &args::after(word, start.len() - path.len()));
    } else if start.starts_with("data:") {
        report.unclear("code is given in an address");
    } else if start.starts_with(['/', '.', '~']) || word.text().is_none() {
        load(report, word);
    }
}

fn setting(report: &mut Report<'_>, word: &Word) {
    if let Some((name, _)) = word.prefix().split_once('=') {
        module(report, &args::after(word, name.len() + 1));
    }
}
