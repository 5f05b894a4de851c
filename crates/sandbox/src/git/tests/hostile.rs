//! Repositories that plant programs, one way each. Plain git is the control: it has to run the planted program, or the
//! probe proves nothing. Ours must not, and need not succeed.

use super::Place;
use crate::git::{Git, GitCommand, Transports, Verb};
use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

type Ours = fn(&Git);

struct Probe {
    name: &'static str,
    /// Shell lines: `$P` is the program to be run, `$R` the directory around the repository.
    plant: &'static str,
    control: &'static str,
    ours: &'static [Ours],
}

/// Runs the command; only what it left behind counts.
fn run(command: GitCommand<'_>) {
    drop(command.attempt());
}

fn status(git: &Git) {
    run(git.command(Verb::Status).option("--porcelain=v2").option("--branch"));
}
fn diff(git: &Git) {
    run(git.command(Verb::Diff));
    run(git.command(Verb::Diff).option("--stat"));
    run(git.command(Verb::Diff).name("side").unwrap());
    run(git.command(Verb::Diff).option("--cached"));
}
fn log(git: &Git) {
    run(git.command(Verb::Log).option("--patch").option("--all"));
    run(git.command(Verb::Show));
}
fn add(git: &Git) {
    run(git.command(Verb::Add).option("--all"));
}
fn commit(git: &Git) {
    let command = git.command(Verb::Commit).identity("a", "a@a").option("--allow-empty").option("--all");
    run(command.option("--message=x"));
}
fn commit_without_message(git: &Git) {
    run(git.command(Verb::Commit).identity("a", "a@a").option("--allow-empty"));
}
fn checkout(git: &Git) {
    run(git.command(Verb::Checkout).option("--force").name("side").unwrap());
    run(git.command(Verb::Switch).option("--discard-changes").name("main").unwrap());
}
fn merge(git: &Git) {
    run(git.command(Verb::Merge).identity("a", "a@a").name("side").unwrap());
}
fn worktree(git: &Git) {
    let tree = git.top.parent().unwrap().join("ours");
    let command = git.command(Verb::Worktree).option("add").name(tree.to_str().unwrap()).unwrap();
    run(command.name("side").unwrap());
}
fn show_file(git: &Git) {
    run(git.command(Verb::CatFile).option("-p").name("HEAD:other").unwrap());
    run(git.command(Verb::Show).name("HEAD:other").unwrap());
    status(git);
    log(git);
}
fn network(git: &Git) {
    for git in [git.clone(), git.clone().with_transports(Transports::LocalToo)] {
        run(git.command(Verb::Fetch).name("origin").unwrap());
        run(git.command(Verb::Pull).identity("a", "a@a").name("origin").unwrap().name("side").unwrap());
        run(git.command(Verb::Push).name("origin").unwrap().name("main").unwrap());
        run(git.command(Verb::LsRemote).name("origin").unwrap());
    }
}
fn clone(git: &Git) {
    let git = git.clone().with_transports(Transports::LocalToo);
    let target = git.top.parent().unwrap().join("cloned");
    let command = git.command(Verb::Clone).name(git.top.to_str().unwrap()).unwrap();
    run(command.name(target.to_str().unwrap()).unwrap());
}
fn in_embedded(git: &Git) {
    let embedded = Git::new(Path::new("git"), &git.top.join("embedded"), OsStr::new("/usr/bin:/bin"));
    status(&embedded);
    log(&embedded);
}

const EVERYTHING: &[Ours] = &[status, diff, log, add, commit, checkout, worktree, merge];

const MODIFIED: &str = "echo changed > file;";
const DRIVER: &str = "echo '* filter=x diff=x merge=x' > .gitattributes; echo changed > file;";
const BARE: &str = "git clone -q --bare . ../remote.git; git remote add origin ../remote.git;";
const NESTED: &str = "git init -q nested; (cd nested; echo x > f; git add f; git commit -qm x; git config core.fsmonitor $P; touch f);";

