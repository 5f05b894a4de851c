//! The git lock of an unattended run: history does not move and nothing is pushed unless a person granted it, and the
//! run cannot reach its own grants. Knows no rules; the kernel holds what cannot be seen in a line.

use crate::act::Act;
use crate::class::Class;
use crate::opinion::Opinion;
use crate::seen::Seen;
use crate::sensitive::Nature;
use leashd_types::{Attendance, CodeSource, Direction, Effect, Facts, GitOperation, PathText, Strength};

/// Words that move history or publish it, whichever program they are given to.
const VERBS: &[&str] = &[
    "commit",
    "push",
    "merge",
    "rebase",
    "cherry-pick",
    "revert",
    "am",
    "send-pack",
    "commit-tree",
    "update-ref",
    "dcommit",
    "fast-import",
    "citool",
    "gui",
];

/// Libraries that do what git does.
const LIBRARIES: &[&str] = &[
    "pygit2",
    "dulwich",
    "GitPython",
    "gitpython",
    "simple-git",
    "isomorphic-git",
    "nodegit",
    "rugged",
    "go-git",
];

/// Settings of git that neither run anything nor redirect a push.
const HARMLESS_SETTINGS: &[&str] =
    &["user.", "color.", "column.", "advice.", "init.defaultbranch", "log.", "diff.algorithm"];

pub(crate) fn check(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    if facts.attendance != Attendance::Unattended {
        return None;
    }
    act.seen.iter().find_map(|seen| effect(seen, act, facts)).or_else(|| by_words(act, facts))
}

fn locked(what: &str) -> Opinion {
    Opinion::floor(
        "git-lock",
        format!("{what}: locked in this run; stage the work, a person commits and pushes"),
    )
}

fn effect(seen: &Seen<'_>, act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    let grants = facts.git_grants;
    match seen.effect {
        Effect::Git { operation: GitOperation::Commit, .. } if !grants.commit => {
            Some(locked("this changes history"))
        }
        Effect::Git { operation: GitOperation::Push, .. } if !grants.push => Some(locked("this pushes")),
        Effect::Git { operation: GitOperation::Unknown, .. } if !(grants.commit && grants.push) => {
            Some(locked("this git command is not known and could commit or push"))
        }
        Effect::Git { operation: GitOperation::Configure, .. } if !only_harmless_settings(act) => {
            Some(locked("this setting could make git run or push something else"))
        }
        Effect::Service { name, action } if *action != Strength::Query && !grants.push => {
            lands_on_host(name, act).then(|| locked("this lands changes on the code host"))
        }
        Effect::Network { direction: Direction::Send, .. } if !grants.push && writes_contents(act) => {
            Some(locked("this lands changes on the code host"))
        }
        Effect::Runs { code: CodeSource::Package { name } }
            if LIBRARIES.contains(&name.as_str()) && says_verb(act) =>
        {
            Some(locked("this commits or pushes without git"))
        }
        Effect::Runs { code: CodeSource::Inline { text, .. } } if speaks_git(text) => {
            Some(locked("this code speaks of git and of committing or pushing"))
        }
        _ => control_files(seen, facts),
    }
}

/// Merging a request or writing through the interface of a code host publishes like a push does.
fn lands_on_host(service: &str, act: &Act<'_>) -> bool {
    let service = service.to_ascii_lowercase();
    let host = ["github", "gitlab", "gitea", "forgejo", "bitbucket", "code host"]
        .iter()
        .any(|name| service.contains(name));
    let merges = act.arguments().any(|word| word == "merge");
    let api = act.arguments().find(|word| !word.starts_with('-')) == Some("api");
    host && (merges || api)
}

/// A request to the interface of a code host that makes commits, moves branches or merges.
fn writes_contents(act: &Act<'_>) -> bool {
    const HOSTS: &[&str] = &["api.github.com", "gitlab.", "/api/v4/", "api.bitbucket.org", "/api/v1/repos/"];
    const LANDS: &[&str] = &[
        "/contents",
        "/git/",
        "/merge",
        "/graphql",
        "/repository/files",
        "/repository/commits",
        "/repository/branches",
        "/src",
        "/branches",
    ];
    act.arguments().any(|word| {
        HOSTS.iter().any(|host| word.contains(host)) && LANDS.iter().any(|path| word.contains(path))
    })
}

fn says_verb(act: &Act<'_>) -> bool {
    act.arguments().any(|word| VERBS.contains(&word))
}

fn only_harmless_settings(act: &Act<'_>) -> bool {
    let mut settings = act
        .arguments()
        .filter(|word| word.contains('.') && !word.starts_with('-') && !word.contains('/'))
        .map(str::to_ascii_lowercase)
        .peekable();
    settings.peek().is_some()
        && settings.take(1).all(|setting| HARMLESS_SETTINGS.iter().any(|known| setting.starts_with(known)))
}

fn speaks_git(text: &str) -> bool {
    let has = |wanted: &[&str]| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .any(|word| wanted.contains(&word))
    };
    (has(&["git", "hg"]) || has(LIBRARIES)) && has(VERBS)
}

/// The directory of the run, and the inside of `.git`.
fn control_files(seen: &Seen<'_>, facts: &Facts) -> Option<Opinion> {
    if !seen.changes_path() {
        // Copying the objects of a repository elsewhere is a push by hand; `Write` on the other side is caught there.
        return None;
    }
    let holds_run = || {
        let deletes = !matches!(seen.effect, Effect::Write { .. });
        let path = seen.path.as_ref();
        deletes
            && path.is_some_and(|path| {
                facts.approved.iter().any(|root| path.holds(&root.as_path().join(".leopold")))
            })
    };
    match seen.nature {
        Nature::RunFiles => {
            Some(Opinion::floor("run-control", "the directory of the run belongs to the person".to_owned()))
        }
        Nature::GitInternal if !facts.git_grants.commit => {
            Some(locked("this writes into the repository by hand"))
        }
        _ if holds_run() => {
            Some(Opinion::floor("run-control", "this takes the directory of the run along".to_owned()))
        }
        _ => None,
    }
}

/// A program that is not known, or code of a file, called the way git is called.
fn by_words(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    if facts.git_grants.commit && facts.git_grants.push {
        return None;
    }
    let opaque =
        act.classes.has(Class::UnknownProgram) || act.classes.has(Class::FileCode) || act.is_unclear();
    let program = act.program().unwrap_or_default();
    let git_like = program.starts_with("git")
        || matches!(program, "hg" | "svn" | "jj" | "sl" | "fossil" | "bzr" | "darcs" | "hub");
    let says = |words: &[&str]| act.arguments().any(|word| words.contains(&word));
    let first = act.arguments().find(|word| !word.starts_with('-'));
    let called_like_git = opaque && first.is_some_and(|word| VERBS.contains(&word));
    let known_cousin =
        git_like && program != "git" && says(&["commit", "push", "ci", "merge", "rebase", "dcommit"]);
    let dashed = program.strip_prefix("git-").is_some_and(|verb| VERBS.contains(&verb));
    let unclear_git = act.is_unclear() && (program.is_empty() || program == "git");
    let hidden = opaque && act.effects().any(|effect| {
        matches!(effect, Effect::Runs { code: CodeSource::File { path: PathText::Exact(path) } } if path.ends_with("/git"))
    });
    (called_like_git || known_cousin || dashed || unclear_git || hidden)
        .then(|| locked("this could commit or push under another name"))
}
