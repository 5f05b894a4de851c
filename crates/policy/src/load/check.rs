//! From the shape of a file to rules with a meaning: actions, classes of effects, places, patterns.

use super::report::{LoadError, at, nearest};
use super::schema::{RawFile, RawRule, Texts};
use super::{MAX_RULES, Source, patterns};
use crate::class::{Class, Classes};
use crate::pattern::Pattern;
use crate::rules::Loaded;
use crate::rules::Spot;
use crate::rules::{Example, Places, Rule, ToolPattern};
use leashd_types::{Band, Decision, RuleRef, visible};
use serde_saphyr::Spanned;

const ACTIONS: [(&str, Decision); 3] =
    [("allow", Decision::Allow), ("require_approval", Decision::Ask), ("deny", Decision::Deny)];
const BANDS: [(&str, Band); 4] =
    [("low", Band::Low), ("medium", Band::Medium), ("high", Band::High), ("critical", Band::Critical)];
/// The action of a rule that loaded; what is no action denies.
pub(crate) fn action(word: &str) -> Decision {
    ACTIONS.iter().find(|(name, _)| *name == word).map_or(Decision::Deny, |(_, decision)| *decision)
}

/// Longest approval window: one day.
const MAX_TIMEOUT_SECONDS: i64 = 86_400;

/// Where a file is being checked: builds errors.
struct Checker<'a> {
    source: &'a Source<'a>,
}

pub(super) fn file(source: &Source<'_>, raw: RawFile) -> Result<Loaded, LoadError> {
    let checker = Checker { source };
    let raw_rules = raw.rules.unwrap_or_default();
    if let Some(extra) = raw_rules.get(MAX_RULES) {
        let hint = "split the file, or let one rule hold a list of commands".to_owned();
        return Err(checker.error(spot(extra), format!("more than {MAX_RULES} rules"), hint));
    }
    let rules = raw_rules.into_iter().map(|rule| checker.rule(rule)).collect::<Result<_, _>>()?;
    let mut loaded = Loaded { rules, default_action: None, approval_timeout_seconds: None };
    if let Some(settings) = raw.settings {
        loaded.default_action = settings
            .default_action
            .as_ref()
            .map(|text| checker.one_of(text, &ACTIONS, "action"))
            .transpose()?;
        loaded.approval_timeout_seconds =
            settings.approval_timeout_seconds.as_ref().map(|number| checker.timeout(number)).transpose()?;
    }
    Ok(loaded)
}

