//! What a chat at a distance wants to see of this machine: directories, workspaces, git, the audit log, what the policy
//! would say, files. Whoever asks was let in before; what is read is judged as if the agent read it.

mod files;

use super::reload::Reloader;
use crate::commands::audit::entry_line;
use crate::directories;
use crate::failure::Failure;
use crate::git::Git;
use crate::opinion;
use crate::settings::Settings;
use crate::settings::workspaces::Workspaces;
use leashd_connectors::{Person, Query};
use leashd_gate::Gate;
use leashd_gate::audit::{self, Filter};
use leashd_types::{
    FileView, GitOrder, GitSaid, PlaceView, SessionId, SessionView, Verdict, WorkspaceView, visible,
};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Lines of the audit log that are shown at once.
const LINES_MAX: usize = 200;

#[derive(Clone)]
pub(super) struct Looks {
    pub(super) reloader: Arc<Reloader>,
    pub(super) gate: Arc<Gate>,
    /// Knows where sessions work.
    pub(super) engine: mpsc::Sender<Query>,
}

impl Looks {
    /// Answers beside the loop. Whoever asked may be gone.
    pub(super) async fn answer(self, query: Query) {
        match query {
            Query::Directories { reply } => {
                let settings = self.settings();
                drop(reply.send(places(&settings.approved_directories)));
            }
            Query::Workspaces { reply } => {
                let settings = self.settings();
                let views = beside(move || Workspaces::load(&settings).map(|all| views(&all))).await;
                match views {
                    Ok(views) => drop(reply.send(views)),
                    // Without a reply the asker is told that there is none.
                    Err(failure) => tracing::warn!(reason = %failure.message, "workspaces_not_read"),
                }
            }
            Query::Git { session, order, from, reply } => {
                drop(reply.send(self.git(&session, &order, &from).await.map_err(shown)));
            }
            Query::Audit { session, words, limit, reply } => {
                drop(reply.send(self.audit(session, words, limit).await.map_err(shown)));
            }
            Query::Explain { session, line, reply } => {
                drop(reply.send(self.explain(&session, line).await.map_err(shown)));
            }
            Query::Files { session, pattern, from, limits, reply } => {
                let found = self.files(&session, files::Wanted { pattern, limits }, &from).await;
                drop(reply.send(found.map_err(shown)));
            }
            // The store and the loop answer these.
            Query::Session { .. }
            | Query::Sessions { .. }
            | Query::Asks { .. }
            | Query::Grants { .. }
            | Query::PastAsks { .. }
            | Query::PastAsk { .. }
            | Query::Messages { .. } => {}
        }
    }

    fn settings(&self) -> Settings {
        self.reloader.current().settings.clone()
    }

    /// Where a session works, and its settings: its own policies, and what the project there makes stricter.
    async fn place(&self, session: &SessionId) -> Result<(PathBuf, Settings), Failure> {
        let (reply, answered) = oneshot::channel();
        // A loop that is gone answers nothing.
        drop(self.engine.send(Query::Session { session: session.clone(), reply }).await);
        let view: Option<SessionView> = answered.await.ok().flatten();
        let view = view.ok_or_else(|| Failure::failed("there is no such session"))?;
        let settings = self.settings();
        beside(move || {
            let directory = directories::same_directory(&view.directory)?;
            let (mut settings, _) = settings.for_session(&directory)?;
            if !view.policy.is_empty() {
                settings.policy_files = view.policy;
            }
            Ok((directory, settings))
        })
        .await
    }

    async fn git(&self, session: &SessionId, order: &GitOrder, from: &Person) -> Result<GitSaid, Failure> {
        let (directory, settings) = self.place(session).await?;
        let git = Git::new(settings, Arc::clone(&self.gate), from.user.clone());
        git.obey(&directory, order).await
    }

    async fn audit(
        &self,
        session: SessionId,
        words: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>, Failure> {
        let path = self.settings().audit_log;
        let filter = Filter { session: Some(session), text: words, ..Filter::default() };
        beside(move || {
            let limit = limit.min(LINES_MAX);
            let mut lines = VecDeque::with_capacity(limit);
            audit::search(&path, &filter, |found| {
                if lines.len() == limit {
                    lines.pop_front();
                }
                lines.push_back(entry_line(&found.entry));
            })
            .map_err(Failure::failed)?;
            Ok(lines.into())
        })
        .await
    }

    async fn explain(&self, session: &SessionId, line: String) -> Result<Verdict, Failure> {
        let (directory, settings) = self.place(session).await?;
        beside(move || opinion::of_line(&settings, &directory, &line)).await
    }

    async fn files(
        &self,
        session: &SessionId,
        wanted: files::Wanted,
        from: &Person,
    ) -> Result<Vec<FileView>, Failure> {
        let (directory, settings) = self.place(session).await?;
        let (gate, session, user) = (Arc::clone(&self.gate), session.clone(), from.user.clone());
        beside(move || files::read(&settings, &gate, &files::Reader { session, user, directory }, &wanted))
            .await
    }
}

/// The disk may be slow.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(Failure::failed)?
}

fn shown(failure: Failure) -> String {
    match failure.hint {
        Some(hint) => visible(&format!("{}; {hint}", failure.message)),
        None => visible(&failure.message),
    }
}

/// The last part of each path; of those that share it, as many parts as tell them apart.
fn places(directories: &[PathBuf]) -> Vec<PlaceView> {
    let name = |path: &Path, parts: usize| {
        let names: Vec<_> = path.iter().rev().take(parts).map(|part| part.to_string_lossy()).collect();
        names.into_iter().rev().collect::<Vec<_>>().join("/")
    };
    let place = |path: &PathBuf| {
        let depth = path.iter().count();
        let alone = |parts: &usize| {
            let mine = name(path, *parts);
            directories.iter().filter(|other| *other != path).all(|other| name(other, *parts) != mine)
        };
        let parts = (1..=depth).find(alone).unwrap_or(depth);
        PlaceView { name: name(path, parts), path: path.clone() }
    };
    directories.iter().map(place).collect()
}

fn views(workspaces: &Workspaces) -> Vec<WorkspaceView> {
    workspaces
        .list()
        .iter()
        .map(|one| WorkspaceView {
            name: one.name.clone(),
            description: one.description.clone().unwrap_or_default(),
            directories: one.directories.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_told_apart_by_as_little_as_possible() {
        let paths = ["/home/dev/web", "/home/dev/api", "/srv/old/web"].map(PathBuf::from);
        let names: Vec<_> = places(&paths).into_iter().map(|place| place.name).collect();
        assert_eq!(names, ["dev/web", "api", "old/web"]);
    }
}
