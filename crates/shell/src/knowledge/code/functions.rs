//! Functions that make one text of another and change nothing: places by name, joining, decoding. Knows no calls that
//! do something; those are `calls`.

use super::texts::{append, hole, is_hole, join_path};
use super::values::Value;
use crate::fold::bytes;
use crate::{Part, Word};

fn leaf(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A text that starts at the home directory, as the shell writes it.
const HOME: &str = "~";
/// Bytes a replacement may come to.
const LONGEST: usize = 64 * 1024;

pub(super) fn is_environment(name: &str) -> bool {
    matches!(
        name,
        "os.environ"
            | "environ"
            | "process.env"
            | "ENV"
            | "$ENV"
            | "$_ENV"
            | "$_SERVER"
            | "Deno.env"
            | "Bun.env"
    )
}

/// The words after the code.
pub(super) fn is_arguments(language: &str, name: &str) -> bool {
    match language {
        "python" => matches!(name, "sys.argv" | "argv"),
        "node" => matches!(name, "process.argv" | "Bun.argv"),
        "perl" => matches!(name, "$ARGV" | "@ARGV" | "ARGV"),
        "ruby" => name == "ARGV",
        "php" => matches!(name, "$argv"),
        "lua" => name == "arg",
        _ => false,
    }
}

/// A name that stands for a directory without being called.
pub(super) fn place(name: &str) -> Option<Value> {
    let text = match name {
        "process.env.HOME" | "process.env.USERPROFILE" | "Dir.home" | "Path.home" | "pathlib.Path.home" => {
            HOME
        }
        "Dir.pwd" | "__dirname" | "import.meta.dirname" => ".",
        "Bun.env.HOME" => HOME,
        _ if matches!(leaf(name), "homedir" | "userInfo") => HOME,
        _ => return None,
    };
    Some(Value::literal(text))
}

/// A variable of the environment by its key.
pub(super) fn variable(key: Option<&super::Token>) -> Value {
    match key {
        Some(super::Token::Text(key) | super::Token::Name(key)) => of_key(key),
        _ => Value::hole(),
    }
}

fn of_key(key: &str) -> Value {
    match key {
        "HOME" | "USERPROFILE" => Value::literal(HOME),
        "PWD" => Value::literal("."),
        _ => Value::hole(),
    }
}

/// Functions that are written without parentheses and only make text.
pub(super) fn takes_text(name: &str) -> bool {
    matches!(
        leaf(name),
        "glob"
            | "reverse"
            | "join"
            | "expand_path"
            | "chr"
            | "decode_base64"
            | "getenv"
            | "lc"
            | "uc"
            | "decode64"
    )
}

/// What a call of the named function comes to.
pub(super) fn call(name: &str, arguments: &[Value]) -> Value {
    let first = || arguments.first().cloned().unwrap_or_else(Value::hole);
    let texts = || arguments.iter().cloned().map(Value::one);
    if let Some((receiver, method)) = name.rsplit_once('.')
        && is_environment(receiver)
        && matches!(method, "get" | "fetch")
    {
        return first().text().map_or_else(Value::hole, of_key);
    }
    match (name, leaf(name)) {
        ("Path.home" | "pathlib.Path.home" | "Dir.home" | "Etc.getpwuid", _) | (_, "homedir") => {
            Value::literal(HOME)
        }
        (_, "getenv") => first().text().map_or_else(Value::hole, of_key),
        (_, "getcwd" | "cwd" | "pwd") => Value::literal("."),
        (
            _,
            "expanduser" | "abspath" | "realpath" | "normpath" | "expand_path" | "str" | "fspath" | "String"
            | "quote" | "escapeshellarg" | "toNamespacedPath" | "fileURLToPath" | "file" | "lc" | "canonpath",
        ) if arguments.len() <= 2 => match (leaf(name), arguments) {
            ("expand_path", [path, base]) => Value::One(join_path(&base.clone().one(), &path.clone().one())),
            _ => first(),
        },
        (
            "File.join" | "os.path.join" | "path.join" | "path.resolve" | "posixpath.join"
            | "path.posix.join",
            _,
        )
        | (_, "Path" | "PurePath" | "PosixPath" | "Pathname" | "joinpath" | "catfile" | "catdir") => {
            let mut parts = texts();
            let base = parts.next().unwrap_or_else(hole);
            Value::One(parts.fold(base, |base, more| join_path(&base, &more)))
        }
        (_, "glob" | "iglob" | "globSync" | "bsd_glob") => Value::One(pattern(&first().one())),
        (_, "listdir" | "scandir" | "readdirSync" | "walk" | "children" | "entries" | "each_child") => {
            Value::One(inside(&first().one()))
        }
        (
            _,
            "b64decode" | "atob" | "decode_base64" | "base64_decode" | "decode64" | "standard_b64decode"
            | "urlsafe_b64decode" | "strict_decode64",
        ) => decoded(&first(), bytes::base64),
        (_, "fromhex" | "hex2bin" | "unhexlify") => decoded(&first(), bytes::hexadecimal),
        ("Buffer.from", _) => match arguments.get(1).and_then(Value::text) {
            Some("base64") => decoded(&first(), bytes::base64),
            Some("hex") => decoded(&first(), bytes::hexadecimal),
            _ => first(),
        },
        (_, "chr" | "fromCharCode" | "fromCodePoint") => characters(arguments),
        (_, "strrev" | "reverse") => method("reverse", first(), &[]),
        ("codecs.decode", _) => match arguments.get(1).and_then(Value::text) {
            Some("rot13" | "rot_13") => decoded(&first(), rot13),
            Some("hex") => decoded(&first(), bytes::hexadecimal),
            Some("base64") => decoded(&first(), bytes::base64),
            _ => Value::hole(),
        },
        (_, "str_rot13") => decoded(&first(), rot13),
        ("shlex.split", _) | (_, "list" | "tuple" | "sorted" | "shellwords") => words_of(first()),
        (_, "bytes" | "bytearray") => first(),
        (_, "join" | "implode") => match arguments {
            [separator, Value::Many(list)] => joined(&separator.clone().one(), list),
            // A module for paths under another name.
            [base, more @ ..] if leaf(name) == "join" && !more.is_empty() => {
                let base = base.clone().one();
                Value::One(more.iter().fold(base, |base, more| join_path(&base, &more.clone().one())))
            }
            _ => Value::hole(),
        },
        // A method written with its receiver: `x.strip()` of an unknown `x`.
        _ => Value::hole(),
    }
}

/// What a method makes of the value it is called on.
pub(super) fn method(name: &str, value: Value, arguments: &[Value]) -> Value {
    let first = || arguments.first().cloned().unwrap_or_else(Value::hole).one();
    match leaf(name) {
        "homedir" | "home" => Value::literal(HOME),
        "expanduser" | "resolve" | "absolute" | "to_s" | "toString" | "strip" | "trim" | "chomp"
        | "as_posix" | "decode" | "encode" | "read" | "expand_path" | "realpath" | "to_path" | "slice"
        | "values" | "dir" | "flatten" => value,
        "joinpath" | "join" => match value {
            Value::Many(list) => {
                joined(&arguments.first().map_or_else(|| Word::literal(""), |word| word.clone().one()), &list)
            }
            Value::One(word) => match arguments {
                [Value::Many(list)] => joined(&word, list),
                _ => Value::One(
                    arguments.iter().fold(word, |base, more| join_path(&base, &more.clone().one())),
                ),
            },
        },
        "concat" => arguments
            .iter()
            .cloned()
            .map(Value::one)
            .fold(value.one(), |mut base, more| {
                append(&mut base, &more);
                base
            })
            .into(),
        "reverse" => match value {
            Value::One(word) => match word.text() {
                Some(text) => Value::literal(text.chars().rev().collect::<String>()),
                None => Value::hole(),
            },
            Value::Many(mut list) => {
                list.reverse();
                Value::Many(list)
            }
        },
        "split" => match (value.text(), arguments.first().and_then(Value::text)) {
            (Some(text), None) => Value::Many(text.split_whitespace().map(Word::literal).collect()),
            (Some(text), Some(separator)) if !separator.is_empty() => {
                Value::Many(text.split(separator).map(Word::literal).collect())
            }
            (Some(text), Some(_)) => {
                Value::Many(text.chars().map(|c| Word::literal(c.to_string())).collect())
            }
            _ => Value::hole(),
        },
        "replace" | "replaceAll" | "gsub" | "sub" => {
            match (value.text(), arguments.iter().map(Value::text).collect::<Vec<_>>().as_slice()) {
                (Some(text), [Some(from), Some(to)])
                    if !from.is_empty() && text.len().saturating_mul(to.len().max(1)) <= LONGEST =>
                {
                    Value::literal(text.replace(from, to))
                }
                _ => Value::hole(),
            }
        }
        "glob" | "iglob" | "rglob" => Value::One(pattern(&join_path(&value.one(), &first()))),
        "iterdir" | "children" | "each_child" | "entries" => Value::One(inside(&value.one())),
        "unpack1" | "unpack"
            if arguments.first().and_then(Value::text).is_some_and(|text| text.starts_with('m')) =>
        {
            decoded(&value, bytes::base64)
        }
        // `p.parent`, `p.with_suffix(…)`: near what is known.
        "parent" | "parents" | "dirname" | "with_name" | "with_suffix" | "with_stem" => {
            let word = value.one();
            if is_hole(&word) { word.into() } else { Value::One(join_path(&word, &hole())) }
        }
        _ => Value::hole(),
    }
}

fn decoded(value: &Value, decode: impl Fn(&str) -> Option<String>) -> Value {
    value.text().and_then(decode).map_or_else(Value::hole, Value::literal)
}

fn rot13(text: &str) -> Option<String> {
    let turn =
        |c: char, base: u8| u8::try_from(c).ok().map(|byte| char::from((byte - base + 13) % 26 + base));
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            c => Some(c),
        })
        .collect()
}

