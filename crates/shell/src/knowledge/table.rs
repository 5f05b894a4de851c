//! Reads the text of the effects table: names are in order since the build, entries are parsed when first asked for.
//! Knows the notation, not what it means for a command.

use super::spec::{Action, Dashes, Flag, Operand, Repeat, Spec, Sub, Takes, UnknownFlags};
use leashd_types::Direction;
use std::sync::OnceLock;

// `SLOTS`, the entries, and `NAMES`, every name in order with the place of its entry.
include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// An entry's text and, once asked for, its meaning.
pub(super) struct Slot {
    pub(super) names: &'static str,
    body: &'static str,
    spec: OnceLock<Result<Box<Spec>, String>>,
}

impl Slot {
    const fn new(names: &'static str, body: &'static str) -> Self {
        Self { names, body, spec: OnceLock::new() }
    }

    pub(super) fn spec(&self) -> Result<&Spec, &str> {
        self.spec.get_or_init(|| parse_body(self.body).map(Box::new)).as_deref().map_err(String::as_str)
    }
}

pub(super) fn find(name: &str) -> Option<&'static Slot> {
    let at = NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    NAMES.get(at).and_then(|&(_, slot)| SLOTS.get(usize::from(slot)))
}

pub(super) fn slots() -> &'static [Slot] {
    &SLOTS
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
        "part" => Action::Part,
        "project" => Action::Project,
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
