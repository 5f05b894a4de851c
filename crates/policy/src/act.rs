//! One thing a call would do: a command of a shell line, or the call itself for every other tool.

use crate::bare::Start;
use crate::class::Classes;
use crate::names::base_name;
use crate::opinion::Opinion;
use crate::plan::{Plan, Reading};
use crate::seen::{Bare, Manner, Reads, Seen, see};
use leashd_shell::{Command, Part, Word};
use leashd_types::{Effect, Facts, PathText, Stage, ToolCall};

/// Stands for what is not known in a text that patterns are tried against.
const UNKNOWN: char = '\u{fffd}';

#[derive(Debug)]
pub(crate) struct Act<'a> {
    /// The tool as rules name it.
    pub(crate) tool: &'a str,
    /// The whole shell line; empty for other tools.
    pub(crate) line: &'a str,
    pub(crate) command: Option<&'a Command>,
    pub(crate) seen: Vec<Seen<'a>>,
    /// All classes of all effects.
    pub(crate) classes: Classes,
    /// Files that hold credentials by name, named by a word whose meaning is not known.
    pub(crate) mentions: Vec<&'a PathText>,
    /// Where git starts to look for its repository.
    pub(crate) repository: Option<&'a Start>,
    unclear: &'a [String],
}

impl<'a> Act<'a> {
    pub(crate) fn is_shell(&self) -> bool {
        self.command.is_some()
    }

    pub(crate) fn is_unclear(&self) -> bool {
        !self.unclear.is_empty()
    }

    pub(crate) fn unclear(&self) -> &'a [String] {
        self.unclear
    }

    /// True if a word of the command is not known.
    pub(crate) fn is_half_known(&self) -> bool {
        self.command.is_some_and(|command| command.words.iter().any(|word| word.unknown_reason().is_some()))
    }

    /// The base name of the program, where it is known.
    pub(crate) fn program(&self) -> Option<&'a str> {
        self.command.and_then(|command| command.words.first()).and_then(Word::text).map(base_name)
    }

    /// The known words after the program.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &'a str> {
        self.command.into_iter().flat_map(|command| command.words.iter().skip(1)).filter_map(Word::text)
    }

    pub(crate) fn effects(&self) -> impl Iterator<Item = &'a Effect> + '_ {
        self.seen.iter().map(|seen| seen.effect)
    }

    /// The effects as people see them: a file that was only named is shown as read where that decided.
    pub(crate) fn shown_effects(&self, decided: &Opinion) -> Vec<Effect> {
        let named = decided.stage == Stage::Floor && decided.rule.name == "credentials";
        let read =
            self.mentions.iter().filter(|_| named).map(|path| Effect::Read { path: PathText::clone(path) });
        self.effects().cloned().chain(read).collect()
    }

    /// The words after expansion, laid side by side as a legacy pattern expects them.
    pub(crate) fn words_text(&self) -> String {
        let mut text = String::new();
        for (index, word) in self.command.into_iter().flat_map(|command| &command.words).enumerate() {
            if index > 0 {
                text.push(' ');
            }
            push_word(&mut text, word);
        }
        text
    }

    /// The same with the program's base name in front, if it was written with a directory.
    pub(crate) fn text_by_name(&self) -> Option<String> {
        let written = self.command?.words.first()?.text()?;
        let name = base_name(written);
        if name == written {
            return None;
        }
        self.words_text().strip_prefix(written).map(|rest| format!("{name}{rest}"))
    }
}

fn push_word(text: &mut String, word: &Word) {
    for part in word.parts() {
        match part {
            Part::Text(piece) | Part::Glob(piece) => text.push_str(piece),
            Part::Unknown(_) => text.push(UNKNOWN),
        }
    }
}

/// Everything a call would do, in order.
pub(crate) fn acts<'a>(call: &'a ToolCall, plan: &'a Plan, facts: &'a Facts) -> Vec<Act<'a>> {
    match plan.reading() {
        Reading::Shell(analysis) => {
            let line = call.text("command").unwrap_or_default();
            let mut acts: Vec<Act<'a>> = analysis
                .commands
                .iter()
                .map(|command| {
                    let seen = see_all(&command.effects, facts, manner(command));
                    act("Bash", line, Some(command), seen, &command.unclear)
                })
                .collect();
            for start in plan.repositories() {
                if let Some(act) = acts.get_mut(start.command) {
                    act.repository = Some(start);
                }
            }
            for mention in plan.mentions() {
                if let Some(act) = acts.get_mut(mention.command) {
                    act.mentions.push(&mention.path);
                }
            }
            acts
        }
        Reading::Tool { effects, unclear } => {
            vec![act(
                &call.tool,
                "",
                None,
                see_all(effects, facts, Manner { bare: Bare::No, reads: Reads::Contents }),
                unclear,
            )]
        }
    }
}

fn act<'a>(
    tool: &'a str,
    line: &'a str,
    command: Option<&'a Command>,
    seen: Vec<Seen<'a>>,
    unclear: &'a [String],
) -> Act<'a> {
    let classes = seen.iter().fold(Classes::EMPTY, |all, seen| all | seen.classes);
    Act { tool, line, command, seen, classes, mentions: Vec::new(), repository: None, unclear }
}

fn see_all<'a>(effects: &'a [Effect], facts: &'a Facts, manner: Manner) -> Vec<Seen<'a>> {
    effects.iter().map(|effect| see(effect, facts, manner)).collect()
}

/// Programs that show names, sizes and times, never what is in a file.
const LISTERS: &[&str] =
    &["ls", "dir", "vdir", "exa", "eza", "lsd", "stat", "du", "df", "readlink", "realpath", "test", "["];

fn manner(command: &Command) -> Manner {
    let mut words = command.words.iter();
    let program = words.next().and_then(Word::text).map(base_name).unwrap_or_default();
    let only_options = words.all(|word| {
        word.text()
            .is_some_and(|text| text.starts_with('-') && !text.contains(['/', '=', '@']) && text.len() > 1)
    });
    // A file redirected in is read by the shell; a lister is not given any.
    let lists = LISTERS.contains(&program)
        && !command.effects.iter().any(|effect| matches!(effect, Effect::Runs { .. }));
    Manner {
        bare: if only_options && command.assignments.is_empty() { Bare::OnlyOptions } else { Bare::No },
        reads: if lists { Reads::Names } else { Reads::Contents },
    }
}
