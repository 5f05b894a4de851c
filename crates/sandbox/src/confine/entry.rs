//! The binary as launcher of an agent: enters a profile from a file, starts the agent, waits for its end. Stands between
//! the supervisor and the agent. Knows no agent.

use super::{Command, Error, Kernel, Level, WITHOUT, Wish, start};
use crate::profile::Profile;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// The first argument that makes the binary the launcher of an agent: then come the file with the profile, the wish
/// (`best`, `landlock`, `namespaces`), the program and its arguments. `main` must look for it before it starts any
/// thread.
pub const CONFINE: &str = "__confine";

/// Bytes of a profile.
const PROFILE_LIMIT: u64 = 1024 * 1024;
/// Exit status when nothing was run: containment failed.
const NOT_CONTAINED: i32 = 6;

impl Wish {
    /// As [`CONFINE`] takes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Wish::Best => "best",
            Wish::Exactly(Level::Landlock) => "landlock",
            Wish::Exactly(Level::Namespaces) => "namespaces",
        }
    }

    fn parse(text: &OsStr) -> Option<Self> {
        [Wish::Best, Wish::Exactly(Level::Landlock), Wish::Exactly(Level::Namespaces)]
            .into_iter()
            .find(|wish| text == wish.as_str())
    }
}

/// The launcher itself: what `main` returns when the first argument is [`CONFINE`]. `args` are those after it. The
/// agent gets this process's environment, streams and working directory.
pub fn confine_main(args: impl IntoIterator<Item = OsString>) -> i32 {
    match launch(args) {
        Ok(status) => status,
        Err(why) => {
            let _nobody_reads = writeln!(io::stderr(), "leashd: {why}; nothing was run");
            NOT_CONTAINED
        }
    }
}

fn launch(args: impl IntoIterator<Item = OsString>) -> Result<i32, String> {
    let mut args = args.into_iter();
    let profile = args.next().ok_or("the launcher takes a profile, a wish and a program")?;
    let wish = args.next().and_then(|wish| Wish::parse(&wish)).ok_or("the wish is not known")?;
    let program = args.next().ok_or("the launcher takes a program")?;
    let profile =
        read(Path::new(&profile)).map_err(|error| format!("the profile cannot be read: {error}"))?;
    let command = Command {
        program,
        args: args.collect(),
        environment: std::env::vars_os().collect(),
        directory: std::env::current_dir().map_err(|error| format!("the working directory: {error}"))?,
    };
    let kernel = Kernel::detect(std::env::var_os(WITHOUT).as_deref());
    let ended = start(&profile, &kernel, wish, &command).and_then(super::Running::wait);
    ended.map(super::Ended::status).map_err(|error: Error| error.to_string())
}

fn read(path: &Path) -> io::Result<Profile> {
    let mut text = Vec::new();
    File::open(path)?.take(PROFILE_LIMIT).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
