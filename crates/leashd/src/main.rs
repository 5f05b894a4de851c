//! The `leashd` program: reads the command line and wires the parts together. It decides nothing.

#![deny(clippy::print_stdout, reason = "it panics where nobody reads; `say!` does not")]

/// `println!` for a function that may fail.
macro_rules! say {
    ($($words:tt)*) => { $crate::commands::out::say(format_args!($($words)*))? };
}

mod boot;
mod calls;
mod claude;
mod cli;
mod clock;
mod commands;
mod containment;
mod daemon;
mod directories;
mod failure;
mod git;
mod hook;
mod keeper;
mod links;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "new levels, figures, status and listeners are for the daemon")
)]
mod observe;
mod opinion;
mod outfitter;
mod plain_file;
mod policies;
mod run_loop;
mod self_check;
mod session_directory;
mod settings;
mod watch;
mod world;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(status) = special() {
        return status;
    }
    match run(Cli::parse().command) {
        Ok(exit) => exit,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit.into()
        }
    }
}

/// Before anything else: this process may have been started as something other than the command line. None of these
/// may find a thread, and some of them start with every shell command.
fn special() -> Option<ExitCode> {
    let exit = |status: i32| Some(ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX)));
    let mut args = std::env::args_os();
    let name = args.next()?;
    if leashd_sandbox::is_shell_launcher(&name) {
        return exit(leashd_sandbox::shell_launcher_main(&name, args));
    }
    let first = args.next()?;
    if first == leashd_sandbox::SUPERVISE {
        return exit(leashd_sandbox::supervise_main(args));
    }
    if first == leashd_sandbox::confine::CONFINE {
        return exit(leashd_sandbox::confine::confine_main(args));
    }
    #[cfg(target_os = "linux")]
    if first == leashd_sandbox::proof::PROBE {
        return exit(leashd_sandbox::proof::probe_main(args));
    }
    if first == daemon::DAEMON {
        return Some(daemon::main());
    }
    // On every tool call of somebody's session: no command line to build, no runtime.
    if first == "hook" {
        return hook::order(&args.collect::<Vec<_>>()).map(|order| hook::main(&order));
    }
    None
}

fn run(command: Option<Command>) -> Result<ExitCode, Failure> {
    let Some(command) = command else { return commands::next_step::run().map(Into::into) };
    let exit = match command {
        Command::Init(args) => commands::init::run(args),
        Command::Config(args) => commands::config::run(args),
        Command::AddDir(args) => commands::dirs::add(&args),
        Command::RemoveDir(args) => commands::dirs::remove(&args),
        Command::Dirs(args) => commands::dirs::list(&args),
        Command::Autonomous(args) => commands::autonomous::run(args),
        Command::Ws(args) => commands::workspace::run(args),
        Command::Telegram(args) => commands::telegram::run(args),
        Command::Clean(args) => commands::clean::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Exec(args) => commands::exec::run(args),
        Command::Start(args) => commands::start::run(args),
        Command::Stop => commands::stop::run(),
        Command::Restart => commands::restart::run(),
        Command::Reload => commands::reload::run(),
        Command::Status(args) => commands::status::run(&args),
        Command::Inbox(args) => commands::inbox::run(&args),
        Command::Approve(args) => commands::answer::approve(&args),
        Command::Deny(args) => commands::answer::deny(&args),
        Command::Answer(args) => commands::answer::answer(&args),
        Command::Grants(args) => commands::grants::run(&args),
        Command::Sessions(args) => commands::session::run(&args),
        Command::Events(args) => commands::events::run(&args),
        Command::Logs(args) => commands::logs::run(&args),
        Command::Service(args) => commands::boot_with_system::run(&args),
        Command::Version(args) => commands::version::run(&args),
        Command::Completion(args) => commands::completion::completion(&args),
        Command::Man(args) => commands::completion::man(&args),
        Command::Policy(args) => commands::policy::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Trust(args) => commands::trust::run(&args),
        Command::Git(args) => commands::git::run(&args),
        Command::Hook(args) => commands::hook::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        // Its exit status is the command's own.
        Command::Sandbox(args) => return commands::sandbox::run(&args),
    };
    exit.map(Into::into)
}
