//! Opening a session of the daemon as the command line says, over whatever desk there is.

use super::answer;
use crate::cli::SessionArgs;
use crate::directories;
use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings;
use leashd_connectors::{Desk, Person};
use leashd_types::{Attended, Command, Form, OpenSession, Receipt, Refusal, SessionId};
use std::path::PathBuf;

/// Where a session works.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    named: Named,
}

/// Whether somebody said where.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    /// It is where the command was given.
    No,
}

/// Fails if there is no such workspace, or nothing of it is there.
pub(super) fn place(args: &SessionArgs) -> Result<Place, Failure> {
    let place = |directory: &PathBuf, named| Place { directory: directory.clone(), named };
    let (Some(name), None) = (&args.workspace, &args.dir) else {
        let directory = args.dir.as_ref();
        return Ok(directory.map_or_else(|| place(&".".into(), Named::No), |it| place(it, Named::Yes)));
    };
    let workspaces = settings::load(None)?.workspaces;
    let workspace = workspaces.find(name).ok_or_else(|| workspaces.none_called(name))?;
    let first = workspace.directories.iter().find(|directory| directory.is_dir());
    first.map(|first| place(first, Named::Yes)).ok_or_else(|| {
        Failure::failed(format!("no directory of the workspace {name} is there"))
            .hint(format!("`leashd ws show {name}` lists them"))
    })
}

/// What is wrong with the command line is found here.
pub(super) fn order(
    args: &SessionArgs,
    place: &Place,
    session: &SessionId,
    attended: Attended,
) -> Result<OpenSession, Failure> {
    // A session that is kept goes on where it was.
    let stays = args.resume.is_some() && place.named == Named::No;
    let directory = directories::real_directory(&place.directory)?;
    Ok(OpenSession {
        session: Some(session.clone()),
        directory: (!stays).then_some(directory),
        workspace: args.workspace.clone(),
        model: args.model.clone(),
        policy: args.policy.iter().map(|name| policies::meant(name)).collect(),
        resume: args.resume.is_some().then(|| session.clone()),
        attended,
        ..OpenSession::default()
    })
}

/// Returns when the session is there; its agent starts with the first message. One that nobody kept goes on here.
pub(super) async fn open(
    desk: &Desk,
    person: &Person,
    mut order: OpenSession,
    place: &Place,
) -> Result<(), Failure> {
    let mut receipt = send(desk, person, order.clone()).await?;
    let unknown = matches!(&receipt, Receipt::Refused { refusal: Refusal::Unknown { .. } });
    if unknown && order.resume.is_some() && order.directory.is_none() {
        order.directory = Some(directories::real_directory(&place.directory)?);
        receipt = send(desk, person, order).await?;
    }
    answer::receipt(&receipt).map(drop)
}

async fn send(desk: &Desk, person: &Person, order: OpenSession) -> Result<Receipt, Failure> {
    let sent = desk.send(person, Form::Command, Command::Open { order }).await;
    sent.await.map_err(|_| Failure::new(Exit::Agent, "the daemon has ended"))
}