/// `$name: plant, control, ours`, with what the plant starts from.
macro_rules! probes {
    ($($name:literal: [$($base:expr),*] $plant:literal, $control:literal, $ours:expr;)*) => {
        vec![$(Probe {
            name: $name,
            plant: concat_plants(&[$($base,)* $plant]),
            control: $control,
            ours: $ours,
        }),*]
    };
}

fn concat_plants(parts: &[&str]) -> &'static str {
    parts.join(" ").leak()
}

fn probes() -> Vec<Probe> {
    probes! {
        "core.fsmonitor": [MODIFIED] "git config core.fsmonitor $P", "git status", EVERYTHING;
        "hook pre-commit": [] "cp $P .git/hooks/pre-commit", "git commit --allow-empty -qm x", EVERYTHING;
        "hook post-checkout": [] "cp $P .git/hooks/post-checkout", "git worktree add ../t side", EVERYTHING;
        "hook post-merge": ["git checkout -q -b behind HEAD~1;"] "cp $P .git/hooks/post-merge", "git merge main", EVERYTHING;
        "hook reference-transaction": [] "cp $P .git/hooks/reference-transaction", "git branch b", EVERYTHING;
        "hook post-index-change": [] "cp $P .git/hooks/post-index-change; touch other", "git status; git add .", EVERYTHING;
        "hook pre-push": [BARE] "cp $P .git/hooks/pre-push", "git push origin main", &[network];
        "core.hooksPath": ["mkdir h; cp $P h/pre-commit;"] "git config core.hooksPath h", "git commit --allow-empty -qm x", EVERYTHING;
        "diff.external": [MODIFIED] "git config diff.external $P", "git diff", EVERYTHING;
        "diff.<driver>.command": [DRIVER] "git config diff.x.command $P", "git diff", EVERYTHING;
        "diff.<driver>.textconv": [DRIVER] "git config diff.x.textconv $P", "git diff", EVERYTHING;
        "textconv in log": ["echo '* diff=x' > .gitattributes;"] "git config diff.x.textconv $P", "git log -p", EVERYTHING;
        "filter.<driver>.clean": [DRIVER] "git config filter.x.clean $P", "git add .", EVERYTHING;
        "filter clean on diff": [DRIVER] "git config filter.x.clean $P", "git diff", EVERYTHING;
        "filter.<driver>.smudge": [DRIVER] "git config filter.x.smudge $P", "git checkout -f side", EVERYTHING;
        "filter smudge on worktree": ["echo '* filter=x' > .gitattributes; git add .; git commit -qm x;"] "git config filter.x.smudge $P", "git worktree add ../t main -b t", EVERYTHING;
        "filter.<driver>.process": [DRIVER] "git config filter.x.process $P; git config filter.x.required true", "git add .", EVERYTHING;
        "filter by info/attributes": [MODIFIED] "echo '* filter=x' > .git/info/attributes; git config filter.x.clean $P", "git add .", EVERYTHING;
        "filter by core.attributesFile": [MODIFIED] "echo '* filter=x' > a; git config core.attributesFile a; git config filter.x.clean $P", "git add .", EVERYTHING;
        "filter with a dotted name": [] "echo '* filter=a.b=c' > .gitattributes; echo y > file; git config 'filter.a.b=c.clean' $P", "git add .", EVERYTHING;
        "merge.<driver>.driver": ["echo 'file merge=x' > .git/info/attributes;"] "git config merge.x.driver \"$P %A\"", "git merge side", EVERYTHING;
        "merge.default": [] "git config merge.default x; git config merge.x.driver $P", "git merge side", EVERYTHING;
        "gpg.program on commit": [] "git config commit.gpgSign true; git config gpg.program $P", "git commit --allow-empty -qm x", EVERYTHING;
        "gpg.program on log": [] "git config log.showSignature true; git config gpg.program $P; git cat-file commit HEAD | sed '/^committer/a gpgsig -----BEGIN PGP SIGNATURE-----\\n x\\n -----END PGP SIGNATURE-----' | git hash-object -t commit -w --stdin > $R/id; git update-ref HEAD $(cat $R/id)", "git log -1", EVERYTHING;
        "gpg.ssh.defaultKeyCommand": [] "git config gpg.format ssh; git config commit.gpgSign true; git config gpg.ssh.defaultKeyCommand $P", "git commit --allow-empty -qm x", EVERYTHING;
        "core.pager": [] "git config core.pager $P", "script -qec 'git log' /dev/null", EVERYTHING;
        "pager.<command>": [] "git config pager.status $P", "script -qec 'git status' /dev/null", EVERYTHING;
        "core.editor": [] "git config core.editor $P", "git commit --allow-empty", &[commit_without_message, commit, merge];
        "core.editor in a merge": ["git checkout -q -b b HEAD~1; echo b > b; git add b; git commit -qm b;"] "git config core.editor $P", "GIT_MERGE_AUTOEDIT=yes git merge --edit main", EVERYTHING;
        "sequence.editor": [] "git config sequence.editor $P", "git rebase -i HEAD~1", EVERYTHING;
        "include.path": [MODIFIED] "printf '[core]\\nfsmonitor=%s\\n' $P > conf; git config include.path ../conf", "git status", EVERYTHING;
        "includeIf": [DRIVER] "printf '[filter \"x\"]\\nclean=%s\\n' $P > conf; git config includeIf.onbranch:main.path ../conf", "git add .", EVERYTHING;
        "extensions.worktreeConfig": [DRIVER] "git config extensions.worktreeConfig true; git config --worktree filter.x.clean $P", "git add .", EVERYTHING;
        "core.sshCommand": ["git remote add origin ssh://127.0.0.1/x;"] "git config core.sshCommand $P", "git fetch origin", &[network];
        "ext:: remote": ["git config protocol.ext.allow always;"] "git remote add origin \"ext::$P\"", "git fetch origin", &[network];
        "ext:: by insteadOf": ["git remote add origin https://x.example/; git config protocol.ext.allow always;"] "git config \"url.ext::$P .insteadOf\" https://", "git fetch origin", &[network];
        "core.gitProxy": ["git remote add origin git://127.0.0.1/x;"] "git config core.gitProxy $P", "git fetch origin", &[network];
        "remote.<name>.uploadpack": [BARE] "git config remote.origin.uploadpack $P", "git fetch origin", &[network];
        "remote.<name>.receivepack": [BARE] "git config remote.origin.receivepack $P", "git push origin main", &[network];
        "core.alternateRefsCommand": [BARE] "git clone -q --bare . ../alternate.git; echo $R/alternate.git/objects > .git/objects/info/alternates; git config core.alternateRefsCommand $P; git -C ../remote.git update-ref refs/heads/new $(git commit-tree -m x HEAD^{tree})  2>/dev/null; git clone -q ../remote.git ../w; (cd ../w; echo n > n; git add n; git commit -qm n; git push -q origin HEAD:refs/heads/new)", "git fetch origin", &[network];
        "lazy fetch": ["git config protocol.ext.allow always; git config extensions.partialClone origin;"] "git remote add origin \"ext::$P\"; git config remote.origin.promisor true; id=$(git rev-parse HEAD:other); rm -f .git/objects/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-)", "git cat-file -p HEAD:other", &[show_file, status];
        "submodule": [NESTED] "printf '[submodule \"n\"]\\npath=nested\\nurl=./n\\n' > .gitmodules; git add .; git commit -qm n; rm -f ../canary; touch nested/f", "git status", EVERYTHING;
        "submodule that must not be ignored": [NESTED] "printf '[submodule \"a.b\"]\\npath=nested\\nurl=./n\\nignore=none\\n' > .gitmodules; git add .; git config submodule.a.b.ignore none; git commit -qm n; rm -f ../canary; touch nested/f", "git status", EVERYTHING;
        "nested repository": [NESTED] "git add . 2>/dev/null; git commit -qm n; rm -f ../canary; touch nested/f", "git status", EVERYTHING;
        "submodule update": [NESTED] "printf '[submodule \"n\"]\\npath=nested\\nurl=./nested\\n' > .gitmodules; git add .; git commit -qm n; rm -f ../canary; git config submodule.recurse true; git config submodule.n.active true; git config submodule.n.url ./nested; git config submodule.n.update \"!$P\"; (cd nested; git config --unset core.fsmonitor; echo y > f; git commit -qam y)", "git submodule update", EVERYTHING;
        "a .git file": ["mv .git ../real; echo \"gitdir: $R/real\" > .git;"] "git config core.fsmonitor $P; touch file", "git status", EVERYTHING;
        "a bare repository inside": ["git clone -q --bare . embedded;"] "git -C embedded config core.bare false; git -C embedded config core.worktree ..; git -C embedded config core.fsmonitor $P", "cd embedded && git status", &[in_embedded];
        "templates": ["mkdir -p t/hooks; cp $P t/hooks/post-checkout;"] "git config --global init.templateDir $R/top/t", "git clone -q . ../c", &[clone];
        "hooks of what is cloned": ["cp $P .git/hooks/post-checkout;"] "git config uploadpack.packObjectsHook $P; mkdir -p $R/t; cp -r .git/hooks $R/t/", "git clone -q --template=$R/t . ../c", &[clone];
        "alias": [MODIFIED] "git config alias.st '!'$P; git config alias.status '!'$P", "git st", EVERYTHING;
    }
}

