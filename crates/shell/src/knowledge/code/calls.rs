//! What the well-known functions of Python, JavaScript, Perl, Ruby, PHP and Lua do, by the last part of their names.

use super::kinds::{Kind, kind};
use super::{Arg, Scan};
use super::{names, reach};
use crate::Word;
use crate::knowledge::lexer::Token;
use crate::knowledge::report::Report;

/// Functions Perl, Ruby, PHP and Lua call without parentheses: all that do something.
pub(super) fn takes_bare(name: &str) -> bool {
    leaf(name) == "delete" || kind(name).is_some_and(|kind| !matches!(kind, Kind::Harmless | Kind::Path))
}

fn leaf(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A name that is not called: the environment as a whole, a module that reaches below the language.
pub(super) fn mention(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, tail: &[Token]) {
    let part = matches!(tail.first(), Some(Token::Sign('[' | '{')));
    let whole = match (scan.language, name) {
        ("python", "os.environ" | "environ") | ("node", "process.env") => !part,
        ("ruby", "ENV") | ("perl", "ENV") => !part,
        ("php", "$_ENV" | "$_SERVER") => !part,
        _ => false,
    };
    let member = name.strip_prefix("process.env.").or_else(|| match tail {
        [Token::Sign('[' | '{'), Token::Text(key) | Token::Name(key), ..] if is_environment(name) => {
            Some(key)
        }
        _ => None,
    });
    if whole && !matches!(tail.first(), Some(Token::Name(next)) if next.starts_with('.')) {
        report.secret("the environment");
    }
    if member.is_some_and(super::is_secret_name) {
        report.secret("a variable of the environment");
    }
    // A function that does something, handed on or called in a way that is not followed.
    scan.beyond |= kind(name).is_some_and(|kind| kind != Kind::Harmless) && !names::is_handle(name);
    scan.evaluates |= kind(name) == Some(Kind::Evaluates);
    let below = ["ctypes", "cffi", "marshal", "pickle", "pty", "FFI", "Fiddle", "DL"];
    if below.iter().any(|module| name == *module || name.starts_with(&format!("{module}."))) {
        scan.beyond = true;
        if matches!(name, "ctypes" | "cffi" | "FFI" | "Fiddle") {
            report.unclear(format!("the code reaches below the language with {name}"));
        }
    }
}

fn is_environment(name: &str) -> bool {
    matches!(name, "os.environ" | "environ" | "process.env" | "ENV" | "$ENV" | "$_ENV")
}

/// One call as it is written.
pub(super) struct Call<'c> {
    pub(super) name: &'c str,
    pub(super) args: &'c [Arg],
    /// The text the method is called on.
    pub(super) receiver: Option<Word>,
}

pub(super) fn call(scan: &mut Scan<'_>, report: &mut Report<'_>, call: &Call<'_>, depth: usize) {
    let (name, args) = (call.name, call.args);
    if let Some((called, rest)) = handed_on(scan, name, args) {
        self::call(scan, report, &Call { name: &called, args: &rest, receiver: None }, depth);
        return;
    }
    let kind = match kind(name) {
        None | Some(Kind::Harmless)
            if scan.language == "perl" && name == "get" && scan.source.contains("LWP") =>
        {
            Some(Kind::Fetches)
        }
        kind => kind,
    };
    if kind.is_none_or(|kind| matches!(kind, Kind::Sql | Kind::CommandOfModule | Kind::Command))
        && statement(report, args)
    {
        return;
    }
    let Some(kind) = kind else {
        shows_environment(report, args);
        scan.beyond |= !names::is_plain(scan.language, name);
        return;
    };
    match kind {
        Kind::Sql => scan.beyond = true,
        Kind::Drops => {
            report.add(leashd_types::Effect::Database { statement: leashd_types::Strength::Destroy })
        }
        Kind::Command if name.starts_with("Deno.") => deno_command(scan, report, args),
        Kind::Command => command(scan, report, args, ArgvZero::Absent),
        Kind::CommandArgv0 => command(scan, report, args, ArgvZero::Given),
        Kind::CommandMode => command(scan, report, args.get(1..).unwrap_or(&[]), ArgvZero::Given),
        Kind::CommandOfModule => command_of_module(scan, report, name, args, depth),
        Kind::Evaluates => evaluate(scan, report, args, depth),
        Kind::Anything => anything(scan, report, name, args),
        Kind::Loads => loads(scan, report, name, args),
        Kind::Path => {}
        Kind::Variable => match args.first() {
            Some(Arg::Text(key)) if super::is_secret_name(key) => {
                report.secret("a variable of the environment")
            }
            Some(Arg::Text(_)) => {}
            _ => report.secret("the environment"),
        },
        Kind::Harmless => harmless(scan, report, name, args, depth),
        Kind::Becomes => report.privilege(leaf(name)),
        Kind::Kills if name == "kill" && scan.language == "node" => {}
        Kind::Kills => report.system(leashd_types::SystemChange::Kill),
        Kind::Fetches | Kind::Sends | Kind::Connects | Kind::Listens | Kind::Socket => {
            reach::network(scan, report, kind, name, args);
        }
        Kind::DeletesTree
        | Kind::Deletes
        | Kind::Opens
        | Kind::Reads
        | Kind::Writes
        | Kind::Copies
        | Kind::Moves
        | Kind::Modes => {
            reach::file(scan, report, &reach::FileCall { kind, name, args, receiver: call.receiver.as_ref() })
        }
    }
}

