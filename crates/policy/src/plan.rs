//! Reads a call: what it would do and what has to be known to judge it. Pure; the answers come back as facts.

use crate::bare::{self, Start};
use crate::mention::{Mention, mentions};
use crate::moved;
use crate::places::question;
use crate::seen::path_of;
use crate::tools::{self, PathArgument};
use leashd_shell::{Analysis, Env, Word, analyze};
use leashd_types::{Effect, Facts, PathText, Questions, ToolCall};

/// A call, read: what it would do and what has to be known to judge it.
#[derive(Clone, Debug)]
pub struct Plan {
    questions: Questions,
    paths: Vec<PathArgument>,
    mentions: Vec<Mention>,
    repositories: Vec<Start>,
    reading: Reading,
}

/// What a call says it would do.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    Shell(Analysis),
    Tool { effects: Vec<Effect>, unclear: Vec<String> },
}

impl Plan {
    #[must_use]
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    #[must_use]
    pub fn path_arguments(&self) -> &[PathArgument] {
        &self.paths
    }

    /// The shell line as it was read, for calls that run one.
    #[must_use]
    pub fn analysis(&self) -> Option<&Analysis> {
        match &self.reading {
            Reading::Shell(analysis) => Some(analysis),
            Reading::Tool { .. } => None,
        }
    }

    pub(crate) fn reading(&self) -> &Reading {
        &self.reading
    }

    pub(crate) fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    pub(crate) fn repositories(&self) -> &[Start] {
        &self.repositories
    }

    /// A plan for a line that was read elsewhere: tests build analyses by hand.
    #[cfg(test)]
    pub(crate) fn of_analysis(analysis: Analysis) -> Self {
        let mut questions = Questions::default();
        ask_for(&mut questions, analysis.commands.iter().flat_map(|command| &command.effects));
        Self {
            questions,
            paths: Vec::new(),
            mentions: Vec::new(),
            repositories: Vec::new(),
            reading: Reading::Shell(analysis),
        }
    }
}

/// Reads a call. `facts` may already hold answers (script texts) that lead to further questions.
#[must_use]
pub fn plan(call: &ToolCall, facts: &Facts) -> Plan {
    let mut questions = Questions::default();
    if tools::runs_shell(&call.tool) {
        let Some(line) = call.text("command") else {
            let unclear = vec![format!("{} was called without a command", call.tool)];
            return Plan {
                questions,
                paths: Vec::new(),
                mentions: Vec::new(),
                repositories: Vec::new(),
                reading: Reading::Tool { effects: Vec::new(), unclear },
            };
        };
        let cwd = call.cwd.to_string_lossy();
        let home = facts.home.as_path().to_string_lossy();
        let mut analysis = analyze(line, &Env { cwd: &cwd, home: &home, files: &facts.files });
        moved::mark(&mut analysis, &cwd, facts);
        ask_for(&mut questions, analysis.commands.iter().flat_map(|command| &command.effects));
        questions.files.extend(analysis.scripts.iter().cloned());
        questions.paths.extend(analysis.scripts.iter().cloned());
        let mentions = mentions(&analysis, &cwd, facts);
        mentions.iter().for_each(|mention| ask_about(&mut questions, &mention.path));
        let repositories = bare::starts(&analysis, &cwd, facts, &mut questions);
        if matches_hidden(&analysis) {
            // What is there does not say what the pattern will match: its name has to decide.
            questions.globs.clear();
        }
        let reading = Reading::Shell(analysis);
        return Plan { questions, paths: Vec::new(), mentions, repositories, reading };
    }
    let described = tools::describe(call, facts);
    ask_for(&mut questions, described.effects.iter());
    questions.paths.extend(described.paths.iter().map(|argument| argument.path.clone()));
    let reading = Reading::Tool { effects: described.effects, unclear: described.unclear };
    Plan { questions, paths: described.paths, mentions: Vec::new(), repositories: Vec::new(), reading }
}

fn ask_for<'a>(questions: &mut Questions, effects: impl Iterator<Item = &'a Effect>) {
    for effect in effects {
        let Some(path) = path_of(effect) else { continue };
        if let (Effect::Delete { .. }, Some(asked)) = (effect, question(path)) {
            questions.recoveries.insert(asked.to_owned());
        }
        ask_about(questions, path);
    }
}

fn ask_about(questions: &mut Questions, path: &PathText) {
    let Some(asked) = question(path) else { return };
    if !questions.paths.contains(asked) {
        questions.paths.insert(asked.to_owned());
    }
    if matches!(path, PathText::Glob { .. }) && !questions.globs.contains(path) {
        questions.globs.insert(path.clone());
    }
}

/// True if the line changes what patterns match (`shopt -s dotglob`).
fn matches_hidden(analysis: &Analysis) -> bool {
    analysis.commands.iter().any(|command| {
        let name = command.words.first().and_then(Word::text).unwrap_or_default();
        let sets = command.assignments.iter().any(|(name, _)| name == "GLOBIGNORE");
        sets || matches!(name, "shopt" | "setopt" | "set" | "emulate")
            && command.words.iter().any(|word| word.prefix().to_ascii_lowercase().contains("glob"))
    })
}
