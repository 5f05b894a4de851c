//! Ways to put a file in place that switches the gate off or gives git orders, without writing it by its name.

use super::place::Place;
use std::fs;
use std::process::Command;

/// A project with things in it that are harmless where they lie. The policy allows what stays inside.
fn project() -> Place {
    let place = Place::new();
    place.pin(&[("LEASHD_POLICY_FILES", "permissive")]);
    for directory in ["evil/.claude", "evil/sub", "there", ".git/rebase-merge"] {
        fs::create_dir_all(place.path("project").join(directory)).unwrap();
    }
    for file in ["evil/settings.json", "evil/.claude/settings.json", "evil/config", "e.tar", "e.patch", "a"] {
        fs::write(place.path("project").join(file), "{}").unwrap();
    }
    place
}

#[track_caller]
fn check(place: &Place, wanted: &str, commands: &[&str]) {
    let got: Vec<String> = commands
        .iter()
        .map(|command| (command, place.decision(command)))
        .filter(|(_, decision)| decision != wanted)
        .map(|(command, decision)| format!("{command}: {decision}, not {wanted}"))
        .collect();
    assert!(got.is_empty(), "{}", got.join("\n"));
}

#[test]
fn settings_of_the_agent_are_not_put_in_place() {
    let place = project();
    let ways = [
        "mv evil .claude",
        "ln -s evil .claude",
        "cp -r evil .claude",
        "cp -a evil/.claude .",
        "cp -a evil/.c* .",
        "mv evil/.claude ./",
        "ln -s $PWD/evil/.claude .",
        "ln -s evil/.claude",
        "cp --parents evil/.claude/settings.json .",
        "git mv evil .claude",
        "git mv evil/.claude .",
        "git update-index --add --cacheinfo 100644,e69de29bb2d1d6434b8b29ae775ad8c2e48c5391,.claude/settings.json",
        "git checkout-index -a --prefix=.claude/",
        "git read-tree --prefix=.claude/ HEAD:evil",
        "rsync -a evil/.claude .",
    ];
    check(&place, "deny", &ways);
    fs::create_dir(place.path("project/.claude")).unwrap();
    let ways = [
        "cp evil/settings.json .claude/",
        "cp evil/settings.json .claude",
        "cp -t .claude evil/settings.json",
        "cp evil/s*.json .claude",
        "install evil/settings.json .claude",
        "cd .claude && cp ../evil/settings.json .",
        "git mv evil/settings.json .claude/",
        "mv .claude x",
        "mv .claude x; mv evil .claude",
        "git mv .claude x",
        "rm -r .claude",
    ];
    check(&place, "deny", &ways);
    let ways = [
        "rsync -a evil/ .claude/",
        "cp -r evil/. .claude/",
        "cp -rT evil .claude",
        "rmdir .claude && ln -s evil .claude",
        "rsync -a evil/ ./",
        "cp -r evil/. .",
        "tar xf e.tar",
        "tar xf e.tar -C .claude",
        "unzip e.zip",
        "patch -p1 < e.patch",
        "git apply e.patch",
        "git fast-import < e.patch",
        "git mktree < e.patch",
        "git update-index --index-info < e.patch",
        "rename evil .claude evil",
    ];
    check(&place, "ask", &ways);
    check(
        &place,
        "allow",
        &["cp a there/", "mv a there", "cp -r evil/. there/", "ln -s ../a there/", "git mv a b", "cp a b"],
    );
}

#[test]
fn git_gets_no_orders_from_elsewhere() {
    let place = project();
    let ways = [
        "mv evil there/.git",
        "cp -r evil there/.git",
        "ln -s ../evil there/.git",
        "echo 'gitdir: ../evil' > there/.git",
        "echo ../evil > .git/commondir",
        "cp evil/config .git/",
        "echo x > .git/worktrees/w/gitdir",
        "echo x > .git/modules/m/info/attributes",
        "echo x > .GIT/CONFIG",
    ];
    check(&place, "deny", &ways);
    let init =
        Command::new("git").args(["init", "-q", "--bare"]).arg(place.path("project/vendor/bare")).status();
    assert!(init.unwrap().success());
    fs::create_dir(place.path("project/vendor/bare/deep")).unwrap();
    std::os::unix::fs::symlink("vendor/bare/deep", place.path("project/link")).unwrap();
    let ways = [
        "git -C vendor/bare status",
        "cd vendor/bare && git log",
        "cd vendor/bare/deep && git log",
        "cd link && git log",
        "git -C vendor -C bare log",
        "git --namespace x -C vendor/bare log",
        "git --work-tree . -C vendor/bare log",
        "cd vendor/bare; git log",
        "(cd vendor/bare; git log)",
        "cd \"$X\" && git log",
        "git -C \"$X\" log",
        "ls vendor | xargs -I{} git -C vendor/{} log",
        "git --git-dir=evil status",
        "git --git-dir evil status",
        "git init --separate-git-dir=evil there",
        "tar xf e.tar -C there",
        "mkdir new && tar xf e.tar -C new",
    ];
    check(&place, "ask", &ways);
    let free = [
        "git status",
        "git -C there status",
        "git --git-dir=.git log",
        "tar tf e.tar",
        "tar cf new.tar evil",
    ];
    check(&place, "allow", &free);
}

/// Programs write where a variable says, or take their orders there.
#[test]
fn no_variable_reaches_settings_or_gives_orders() {
    let place = project();
    place.pin(&[]);
    let ways = [
        "GIT_TRACE=~/.claude/settings.json git status",
        "GIT_TRACE=$PWD/.claude/settings.local.json git status",
        "export GIT_TRACE2_EVENT=~/.claude/settings.json; git status",
        "XDG_CONFIG_HOME=$PWD/evil git status",
        "RIPGREP_CONFIG_PATH=evil/rg rg x",
        "OPENSSL_CONF=evil/x openssl version",
        "X=./evil/x git --config-env=core.fsmonitor=X status",
        "gpg --homedir evil --list-keys",
        "nm --plugin evil/x.so a",
    ];
    check(&place, "ask", &ways);
    check(&place, "allow", &["GIT_TRACE=1 git status", "GIT_TRACE2=0 git log"]);
}
