//! A table of a few programs, enough to prove that code inside arguments is followed.

use crate::Word;
use crate::knowledge::{Argv, Description, Nested, Stdin};
use crate::paths::{base_name, path_text};
use leashd_types::{Direction, Effect, Host};

pub(crate) fn describe(argv: &Argv<'_>) -> Description {
    let mut description = Description::default();
    let name = argv.words[0].text().unwrap_or("");
    let base = base_name(name).to_owned();
    let texts: Vec<&str> = argv.words.iter().map(|word| word.text().unwrap_or("?")).collect();
    match base.as_str() {
        "sh" | "bash" | "dash" | "zsh" => shell(argv, &texts, &base, &mut description),
        "env" => {
            let at = (1..texts.len()).find(|&at| !texts[at].contains('=') && !texts[at].starts_with('-'));
            command(argv, at, "env", &mut description);
        }
        "timeout" => command(argv, (texts.len() > 2).then_some(2), "timeout", &mut description),
        "nohup" | "setsid" => command(argv, (texts.len() > 1).then_some(1), &base, &mut description),
        "xargs" => {
            let at = (1..texts.len()).find(|&at| !texts[at].starts_with('-')).unwrap_or(texts.len());
            let mut words: Vec<Word> = argv.words[at..].to_vec();
            match argv.stdin {
                Stdin::Text(text) => words.extend(text.split_whitespace().map(Word::literal)),
                Stdin::Inherited | Stdin::Opaque(_) => words.push(Word::unknown("the input")),
            }
            description.nested.push(Nested::Command { words, via: "xargs".to_owned() });
        }
        "curl" => {
            let host = Host::Unknown("somewhere".to_owned());
            description.effects.push(Effect::Network { host, direction: Direction::Fetch });
            if let Some(at) = texts.iter().position(|text| *text == "-o" || *text == "-so") {
                description.effects.push(Effect::Write { path: path_text(&argv.words[at + 1], argv.cwd) });
            }
        }
        "sed" if texts.contains(&"-i") => {
            let last = argv.words.last().unwrap();
            description.effects.push(Effect::Write { path: path_text(last, argv.cwd) });
        }
        "rm" => {
            for word in argv.words[1..].iter().filter(|word| !word.prefix().starts_with('-')) {
                description.effects.push(Effect::Read { path: path_text(word, argv.cwd) });
            }
        }
        _ if name.contains('/') && !name.starts_with("/usr/") && !name.starts_with("/bin/") => {
            description.nested.push(Nested::File { path: argv.words[0].clone(), via: base });
        }
        _ => {}
    }
    description
}

fn command(argv: &Argv<'_>, at: Option<usize>, via: &str, description: &mut Description) {
    if let Some(at) = at {
        let words = argv.words[at..].to_vec();
        description.nested.push(Nested::Command { words, via: via.to_owned() });
    }
}

fn shell(argv: &Argv<'_>, texts: &[&str], base: &str, description: &mut Description) {
    let mut at = 1;
    while at < texts.len() && (texts[at].starts_with('-') || texts[at] == "pipefail") {
        if texts[at].ends_with('c') && !texts[at].starts_with("--") {
            if let Some(text) = argv.words.get(at + 1) {
                let via = format!("{base} -c");
                description.nested.push(Nested::Script { text: text.clone(), via });
            }
            return;
        }
        if texts[at] == "-s" {
            return description.nested.push(Nested::StdinScript { via: base.to_owned() });
        }
        at += 1;
    }
    match argv.words.get(at) {
        Some(path) => description.nested.push(Nested::File { path: path.clone(), via: base.to_owned() }),
        None => description.nested.push(Nested::StdinScript { via: base.to_owned() }),
    }
}
