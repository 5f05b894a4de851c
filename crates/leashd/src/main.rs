//! The `leashd` program: reads the command line and wires the parts together. It decides nothing.

mod boot;
mod claude;
mod cli;
mod clock;
mod commands;
mod failure;
mod hook;
mod policies;
mod run_loop;
mod self_check;
mod settings;
mod world;

use clap::Parser;
use cli::{Cli, Command};
use failure::{Exit, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: this process may have been started as an agent's supervisor.
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(first) if first == leashd_sandbox::SUPERVISE => {
            let status = leashd_sandbox::supervise_main(args);
            return ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX));
        }
        // On every tool call of somebody's session: no command line to build, no runtime.
        Some(first) if first == "hook" => {
            if let Some(order) = hook::order(&args.collect::<Vec<_>>()) {
                return hook::main(&order);
            }
        }
        Some(_) | None => {}
    }
    match run(Cli::parse().command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit.into()
        }
    }
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Exec(args) => commands::exec::run(args),
        Command::Start(args) => commands::start::run(args),
        Command::Policy(args) => commands::policy::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Trust(args) => commands::trust::run(&args),
        Command::Hook(args) => commands::hook::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
    }
}