/// `array_map('unlink', $files)`: a function named by a text.
fn handed_on(scan: &Scan<'_>, name: &str, args: &[Arg]) -> Option<(String, Vec<Arg>)> {
    let takes = kind(name).is_none_or(|kind| matches!(kind, Kind::Harmless | Kind::Anything));
    if scan.language != "php" || !takes || args.len() < 2 {
        return None;
    }
    let acts = |text: &str| {
        kind(text)
            .is_some_and(|kind| !matches!(kind, Kind::Harmless | Kind::Path | Kind::Variable | Kind::Sql))
    };
    let at = args.iter().position(|arg| matches!(arg, Arg::Text(text) if acts(text)))?;
    let Some(Arg::Text(called)) = args.get(at) else { return None };
    let rest =
        args.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, arg)| arg.clone()).collect();
    Some((called.clone(), rest))
}

/// SQL in the first text of a call (`execute('DROP TABLE x')`), whatever the client is called.
fn statement(report: &mut Report<'_>, args: &[Arg]) -> bool {
    let text = args.iter().take(3).find_map(|arg| match arg {
        Arg::Text(text) => crate::knowledge::sql::is_statement(text).then(|| Word::literal(text.as_str())),
        Arg::Partly(word) => {
            crate::knowledge::sql::is_statement(word.prefix()).then(|| Word::literal(word.prefix()))
        }
        Arg::List(_) | Arg::Other(_) => None,
    });
    if let Some(text) = &text {
        crate::knowledge::sql::statement(report, text);
    }
    text.is_some()
}

/// `print(os.environ)`, whatever the function is.
fn shows_environment(report: &mut Report<'_>, args: &[Arg]) {
    let whole = |arg: &Arg| matches!(arg, Arg::Other(names) if matches!(names.as_slice(), [only] if is_environment(only)));
    if args.iter().any(whole) {
        report.secret("the environment");
    }
}

/// Names that are harmless in most languages and something else in one.
fn harmless(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, args: &[Arg], depth: usize) {
    shows_environment(report, args);
    match (scan.language, name) {
        ("ruby", "send") | ("python", "compile") => anything(scan, report, name, args),
        ("php", "assert") => evaluate(scan, report, args, depth),
        _ => {}
    }
}

pub(super) fn hidden(scan: &mut Scan<'_>, report: &mut Report<'_>, why: &str) {
    scan.beyond = true;
    scan.evaluates = true;
    report.unclear(why);
}

fn command(scan: &mut Scan<'_>, report: &mut Report<'_>, args: &[Arg], name_at: ArgvZero) {
    match command_words(args, name_at) {
        Some(Line::Words(words)) => {
            scan.shell |= words.first().and_then(Word::text).is_some_and(|word| word.ends_with("sh"));
            // A shell without a script reads what it is handed.
            scan.evaluates |= scan.shell && words.iter().skip(1).all(|word| word.prefix().starts_with("-s"));
            report.command(words);
        }
        Some(Line::Shell(text)) => {
            scan.shell |= text.split_whitespace().next().is_some_and(|word| word.ends_with("sh"));
            report.script_text(&text);
        }
        None => hidden(scan, report, "the code runs a command that cannot be told"),
    }
}

