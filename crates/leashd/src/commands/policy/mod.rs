//! `leashd policy …`: what the judge would say, and why, without running anything.

mod check;
mod judging;

use crate::cli::{PolicyArgs, PolicyCommand};
use crate::failure::{Exit, Failure};

pub(crate) fn run(args: &PolicyArgs) -> Result<Exit, Failure> {
    match &args.command {
        PolicyCommand::Check(args) => check::check(args),
        PolicyCommand::Explain(args) => check::explain(args),
    }
}
