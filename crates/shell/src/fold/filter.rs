//! Filters from text to text: `rev`, `tr`, `cut`, `head`, `tail`, plain `sed` substitutions and decoders.

use super::bytes;
use super::sed::Sed;

/// One filter with its arguments read.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    kind: Kind<'a>,
    files: Vec<&'a str>,
}

#[derive(Debug)]
enum Kind<'a> {
    Identity,
    ReversedLines,
    Reversed,
    Base64,
    Base32,
    Hexadecimal,
    Dump,
    Translated(Translation),
    Head {
        lines: bool,
        count: usize,
    },
    Tail {
        lines: bool,
        count: usize,
    },
    Cut {
        unit: Unit,
        delimiter: char,
        ranges: Vec<(usize, usize)>,
    },
    Sed(Sed<'a>),
    /// Lines in another order, or some of them.
    Sorted,
    Unique,
    Numbered,
    /// Lines that hold a text, or do not.
    Picked {
        text: &'a str,
        kept: bool,
    },
    Field {
        separator: Option<&'a str>,
        number: usize,
    },
}

/// What `cut` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Characters,
    Fields,
}

#[derive(Debug)]
struct Translation {
    from: Vec<char>,
    to: Vec<char>,
    complement: bool,
    delete: bool,
}

/// The flags and the operands of a command line.
fn split<'a>(arguments: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    arguments.iter().partition(|text| text.starts_with('-') && text.len() > 1)
}

impl<'a> Filter<'a> {
    /// Nothing if an argument is not one that is followed.
    pub(super) fn new(name: &str, arguments: &[&'a str]) -> Option<Self> {
        let (flags, operands) = split(arguments);
        let (kind, files) = match name {
            "cat" if flags.iter().all(|flag| *flag == "-u") => (Kind::Identity, operands),
            // It passes its input on; the files are what it writes.
            "tee" if flags.iter().all(|flag| matches!(*flag, "-a" | "-i" | "--append")) => {
                (Kind::Identity, Vec::new())
            }
            "tac" if flags.is_empty() => (Kind::ReversedLines, operands),
            "rev" if flags.is_empty() => (Kind::Reversed, operands),
            "base64" | "base32" => {
                let decodes = |flag: &&str| {
                    matches!(*flag, "-d" | "--decode" | "-D" | "-di" | "-id" | "-i" | "--ignore-garbage")
                };
                if !flags.iter().all(decodes)
                    || flags.iter().all(|flag| matches!(*flag, "-i" | "--ignore-garbage"))
                {
                    return None;
                }
                (if name == "base64" { Kind::Base64 } else { Kind::Base32 }, operands)
            }
            "openssl" => return Self::openssl(arguments),
            "xxd" => (Self::xxd(&flags)?, operands),
            "tr" => (Kind::Translated(Translation::new(&flags, &operands)?), Vec::new()),
            "head" | "tail" => return Self::ends(name, arguments),
            "cut" => return Self::cut(arguments),
            "sed" => {
                let sed = Sed::new(arguments)?;
                let files = sed.files.clone();
                (Kind::Sed(sed), files)
            }
            "sort" if flags.iter().all(|flag| matches!(*flag, "-u" | "-r" | "-n")) => {
                (Kind::Sorted, operands)
            }
            "uniq" if flags.is_empty() && operands.len() < 2 => (Kind::Unique, operands),
            "fold" | "fmt" | "expand" | "unexpand" | "column" if arguments.is_empty() => {
                (Kind::Identity, operands)
            }
            "nl" if arguments.is_empty() => (Kind::Numbered, operands),
            "grep" | "egrep" | "fgrep" => return Self::grep(arguments),
            "awk" | "gawk" | "mawk" => return Self::awk(arguments),
            _ => return None,
        };
        Some(Self { kind, files })
    }

    fn openssl(arguments: &[&'a str]) -> Option<Self> {
        let (first, rest) = arguments.split_first()?;
        let base64 = *first == "base64"
            || *first == "enc" && rest.iter().any(|flag| matches!(*flag, "-base64" | "-a"));
        let decodes = rest.contains(&"-d");
        let plain = rest.iter().all(|flag| matches!(*flag, "-d" | "-A" | "-a" | "-base64"));
        (base64 && decodes && plain).then_some(Self { kind: Kind::Base64, files: Vec::new() })
    }

    fn xxd(flags: &[&str]) -> Option<Kind<'a>> {
        let letters: String = flags.iter().map(|flag| flag.trim_start_matches('-')).collect();
        let known = letters.chars().all(|letter| matches!(letter, 'r' | 'p' | 's'));
        match (known && letters.contains('r'), letters.contains('p')) {
            (true, true) => Some(Kind::Hexadecimal),
            (true, false) => Some(Kind::Dump),
            _ => None,
        }
    }

    fn ends(name: &str, arguments: &[&'a str]) -> Option<Self> {
        let (mut lines, mut count) = (true, 10);
        let mut files = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
                files.push(*argument);
                continue;
            };
            let (kind, value) = match flag.chars().next()? {
                'n' | 'c' if flag.len() == 1 => (flag, *arguments.next()?),
                'n' | 'c' => (flag, flag.get(1..)?),
                '0'..='9' => ("n", flag),
                _ => return None,
            };
            lines = kind.starts_with('n');
            count = value.parse().ok()?;
        }
        let kind = if name == "head" { Kind::Head { lines, count } } else { Kind::Tail { lines, count } };
        Some(Self { kind, files })
    }

