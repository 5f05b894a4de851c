//! Words for what is not known, and which of them matter: downloaded and decoded bytes stay marked as such however
//! many filters they pass.

use crate::word::{Part, Word};
use std::borrow::Cow;

/// A number, whichever: nothing in it can run.
pub(crate) const NUMBER: &str = "a number only known when it runs";
/// The number of a job that the line has started (`$!`): a number like any other.
pub(crate) const JOB: &str = "the number of a job of this shell";
/// What `git rev-parse --show-toplevel` prints: the directory above everything the session works on.
pub const REPOSITORY_ROOT: &str = "the root of the repository";
/// Settings for the shell that a program made for it prints (`ssh-agent -s`): nothing anybody else writes.
pub(crate) const SETTINGS: &str = "settings that a tool prints for the shell";
const ENVIRONMENT: &str = "the variable ";
const NOT_SET_HERE: &str = " is not set on this line";
const CONTENTS: &str = "the contents of ";
const DOWNLOADED: &str = "downloaded by ";
const DECODED: &str = "decoded by ";

/// Programs that fetch bytes from elsewhere and print them.
const FETCHERS: [&str; 17] = [
    "curl", "wget", "http", "https", "xh", "aria2c", "fetch", "lynx", "w3m", "links", "elinks", "dig", "nc",
    "ncat", "socat", "ssh", "ftp",
];
/// Programs that turn bytes nobody can read into others.
const DECODERS: [&str; 17] = [
    "base64", "base32", "basenc", "xxd", "openssl", "gpg", "uudecode", "gunzip", "zcat", "gzip", "bunzip2",
    "bzcat", "xz", "xzcat", "unxz", "zstd", "zstdcat",
];
/// Programs that print a number and nothing else.
const COUNTERS: [&str; 5] = ["wc", "nproc", "expr", "cksum", "sum"];

pub(crate) fn environment(name: &str) -> String {
    format!("{ENVIRONMENT}{name}{NOT_SET_HERE}")
}

pub(crate) fn is_environment(why: &str) -> bool {
    why.starts_with(ENVIRONMENT) && why.ends_with(NOT_SET_HERE)
}

/// The variable a value is only known from the environment of.
pub(crate) fn variable_of(why: &str) -> Option<&str> {
    why.strip_prefix(ENVIRONMENT)?.strip_suffix(NOT_SET_HERE)
}

pub(crate) fn contents(path: &str) -> String {
    format!("{CONTENTS}{path}")
}

/// The file a value was read from, if that is all it is.
pub(crate) fn file_of(word: &Word) -> Option<&str> {
    match word.parts() {
        [Part::Unknown(why)] => why.strip_prefix(CONTENTS),
        _ => None,
    }
}

/// Whether bytes of this origin come from the network or were hidden by an encoding.
pub(crate) fn is_marked(why: &str) -> bool {
    why.starts_with(DOWNLOADED) || why.starts_with(DECODED)
}

/// Programs that pass lines on as they are, some of them.
const SIEVES: [&str; 7] = ["head", "tail", "sort", "uniq", "grep", "egrep", "fgrep"];

/// Names that a search printed stay what they are however often lines are left out or put in order.
fn sifted(name: &str, arguments: &[Word], input: Option<&Word>) -> Option<Word> {
    if !SIEVES.contains(&name) {
        return None;
    }
    let [Part::Unknown(why)] = input?.parts() else { return None };
    let texts: Vec<&str> = arguments.iter().map(Word::text).collect::<Option<_>>()?;
    let greps = name.ends_with("grep");
    let changes = |text: &&str| {
        let short = text.starts_with('-') && !text.starts_with("--");
        text.starts_with("--") && !greps || short && text.contains(['o', 'c', 'r', 'R', 'f', 'b', 'H', 'z'])
    };
    let files = texts
        .iter()
        .filter(|text| !text.starts_with('-') && !text.bytes().all(|byte| byte.is_ascii_digit()))
        .count();
    // Lines picked by what is in them are picked for a reason nobody here can tell; lines left out are not.
    let picks = greps && !texts.contains(&"-v");
    let plain = !picks && why.starts_with("the output of ") && !texts.iter().any(changes);
    (plain && files <= usize::from(greps)).then(|| Word::unknown(why.as_str()))
}

