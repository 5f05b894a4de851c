//! Puts the layers upon each other: default, `config.yaml`, the project's `.env`, environment. Keeps what every layer said
//! and where, so that it can be explained. Opens no file.

use super::Lookup;
use super::config_file;
use super::place::{Place, mistake};
use super::project_env;
use super::table::{self, ROWS, Reach, Row};
use super::tighten::{self, Weighed};
use super::value::{Raw, Value};
use crate::failure::Failure;
use leashd_types::visible;

/// Where a value comes from; later beats earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Default,
    Config,
    Project,
    Environment,
}

impl Layer {
    pub(crate) const ALL: [Layer; 4] = [Layer::Default, Layer::Config, Layer::Project, Layer::Environment];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Layer::Default => "default",
            Layer::Config => "config.yaml",
            Layer::Project => ".env",
            Layer::Environment => "environment",
        }
    }
}

/// A text and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// Everything settings are read from.
pub(crate) struct Sources<'a> {
    pub(crate) config: Option<Text>,
    pub(crate) project: Option<Text>,
    pub(crate) environment: Lookup<'a>,
}

/// What one layer says.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) layer: Layer,
    pub(crate) place: Option<Place>,
    pub(crate) value: Value,
    /// Why it does not count although no later layer says something.
    pub(crate) refused: Option<String>,
}

/// One setting with all that was said of it, the earliest layer first.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) row: &'static Row,
    pub(crate) given: Vec<Given>,
}

impl Setting {
    /// What counts. `None` if nothing is set and nothing is the default.
    pub(crate) fn won(&self) -> Option<&Given> {
        self.given.iter().rev().find(|given| given.refused.is_none())
    }

    pub(crate) fn of(&self, layer: Layer) -> Option<&Given> {
        self.given.iter().find(|given| given.layer == layer)
    }
}

/// All settings, with what has to be said about them.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    settings: Vec<Setting>,
    pub(crate) warnings: Vec<String>,
}

impl Layers {
    /// # Errors
    /// The first value that cannot be read, with its layer and place.
    pub(crate) fn read(sources: &Sources<'_>) -> Result<Self, Failure> {
        let setting = |row| Ok::<_, Failure>(Setting { row, given: default(row)? });
        let settings = ROWS.iter().map(setting).collect::<Result<_, _>>()?;
        let mut layers = Self { settings, warnings: Vec::new() };
        if let Some(config) = &sources.config {
            layers.config(config)?;
        }
        if let Some(project) = &sources.project {
            layers.project(project)?;
        }
        layers.environment(sources.environment)?;
        Ok(layers)
    }

    pub(crate) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    pub(crate) fn setting(&self, row: &Row) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.row.name == row.name)
    }

    /// The value that counts, by the setting's name.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        let setting = self.settings.iter().find(|setting| setting.row.name == name)?;
        setting.won().map(|given| &given.value)
    }

    fn config(&mut self, config: &Text) -> Result<(), Failure> {
        for entry in config_file::read(&config.file, &config.text)? {
            let value = entry.row.parse(&entry.raw).map_err(|why| {
                let message = format!("{} {why} (`{}` in config.yaml)", entry.row.name, entry.spelled);
                mistake(&entry.place, &config.text, &message)
            })?;
            let refused =
                (!entry.counts).then(|| format!("`{}.enabled` is not true", config_file::AUTONOMOUS));
            // A block that is switched off must not hide what stands elsewhere in the file.
            if entry.counts || self.of(entry.row).is_some_and(|setting| setting.of(Layer::Config).is_none()) {
                self.give(
                    entry.row,
                    Given { layer: Layer::Config, place: Some(entry.place), value, refused },
                );
            }
        }
        Ok(())
    }

    fn project(&mut self, project: &Text) -> Result<(), Failure> {
        for line in project_env::read(&project.file, &project.text)? {
            let value = line.row.parse(&line.raw).map_err(|why| {
                mistake(
                    &line.place,
                    &project.text,
                    &format!("{} {why} (in the project's .env)", line.row.name),
                )
            })?;
            let stands = self.of(line.row).and_then(|setting| {
                let before = |given: &&Given| given.layer < Layer::Project && given.refused.is_none();
                setting.given.iter().rev().find(before).map(|given| given.value.clone())
            });
            let (value, refused) = match tighten::weigh(line.row, stands.as_ref(), &value) {
                Weighed::Holds(value) => (value, None),
                Weighed::Refused(why) => (value, Some(why)),
            };
            if let Some(why) = &refused {
                let stays = stands.map_or_else(|| line.row.unset.to_owned(), |value| line.row.shown(&value));
                self.warnings.push(format!(
                    "{}: {} does not count: {why}; {} stays",
                    line.place,
                    line.row.name,
                    visible(&stays)
                ));
            }
            self.give(line.row, Given { layer: Layer::Project, place: Some(line.place), value, refused });
        }
        Ok(())
    }

    fn environment(&mut self, lookup: Lookup<'_>) -> Result<(), Failure> {
        for row in ROWS {
            let Some(text) = lookup(row.name).filter(|text| !text.is_empty()) else { continue };
            let text = text.into_string().map_err(|_| {
                Failure::usage(format!("{} is not valid UTF-8", row.name)).hint("set it to plain text")
            })?;
            let value = row.parse(&Raw::text(&text)).map_err(|why| {
                Failure::usage(visible(&format!("{} {why} (in the environment)", row.name)))
            })?;
            self.give(row, Given { layer: Layer::Environment, place: None, value, refused: None });
        }
        Ok(())
    }

    fn of(&self, row: &Row) -> Option<&Setting> {
        self.setting(row)
    }

    /// A layer has one say: the last.
    fn give(&mut self, row: &Row, given: Given) {
        if let Some(setting) = self.settings.iter_mut().find(|setting| setting.row.name == row.name) {
            setting.given.retain(|before| before.layer != given.layer);
            setting.given.push(given);
        }
    }
}

fn default(row: &Row) -> Result<Vec<Given>, Failure> {
    if row.default.is_empty() {
        return Ok(Vec::new());
    }
    let value = row
        .parse(&Raw::text(row.default))
        .map_err(|why| Failure::failed(format!("the default of {} {why}", row.name)))?;
    Ok(vec![Given { layer: Layer::Default, place: None, value, refused: None }])
}

/// Variables that look like settings and are none: somebody misspelt one.
pub(crate) fn misspelt(names: impl Iterator<Item = String>) -> Vec<String> {
    names
        .filter(|name| name.starts_with(table::PREFIX) && table::find(name).is_none())
        .filter_map(|name| {
            let near = config_file::nearest(&name)?;
            Some(format!("{} is no setting; did you mean {near}?", visible(&name)))
        })
        .collect()
}

/// Whether a setting may be made in a file at all.
pub(crate) fn is_for_files(row: &Row) -> bool {
    row.reach == Reach::Everywhere
}
