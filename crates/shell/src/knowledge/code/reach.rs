//! Calls that reach files and the network.

use super::calls::hidden;
use super::kinds::Kind;
use super::{Arg, Scan};
use crate::Word;
use crate::knowledge::hosts;
use crate::knowledge::report::Report;
use leashd_types::{Depth, Direction, Effect, Force, Host, Opens};

/// A call that names files.
pub(super) struct FileCall<'c> {
    pub(super) kind: Kind,
    pub(super) name: &'c str,
    pub(super) args: &'c [Arg],
    /// The path the method is called on.
    pub(super) receiver: Option<&'c Word>,
}

impl FileCall<'_> {
    fn path(&self, at: usize) -> Word {
        match self.args.get(at) {
            Some(Arg::Text(text)) if self.receiver.is_none() || at > 0 => Word::literal(text.as_str()),
            Some(Arg::Partly(word)) if self.receiver.is_none() || at > 0 => word.clone(),
            _ => match self.receiver {
                Some(word) if at == 0 => word.clone(),
                _ => Word::unknown("the code computes the path"),
            },
        }
    }
}

pub(super) fn file(scan: &mut Scan<'_>, report: &mut Report<'_>, call: &FileCall<'_>) {
    match call.kind {
        Kind::Opens => opens(scan, report, call.name, call.args),
        Kind::DeletesTree => deletes(report, call, Depth::Recursive),
        Kind::Deletes if mentions(call.args, "recursive") => deletes(report, call, Depth::Recursive),
        Kind::Deletes => deletes(report, call, Depth::Single),
        Kind::Reads => reads(scan, report, call),
        Kind::Copies | Kind::Moves if call.args.len() == 1 && call.receiver.is_some() => {
            let source = call.path(0);
            match call.kind {
                Kind::Moves => report.write(&source),
                _ => report.read(&source),
            }
            report.write(&call.args.first().map_or_else(Word::default, word_of));
        }
        Kind::Copies | Kind::Moves if call.args.len() >= 2 => {
            let source = call.path(0);
            match call.kind {
                Kind::Moves => report.write(&source),
                _ => report.read(&source),
            }
            report.write(&call.path(1));
        }
        Kind::Writes => report.write(&call.path(0)),
        Kind::Modes => {
            let everyone = ["777", "0o777", "511", "666"].iter().any(|mode| mentions(call.args, mode));
            let at = usize::from(!matches!(scan.language, "python" | "node"));
            let path = report.path(&call.path(at));
            let opens = if everyone { Opens::ToEveryone } else { Opens::No };
            report.add(Effect::Permissions { path, depth: Depth::Single, opens });
        }
        // A method of something in memory has the same name.
        _ => {}
    }
}

fn deletes(report: &mut Report<'_>, call: &FileCall<'_>, depth: Depth) {
    let force = if depth == Depth::Recursive { Force::Forced } else { Force::Normal };
    let paths: Vec<Word> = match call.args.first() {
        Some(Arg::List(list)) => list.clone(),
        _ => vec![call.path(0)],
    };
    let before = (report.depth, report.force);
    (report.depth, report.force) = (depth, force);
    paths.iter().for_each(|path| report.delete(path));
    (report.depth, report.force) = before;
}

fn reads(scan: &mut Scan<'_>, report: &mut Report<'_>, call: &FileCall<'_>) {
    let leaf = call.name.rsplit('.').next().unwrap_or(call.name);
    let literal = matches!(call.args.first(), Some(Arg::Text(_) | Arg::Partly(_)));
    match call.args.first() {
        Some(Arg::Text(url)) if url.contains("://") => {
            scan.fetches = true;
            report.url(&Word::literal(url.as_str()), Direction::Fetch)
        }
        // What is put into an address is sent.
        Some(Arg::Partly(url)) if url.prefix().contains("://") => {
            scan.fetches = true;
            report.network(hosts::of_url(url), Direction::Send);
        }
        _ if literal || call.receiver.is_some() || !call.args.is_empty() && leaf != "foreach" => {
            report.read(&call.path(0))
        }
        _ if matches!(leaf, "listdir" | "scandir" | "walk") => report.read_text("."),
        _ => {}
    }
}

fn mentions(args: &[Arg], word: &str) -> bool {
    args.iter().any(|arg| match arg {
        // `0777` and `0o777` are the same mode.
        Arg::Text(text) => {
            text == word
                || text.strip_suffix(word).is_some_and(|rest| rest.starts_with('0') && rest.len() <= 2)
        }
        Arg::List(list) => list.iter().any(|text| text.text() == Some(word)),
        Arg::Partly(_) => false,
        Arg::Other(names) => names.iter().any(|name| name.contains(word)),
    })
}