    fn cut(arguments: &[&'a str]) -> Option<Self> {
        let (mut unit, mut delimiter, mut list) = (Unit::Fields, '\t', None);
        let mut files = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
                files.push(*argument);
                continue;
            };
            let letter = flag.chars().next()?;
            let attached = flag.get(1..)?;
            let value = if attached.is_empty() { *arguments.next()? } else { attached };
            match letter {
                'd' => delimiter = value.chars().next()?,
                'f' => list = Some(value),
                'c' | 'b' => {
                    unit = Unit::Characters;
                    list = Some(value);
                }
                _ => return None,
            }
        }
        let mut ranges = Vec::new();
        for range in list?.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let first = if first.is_empty() { 1 } else { first.parse().ok()? };
            let last = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
            ranges.push((first, last));
        }
        Some(Self { kind: Kind::Cut { unit, delimiter, ranges }, files })
    }

    /// `grep WORD`, where nothing in the word is special.
    fn grep(arguments: &[&'a str]) -> Option<Self> {
        let (flags, operands) = split(arguments);
        let plain = |flag: &&str| matches!(*flag, "-v" | "-F" | "-E" | "--" | "-h" | "-a");
        let (text, files) = operands.split_first()?;
        let special = text.contains(['\\', '.', '*', '[', '^', '$', '+', '?', '(', '|', '{', '\n']);
        if !flags.iter().all(plain) || special || text.is_empty() {
            return None;
        }
        Some(Self { kind: Kind::Picked { text, kept: !flags.contains(&"-v") }, files: files.to_vec() })
    }

    /// `awk '{print $2}'`
    fn awk(arguments: &[&'a str]) -> Option<Self> {
        let (separator, rest) = match arguments {
            ["-F", separator, rest @ ..] => (Some(*separator), rest),
            [first, rest @ ..] if first.starts_with("-F") => (first.get(2..), rest),
            rest => (None, rest),
        };
        let (program, files) = rest.split_first()?;
        let inside =
            program.trim().strip_prefix('{')?.strip_suffix('}')?.trim().trim_end_matches(';').trim_end();
        let printed = inside.strip_prefix("print")?.trim();
        let number = if printed.is_empty() { 0 } else { printed.strip_prefix('$')?.parse().ok()? };
        let plain =
            separator.is_none_or(|separator| separator.len() == 1 && separator != " " && separator != "|");
        (plain && number < 100)
            .then(|| Self { kind: Kind::Field { separator, number }, files: files.to_vec() })
    }

    pub(super) fn files(&self) -> &[&'a str] {
        &self.files
    }

    /// Whether it passes everything on as it is.
    pub(super) fn is_identity(&self) -> bool {
        matches!(self.kind, Kind::Identity)
    }

    /// The text it makes of a text; nothing if it is none.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        Some(match &self.kind {
            Kind::Identity => text.to_owned(),
            Kind::ReversedLines => {
                let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
                lines.reverse();
                lines.concat()
            }
            Kind::Reversed => by_line(text, |line| line.chars().rev().collect()),
            Kind::Base64 => bytes::base64(text)?,
            Kind::Base32 => bytes::base32(text)?,
            Kind::Hexadecimal => bytes::hexadecimal(text)?,
            Kind::Dump => bytes::dump(text)?,
            Kind::Translated(translation) => translation.apply(text),
            Kind::Head { lines: true, count } => text.split_inclusive('\n').take(*count).collect(),
            Kind::Head { count, .. } => text.get(..(*count).min(text.len()))?.to_owned(),
            Kind::Tail { lines: true, count } => {
                let lines: Vec<&str> = text.split_inclusive('\n').collect();
                lines.get(lines.len().saturating_sub(*count)..)?.concat()
            }
            Kind::Tail { count, .. } => text.get(text.len().saturating_sub(*count)..)?.to_owned(),
            Kind::Cut { unit, delimiter, ranges } => {
                by_line(text, |line| cut(line, *unit, *delimiter, ranges))
            }
            Kind::Sed(sed) => sed.apply(text),
            Kind::Sorted => {
                let mut lines: Vec<&str> = text.lines().collect();
                // Any order will do for one line; of several which comes first matters little.
                lines.sort_unstable();
                lines.iter().flat_map(|line| [line, "\n"]).collect()
            }
            Kind::Unique => {
                let mut lines: Vec<&str> = text.lines().collect();
                lines.dedup();
                lines.iter().flat_map(|line| [line, "\n"]).collect()
            }
            Kind::Numbered => by_line(text, |line| format!("     1\t{line}")),
            Kind::Picked { text: wanted, kept } => {
                text.split_inclusive('\n').filter(|line| line.contains(wanted) == *kept).collect()
            }
            Kind::Field { separator, number } => by_line(text, |line| match separator {
                _ if *number == 0 => line.to_owned(),
                Some(separator) => line.split(separator).nth(*number - 1).unwrap_or("").to_owned(),
                None => line.split_whitespace().nth(*number - 1).unwrap_or("").to_owned(),
            }),
        })
    }
}

