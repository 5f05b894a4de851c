//! The table, as a whole and case by case (`crates/shell/knowledge/cases.txt`).

use super::{Argv, Description, Nested, Stdin, describe, table};
use crate::{Part, Word};
use leashd_types::{CodeSource, Depth, Direction, Effect, Force, GitOperation, Host, Opens, PathText};
use std::collections::BTreeMap;

#[test]
fn every_entry_parses() {
    let mut broken = Vec::new();
    for slot in table::slots() {
        if let Err(why) = slot.spec() {
            broken.push(format!("{}: {why}", slot.names));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_name_is_listed_twice() {
    let mut seen = BTreeMap::new();
    for slot in table::slots() {
        for name in slot.names.split(' ').filter(|name| !name.is_empty()) {
            *seen.entry(name).or_insert(0) += 1;
        }
    }
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).map(|(name, _)| *name).collect();
    assert!(twice.is_empty(), "listed twice: {}", twice.join(" "));
    assert!(seen.len() > 300);
}

/// The first meaning would win silently.
#[test]
fn no_flag_is_listed_twice() {
    let mut twice = Vec::new();
    let mut look = |of: &str, spec: &super::spec::Spec| {
        let mut seen = std::collections::BTreeSet::new();
        for name in spec.flags.iter().flat_map(|flag| &flag.names) {
            if !seen.insert(*name) {
                twice.push(format!("{of}: {name}"));
            }
        }
    };
    for slot in table::slots() {
        let Ok(spec) = slot.spec() else { continue };
        let first = slot.names.split(' ').next().unwrap_or_default();
        look(first, spec);
        spec.subs.iter().for_each(|sub| look(&format!("{first} {:?}", sub.paths.first()), &sub.spec));
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

/// Words of the cases in every order and cut anywhere: nothing panics, whatever is said.
#[test]
fn mangled_cases_do_not_panic() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/knowledge/cases.txt");
    #[expect(clippy::disallowed_methods, reason = "test data is read at run time")]
    let text = std::fs::read_to_string(path).expect("the cases are there");
    for command in text.lines().filter_map(|line| line.split_once(" =>")).map(|(command, _)| command) {
        for (cut, _) in command.char_indices() {
            said(command.get(..cut).unwrap_or_default());
        }
        let mut words = split(command);
        for _ in 0..words.len().min(6) {
            words.rotate_left(1);
            let argv = Argv { words: &words, cwd: None, home: "/home/dev", stdin: Stdin::Opaque("x") };
            describe(&argv);
        }
    }
}

/// Long and nested arguments are read in bounded time; each of these took seconds or more when work was quadratic.
#[test]
fn long_arguments_end_soon() {
    let long = [
        ("python3 -c", "a(".repeat(60_000)),
        ("python3 -c", "x=[".repeat(60_000)),
        ("node -e", "`".repeat(200_000)),
        ("python3 -c", "for x in a+(".repeat(30_000)),
        ("python3 -c", "x+=x+'a';".repeat(30_000)),
        ("python3 -c", "f'{x}'.unlink()".repeat(20_000)),
        ("python3 -c", "f'{".repeat(30_000)),
        ("python3 -c", "getattr(".repeat(30_000)),
        ("node -e", "a.each(b=>/".repeat(30_000)),
        ("python3 -c", format!("x='a';{}", "x=x+x;".repeat(2_000))),
        ("perl -e", format!("$x='a';{}", "$x=\"$x$x\";".repeat(2_000))),
        ("python3 -c", format!("x=['a'];{}", "x=x+x;".repeat(2_000))),
        ("perl -e", "s{".repeat(60_000)),
        ("perl -e", "$x=\"$x\";".repeat(20_000)),
        ("perl -e", "/a/e;s/x/s/e;".repeat(20_000)),
        ("perl -e", "s/x/s{y}{".repeat(20_000)),
        ("awk -v a=1", "system(a)".repeat(30_000)),
        ("awk", "\"a\" |& ".repeat(30_000)),
        ("awk", "|getline".repeat(30_000)),
        ("sed -e", "s/a/b/;".repeat(30_000)),
        ("psql -c", "/*".repeat(100_000)),
        ("psql -c", "drop ; ".repeat(30_000)),
        ("make --eval", "$(shell ".repeat(30_000)),
        ("curl", "http://".repeat(30_000)),
        ("vim -c", "|".repeat(200_000)),
    ];
    for (command, argument) in long {
        let mut words = split(command);
        words.push(Word::literal(argument));
        in_time(command, &words);
    }
    let many: Vec<Word> = (0..10_000).map(|n| Word::literal(format!("f{n}"))).collect();
    for command in
        ["rm", "git push", "find", "cp", "curl", "docker run", "kubectl delete", "parallel :::", "tar cf x"]
    {
        let words: Vec<Word> = split(command).into_iter().chain(many.iter().cloned()).collect();
        in_time(command, &words);
    }
    let executes = ["-exec", "rm", "{}", ";"].iter().map(|word| Word::literal(*word));
    let words = split("find").into_iter().chain(many.iter().take(5_000).cloned());
    let words: Vec<Word> = words.chain(executes.cycle().take(5_000)).collect();
    in_time("find -exec", &words);
}

#[expect(clippy::disallowed_methods, reason = "a bound on time")]
fn in_time(command: &str, words: &[Word]) {
    let start = std::time::Instant::now();
    describe(&Argv { words, cwd: Some("/p"), home: "/home/dev", stdin: Stdin::Inherited });
    let took = start.elapsed();
    // Two hundred times what it takes on an idle machine.
    assert!(
        took < std::time::Duration::from_secs(4),
        "{command} {} took {took:?}",
        words.last().map_or("", Word::prefix).get(..40).unwrap_or("")
    );
}

/// Every line of the file is `command` and, after ` => `, what it does.
#[test]
fn cases() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/knowledge/cases.txt");
    #[expect(clippy::disallowed_methods, reason = "test data is read at run time")]
    let text = std::fs::read_to_string(path).expect("the cases are there");
    let mut failed = Vec::new();
    let mut count = 0;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        let (command, expected) = line.split_once(" => ").unwrap_or((line.trim_end_matches(" =>"), ""));
        let found = said(command);
        if found != expected.trim() {
            failed.push(format!("{}: {command}\n  expected {expected}\n  found    {found}", at + 1));
        }
        count += 1;
    }
    assert!(failed.is_empty(), "{} of {count} cases:\n{}", failed.len(), failed.join("\n"));
}

/// What is said about a command, in one line. `TEXT >| COMMAND` gives it text on standard input, `?>|` something opaque.
fn said(line: &str) -> String {
    let (stdin, line) = match line.split_once(" >| ") {
        Some(("?", line)) => (Stdin::Opaque("the output of curl"), line),
        Some((text, line)) => (Stdin::Text(text), line),
        None => (Stdin::Inherited, line),
    };
    let line = line.strip_prefix(">| ").unwrap_or(line);
    let words = split(line);
    if words.is_empty() {
        return String::new();
    }
    let argv = Argv { words: &words, cwd: Some("/p"), home: "/home/dev", stdin };
    show(&describe(&argv))
}

/// Plain blanks and quotes; an unquoted `*` is a glob, `$X` cannot be told.
fn split(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = line.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, ' ') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '*' | '?') => word.get_or_insert_default().push(Part::Glob(c.to_string())),
            (None | Some('"'), '$') if chars.peek().is_some_and(char::is_ascii_uppercase) => {
                while chars.peek().is_some_and(char::is_ascii_uppercase) {
                    chars.next();
                }
                word.get_or_insert_default().push(Part::Unknown("a variable".to_owned()));
            }
            (None, '\\') => {
                word.get_or_insert_default().push(Part::Text(chars.next().unwrap_or('\\').to_string()))
            }
            (Some('"'), '\\') if chars.peek() == Some(&'n') => {
                chars.next();
                word.get_or_insert_default().push(Part::Text("\n".to_owned()));
            }
            (_, c) => word.get_or_insert_default().push(Part::Text(c.to_string())),
        }
    }
    words.extend(word);
    words
}

