//! `leashd git`: what `git` does elsewhere, in a repository nobody has to trust.

use crate::boot;
use crate::cli::{GitArgs, GitSubcommand};
use crate::clock;
use crate::commands::out::out;
use crate::failure::{Exit, Failure};
use crate::git::Git;
use crate::settings::Settings;
use leashd_gate::{AuditLog, Durability, Gate, Secrets};
use leashd_sandbox::PrivateDir;
use leashd_types::{GitBranch, GitChanges, GitEnd, visible};
use std::io::Write;
use std::sync::Arc;

pub(crate) fn run(args: &GitArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    let audit = AuditLog::open(&settings.audit_log, Durability::default(), Secrets::default())
        .map_err(Failure::failed)?;
    let git = Git::new(settings, Arc::new(Gate::new(audit, clock::now)), boot::user());
    let dir = &args.dir;
    let said = boot::with_runtime(async {
        match &args.command {
            GitSubcommand::Status => git.status(dir).await,
            GitSubcommand::Diff { staged } => {
                git.diff(dir, if *staged { GitChanges::Staged } else { GitChanges::All }, &[]).await
            }
            GitSubcommand::Log { count } => git.log(dir, *count).await,
            GitSubcommand::Branches => git.branches(dir).await,
            GitSubcommand::Checkout { branch, new } => {
                git.checkout(dir, branch, if *new { GitBranch::New } else { GitBranch::Existing }).await
            }
            GitSubcommand::Add { paths } => git.add(dir, paths).await,
            GitSubcommand::Commit { message } => git.commit(dir, message).await,
            GitSubcommand::Merge { branch } => git.merge(dir, branch).await,
            GitSubcommand::Push { remote, branch } => git.push(dir, remote, branch, None).await,
            GitSubcommand::Pull { remote, branch } => git.pull(dir, remote, branch).await,
        }
    })??;
    let mut out = out();
    // A commit may be named by anybody: nothing in it reaches the terminal as a command.
    for line in said.text.lines() {
        writeln!(out, "{}", line.split('\t').map(visible).collect::<Vec<_>>().join("\t"))?;
    }
    if said.cut > 0 {
        writeln!(out, "… and {} more bytes", said.cut)?;
    }
    Ok(match said.end {
        GitEnd::Done => Exit::Done,
        GitEnd::Refused | GitEnd::Conflict => Exit::Failed,
    })
}