impl Checker<'_> {
    fn error(&self, spot: Spot, message: String, hint: String) -> LoadError {
        at(self.source.name, self.source.text, spot, message, Some(hint))
    }

    fn rule(&self, raw: Spanned<RawRule>) -> Result<Rule, LoadError> {
        let place = spot(&raw);
        let raw = raw.value;
        let mut tools = texts(raw.tool);
        tools.extend(texts(raw.tools));
        let rule = Rule {
            reference: RuleRef { name: plain(&raw.name), source: plain(self.source.name), line: place.line },
            tools: tools.iter().map(|tool| ToolPattern::new(&tool.value)).collect(),
            command_patterns: self.patterns(raw.command_patterns, place)?,
            path_patterns: self.patterns(raw.path_patterns, place)?,
            commands: self.commands(raw.commands, place)?,
            flags: texts(raw.flags).into_iter().map(|flag| flag.value).collect(),
            effects: self.effects(raw.effects, place)?,
            places: self.places(raw.places, place)?,
            hosts: texts(raw.hosts).into_iter().map(|host| host.value.to_ascii_lowercase()).collect(),
            action: self.one_of(&raw.action, &ACTIONS, "action")?,
            reason: raw.reason.or(raw.description).as_deref().map(plain),
            risk: raw.risk_level.as_ref().map(|text| self.one_of(text, &BANDS, "risk level")).transpose()?,
            matches: examples(raw.matches, place),
            misses: examples(raw.misses, place),
        };
        self.makes_sense(&rule, place)?;
        Ok(rule)
    }

    /// A rule that could never match is a mistake nobody would see.
    fn makes_sense(&self, rule: &Rule, place: Spot) -> Result<(), LoadError> {
        if rule.tools.is_empty() && !rule.reads_effects() && rule.commands.is_empty() {
            return Err(self.error(
                place,
                format!("the rule `{}` names no tool and would never match", rule.reference.name),
                "add `tool: Bash`, `tools: [Read, Write]`, or say what it is about with `commands` or `effects`"
                    .to_owned(),
            ));
        }
        if !rule.flags.is_empty() && rule.commands.is_empty() && rule.command_patterns.is_empty() {
            return Err(self.error(
                place,
                format!("the rule `{}` has `flags` of no command", rule.reference.name),
                "add `commands: [\"git push\"]`".to_owned(),
            ));
        }
        if rule.reads_commands() && !rule.is_for_tool("Bash") {
            return Err(self.error(
                place,
                format!("the rule `{}` reads commands, but is not for the tool Bash", rule.reference.name),
                "only Bash runs commands: add `Bash` to its tools".to_owned(),
            ));
        }
        Ok(())
    }

    fn patterns(&self, raw: Option<Texts>, rule: Spot) -> Result<Vec<Pattern>, LoadError> {
        texts(raw)
            .into_iter()
            .map(|text| match patterns::check(&text.value) {
                Ok(()) => Ok(Pattern::new(text.value)),
                Err(wrong) => Err(self.error(spot_in(&text, rule), wrong.message, wrong.hint)),
            })
            .collect()
    }

    fn commands(&self, raw: Option<Texts>, rule: Spot) -> Result<Vec<Vec<String>>, LoadError> {
        texts(raw)
            .into_iter()
            .map(|text| {
                let words: Vec<String> = text.value.split_whitespace().map(str::to_owned).collect();
                match words.first() {
                    Some(program) if !program.contains('/') => Ok(words),
                    Some(_) => Err(self.error(
                        spot_in(&text, rule),
                        "a command starts with the program's name, without a directory".to_owned(),
                        "write `git push`, not `/usr/bin/git push`: every spelling of the program is meant"
                            .to_owned(),
                    )),
                    None => Err(self.error(
                        spot_in(&text, rule),
                        "an empty command".to_owned(),
                        "write the program and the words that follow it".to_owned(),
                    )),
                }
            })
            .collect()
    }

    fn effects(&self, raw: Option<Texts>, rule: Spot) -> Result<Classes, LoadError> {
        if raw.as_ref().is_some_and(|texts| texts.0.is_empty()) {
            let hint = "leave `effects` out if any effect is meant".to_owned();
            return Err(self.error(rule, "`effects` is empty".to_owned(), hint));
        }
        texts(raw).into_iter().try_fold(Classes::EMPTY, |all, text| match Class::named(&text.value) {
            Some(class) => Ok(all.with(class)),
            None => {
                let names = || Class::ALL.iter().map(|class| class.name());
                Err(self.unknown(&text, rule, "effect", &names().collect::<Vec<_>>()))
            }
        })
    }

    fn places(&self, raw: Option<Texts>, rule: Spot) -> Result<Places, LoadError> {
        texts(raw).into_iter().try_fold(Places::default(), |all, text| {
            match Places::NAMES.iter().find(|(name, _)| *name == text.value) {
                Some((_, place)) => Ok(all.and(*place)),
                None => Err(self.unknown(&text, rule, "place", &Places::NAMES.map(|(name, _)| name))),
            }
        })
    }

    fn one_of<T: Copy>(
        &self,
        text: &Spanned<String>,
        known: &[(&str, T)],
        what: &str,
    ) -> Result<T, LoadError> {
        match known.iter().find(|(name, _)| *name == text.value) {
            Some((_, value)) => Ok(*value),
            None => {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                Err(self.unknown(text, Spot::default(), what, &names))
            }
        }
    }

    fn timeout(&self, number: &Spanned<i64>) -> Result<u32, LoadError> {
        let wrong = || {
            self.error(
                spot(number),
                format!("`approval_timeout_seconds` is {}", number.value),
                format!("give a number of seconds from 1 to {MAX_TIMEOUT_SECONDS}"),
            )
        };
        match u32::try_from(number.value) {
            Ok(seconds) if seconds >= 1 && number.value <= MAX_TIMEOUT_SECONDS => Ok(seconds),
            _ => Err(wrong()),
        }
    }

    fn unknown(&self, text: &Spanned<String>, rule: Spot, what: &str, known: &[&str]) -> LoadError {
        let hint = match nearest(&text.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        self.error(spot_in(text, rule), format!("unknown {what} `{}`", text.value), hint)
    }
}

/// Shown to people, and perhaps not theirs: one line with nothing hidden in it.
fn plain(text: &str) -> String {
    let lines: Vec<&str> = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    visible(&lines.join(" "))
}

fn texts(raw: Option<Texts>) -> Vec<Spanned<String>> {
    raw.map(|texts| texts.0).unwrap_or_default()
}

fn examples(raw: Option<Texts>, rule: Spot) -> Vec<Example> {
    texts(raw).into_iter().map(|text| Example { spot: spot_in(&text, rule), text: text.value }).collect()
}

fn spot<T>(value: &Spanned<T>) -> Spot {
    Spot::of(value.referenced)
}

/// A single text has no place of its own: it borrows that of its rule.
fn spot_in(text: &Spanned<String>, rule: Spot) -> Spot {
    let own = spot(text);
    if own.line == 0 { rule } else { own }
}
