//! Variables that later programs heed, however they are set: by an assignment, a loop, `read`, `env`, `make NAME=…`.

use super::simple::Call;
use super::state::Variable;
use super::{Walker, origin};
use crate::knowledge::{self, Meaning, Place};
use crate::paths::base_name;
use crate::syntax::{Span, Writing};
use crate::word::{Part, Word};
use leashd_types::Effect;

impl Walker<'_> {
    /// Sets a variable in another way than by an assignment.
    pub(crate) fn bind(&mut self, name: &str, value: Word) {
        let name = self.referred(name).to_owned();
        let value = self.assign(&name, value, Writing::Replace);
        self.steer(&name, &value);
    }

    /// As `bind`, for a whole variable.
    pub(super) fn bind_variable(&mut self, name: &str, variable: Variable) {
        let name = self.referred(name).to_owned();
        self.steer(&name, &variable.value);
        self.set_variable(&name, variable);
    }

    /// Keeps what setting a variable does for the next command that is found.
    pub(super) fn steer(&mut self, name: &str, value: &Word) {
        let mut effects = Vec::new();
        let span = self.span.unwrap_or((0, 0));
        self.set_effects(name, value, &mut effects, span);
        self.steered.append(&mut effects);
    }

    /// What setting a variable does beyond itself.
    pub(super) fn set_effects(&mut self, name: &str, value: &Word, effects: &mut Vec<Effect>, span: Span) {
        let place = Place { project: self.env.cwd, directory: self.shell.directory.only() };
        let meaning = knowledge::meaning(name, value, place);
        let unchanged = matches!(value.parts(), [Part::Unknown(why)] if *why == origin::environment(name));
        if meaning == Meaning::Plain || unchanged {
            return;
        }
        if meaning == Meaning::Changing && matches!(name, "BASH_ENV" | "ENV") {
            self.hidden_code(value.text().unwrap_or(""), name);
        }
        if meaning == Meaning::Prompt {
            let text = value.text().unwrap_or("").to_owned();
            if !text.contains('$') && !text.contains('`') && value.text().is_some() {
                return;
            }
            self.hidden_code(&text, name);
        }
        effects.push(Effect::Environment { name: name.to_owned() });
        if meaning == Meaning::Command {
            // `LESSOPEN=|COMMAND`
            let piped = value
                .text()
                .filter(|_| name.starts_with("LESS"))
                .map(|text| text.trim_start_matches(['|', '-']));
            let code = piped.map_or_else(|| value.clone(), Word::literal);
            self.run_code(&code, name, span);
        }
    }

    /// `env NAME=value COMMAND`, `sudo NAME=value COMMAND`: the variables the command finds.
    pub(super) fn handed_on(&mut self, call: &Call, inner: &[Word]) {
        if !call.name().map(base_name).is_some_and(|name| matches!(name, "env" | "sudo" | "doas")) {
            return;
        }
        let before = call.arguments().len().saturating_sub(inner.len());
        for word in call.arguments().get(..before).unwrap_or(&[]) {
            let function = word
                .text()
                .and_then(|text| text.strip_prefix("BASH_FUNC_"))
                .and_then(|text| text.split_once('='));
            if let Some((name, body)) = function {
                self.steered.push(Effect::Environment { name: format!("BASH_FUNC_{name}") });
                let text = format!("exported {body}\nexported");
                self.branch(|walker| walker.subshell(|walker| walker.nested_text(&text, "env", call.span)));
            }
        }
        for (name, value) in pairs(call.arguments().get(..before).unwrap_or(&[])) {
            self.steer(&name, &value);
            let mut variable = Variable::scalar(value);
            variable.attributes.exported = true;
            self.set_variable(&name, variable);
        }
    }

    /// `make CC=/tmp/x`: as if the variable were set before.
    pub(super) fn set_for_make(&mut self, call: &Call) {
        for (name, value) in pairs(call.arguments()) {
            self.steer(&name, &value);
        }
    }
}

/// The words that are `NAME=value`.
fn pairs(words: &[Word]) -> Vec<(String, Word)> {
    let pair = |word: &Word| {
        let (name, _) = word.prefix().split_once('=').filter(|(name, _)| crate::expand::is_name(name))?;
        Some((name.to_owned(), super::declare::after_equals(word, name.len() + 1)))
    };
    words.iter().filter_map(pair).collect()
}
