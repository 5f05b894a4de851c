//! Orders of people at a distance, as the commands they are. What they leave open is looked up in the repository; whether
//! a branch may leave the machine, the policy says as it would to anybody.

use super::{Git, Place, Walls};
use crate::failure::{Exit, Failure};
use crate::opinion;
use leashd_sandbox::git::Verb;
use leashd_types::{Decision, GitEnd, GitOrder, GitSaid, visible};
use std::path::Path;

/// What a repository calls the other side, unless it says otherwise.
const REMOTE: &str = "origin";

impl Git {
    pub(crate) async fn obey(&self, directory: &Path, order: &GitOrder) -> Result<GitSaid, Failure> {
        match order {
            GitOrder::Status => self.status(directory).await,
            GitOrder::Branches => self.branches(directory).await,
            GitOrder::Checkout { branch, which } => self.checkout(directory, branch, *which).await,
            GitOrder::Diff { changes, paths } => self.diff(directory, *changes, paths).await,
            GitOrder::Log { count } => self.log(directory, *count).await,
            GitOrder::Add { paths } => self.add(directory, paths).await,
            GitOrder::Commit { message } => self.commit(directory, message).await,
            GitOrder::Merge { branch } => {
                let said = self.merge(directory, branch).await?;
                self.or_conflict(directory, said).await
            }
            GitOrder::MergeAbort => self.abort_merge(directory).await,
            GitOrder::PushTarget { remote, branch } => {
                let (remote, branch) = self.other_side(directory, remote, branch).await?;
                self.may_push(directory, &remote, &branch).await?;
                let address = self.push_address(directory, &remote).await?;
                Ok(GitSaid { end: GitEnd::Done, text: format!("{remote}\n{branch}\n{address}\n"), cut: 0 })
            }
            GitOrder::Push { remote, branch, address } => {
                let (remote, branch) = self.other_side(directory, remote, branch).await?;
                self.may_push(directory, &remote, &branch).await?;
                self.push(directory, &remote, &branch, address.as_deref()).await
            }
            GitOrder::Pull { remote, branch } => {
                let (remote, branch) = self.other_side(directory, remote, branch).await?;
                let said = self.pull(directory, &remote, &branch).await?;
                self.or_conflict(directory, said).await
            }
        }
    }

    /// A merge that git did not finish may wait for somebody.
    async fn or_conflict(&self, directory: &Path, said: GitSaid) -> Result<GitSaid, Failure> {
        if said.end != GitEnd::Refused {
            return Ok(said);
        }
        let top = self.top(directory)?;
        let place = Place::new(self, top.clone(), Walls::reading(&self.settings, &top)?)?;
        let status = place.run(Verb::Status, |command| Ok(command.option("--short"))).await?;
        let end = if status.text.lines().any(is_unmerged) { GitEnd::Conflict } else { GitEnd::Refused };
        Ok(GitSaid { end, ..said })
    }

    /// Where a branch goes: what was named, else the branch that is checked out and `origin`.
    async fn other_side(
        &self,
        directory: &Path,
        remote: &Option<String>,
        branch: &Option<String>,
    ) -> Result<(String, String), Failure> {
        let remote = remote.clone().unwrap_or_else(|| REMOTE.to_owned());
        if let Some(branch) = branch {
            return Ok((remote, branch.clone()));
        }
        let top = self.top(directory)?;
        let place = Place::new(self, top.clone(), Walls::reading(&self.settings, &top)?)?;
        let head = place
            .run(Verb::SymbolicRef, |command| command.option("--quiet").option("--short").name("HEAD"))
            .await?;
        match (head.end, head.text.trim()) {
            (GitEnd::Done, branch) if !branch.is_empty() => Ok((remote, branch.to_owned())),
            _ => Err(Failure::failed("no branch is checked out").hint("check one out, or name one")),
        }
    }

    /// The person who orders it is the one who would be asked; what is denied to everybody is denied here.
    async fn may_push(&self, directory: &Path, remote: &str, branch: &str) -> Result<(), Failure> {
        let line = format!("git push {} {}", quoted(remote), quoted(branch));
        let (settings, directory) = (self.settings.clone(), directory.to_owned());
        let judged = move || opinion::of_line(&settings, &directory, &line);
        let verdict = tokio::task::spawn_blocking(judged).await.map_err(Failure::failed)??;
        match verdict.decision {
            Decision::Allow | Decision::Ask => Ok(()),
            Decision::Deny => Err(Failure::new(
                Exit::Denied,
                format!("{} (rule {})", visible(&verdict.reason), verdict.rule),
            )),
        }
    }
}

/// One word of a shell line, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// `UU`, `AA`, `DU`: both sides changed it.
fn is_unmerged(line: &str) -> bool {
    let mut signs = line.chars();
    matches!(
        (signs.next(), signs.next()),
        (Some('U'), Some(_)) | (Some(_), Some('U')) | (Some('A'), Some('A')) | (Some('D'), Some('D'))
    )
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_judged_is_one_word() {
        for word in ["main", "a;b", "a b", "$(x)", "it's", "#"] {
            let line = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("/bin/sh").args(["-c", &line]).output().expect("sh");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