fn show(description: &Description) -> String {
    let mut said: Vec<String> = description.effects.iter().map(effect).collect();
    said.extend(description.nested.iter().map(|nested| match nested {
        Nested::Command { words, .. } => {
            format!("command[{}]", words.iter().map(word).collect::<Vec<_>>().join(" "))
        }
        Nested::Script { text, .. } => format!("script[{}]", word(text)),
        Nested::StdinScript { .. } => "stdin-script".to_owned(),
        Nested::File { path, .. } => format!("script-file {}", word(path)),
    }));
    if !description.unclear.is_empty() {
        said.push("unclear".to_owned());
    }
    said.join(", ")
}

fn word(word: &Word) -> String {
    word.parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) | Part::Glob(text) => text.clone(),
            Part::Unknown(why) => format!("<{why}>"),
        })
        .collect()
}

fn effect(effect: &Effect) -> String {
    let name = |value: &dyn std::fmt::Debug| format!("{value:?}").to_ascii_lowercase();
    match effect {
        Effect::Read { path: at } => format!("read {}", path(at)),
        Effect::Write { path: at } => format!("write {}", path(at)),
        Effect::Delete { path: at, depth, force } => {
            let depth = if *depth == Depth::Recursive { "-r" } else { "" };
            let force = if *force == Force::Forced { "-f" } else { "" };
            format!("delete{depth}{force} {}", path(at))
        }
        Effect::Permissions { path: at, opens, .. } => {
            format!("{} {}", if *opens == Opens::ToEveryone { "open" } else { "mode" }, path(at))
        }
        Effect::Network { host, direction } => format!("{} {}", name(direction), where_to(host, *direction)),
        Effect::Runs { code } => match code {
            CodeSource::Inline { language, .. } => format!("runs {language}"),
            CodeSource::File { path: at } => format!("runs-file {}", path(at)),
            CodeSource::Project { tool } => format!("runs-project {tool}"),
            CodeSource::Package { name } => format!("runs-package {name}"),
            CodeSource::Piped { interpreter, .. } => format!("runs-piped {interpreter}"),
            CodeSource::Unknown { .. } => "runs-unknown".to_owned(),
        },
        Effect::Privilege { .. } => "privilege".to_owned(),
        Effect::Git { operation, force, target } => {
            let operation =
                if *operation == GitOperation::Read { "read".to_owned() } else { name(operation) };
            let force = if *force == Force::Forced { " forced" } else { "" };
            let target = target.as_ref().map(|target| format!(" {target}")).unwrap_or_default();
            format!("git {operation}{force}{target}")
        }
        Effect::Publishes { .. } => "publishes".to_owned(),
        Effect::Database { statement } => format!("db {}", name(statement)),
        Effect::Service { name: service, action } => format!("{service} {}", name(action)),
        Effect::System { change } => format!("system {}", name(change)),
        Effect::Secret { .. } => "secret".to_owned(),
        Effect::Environment { name } => format!("env {name}"),
        Effect::UnknownProgram { name } => format!("unknown-program {name}"),
    }
}

fn where_to(host: &Host, _direction: Direction) -> String {
    match host {
        Host::Named(name) => name.clone(),
        Host::Configured(what) => format!("@{}", what.replace(' ', "_")),
        Host::Unknown(_) => "?".to_owned(),
    }
}

fn path(path: &PathText) -> String {
    match path {
        PathText::Exact(path) => path.clone(),
        PathText::Glob { directory, pattern } => format!("{directory}/{pattern}"),
        PathText::Unknown(_) => "?".to_owned(),
    }
}
