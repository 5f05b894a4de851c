//! `leashd service`: leashd starts with the system, or no longer does.

use super::talk::{self, print};
use crate::cli::{ServiceArgs, ServiceCommand};
use crate::daemon::unit::{self, Kind, Removed, Unit};
use crate::failure::{Exit, Failure};
use std::path::PathBuf;

pub(crate) fn run(args: &ServiceArgs) -> Result<Exit, Failure> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user_home = variable("HOME")
        .ok_or_else(|| Failure::usage("HOME is not set").hint("set HOME to your home directory"))?;
    let home = talk::home()?;
    let unit = Unit {
        kind: Kind::of_this_system(),
        program: std::env::current_exe()?,
        home: (home != user_home.join(".leashd")).then_some(home),
        path: std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned()),
        user_home,
    };
    let place = unit.place(variable("XDG_CONFIG_HOME").as_deref());
    match &args.command {
        ServiceCommand::Install { print: true } => print(unit.text()?.trim_end())?,
        ServiceCommand::Install { print: false } => {
            unit::install(&place, &unit.text()?)?;
            eprintln!("wrote {}; enable it with", place.display());
            print(&unit.enable(&place))?;
            eprintln!(
                "credentials of the agent (ANTHROPIC_API_KEY and others) are not in it: leashd reads its settings"
            );
        }
        ServiceCommand::Uninstall => match unit::uninstall(&place)? {
            Removed::Yes => {
                eprintln!("removed {}; if it still runs, end it with", place.display());
                print(&unit.disable(&place))?;
            }
            Removed::NothingThere => eprintln!("there is no {}", place.display()),
        },
    }
    Ok(Exit::Done)
}