/// Whether a program is asked for what a shell has to set to use it.
pub(crate) fn prints_settings(name: &str, arguments: &[Word]) -> bool {
    let Some(texts) = arguments.iter().map(Word::text).collect::<Option<Vec<_>>>() else { return false };
    match name {
        "ssh-agent" => texts.iter().all(|text| matches!(*text, "-s" | "-k")),
        "direnv" => matches!(texts.as_slice(), ["hook", _]),
        "brew" => texts.first() == Some(&"shellenv") && texts.len() <= 2,
        "fnm" => texts.first() == Some(&"env"),
        "pyenv" | "rbenv" | "nodenv" | "jenv" | "starship" | "zoxide" => {
            matches!(texts.as_slice(), ["init" | "virtualenv-init", ..])
        }
        "mise" => matches!(texts.as_slice(), ["activate", _]),
        _ => false,
    }
}

/// What a program that is not followed prints, given what it reads.
pub(crate) fn output(program: &str, arguments: &[Word], input: Option<&Word>) -> Word {
    let name = program.rsplit('/').next().unwrap_or(program);
    if let Some(why) = input.and_then(|word| marked(word, DOWNLOADED)) {
        return Word::unknown(format!("{why}, through {name}"));
    }
    if let Some(word) = sifted(name, arguments, input) {
        return word;
    }
    let texts = || arguments.iter().filter_map(Word::text);
    if COUNTERS.contains(&name)
        && (name != "expr" || texts().all(|text| text.len() < 12 && !text.contains(' ')))
        || name == "grep" && texts().any(is_count_flag)
        || name == "date" && texts().any(|text| text.starts_with('+') && is_date(text))
        || name == "id" && texts().any(|text| matches!(text, "-u" | "-g"))
        || name == "stat" && texts().any(|text| matches!(text, "%s" | "-c%s" | "%Y" | "-c%Y"))
    {
        return Word::unknown(NUMBER);
    }
    let fetches = FETCHERS.contains(&name);
    if fetches {
        return Word::unknown(format!("{DOWNLOADED}{name}"));
    }
    if let Some(why) = input.and_then(|word| marked(word, DECODED)) {
        return Word::unknown(format!("{why}, through {name}"));
    }
    if DECODERS.contains(&name) {
        return Word::unknown(format!("{DECODED}{name}"));
    }
    Word::unknown(format!("the output of {name}"))
}

/// A format that begins with digits and prints nothing but digits, letters and marks that mean nothing to a shell.
fn is_date(format: &str) -> bool {
    let rest = format.strip_prefix('+').unwrap_or(format);
    let begins = ["%s", "%Y", "%F", "%y", "%m", "%d", "%H", "%j"].iter().any(|start| rest.starts_with(start));
    begins
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-_.:+".contains(&byte))
        && !rest.contains("%D")
}

fn is_count_flag(text: &str) -> bool {
    text == "--count" || text.starts_with('-') && !text.starts_with("--") && text.contains('c')
}

fn marked<'w>(word: &'w Word, mark: &str) -> Option<Cow<'w, str>> {
    word.parts().iter().find_map(|part| match part {
        Part::Unknown(why) if why.starts_with(mark) => {
            // Only the first filter is named: the rest would grow without end.
            Some(Cow::Borrowed(why.split(", through ").next().unwrap_or(why)))
        }
        _ => None,
    })
}

/// Why a value is not known; marked origins count most.
pub(crate) fn reason(word: &Word) -> &str {
    let unknown = || {
        word.parts().iter().filter_map(|part| match part {
            Part::Unknown(why) => Some(why.as_str()),
            Part::Text(_) | Part::Glob(_) => None,
        })
    };
    unknown().find(|why| is_marked(why)).or_else(|| unknown().next()).unwrap_or("a pattern")
}
