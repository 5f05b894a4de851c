//! `leashd git` in repositories that want to run something. The witness is a mark that the repository's program leaves
//! where it may write.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

struct Place {
    root: TempDir,
}

impl Place {
    /// A repository with two branches that differ, and a program that leaves a mark in it.
    fn new() -> Self {
        let place = Self { root: TempDir::new().unwrap() };
        for name in ["home", "top"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        let payload = place.path("top/payload");
        // What it reads goes through, so that it could stand in for a filter; asked for a credential, it says one.
        fs::write(&payload, format!("#!/bin/sh\n: > {}\ncat\n", place.mark().display())).unwrap();
        fs::set_permissions(&payload, fs::Permissions::from_mode(0o755)).unwrap();
        place.sh(
            "git config --global user.name me; git config --global user.email me@x.example; git init -q -b main .;
             echo payload > .git/info/exclude; echo one > file; git add .; git commit -qm first;
             git checkout -qb side; echo two > other; git add .; git commit -qm second; git checkout -q main;
             echo three > third; git add .; git commit -qm third; git remote add origin https://nowhere.invalid/x.git",
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn mark(&self) -> PathBuf {
        self.path("top/.git/marked")
    }

    /// As a person would, with plain git; `$P` is the program.
    fn sh(&self, script: &str) {
        let status = self.command("sh", &["-ec", script]).env("P", self.path("top/payload")).status();
        assert!(status.unwrap().success(), "{script}");
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path("top")).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.path("home")).env("USER", "ada");
        command
    }

    fn git(&self, args: &[&str]) -> Output {
        let args: Vec<&str> = ["git"].iter().chain(args).copied().collect();
        self.command(env!("CARGO_BIN_EXE_leashd"), &args).output().unwrap()
    }

    fn done(&self, args: &[&str]) -> String {
        let output = self.git(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("home/.leashd/audit.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn everyday_work_is_done_and_recorded() {
    let place = Place::new();
    fs::write(place.path("top/new"), "new\n").unwrap();
    assert!(place.done(&["status"]).contains("?? new"));
    place.done(&["checkout", "-b", "feature"]);
    place.done(&["add"]);
    assert!(place.done(&["diff", "--staged"]).contains("+new"));
    place.done(&["commit", "Say\u{1b}[31m new"]);
    assert!(place.done(&["log", "-n", "1"]).contains("me: Say"));
    place.done(&["merge", "side"]);
    assert_eq!(fs::read_to_string(place.path("top/other")).unwrap(), "two\n");
    assert!(place.done(&["branches"]).contains("* feature"));
    let operations: Vec<String> =
        place.audit().iter().map(|entry| entry["operation"].as_str().unwrap().to_owned()).collect();
    let expected = ["status", "checkout", "add", "diff", "commit", "log", "merge", "branches"];
    assert_eq!(operations, expected);
    let commit = &place.audit()[4];
    assert_eq!(commit["user_id"], "ada");
    assert_eq!(commit["working_directory"], place.path("top").to_str().unwrap());
    assert!(commit["detail"].as_str().unwrap().starts_with("Say"));
    // Nobody's escape sequence reaches the terminal.
    assert!(!place.done(&["log"]).contains('\u{1b}'));
}

/// What a repository can bring along, and its name; `$P` is the program.
const PLANTS: &[(&str, &str)] = &[
    (
        "hooks",
        "for h in pre-commit post-commit commit-msg prepare-commit-msg post-checkout post-merge pre-merge-commit pre-push post-index-change reference-transaction; do cp $P .git/hooks/$h; done",
    ),
    (
        "hooks elsewhere",
        "mkdir .h; cp $P .h/pre-commit; cp $P .h/post-checkout; git config core.hooksPath .h",
    ),
    ("fsmonitor", "git config core.fsmonitor $P"),
    (
        "filters",
        "git config filter.x.clean $P; git config filter.x.smudge $P; echo '* filter=x' > .gitattributes",
    ),
    (
        "filter process",
        "git config filter.x.process $P; git config filter.x.required true; echo '* filter=x' > .gitattributes",
    ),
    ("textconv", "git config diff.x.textconv $P; echo '* diff=x' > .gitattributes"),
    ("diff command", "git config diff.x.command $P; echo '* diff=x' > .gitattributes"),
    ("external diff", "git config diff.external $P"),
    ("merge driver", "git config merge.x.driver $P; echo '* merge=x' > .gitattributes"),
    ("pager", "git config core.pager $P; git config pager.log $P; git config pager.diff true"),
    ("gpg", "git config gpg.program $P; git config commit.gpgSign true; git config log.showSignature true"),
    ("editor", "git config core.editor $P; git config sequence.editor $P"),
    ("ssh", "git config core.sshCommand $P; git config core.gitProxy $P"),
    ("credentials", "git config credential.helper $P; git config core.askPass $P"),
    ("alias", "git config alias.status \"!$P\"; git config alias.switch \"!$P\""),
    ("included", "printf '[core]\\nfsmonitor = %s\\n' $P > .included; git config include.path ../.included"),
    (
        "submodule",
        "git init -q sub; cd sub; git config user.name x; git config core.fsmonitor $P; git commit -q --allow-empty -m x; cd ..; git add sub 2>/dev/null; printf '[submodule \"sub\"]\\npath = sub\\nurl = ./sub\\nupdate = !%s\\n' $P > .gitmodules",
    ),
];

#[test]
fn nothing_of_a_repository_runs() {
    let planted = |plant: &str| {
        let place = Place::new();
        place.sh(plant);
        fs::remove_file(place.mark()).ok();
        fs::write(place.path("top/file"), "changed\n").unwrap();
        place
    };
    let mut bites = 0;
    for (name, plant) in PLANTS {
        // Plain git runs most of them; the others need a terminal or a host.
        let plain = planted(plant);
        plain.sh("for c in status diff 'log -1' 'add -A' 'commit -m x' 'checkout -b f' 'checkout side' 'merge main'
                  do git $c > /dev/null 2>&1 || true; done");
        bites += usize::from(plain.mark().exists());
        let place = planted(plant);
        for args in [
            &["status"][..],
            &["diff"],
            &["log"],
            &["branches"],
            &["add"],
            &["diff", "--staged"],
            &["commit", "x"],
            &["checkout", "-b", "feature"],
            &["checkout", "side"],
            &["merge", "main"],
            &["push", "origin", "side"],
            &["pull", "origin", "side"],
        ] {
            let output = place.git(args);
            assert!(!place.mark().exists(), "{name}: git {args:?} ran it: {output:?}");
        }
    }
    assert!(bites >= 10, "{bites} of the plants do anything at all");
}

#[test]
fn what_does_run_stays_in_the_repository() {
    let place = Place::new();
    // The person's own filter, which counts: it tries to leave a mark outside and reads what it may not.
    fs::write(place.path("home/secret"), "secret").unwrap();
    let outside = place.path("home/outside");
    let filter = format!(
        "touch {0}; cat {1}; echo inside > .git/inside; cat",
        outside.display(),
        place.path("home/secret").display()
    );
    place.sh(&format!(
        "git config --global filter.own.clean '{filter}'; echo 'file filter=own' > .gitattributes"
    ));
    fs::write(place.path("top/file"), "changed\n").unwrap();
    place.git(&["add"]);
    assert!(place.path("top/.git/inside").exists(), "it ran");
    assert!(!outside.exists());
    assert!(!place.done(&["diff", "--staged"]).contains("secret"));
    // Reading writes nothing, not even there.
    fs::remove_file(place.path("top/.git/inside")).unwrap();
    fs::write(place.path("top/file"), "changed again\n").unwrap();
    place.git(&["diff"]);
    assert!(!place.path("top/.git/inside").exists());
}

#[test]
fn other_hosts_are_reached_over_https_and_recorded() {
    let place = Place::new();
    let output = place.git(&["push", "origin", "main"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let audit = place.audit();
    assert_eq!(audit[0]["detail"], "origin main (https://nowhere.invalid/x.git)");
    assert!(
        audit.iter().any(|entry| entry["event"] == "network" && entry["target"] == "nowhere.invalid:443"),
        "{audit:?}"
    );
    let refused = |args: &[&str], code: i32, part: &str| {
        let output = place.git(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(part), "{said}");
    };
    refused(&["push", "origin", "+main"], 2, "not the name of a branch");
    refused(&["push", "origin", "main:other"], 2, "not the name of a branch");
    refused(&["push", "origin", "*"], 2, "not the name of a branch");
    refused(&["merge", "--upload-pack=x"], 2, "unexpected argument");
    // Git would push to both, and one of them would be recorded.
    place.sh("git config --add remote.origin.pushurl https://nowhere.invalid/x.git");
    place.sh("git config --add remote.origin.pushurl https://nowhere.invalid/another.git");
    refused(&["push", "origin", "main"], 4, "several addresses");
    place.sh("git config --unset-all remote.origin.pushurl");
    // Where data goes to is not for the repository to say.
    place.sh("git config url.https://evil.example/.insteadOf https://nowhere.invalid/");
    refused(&["push", "origin", "main"], 4, "decides where data goes to");
    place.sh(
        "git config --remove-section url.https://evil.example/; git remote set-url origin git@h.example:x",
    );
    refused(&["pull", "origin", "main"], 4, "over https only");
}

#[test]
fn only_approved_repositories_are_touched() {
    let place = Place::new();
    fs::create_dir(place.path("top/deep")).unwrap();
    let deep = place.path("top/deep");
    let deep = deep.to_str().unwrap();
    let run = |approved: PathBuf, args: &[&str]| {
        let mut command = place.command(env!("CARGO_BIN_EXE_leashd"), args);
        command.env("LEASHD_APPROVED_DIRECTORIES", approved).output().unwrap().status.code()
    };
    assert_eq!(run(place.path("top"), &["git", "status", "--dir", deep]), Some(0));
    assert_eq!(run(place.path("home"), &["git", "status"]), Some(2));
    // The repository is above what is approved.
    assert_eq!(run(deep.into(), &["git", "status", "--dir", deep]), Some(2));
}