fn characters(arguments: &[Value]) -> Value {
    let character = |value: &Value| {
        let text = value.text()?;
        let code = match text.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => text.parse().ok()?,
        };
        char::from_u32(code)
    };
    arguments.iter().map(character).collect::<Option<String>>().map_or_else(Value::hole, Value::literal)
}

fn words_of(value: Value) -> Value {
    match value.text() {
        Some(text) => Value::Many(text.split_whitespace().map(Word::literal).collect()),
        None => value,
    }
}

fn joined(separator: &Word, list: &[Word]) -> Value {
    let mut word = Word::default();
    for (at, part) in list.iter().enumerate() {
        if at > 0 {
            append(&mut word, separator);
        }
        append(&mut word, part);
    }
    Value::One(word)
}

/// A text whose stars are a pattern.
fn pattern(word: &Word) -> Word {
    let mut globbed = Word::default();
    for part in word.parts() {
        match part {
            Part::Text(text) => {
                let at = text.find(['*', '?', '[']).unwrap_or(text.len());
                let (before, star) = text.split_at_checked(at).unwrap_or((text, ""));
                if !before.is_empty() {
                    globbed.push(Part::Text(before.to_owned()));
                }
                if !star.is_empty() {
                    globbed.push(Part::Glob(star.to_owned()));
                }
            }
            part => globbed.push(part.clone()),
        }
    }
    globbed
}

/// Anything in a directory.
fn inside(directory: &Word) -> Word {
    let mut word = join_path(directory, &Word::default());
    word.push(Part::Glob("*".to_owned()));
    word
}
