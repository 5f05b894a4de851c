//! `leashd completion SHELL` and `leashd man`: made from the command line itself, so that they cannot fall behind it.

use crate::cli::{Cli, CompletionArgs, ManArgs};
use crate::commands::out::out;
use crate::failure::{Exit, Failure};
use clap::CommandFactory;
use std::io::Write;

pub(crate) fn completion(args: &CompletionArgs) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "leashd", &mut text);
    out().write_all(&text)?;
    Ok(Exit::Done)
}

pub(crate) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    match &args.output {
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            out().write_all(&text)?;
        }
        Some(directory) => {
            std::fs::create_dir_all(directory)?;
            clap_mangen::generate_to(Cli::command(), directory)
                .map_err(|error| Failure::failed(format!("{}: {error}", directory.display())))?;
        }
    }
    Ok(Exit::Done)
}
