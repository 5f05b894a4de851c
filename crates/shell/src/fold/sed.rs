//! `sed` with substitutions alone: what it prints, and what its `e` runs, for a known text.

use regex::{Regex, RegexBuilder};

/// Largest automaton of one pattern, in bytes.
const PATTERN_BYTES: usize = 64 * 1024;
/// Most commands of a script that is followed.
const COMMANDS: usize = 32;

/// A script of which every command is followed.
#[derive(Debug)]
pub(super) struct Sed<'a> {
    commands: Vec<Command>,
    quiet: bool,
    pub(super) files: Vec<&'a str>,
}

#[derive(Debug)]
enum Command {
    Substitute(Substitution),
    Print,
    /// `e`: the line is run as a command.
    Execute,
}

#[derive(Debug)]
struct Substitution {
    pattern: Regex,
    replacement: String,
    all: bool,
    prints: bool,
    executes: bool,
}

/// How a pattern is written: `\(` or `(` for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    Basic,
    Extended,
}

impl<'a> Sed<'a> {
    /// Nothing if an argument or a command is not one that is followed.
    pub(super) fn new(arguments: &[&'a str]) -> Option<Self> {
        let (mut scripts, mut files) = (Vec::new(), Vec::new());
        let (mut quiet, mut syntax, mut given) = (false, Syntax::Basic, false);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "-e" | "--expression" => {
                    given = true;
                    scripts.push(*arguments.next()?);
                }
                "-n" | "--quiet" | "--silent" => quiet = true,
                "-E" | "-r" | "--regexp-extended" => syntax = Syntax::Extended,
                "-nE" | "-En" | "-nr" | "-rn" => (quiet, syntax) = (true, Syntax::Extended),
                "-ne" => {
                    (quiet, given) = (true, true);
                    scripts.push(*arguments.next()?);
                }
                "-u" | "--unbuffered" => {}
                flag if flag.len() > 1 && flag.starts_with('-') => return None,
                script if scripts.is_empty() && !given => scripts.push(script),
                file => files.push(file),
            }
        }
        let mut commands = Vec::new();
        for script in scripts {
            let mut rest = script.trim_start_matches([' ', ';', '\n', '\t']);
            while !rest.is_empty() {
                let (command, after) = command(rest, syntax)?;
                commands.push(command);
                rest = after.trim_start_matches([' ', ';', '\n', '\t']);
                if commands.len() > COMMANDS {
                    return None;
                }
            }
        }
        Some(Self { commands, quiet, files })
    }

    pub(super) fn apply(&self, text: &str) -> String {
        self.run(text).0
    }

    /// The lines that are run as commands.
    pub(super) fn executed(&self, text: &str) -> Option<String> {
        Some(self.run(text).1).filter(|code| !code.is_empty())
    }

    fn run(&self, text: &str) -> (String, String) {
        let (mut out, mut code) = (String::with_capacity(text.len()), String::new());
        for line in text.split_inclusive('\n') {
            let body = line.strip_suffix('\n').unwrap_or(line);
            let end = if body.len() == line.len() { "" } else { "\n" };
            let mut space = body.to_owned();
            for command in &self.commands {
                match command {
                    Command::Print => out.extend([space.as_str(), end]),
                    Command::Execute => code.extend([space.as_str(), "\n"]),
                    Command::Substitute(substitution) => {
                        if !substitution.pattern.is_match(&space) {
                            continue;
                        }
                        space = substitution.apply(&space);
                        if substitution.executes {
                            code.extend([space.as_str(), "\n"]);
                        }
                        if substitution.prints {
                            out.extend([space.as_str(), end]);
                        }
                    }
                }
            }
            if !self.quiet {
                out.extend([space.as_str(), end]);
            }
        }
        (out, code)
    }
}

impl Substitution {
    fn apply(&self, line: &str) -> String {
        let replacement = self.replacement.as_str();
        if self.all {
            self.pattern.replace_all(line, replacement).into_owned()
        } else {
            self.pattern.replace(line, replacement).into_owned()
        }
    }
}