fn by_line(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.strip_suffix('\n');
        out.push_str(&change(body.unwrap_or(line)));
        if body.is_some() {
            out.push('\n');
        }
    }
    out
}

fn cut(line: &str, unit: Unit, delimiter: char, ranges: &[(usize, usize)]) -> String {
    let wanted = |index: usize| ranges.iter().any(|&(first, last)| (first..=last).contains(&(index + 1)));
    if unit == Unit::Characters {
        return line.chars().enumerate().filter(|(index, _)| wanted(*index)).map(|(_, char)| char).collect();
    }
    if !line.contains(delimiter) {
        return line.to_owned();
    }
    let fields: Vec<&str> = line
        .split(delimiter)
        .enumerate()
        .filter(|(index, _)| wanted(*index))
        .map(|(_, field)| field)
        .collect();
    fields.join(&delimiter.to_string())
}

impl Translation {
    fn new(flags: &[&str], operands: &[&str]) -> Option<Self> {
        let letters: String = flags.iter().map(|flag| flag.trim_start_matches('-')).collect();
        if !letters.chars().all(|letter| matches!(letter, 'd' | 'c' | 'C')) {
            return None;
        }
        let delete = letters.contains('d');
        let complement = letters.contains(['c', 'C']);
        let (from, to) = match operands {
            [from] if delete => (set(from)?, Vec::new()),
            [from, to] if !delete && !complement => (set(from)?, set(to)?),
            _ => return None,
        };
        if !delete && to.is_empty() {
            return None;
        }
        Some(Self { from, to, complement, delete })
    }

    fn apply(&self, text: &str) -> String {
        text.chars()
            .filter_map(|char| {
                let found = self.from.iter().rposition(|from| *from == char);
                if self.delete {
                    return (found.is_some() == self.complement).then_some(char);
                }
                match found {
                    Some(at) => self.to.get(at).or(self.to.last()).copied(),
                    None => Some(char),
                }
            })
            .collect()
    }
}

/// The characters of a `tr` set: ranges, escapes and classes.
fn set(text: &str) -> Option<Vec<char>> {
    let mut chars: Vec<char> = Vec::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if let Some((class, after)) = rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
            match class {
                "lower" => chars.extend('a'..='z'),
                "upper" => chars.extend('A'..='Z'),
                "digit" => chars.extend('0'..='9'),
                "alpha" => chars.extend(('A'..='Z').chain('a'..='z')),
                "alnum" => chars.extend(('0'..='9').chain('A'..='Z').chain('a'..='z')),
                "space" => chars.extend([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']),
                _ => return None,
            }
            rest = after;
            continue;
        }
        rest = rest.get(char.len_utf8()..)?;
        let char = if char == '\\' { escaped(&mut rest)? } else { char };
        let upper = rest.strip_prefix('-').and_then(|after| after.chars().next());
        match upper {
            Some(upper) if upper >= char => {
                if u32::from(upper) - u32::from(char) > 0x400 {
                    return None;
                }
                chars.extend(char..=upper);
                rest = rest.get(1 + upper.len_utf8()..)?;
            }
            Some(_) => return None,
            None => chars.push(char),
        }
    }
    Some(chars)
}

fn escaped(rest: &mut &str) -> Option<char> {
    let digits = rest.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    if digits > 0 {
        let value = u32::from_str_radix(rest.get(..digits)?, 8).ok()?;
        *rest = rest.get(digits..)?;
        return char::from_u32(value).filter(char::is_ascii);
    }
    let letter = rest.chars().next()?;
    *rest = rest.get(letter.len_utf8()..)?;
    Some(match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        letter => letter,
    })
}

/// Programs that make a text of their arguments alone.
pub(super) fn words(name: &str, arguments: &[&str]) -> Option<String> {
    let numbers = || arguments.iter().map(|text| text.parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    match (name, arguments) {
        ("basename", [path]) => Some(format!("{}\n", path.trim_end_matches('/').rsplit('/').next()?)),
        ("basename", [path, suffix]) if !path.starts_with('-') => {
            let base = path.trim_end_matches('/').rsplit('/').next()?;
            Some(format!("{}\n", base.strip_suffix(suffix).unwrap_or(base)))
        }
        ("dirname", [path]) => {
            let trimmed = path.trim_end_matches('/');
            Some(match trimmed.rsplit_once('/') {
                Some(("", _)) => "/\n".to_owned(),
                Some((directory, _)) => format!("{directory}\n"),
                None => ".\n".to_owned(),
            })
        }
        ("seq", _) => {
            let (first, last) = match numbers()?.as_slice() {
                [last] => (1, *last),
                [first, last] => (*first, *last),
                _ => return None,
            };
            if last.saturating_sub(first) > 1000 {
                return None;
            }
            Some((first..=last).map(|number| format!("{number}\n")).collect())
        }
        _ => None,
    }
}
