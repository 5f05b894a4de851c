//! `leashd restart`: stop, if there is something to stop, then start in the background.

use super::{start, stop, talk};
use crate::failure::{Exit, Failure};
use std::path::Path;

pub(crate) fn run() -> Result<Exit, Failure> {
    // What runs is not given up for something that cannot start.
    crate::settings::Settings::from_environment()?;
    stop::stop(&talk::home()?)?;
    start::background(Path::new("."))
}