/// `new Deno.Command('rm', { args: ['-rf'] })`, `Deno.run({ cmd: ['rm'] })`: the words are in the options.
fn deno_command(scan: &mut Scan<'_>, report: &mut Report<'_>, args: &[Arg]) {
    let mut words = Vec::new();
    for arg in args {
        match arg {
            Arg::Text(text) => words.push(Word::literal(text.as_str())),
            Arg::Other(names) => {
                let options =
                    names.iter().skip_while(|name| !matches!(name.as_str(), "args" | "cmd")).skip(1);
                words.extend(options.map(|name| Word::literal(name.as_str())));
            }
            Arg::List(list) => words.extend(list.iter().cloned()),
            Arg::Partly(word) => words.push(word.clone()),
        }
    }
    match words.is_empty() {
        true => hidden(scan, report, "the code runs a command that cannot be told"),
        false => report.command(words),
    }
}

/// `run`, `call`, `spawn`, `exec`: commands in one place, something else in another.
fn command_of_module(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, args: &[Arg], depth: usize) {
    let child_process = scan.source.contains("child_process");
    let is_command = match (leaf(name), scan.language) {
        ("exec", "python") => return evaluate(scan, report, args, depth),
        // `/x/.exec(text)` is a search.
        ("exec", "node") => child_process && !name.starts_with("re"),
        ("spawn" | "fork", "node") => child_process,
        ("exec" | "spawn", _) => true,
        ("fork", _) => return,
        _ => scan.source.contains("subprocess") && !name.contains("asyncio"),
    };
    match is_command {
        true => command(scan, report, args, ArgvZero::Absent),
        false => scan.beyond = true,
    }
}

fn evaluate(scan: &mut Scan<'_>, report: &mut Report<'_>, args: &[Arg], depth: usize) {
    match args.last() {
        Some(Arg::Text(text)) => scan.all(report, &text.clone(), depth + 1),
        _ => hidden(scan, report, "the code evaluates text that cannot be told"),
    }
}

fn anything(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, args: &[Arg]) {
    let leaf = leaf(name);
    if matches!((leaf, args), ("__import__" | "import_module", [Arg::Text(_)])) {
        scan.beyond = true;
    } else {
        hidden(scan, report, &format!("the code calls {leaf}, which can be anything"));
    }
}

fn loads(scan: &mut Scan<'_>, report: &mut Report<'_>, name: &str, args: &[Arg]) {
    let leaf = leaf(name);
    if leaf == "load" && scan.language == "python" {
        // A parser of data, but for the formats that can build any object.
        let builds = ["pickle", "yaml", "marshal", "dill", "joblib", "torch", "shelve"];
        scan.beyond |= builds.iter().any(|module| name.starts_with(module));
        return;
    }
    match args {
        [Arg::Text(text)] if leaf == "load" && scan.language == "lua" => scan.all(report, &text.clone(), 1),
        [Arg::Text(path)] if path.ends_with(".json") => report.read_text(path),
        [Arg::Text(path)] if path.starts_with(['/', '.', '~']) => {
            report.runs_file(&Word::literal(path.as_str()))
        }
        [Arg::Text(_)] => scan.beyond |= leaf != "require",
        [] => {}
        _ if matches!(leaf, "do" | "load") => scan.beyond = true,
        _ => hidden(scan, report, "the code loads a file that cannot be told"),
    }
}

enum Line {
    Words(Vec<Word>),
    Shell(String),
}

/// Whether the second argument of a call is the program's own name for itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ArgvZero {
    Given,
    Absent,
}

/// The command a call names.
fn command_words(args: &[Arg], name_at: ArgvZero) -> Option<Line> {
    let replaces = name_at == ArgvZero::Given;
    let (first, rest) = args.split_first()?;
    let mut words = match first {
        Arg::List(list) if list.first().is_some_and(|word| word.text().is_some()) => {
            return Some(Line::Words(list.clone()));
        }
        Arg::Text(text) => vec![Word::literal(text.as_str())],
        Arg::List(_) | Arg::Partly(_) | Arg::Other(_) => return None,
    };
    for (at, arg) in rest.iter().enumerate() {
        match arg {
            Arg::List(list) => words.extend(list.iter().skip(usize::from(replaces && at == 0)).cloned()),
            Arg::Text(_) if replaces && at == 0 => {}
            Arg::Text(text) => words.push(Word::literal(text.as_str())),
            Arg::Partly(word) => words.push(word.clone()),
            // Options of the call; in a place where words are expected they would be words.
            Arg::Other(names) if replaces && !names.iter().any(|name| name.contains("env")) => return None,
            Arg::Other(_) => {}
        }
    }
    match words.as_slice() {
        [only] if !replaces => only.text().map(|text| Line::Shell(text.to_owned())),
        _ => Some(Line::Words(words)),
    }
}
