//! The other side of a push or pull: where it is, and what the person's own helper knows for it. The repository has no
//! say in either but the address itself, which is recorded.

use super::{Place, SEARCH_PATH};
use crate::failure::{Exit, Failure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leashd_sandbox::git::Verb;
use leashd_types::{GitEnd, visible};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

/// For the person's helper: it may have to ask a keyring.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of its answer.
const ANSWER_MAX: u64 = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Fetch,
    Push,
}

/// `https://host[:port]/path`, without what may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    authority: String,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |why: &str| {
            Failure::new(Exit::Denied, format!("the remote is `{}`: {why}", visible(&without_user(text))))
        };
        let Some(rest) = text.strip_prefix("https://") else {
            return Err(refused("leashd reaches remotes over https only")
                .hint("set an https address with `git remote set-url`, or use git yourself"));
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if authority.is_empty() || !authority.chars().all(plain) || path.chars().any(char::is_control) {
            return Err(refused("that is no plain host"));
        }
        Ok(Self { authority: authority.to_ascii_lowercase(), path: path.to_owned() })
    }

    /// An entry for the list of hosts.
    pub(super) fn target(&self) -> String {
        self.authority.clone()
    }

    pub(super) fn shown(&self) -> String {
        format!("https://{}/{}", self.authority, self.path)
    }

    /// Where the configuration has headers for this host alone.
    pub(super) fn header_key(&self) -> String {
        format!("http.https://{}/.extraHeader", self.authority)
    }
}

fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (_, _) => url.to_owned(),
    }
}

/// Where git would go for `remote`: one place. It pushes to every address there is, so that only one of them would be
/// the one that is recorded.
pub(super) async fn url(place: &Place, remote: &str, which: Which) -> Result<Url, Failure> {
    let remote = remote.to_owned();
    let look = place.again();
    let said = look
        .run(Verb::Remote, move |command| {
            let command = match which {
                Which::Fetch => command,
                Which::Push => command.option("--push").option("--all"),
            };
            command.name(&remote)
        })
        .await?;
    let mut addresses = said.text.lines();
    match said.end {
        GitEnd::Done => {
            let first = addresses.next().unwrap_or_default().trim();
            match addresses.next() {
                None => Url::parse(first),
                Some(other) => Err(Failure::new(
                    Exit::Denied,
                    format!("the remote has several addresses, `{}` too", visible(&without_user(other))),
                )
                .hint("leave one with `git remote set-url`, or use git yourself")),
            }
        }
        GitEnd::Refused | GitEnd::Conflict => Err(Failure::failed(said.text.trim())),
    }
}

/// The header with the person's credential for `url`, from their own helper, which runs outside of every repository.
/// Without one the remote is tried without.
pub(super) async fn credential(url: &Url) -> Option<String> {
    let mut command = Command::new("git");
    command.args(["credential", "fill"]).current_dir("/").kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command.env("PATH", SEARCH_PATH).env("GIT_TERMINAL_PROMPT", "0").env("GIT_CEILING_DIRECTORIES", "/");
    command.env("GIT_ASKPASS", "false").env("SSH_ASKPASS", "false");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let question = format!("protocol=https\nhost={}\npath={}\n\n", url.authority, url.path);
    let (mut input, output) = (child.stdin.take()?, child.stdout.take()?);
    let answer = async {
        input.write_all(question.as_bytes()).await.ok()?;
        drop(input);
        let mut text = String::new();
        output.take(ANSWER_MAX).read_to_string(&mut text).await.ok()?;
        child.wait().await.ok()?.success().then_some(text)
    };
    let answer = timeout(PATIENCE, answer).await.ok()??;
    let value = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let encoded = STANDARD.encode(format!("{}:{}", value("username")?, value("password")?));
    Some(format!("Authorization: Basic {encoded}"))
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let got = Url::parse(text).map(|url| url.shown()).map_err(|failure| failure.message);
        match (&got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(part)) => assert!(got.contains(part), "{text}: {got}"),
            _ => panic!("{text:?} is read as {got:?}"),
        }
    }

    #[test]
    fn only_plain_addresses_are_gone_to() {
        check("https://github.com/a/b.git", Ok("https://github.com/a/b.git"));
        check("https://me:secret@Example.com:8443/b", Ok("https://example.com:8443/b"));
        check("https://me:secret@/b", Err("no plain host"));
        check("https://evil example/b", Err("no plain host"));
        for other in [
            "git@github.com:a/b",
            "ssh://git@github.com/a",
            "ext::sh -c x",
            "/srv/x",
            "http://x/y",
            "file:///x",
        ] {
            check(other, Err("https only"));
        }
        let failure = Url::parse("http://me:secret@example.com/x").unwrap_err();
        assert!(!failure.message.contains("secret"), "{}", failure.message);
    }
}