/// What is wrong with one probe.
fn check(probe: &Probe) -> Vec<String> {
    let mut failures = Vec::new();
    let place = Place::new();
    let (_, planted) = place.try_sh(probe.plant);
    // What planting itself set off is no news.
    std::fs::remove_file(place.canary()).ok();
    let (_, said) = place.try_sh(probe.control);
    if !place.canary().exists() {
        failures.push(format!("{}: plain git runs nothing: {planted} {said}", probe.name));
    }
    let place = Place::new();
    place.try_sh(probe.plant);
    std::fs::remove_file(place.canary()).ok();
    for (index, ours) in probe.ours.iter().enumerate() {
        ours(&place.git());
        if std::fs::remove_file(place.canary()).is_ok() {
            failures.push(format!("{}: ours runs it, command {index}", probe.name));
        }
    }
    // A command that is never reached runs nothing either: what is planted must not stop ours.
    if let Err(error) = place.git().command(Verb::Status).run() {
        failures.push(format!("{}: ours does not work: {error}", probe.name));
    }
    failures
}

#[test]
fn nothing_of_a_repository_runs() {
    let probes = probes();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut failures = Vec::new();
        while let Some(probe) = probes.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            failures.extend(check(probe));
        }
        failures
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A server that wants a password, so that git asks whoever it thinks can know.
#[test]
fn no_helper_of_a_repository_hears_of_a_password() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::io::Read::read(&mut stream, &mut [0; 4096]).ok();
            let answer = b"HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            std::io::Write::write_all(&mut stream, answer).ok();
        }
    });
    for plant in [
        "credential.helper \"!$P\"",
        &format!("credential.http://{address}.helper \"!$P\""),
        "core.askPass $P",
    ] {
        let plant = format!("git remote add origin http://{address}/x; git config {plant}");
        let place = Place::new();
        place.sh(&plant);
        place.try_sh("git fetch origin");
        assert!(place.canary().exists(), "plain git asks nobody: {plant}");
        std::fs::remove_file(place.canary()).unwrap();
        network(&place.git());
        // Plain http is not spoken at all; so the same again with nothing but the settings of ours.
        let git = place.git();
        let (_, ours) = git.command(Verb::Status).build().unwrap();
        let mut fetch = Command::new("git");
        fetch.args(["fetch", "origin"]).current_dir(place.top()).env_clear();
        fetch.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = fetch.env("GIT_ALLOW_PROTOCOL", "http").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("could not read Username"), "{said}");
        assert!(!place.canary().exists(), "{plant}");
    }
}
