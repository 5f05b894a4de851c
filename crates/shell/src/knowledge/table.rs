//! Reads the text of the effects table: an index of names built once, entries parsed when first asked for.
//! Knows the notation, not what it means for a command.

use super::spec::{Action, Dashes, Flag, Operand, Repeat, Spec, Sub, Takes, UnknownFlags};
use leashd_types::Direction;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

/// One file per family.
const FAMILIES: [&str; 17] = [
    include_str!("../../knowledge/coreutils"),
    include_str!("../../knowledge/text"),
    include_str!("../../knowledge/shells"),
    include_str!("../../knowledge/git"),
    include_str!("../../knowledge/packages"),
    include_str!("../../knowledge/network"),
    include_str!("../../knowledge/databases"),
    include_str!("../../knowledge/containers"),
    include_str!("../../knowledge/cloud"),
    include_str!("../../knowledge/publishing"),
    include_str!("../../knowledge/editors"),
    include_str!("../../knowledge/interpreters"),
    include_str!("../../knowledge/archivers"),
    include_str!("../../knowledge/system"),
    include_str!("../../knowledge/build"),
    include_str!("../../knowledge/tests"),
    include_str!("../../knowledge/agents"),
];

/// An entry's text and, once asked for, its meaning.
pub(super) struct Slot {
    pub(super) names: &'static str,
    body: &'static str,
    spec: OnceLock<Result<Box<Spec>, String>>,
}

impl Slot {
    pub(super) fn spec(&self) -> Result<&Spec, &str> {
        self.spec.get_or_init(|| parse_body(self.body).map(Box::new)).as_deref().map_err(String::as_str)
    }
}

struct Index {
    slots: Vec<Slot>,
    by_name: HashMap<&'static str, u16, BuildHasherDefault<Fnv>>,
}

/// FNV-1a: the keys are ours and short, and the index is built at every start.
#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        // The table takes its buckets from the low and its tags from the high bits.
        self.0 ^ (self.0 >> 29)
    }
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut slots = Vec::with_capacity(640);
        let mut by_name = HashMap::with_capacity_and_hasher(3500, BuildHasherDefault::default());
        for family in FAMILIES {
            for (names, body) in entries(family) {
                for name in names.split(' ').filter(|name| !name.is_empty()) {
                    by_name.insert(name, u16::try_from(slots.len()).unwrap_or(u16::MAX));
                }
                slots.push(Slot { names, body, spec: OnceLock::new() });
            }
        }
        Index { slots, by_name }
    })
}

pub(super) fn find(name: &str) -> Option<&'static Slot> {
    let index = index();
    index.by_name.get(name).and_then(|&at| index.slots.get(usize::from(at)))
}

pub(super) fn slots() -> &'static [Slot] {
    &index().slots
}

/// Splits a family into `(names, body)`. An entry starts at a line that is neither indented, empty nor a comment.
fn entries(family: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut rest = family;
    std::iter::from_fn(move || {
        while let Some(tail) = rest
            .strip_prefix('\n')
            .or_else(|| rest.starts_with('#').then(|| rest.split_once('\n').map_or("", |(_, tail)| tail)))
        {
            rest = tail;
        }
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        let mut line_start = 0;
        while let Some(tail) = rest.get(line_start..) {
            let Some(at) = tail.find('\n') else { break };
            line_start += at + 1;
            if !rest.get(line_start..).is_some_and(|next| next.starts_with(' ')) {
                end = line_start;
                break;
            }
        }
        let (entry, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = tail;
        let names_end = entry.find(['|', '\n']).unwrap_or(entry.len());
        let (names, body) = entry.split_at_checked(names_end).unwrap_or((entry, ""));
        Some((names.trim(), body))
    })
}

/// Fields are separated by ` | ` or by lines. `sub` opens a subcommand to which the fields after it belong.
fn parse_body(body: &'static str) -> Result<Spec, String> {
    let mut whole = Spec::default();
    for line in body.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for field in line.split(" | ").map(|field| field.trim().trim_start_matches('|').trim()) {
            if field.is_empty() {
                continue;
            }
            if let Some(paths) = field.strip_prefix("sub ") {
                let paths = paths.split(' ').map(|path| path.split('/').collect()).collect();
                whole.subs.push(Sub { paths, spec: Spec::default() });
                continue;
            }
            match whole.subs.last_mut() {
                Some(sub) => parse_field(field, &mut sub.spec)?,
                None => parse_field(field, &mut whole)?,
            }
        }
    }
    Ok(whole)
}

