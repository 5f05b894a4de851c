//! One thing a call would do: a command of a shell line, or the call itself for every other tool.

use crate::class::Classes;
use crate::matching::base_name;
use crate::places::Where;
use crate::plan::{Plan, Reading};
use crate::seen::{Bare, Manner, Reads, Seen, see};
use crate::sensitive::names_credential;
use leashd_shell::{Command, Part, Word};
use leashd_types::{Effect, Facts, ToolCall};

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
            searched(&mut acts, facts);
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

/// Programs that print the names of files they find.
const SEARCHERS: &[&str] = &["find", "fd", "git", "rg", "ls"];

/// Reading what a search inside the project found is reading the project, as `grep -r` does, unless the search is aimed
/// at credentials. Which files were found is not known; where they lie is.
fn searched(acts: &mut [Act<'_>], facts: &Facts) {
    let unknown =
        |seen: &Seen<'_>| seen.place() == Some(Where::Unknown) && matches!(seen.effect, Effect::Read { .. });
    if !acts.iter().flat_map(|act| &act.seen).any(unknown) {
        return;
    }
    let harmless = |act: &Act<'_>| {
        let reads_inside =
            act.seen.iter().all(|seen| seen.place().is_none_or(|place| place == Where::Inside));
        reads_inside && !act.is_unclear() && !act.arguments().any(|word| names_credential(word, facts))
    };
    let searches: Vec<&str> = acts
        .iter()
        .filter_map(|act| act.program().map(|program| (act, program)))
        .filter(|(_, program)| SEARCHERS.contains(program))
        .map(|(act, program)| if harmless(act) { program } else { "" })
        .collect();
    if searches.is_empty() || searches.contains(&"") {
        return;
    }
    let searches: Vec<String> = searches.iter().map(|program| format!("the output of {program}")).collect();
    for seen in acts.iter_mut().flat_map(|act| &mut act.seen).filter(|seen| unknown(seen)) {
        if let Some(path) = seen.path.as_mut()
            && searches.iter().any(|search| search == path.asked)
        {
            path.place = Where::Inside;
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
    Act { tool, line, command, seen, classes, unclear }
}

fn see_all<'a>(effects: &'a [Effect], facts: &'a Facts, manner: Manner) -> Vec<Seen<'a>> {
    effects.iter().map(|effect| see(effect, facts, manner)).collect()
}

/// Programs that show names, sizes and times, never what is in a file.
const LISTERS: &[&str] =
    &["ls", "dir", "vdir", "exa", "eza", "lsd", "stat", "du", "readlink", "realpath", "test", "["];

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
