//! Reads policy files: YAML in, checked rules out, or an error that shows file, line, caret and what to do.
//!
//! Texts come in; this module opens no file. A file that is not understood to the last key does not load.

mod check;
mod examples;
mod patterns;
mod report;
mod schema;

pub(crate) use check::action;
pub use report::{LoadError, Place};

use crate::builtin;
use crate::rules::{Layer, LayerRules, Loaded, Rule, Rules};
use leashd_types::Digest;
pub(crate) use schema::{RawFile, RawRule, RawSettings, Texts};

/// Largest policy file, in bytes.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Most rules of one file.
pub const MAX_RULES: usize = 100_000;

/// One policy text and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub layer: Layer,
    /// What people see: a path, or the name of a built-in policy.
    pub name: &'a str,
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// A file of the person or of the team's configuration.
    #[must_use]
    pub fn user(name: &'a str, text: &'a str) -> Self {
        Self { layer: Layer::User, name, text }
    }

    /// A file that travels with a repository: it can only make verdicts stricter.
    #[must_use]
    pub fn project(name: &'a str, text: &'a str) -> Self {
        Self { layer: Layer::Project, name, text }
    }
}

impl Source<'static> {
    /// A policy that ships with leashd, by its short name (`default`, `default.yaml`).
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        let (name, text) = builtin::find(name)?;
        Some(Self { layer: Layer::Builtin, name, text })
    }
}

impl Rules {
    /// Loads and checks all files. Within a layer the order given is the order of judgement; the settings of the
    /// last file win. A file of the project can only make them stricter.
    ///
    /// # Errors
    /// The first mistake of the first wrong file, with its place.
    pub fn load(sources: &[Source<'_>]) -> Result<Self, LoadError> {
        let mut rules = Rules::empty();
        let mut parts: Vec<Vec<u8>> = Vec::with_capacity(sources.len());
        for source in sources {
            let loaded = load_one(source)?;
            rules.adopt(source.layer, loaded);
            parts.push(format!("{:?}\0{}\0{}", source.layer, source.name, source.text).into_bytes());
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let digest = Digest::of_parts(&parts);
        let generation =
            digest.as_bytes().iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        rules.set_generation(generation);
        Ok(rules)
    }
}

/// One file in its own words, after it was found to load.
///
/// # Errors
/// What keeps the file from loading.
pub(crate) fn as_written(source: &Source<'_>) -> Result<RawFile, LoadError> {
    load_one(source)?;
    schema::parse(source.name, source.text)
}

fn load_one(source: &Source<'_>) -> Result<Loaded, LoadError> {
    if source.text.len() > MAX_BYTES {
        return Err(LoadError::TooLarge {
            file: source.name.to_owned(),
            bytes: source.text.len(),
            limit: MAX_BYTES,
        });
    }
    if source.layer == Layer::Builtin {
        // Read when leashd was built, without its examples, which a test checks.
        let ready = builtin::ready(source.name).and_then(schema::ready);
        let raw = ready.map_or_else(|| schema::parse(source.name, source.text), Ok)?;
        return check::file(source, raw);
    }
    let loaded = check::file(source, schema::parse(source.name, source.text)?)?;
    for rule in &loaded.rules {
        examples::check(source, rule)?;
    }
    Ok(loaded)
}

/// Checks the examples of one text whatever its layer. For the test of the built-in policies and for `policy lint`.
///
/// # Errors
/// The first example that does not hold, with its place.
pub fn check_examples(source: &Source<'_>) -> Result<(), LoadError> {
    let raw: RawFile = schema::parse(source.name, source.text)?;
    let loaded = check::file(source, raw)?;
    loaded.rules.iter().try_for_each(|rule| examples::check(source, rule))
}

impl LayerRules {
    pub(crate) fn extend(&mut self, rules: Vec<Rule>) {
        self.rules.extend(rules);
    }
}

#[cfg(test)]
mod tests;