fn parse_field(field: &'static str, spec: &mut Spec) -> Result<(), String> {
    if field.starts_with('-') || field.starts_with('+') {
        parse_flags(field, &mut spec.flags)?;
        return Ok(());
    }
    let (word, rest) = field.split_once(' ').unwrap_or((field, ""));
    match word {
        "args" => spec.operands = parse_operands(rest)?,
        "fx" => spec.always.extend(parse_actions(rest)?),
        "fn" => spec.custom = Some(rest),
        "single" => spec.dashes = Dashes::Single,
        "strict" => spec.unknown_flags = UnknownFlags::Unclear,
        _ => return Err(format!("`{field}` is not a field")),
    }
    Ok(())
}

/// Names joined with commas are one flag; names with blanks between them are flags with the same meaning.
fn parse_flags(field: &'static str, flags: &mut Vec<Flag>) -> Result<(), String> {
    let forms = [(" = ", Takes::Value), (" =? ", Takes::Attached), (" : ", Takes::Nothing)];
    for (separator, takes) in forms {
        if let Some((names, actions)) = field.split_once(separator) {
            let actions = parse_actions(actions)?;
            for names in names.split(' ').filter(|names| !names.is_empty()) {
                flags.push(Flag { names: names.split(',').collect(), takes, actions: actions.clone() });
            }
            return Ok(());
        }
    }
    Err(format!("`{field}` has neither ` = `, ` =? ` nor ` : `"))
}

fn parse_actions(text: &'static str) -> Result<Vec<Action>, String> {
    if let Some((before, operands)) = text.split_once("args ") {
        let mut actions = parse_actions(before)?;
        actions.push(Action::Operands(parse_operands(operands)?));
        return Ok(actions);
    }
    text.split(' ').filter(|token| !token.is_empty()).map(parse_action).collect()
}

fn parse_operands(text: &'static str) -> Result<Vec<Operand>, String> {
    text.split(' ')
        .filter(|token| !token.is_empty())
        .map(|token| {
            let (token, repeat) = match token.strip_suffix('*') {
                Some(token) => (token, Repeat::Any),
                None => (token, Repeat::Once),
            };
            let actions = token.split('+').map(parse_action).collect::<Result<_, _>>()?;
            Ok(Operand { actions, repeat })
        })
        .collect()
}

fn parse_action(token: &'static str) -> Result<Action, String> {
    Ok(match token {
        "-" => Action::Skip,
        "in" => Action::Read,
        "out" => Action::Write,
        "edit" => Action::Edit,
        "del" => Action::Delete,
        "mode" => Action::Mode,
        "host" => Action::Host(Direction::Fetch),
        "host-send" => Action::Host(Direction::Send),
        "url" => Action::Url,
        "remote-in" => Action::RemoteRead,
        "remote-out" => Action::RemoteWrite,
        "at-file" => Action::AtFile,
        "cmd" => Action::Command,
        "sh" => Action::Shell,
        "cmd-or-sh" => Action::CommandOrShell,
        "load" => Action::Load,
        "module" => Action::Module,
        "setting" => Action::Setting,
        "sql" => Action::Sql,
        "stop" => Action::Stop,
        "recursive" => Action::Recursive,
        "force" => Action::Forced,
        "dry" => Action::Dry,
        "help" => Action::Help,
        "send" => Action::Sends,
        _ => {
            if let Some(language) = token.strip_prefix("code:") {
                Action::Code(language)
            } else if let Some(language) = token.strip_prefix("script:") {
                Action::Script(language)
            } else if let Some(why) = token.strip_prefix("unclear:") {
                Action::Unclear(why)
            } else if super::report::is_fixed(token) {
                Action::Effect(token)
            } else {
                return Err(format!("`{token}` is neither a role nor an effect"));
            }
        }
    })
}