/// `open(path, mode)` in its many spellings; Perl and Ruby also open commands.
fn opens(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, args: &[Arg]) {
    if scan.language == "perl" {
        return opens_perl(scan, report, args);
    }
    if matches!(name, "webbrowser.open" | "Image.open" | "zipfile.open" | "tarfile.open") {
        scan.beyond = true;
        return;
    }
    match args {
        [Arg::Text(path), ..] if scan.language == "ruby" && path.starts_with('|') => {
            report.script_text(path.trim_start_matches('|'));
        }
        [Arg::Text(path), ..] if path.contains("://") && !path.starts_with("php:") => {
            scan.fetches = true;
            report.url(&Word::literal(path.as_str()), Direction::Fetch);
        }
        [Arg::Partly(url), ..] if url.prefix().contains("://") => {
            scan.fetches = true;
            report.network(hosts::of_url(url), Direction::Send);
        }
        [first @ (Arg::Text(_) | Arg::Partly(_)), rest @ ..] => {
            let word = word_of(first);
            let writes = rest.iter().any(|arg| match arg {
                Arg::Text(mode) => mode.contains(['w', 'a', 'x', '+']) && mode.len() <= 4,
                Arg::Other(names) => names.iter().any(|name| {
                    name.contains("WR")
                        || name.contains("CREAT")
                        || matches!(name.as_str(), "w" | "wb" | "a" | "ab")
                }),
                Arg::List(_) | Arg::Partly(_) => false,
            });
            if writes { report.write(&word) } else { report.read(&word) }
        }
        [] => scan.beyond = true,
        _ => {
            report.read(&Word::unknown("the code computes the path"));
            scan.beyond = true;
        }
    }
}

fn opens_perl(scan: &mut Scan<'_>, report: &mut Report<'_>, args: &[Arg]) {
    let texts: Vec<&str> = args
        .iter()
        .skip(1)
        .filter_map(|arg| match arg {
            Arg::Text(text) => Some(text.trim()),
            Arg::Partly(word) => Some(word.prefix()).filter(|text| !text.is_empty()),
            _ => None,
        })
        .collect();
    match texts.as_slice() {
        [mode, rest @ ..] if mode.contains("|-") || mode.contains("-|") => match rest {
            [] => hidden(scan, report, "the code runs a command that cannot be told"),
            [line] => report.script_text(line),
            words => report.command_texts(words),
        },
        [">" | ">>" | "+<" | "+>", path, ..] => report.write_text(path),
        [mode, path, ..] if mode.starts_with('>') => report.write_text(path),
        [mode, path, ..] if mode.starts_with('<') => report.read_text(path),
        [one] if one.starts_with('|') || one.ends_with('|') => report.script_text(one.trim_matches('|')),
        [one] if one.contains('&') => scan.beyond = true,
        [one] if one.starts_with('>') => report.write_text(one.trim_start_matches('>').trim()),
        [one] => report.read_text(one.trim_start_matches('<').trim()),
        [] => hidden(scan, report, "the code opens something that cannot be told"),
        _ => scan.beyond = true,
    }
}

fn word_of(arg: &Arg) -> Word {
    match arg {
        Arg::Text(text) => Word::literal(text.as_str()),
        Arg::Partly(word) => word.clone(),
        Arg::List(_) | Arg::Other(_) => Word::unknown("the code computes the path"),
    }
}

/// Databases in a file: connecting opens it.
fn is_database_file(name: &str) -> bool {
    matches!(name, "sqlite3.connect" | "duckdb.connect" | "aiosqlite.connect")
}

pub(super) fn network(scan: &mut Scan<'_>, report: &mut Report<'_>, kind: Kind, name: &str, args: &[Arg]) {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    if is_database_file(name) {
        if let Some(path) = args.first().map(word_of).filter(|path| path.text() != Some(":memory:")) {
            report.read(&path);
            report.write(&path);
        }
        return;
    }
    match kind {
        Kind::Listens => {
            report.network(Host::Named("localhost".to_owned()), Direction::Listen);
            return;
        }
        Kind::Socket => {
            scan.socket = true;
            return;
        }
        _ => {}
    }
    let socket = kind == Kind::Connects;
    scan.socket |= socket;
    scan.fetches |= !socket;
    let body = ["method", "POST", "data", "body"].iter().any(|word| mentions(args, word));
    let direction = if kind == Kind::Fetches && !body { Direction::Fetch } else { Direction::Send };
    let partly = args.iter().any(|arg| matches!(arg, Arg::Partly(word) if word.prefix().contains("://")));
    let direction = if partly { Direction::Send } else { direction };
    let text = args.iter().find_map(|arg| match arg {
        Arg::Partly(word) if word.prefix().contains("://") => Some(word.prefix()),
        Arg::Text(text) if text.contains(['.', ':']) || text == "localhost" => Some(text.as_str()),
        Arg::List(list) => list.first().and_then(Word::text),
        _ => None,
    });
    match text {
        Some(text) if text.contains("://") => report.network(hosts::of_url(&Word::literal(text)), direction),
        Some(text) => report.network(hosts::of_authority(text), direction),
        // A database's or an event's `connect`.
        None if leaf == "connect" && !scan.source.contains("socket") && !scan.source.contains("net") => {
            scan.beyond = true;
        }
        None if leaf == "connect" && scan.source.contains("inet_aton") => {}
        None => report.network(Host::Unknown("the code computes the address".to_owned()), direction),
    }
}
