//! Git in real repositories. The hostile ones are in `hostile`.

mod hostile;

use super::{Configuration, Git, GitCommand, GitError, GitLimits, Transports, Verb};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A repository with two branches that differ in `file`, and a program that leaves a mark when it runs.
pub(super) struct Place {
    root: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        static FIRST: OnceLock<Place> = OnceLock::new();
        let first = FIRST.get_or_init(Self::first);
        let place = Self::empty();
        let copied = Command::new("cp").arg("-a").arg(first.top()).arg(place.path("")).status().unwrap();
        assert!(copied.success());
        place
    }

    fn empty() -> Self {
        let place = Self { root: TempDir::new().unwrap() };
        fs::create_dir_all(place.path("home")).unwrap();
        let payload = place.path("payload");
        fs::write(&payload, format!("#!/bin/sh\n: > {}\n", place.canary().display())).unwrap();
        fs::set_permissions(&payload, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn first() -> Self {
        let place = Self::empty();
        fs::create_dir_all(place.top()).unwrap();
        place.sh("git init -q -b main . && echo one > file && echo other > other && git add . && git commit -qm first");
        place.sh(
            "git checkout -q -b side && echo two > file && git commit -qam second && git checkout -q main",
        );
        place.sh("echo three > file && git commit -qam third");
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    pub(super) fn top(&self) -> PathBuf {
        self.path("top")
    }

    pub(super) fn canary(&self) -> PathBuf {
        self.path("canary")
    }

    /// Runs shell lines in the repository as a person would, with plain git. `$P` is the program, `$R` the root.
    pub(super) fn try_sh(&self, script: &str) -> (bool, String) {
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(self.top())
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("GIT_CONFIG_NOSYSTEM", "1"), ("TERM", "xterm")])
            .env("HOME", self.path("home"))
            .env("P", self.path("payload"))
            .env("R", self.path(""))
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@a"), ("GIT_COMMITTER_NAME", "a")])
            .env("GIT_COMMITTER_EMAIL", "a@a")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    #[track_caller]
    pub(super) fn sh(&self, script: &str) -> String {
        let (success, text) = self.try_sh(script);
        assert!(success, "{script}: {text}");
        text
    }

    pub(super) fn git(&self) -> Git {
        Git::new(Path::new("git"), &self.top(), OsStr::new("/usr/bin:/bin"))
    }
}

fn text(git: &Git, verb: Verb, option: &'static str) -> String {
    String::from_utf8(git.command(verb).option(option).run().unwrap().bytes).unwrap()
}

#[test]
fn everyday_work_works() {
    let place = Place::new();
    let git = place.git();
    let commit = |message: &str| {
        git.command(Verb::Commit).identity("Ann", "ann@x").value("--message", message).run().unwrap();
    };
    fs::write(place.path("top/new -file"), "x\n").unwrap();
    assert_eq!(text(&git, Verb::Status, "--porcelain"), "?? \"new -file\"\n");
    git.command(Verb::Add).paths(["new -file"]).run().unwrap();
    commit("-m is no option here\n\nbody");
    assert_eq!(text(&git, Verb::Log, "--format=%an %s").lines().next(), Some("Ann -m is no option here"));
    git.command(Verb::Switch).value("--create", "topic").run().unwrap();
    fs::write(place.path("top/other"), "changed\n").unwrap();
    assert!(text(&git, Verb::Diff, "--stat").contains("other"));
    git.command(Verb::Add).option("--all").run().unwrap();
    commit("topic");
    git.command(Verb::Checkout).name("main").unwrap().run().unwrap();
    git.command(Verb::Merge).identity("Ann", "ann@x").option("--no-ff").name("topic").unwrap().run().unwrap();
    assert_eq!(fs::read_to_string(place.path("top/other")).unwrap(), "changed\n");
    let conflict = git.command(Verb::Merge).identity("Ann", "ann@x").name("side").unwrap().attempt().unwrap();
    assert_eq!(conflict.code, Some(1));
    git.command(Verb::Merge).option("--abort").attempt().unwrap();
    git.command(Verb::Reset).option("--hard").run().unwrap();
    let tree = place.path("tree");
    let add = git.command(Verb::Worktree).option("add").option("--quiet");
    add.name(tree.to_str().unwrap()).unwrap().name("side").unwrap().run().unwrap();
    let linked = Git::new(Path::new("git"), &tree, OsStr::new("/usr/bin:/bin"));
    assert_eq!(text(&linked, Verb::Branch, "--show-current"), "side\n");
    assert_eq!(text(&linked, Verb::Status, "--porcelain"), "");
    place.sh("git init -q --bare ../remote.git && git remote add origin ../remote.git");
    let push = |git: &Git| {
        let command = git.command(Verb::Push).option("--quiet").name("origin").unwrap();
        command.name("main").unwrap().run().map(|_| ())
    };
    assert!(push(&git).unwrap_err().to_string().contains("not allowed"), "a path is no remote by itself");
    let local = git.clone().with_transports(Transports::LocalToo);
    push(&local).unwrap();
    let pull = local.command(Verb::Pull).option("--ff-only").option("--quiet");
    pull.name("origin").unwrap().name("main").unwrap().run().unwrap();
}

#[test]
fn a_push_is_of_one_branch_to_its_own_name_whatever_the_repository_says() {
    let place = Place::new();
    place.sh("git init -q --bare ../remote.git && git remote add origin ../remote.git");
    place.sh("git push -q origin main main:prod && git tag -a -m x x && git commit -q --amend -m rewritten");
    place.sh(
        "git config remote.origin.push +refs/heads/main:refs/heads/prod; git config push.followTags true",
    );
    let git = place.git().with_transports(Transports::LocalToo);
    let push = |branch: &str| {
        let command = git.command(Verb::Push).option("--quiet").name("origin").unwrap();
        command.same_branch(branch).and_then(GitCommand::run).map(drop)
    };
    let refs = || place.try_sh("git -C ../remote.git for-each-ref").1;
    let before = refs();
    assert!(push("main").unwrap_err().to_string().contains("rejected"), "{}", refs());
    assert_eq!(refs(), before);
    push("side").unwrap();
    assert_eq!(refs().lines().count(), before.lines().count() + 1);
    for odd in ["", "+main", "main:prod", "*", "a b", "main~1"] {
        assert!(matches!(push(odd), Err(GitError::NotABranch(_))), "{odd:?}");
    }
}

#[test]
fn what_comes_from_elsewhere_is_never_an_option() {
    let place = Place::new();
    let git = place.git();
    for name in ["", "-x", "--upload-pack=x", "a\nb", "a\0b"] {
        let refused = git.command(Verb::Checkout).name(name);
        assert!(matches!(refused, Err(GitError::NotAName(_))), "{name:?}");
    }
    fs::write(place.path("top/--all"), "").unwrap();
    fs::write(place.path("top/*"), "").unwrap();
    fs::write(place.path("top/:(top)x"), "").unwrap();
    git.command(Verb::Add).paths(["--all", "*", ":(top)x"]).run().unwrap();
    assert_eq!(text(&git, Verb::Status, "--porcelain").lines().count(), 3);
    // A pattern would have been all of them; literally it is one.
    let listed = git.command(Verb::LsFiles).paths(["*"]).run().unwrap();
    assert_eq!(listed.bytes, b"*\n");
}

#[test]
fn time_and_output_have_limits() {
    let place = Place::new();
    place.sh("seq 100000 > file");
    let little = GitLimits { output: 1000, ..GitLimits::default() };
    let error = place.git().with_limits(little).command(Verb::Diff).run().unwrap_err();
    assert!(matches!(error, GitError::TooMuch { limit: 1000, .. }), "{error}");
    // Waits for ever: for somebody to write into it.
    place.sh("mkfifo fifo && printf '#!/bin/sh\\nsleep 1000 & wait\\n' > slow && chmod +x slow");
    let short = GitLimits { time: Duration::from_millis(200), ..GitLimits::default() };
    let slow = Git::new(&place.path("top/slow"), &place.top(), OsStr::new("/usr/bin:/bin"));
    let start = Instant::now();
    let error = slow.with_limits(short).command(Verb::Status).run().unwrap_err();
    assert!(matches!(error, GitError::TooSlow { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
    let missing = Git::new(Path::new("/nowhere/git"), &place.top(), OsStr::new("/usr/bin:/bin"));
    assert!(matches!(missing.command(Verb::Status).run(), Err(GitError::NotRun(_))));
}

#[test]
fn every_command_is_confined() {
    fn refuse(_: Command) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "echo confined >&2; exit 7"]);
        command
    }
    let place = Place::new();
    let error = place.git().confined(refuse).command(Verb::Status).run().unwrap_err();
    assert!(error.to_string().contains("confined"), "the reading of the configuration too: {error}");
    let error = place.git().confined(refuse).command(Verb::Init).run().unwrap_err();
    assert!(matches!(error, GitError::Failed { code: Some(7), .. }), "{error}");
}

#[test]
fn the_persons_own_configuration_counts_where_it_is_wanted() {
    let place = Place::new();
    let person = "[user]\nname=Person\nemail=p@p\n[credential]\nhelper=persons\n[filter \"f\"]\nclean=sed s/x/PERSON/\n";
    fs::write(place.path("home/.gitconfig"), person).unwrap();
    place.sh("git config credential.helper planted && git config filter.f.clean \"$P\"");
    place.sh("echo '*.f filter=f' > .gitattributes && echo x > a.f");
    let commit = |git: &Git| {
        git.command(Verb::Add).option("--all").run().unwrap();
        git.command(Verb::Commit).option("--message=m").run().map(|_| ())
    };
    assert!(commit(&place.git()).unwrap_err().to_string().contains("identity"));
    place.sh("git rm -q -f --cached a.f; rm -f ../canary");
    let git = place.git().with_configuration(Configuration::Person { home: place.path("home") });
    commit(&git).unwrap();
    assert_eq!(text(&git, Verb::Log, "--format=%an").lines().next(), Some("Person"));
    assert_eq!(place.sh("git cat-file blob HEAD:a.f"), "PERSON\n");
    let (_, mut command) = git.command(Verb::Status).build().unwrap();
    let helpers = {
        let variables: Vec<_> = command.get_envs().collect();
        let value = |name: &str| variables.iter().find(|(it, _)| *it == name).and_then(|(_, value)| *value);
        (0..200)
            .filter(|index| {
                value(&format!("GIT_CONFIG_KEY_{index}")) == Some(OsStr::new("credential.helper"))
            })
            .map(|index| value(&format!("GIT_CONFIG_VALUE_{index}")).unwrap().to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // The empty one forgets what stands before it, the planted one included.
    assert_eq!(helpers, ["", "persons"]);
    command.stdout(Stdio::null());
    assert!(!place.canary().exists());
}

#[test]
fn a_repository_that_says_where_data_goes_is_not_talked_for() {
    for line in [
        "url.https://evil.example/.insteadOf https://good.example/",
        "http.proxy http://evil.example",
        "http.https://good.example.extraHeader x",
        "remote.origin.proxy http://evil.example",
        "remote.origin.vcs ext",
        "protocol.ext.allow always",
    ] {
        let place = Place::new();
        place.sh(&format!("git remote add origin https://127.0.0.1:1/x && git config {line}"));
        let git = place.git();
        let error = git.command(Verb::Fetch).name("origin").unwrap().run().unwrap_err();
        let key = line.split(' ').next().unwrap().to_lowercase();
        assert!(
            matches!(&error, GitError::Redirected { key: found, .. } if *found == key),
            "{line}: {error}"
        );
        text(&git, Verb::Status, "--porcelain");
    }
    let place = Place::new();
    place.sh("mkdir ../victim && echo x > ../victim/file && git config core.worktree ../../victim");
    place.git().command(Verb::Checkout).option("--force").name("side").unwrap().run().unwrap();
    assert_eq!(fs::read_to_string(place.path("victim/file")).unwrap(), "x\n", "the directory given counts");
    assert_eq!(fs::read_to_string(place.path("top/file")).unwrap(), "two\n");
}
