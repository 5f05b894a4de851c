//! Pure producers and filters: what `echo`, `printf`, `base64 -d` and the like print, computed where the input is
//! known. Everything else prints something that is not known, named after what produced it.

pub(crate) mod bytes;
mod filter;
mod printf;
mod sed;

use crate::limits::TEXT_BYTES;
use crate::paths::base_name;
use crate::walk::origin::{self, REPOSITORY_ROOT};
use crate::walk::state::Stream;
use crate::word::{Part, Word};

pub(crate) use printf::printf;

/// What a program prints.
pub(crate) fn output(
    program: &str,
    arguments: &[Word],
    input: &Stream,
    read: impl Fn(&str) -> Stream,
) -> Stream {
    let name = base_name(program);
    match name {
        "echo" => return Stream::of(echo(arguments)),
        "printf" => return Stream::of(printf(arguments)),
        "command" | "which" | "type" => {
            if let Some(path) = located(arguments) {
                return Stream::text(format!("{path}\n"));
            }
        }
        "cat" | "tac" | "rev" | "tr" | "base64" | "base32" | "xxd" | "head" | "tail" | "cut" | "tee"
        | "sed" | "basename" | "dirname" | "seq" | "openssl" | "sort" | "uniq" | "fold" | "fmt"
        | "expand" | "unexpand" | "column" | "nl" | "grep" | "egrep" | "fgrep" | "awk" | "gawk" | "mawk" => {
            if let Some(data) = filtered(name, arguments, input, &read) {
                return data;
            }
        }
        "git" if is_root_question(arguments, &["--show-toplevel", "--show-superproject-working-tree"]) => {
            return Stream::unknown(REPOSITORY_ROOT);
        }
        "git" if is_root_question(arguments, &["--git-dir", "--absolute-git-dir", "--git-common-dir"]) => {
            let mut word = Word::unknown(REPOSITORY_ROOT);
            word.push(Part::Text("/.git\n".to_owned()));
            return Stream::of(word);
        }
        name if !program.contains('/') && origin::prints_settings(name, arguments) => {
            return Stream::unknown(origin::SETTINGS);
        }
        name if is_silent(name) => return Stream::Inherited,
        _ => {}
    }
    Stream::of(origin::output(name, arguments, reads(input).as_ref()))
}

fn reads(input: &Stream) -> Option<Word> {
    match input {
        Stream::Inherited => None,
        data => Some(data.word()),
    }
}

/// Programs that print nothing when they succeed.
fn is_silent(name: &str) -> bool {
    matches!(
        name,
        "true"
            | "false"
            | "mkdir"
            | "rm"
            | "rmdir"
            | "touch"
            | "chmod"
            | "chown"
            | "cp"
            | "mv"
            | "ln"
            | "sleep"
            | "test"
            | "["
            | "wait"
            | "umask"
    )
}

fn is_root_question(arguments: &[Word], flags: &[&str]) -> bool {
    matches!(arguments, [first, second] if first.text() == Some("rev-parse")
        && second.text().is_some_and(|text| flags.contains(&text)))
}

/// What `sed` runs of a text that is known: its `e` command and flag.
pub(crate) fn executed_by_sed(arguments: &[Word], input: &Stream) -> Option<String> {
    let texts: Vec<&str> = arguments.iter().map(Word::text).collect::<Option<_>>()?;
    let sed = sed::Sed::new(&texts)?;
    if sed.files.is_empty() { sed.executed(input.known()?) } else { None }
}

fn echo(arguments: &[Word]) -> Word {
    let (mut newline, mut escapes) = (true, false);
    let mut rest = arguments;
    while let Some((first, after)) = rest.split_first() {
        let Some(flags) = first.text().and_then(|text| text.strip_prefix('-')) else { break };
        if flags.is_empty() || !flags.chars().all(|flag| matches!(flag, 'n' | 'e' | 'E')) {
            break;
        }
        for flag in flags.chars() {
            match flag {
                'n' => newline = false,
                'e' => escapes = true,
                _ => escapes = false,
            }
        }
        rest = after;
    }
    let mut out = Word::default();
    for (index, word) in rest.iter().enumerate() {
        if index > 0 {
            out.push(Part::Text(" ".to_owned()));
        }
        for part in word.parts() {
            out.push(match part {
                Part::Text(text) if escapes => match printf::escaped(text) {
                    Some(text) => Part::Text(text),
                    None => Part::Unknown("bytes that are not text".to_owned()),
                },
                // A pattern that matches no file stands for itself.
                Part::Glob(_) => Part::Unknown("the names of files".to_owned()),
                part => part.clone(),
            });
        }
    }
    if newline {
        out.push(Part::Text("\n".to_owned()));
    }
    out
}

/// `command -v NAME`, `which NAME`, `type -P NAME`: the name does as the path would.
fn located(arguments: &[Word]) -> Option<&str> {
    let mut names = arguments.iter().filter(|word| !word.prefix().starts_with('-'));
    let name = names.next()?.text()?;
    let flags = arguments.iter().filter_map(Word::text).filter(|text| text.starts_with('-'));
    let describes = flags.clone().any(|flag| matches!(flag, "-V" | "-a" | "-t" | "--version" | "--help"));
    (names.next().is_none() && !describes).then_some(name)
}

/// A filter on its input or its files; nothing if its arguments are not followed.
fn filtered(
    name: &str,
    arguments: &[Word],
    input: &Stream,
    read: &impl Fn(&str) -> Stream,
) -> Option<Stream> {
    let texts: Vec<&str> = arguments.iter().map(Word::text).collect::<Option<_>>()?;
    if matches!(name, "basename" | "dirname" | "seq") {
        return filter::words(name, &texts).map(Stream::text);
    }
    let filter = filter::Filter::new(name, &texts)?;
    let data = match filter.files() {
        [] => input.clone(),
        files => joined(files, input, read),
    };
    if filter.is_identity() {
        return Some(data);
    }
    let marked = |data: &Stream| Stream::of(origin::output(name, arguments, reads(data).as_ref()));
    Some(match &data {
        Stream::Inherited => Stream::Inherited,
        data => match data.known() {
            Some(text) => match filter.apply(text) {
                Some(text) if text.len() <= TEXT_BYTES => Stream::text(text),
                _ => marked(data),
            },
            None => marked(data),
        },
    })
}

/// The contents of files, one after the other.
fn joined(files: &[&str], input: &Stream, read: &impl Fn(&str) -> Stream) -> Stream {
    let one = |file: &str| if file == "-" { input.clone() } else { read(file) };
    if let [file] = files {
        return one(file);
    }
    let mut word = Word::default();
    for file in files {
        for part in one(file).word().parts() {
            word.push(part.clone());
        }
    }
    Stream::of(word)
}
