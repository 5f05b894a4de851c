//! `leashd` alone: the sensible next step, and nothing done.

use super::talk::{self, print};
use crate::daemon::lock::Held;
use crate::failure::{Exit, Failure};

pub(crate) fn run() -> Result<Exit, Failure> {
    let home = talk::home()?;
    if !home.exists() {
        print("leashd is not set up yet. Next: leashd init")?;
        eprintln!("leashd demo shows what it does; leashd --help lists everything");
        return Ok(Exit::Done);
    }
    match Held::look(&home)? {
        Held::Nobody => {
            print("leashd is not running. Next: leashd start")?;
            eprintln!("leashd exec \"…\" runs one prompt without it; leashd --help lists everything");
        }
        Held::By(holder) => {
            print(&format!(
                "leashd {} runs as pid {}. Next: leashd exec \"…\"",
                holder.version, holder.life.pid
            ))?;
            eprintln!("leashd status shows what it does; leashd inbox what it asks");
        }
        Held::ByUnknown => print("leashd is starting")?,
    }
    Ok(Exit::Done)
}