/// One command, and what follows it.
fn command(text: &str, syntax: Syntax) -> Option<(Command, &str)> {
    let mut chars = text.chars();
    match chars.next()? {
        's' => substitution(chars.as_str(), syntax).map(|(found, rest)| (Command::Substitute(found), rest)),
        'p' => Some((Command::Print, ends(chars.as_str())?)),
        'e' => Some((Command::Execute, ends(chars.as_str())?)),
        _ => None,
    }
}

/// The rest, if the command ends here.
fn ends(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches(' ');
    (rest.is_empty() || rest.starts_with([';', '\n'])).then_some(rest)
}

fn substitution(text: &str, syntax: Syntax) -> Option<(Substitution, &str)> {
    let delimiter =
        text.chars().next().filter(|char| !char.is_alphanumeric() && *char != '\\' && *char != '\n')?;
    let rest = text.get(delimiter.len_utf8()..)?;
    let (pattern, rest) = until(rest, delimiter)?;
    let (replacement, rest) = until(rest, delimiter)?;
    let length = rest.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (flags, rest) = rest.split_at_checked(length)?;
    let (mut all, mut prints, mut executes, mut any_case) = (false, false, false, false);
    for flag in flags.chars() {
        match flag {
            'g' => all = true,
            'p' => prints = true,
            'e' => executes = true,
            'i' | 'I' => any_case = true,
            _ => return None,
        }
    }
    let pattern = RegexBuilder::new(&translated(&pattern, syntax)?)
        .case_insensitive(any_case)
        .size_limit(PATTERN_BYTES)
        .build()
        .ok()?;
    let replacement = put(&replacement)?;
    Some((Substitution { pattern, replacement, all, prints, executes }, ends(rest)?))
}

/// The text up to a delimiter that is not escaped, and what follows it.
fn until(text: &str, delimiter: char) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        if char == delimiter {
            return Some((part, text.get(at + delimiter.len_utf8()..)?));
        }
        if char == '\\' {
            let (_, next) = chars.next()?;
            if next != delimiter {
                part.push('\\');
            }
            part.push(next);
            continue;
        }
        part.push(char);
    }
    None
}

/// A pattern as the library reads it.
fn translated(pattern: &str, syntax: Syntax) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let special = |char: char| matches!(char, '(' | ')' | '{' | '}' | '+' | '?' | '|');
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next()? {
                next if special(next) => {
                    if syntax == Syntax::Extended {
                        out.push('\\');
                    }
                    out.push(next);
                }
                '1'..='9' => return None,
                '<' | '>' => out.push_str("\\b"),
                next if next.is_ascii_alphabetic() && !"nrtwWsSbB".contains(next) => return None,
                next => out.extend(['\\', next]),
            },
            '[' => {
                let mut set = String::from("[");
                if chars.peek() == Some(&'^') {
                    set.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    set.push_str("\\]");
                }
                loop {
                    match chars.next()? {
                        ']' => break,
                        '[' if chars.peek() == Some(&':') => {
                            set.push('[');
                            for char in chars.by_ref() {
                                set.push(char);
                                if char == ']' {
                                    break;
                                }
                            }
                        }
                        char @ ('[' | '\\' | '&' | '~') => set.extend(['\\', char]),
                        char => set.push(char),
                    }
                }
                set.push(']');
                out.push_str(&set);
            }
            char if special(char) && syntax == Syntax::Basic => out.extend(['\\', char]),
            char => out.push(char),
        }
    }
    Some(out)
}

/// What is put in place, as the library reads it.
fn put(replacement: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = replacement.chars();
    while let Some(char) = chars.next() {
        match char {
            '&' => out.push_str("${0}"),
            '$' => out.push_str("$$"),
            '\\' => match chars.next()? {
                digit @ '0'..='9' => out.extend(['$', '{', digit, '}']),
                'n' => out.push('\n'),
                't' => out.push('\t'),
                next if next.is_ascii_alphanumeric() => return None,
                next => out.push(next),
            },
            char => out.push(char),
        }
    }
    Some(out)
}
