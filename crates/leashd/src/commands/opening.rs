//! Opening a session of the daemon as the command line says, over whatever desk there is.

use super::answer;
use crate::boot;
use crate::cli::SessionArgs;
use crate::failure::{Exit, Failure};
use leashd_connectors::{Desk, Person};
use leashd_types::{Attended, Command, Form, OpenSession, SessionId};
use std::path::Path;

/// What is wrong with the command line is found here.
pub(super) fn order(
    args: &SessionArgs,
    session: &SessionId,
    attended: Attended,
) -> Result<OpenSession, Failure> {
    Ok(OpenSession {
        session: Some(session.clone()),
        directory: Some(boot::real_directory(&args.dir)?),
        model: args.model.clone(),
        policy: args.policy.iter().map(|name| from_here(name)).collect(),
        resume: args.resume.is_some().then(|| session.clone()),
        attended,
        ..OpenSession::default()
    })
}

/// Returns when the session is there; its agent starts with the first message.
pub(super) async fn open(desk: &Desk, person: &Person, order: OpenSession) -> Result<(), Failure> {
    match desk.send(person, Form::Command, Command::Open { order }).await.await {
        Ok(receipt) => answer::receipt(&receipt).map(drop),
        Err(_) => Err(Failure::new(Exit::Agent, "the daemon has ended")),
    }
}

/// The daemon stands in another directory: a file is named from the root on, a built-in policy by its name.
fn from_here(policy: &str) -> String {
    match Path::new(policy).canonicalize() {
        Ok(path) if path.is_file() => path.display().to_string(),
        Ok(_) | Err(_) => policy.to_owned(),
    }
}
