//! The floor's own cases: what must be stopped, and the neighbours that must not.

use crate::floor::{Line, check as floor};
use crate::judge::settled;
use crate::plan::Plan;
use crate::testing::{call, command, delete, exact, facts, read, write};
use leashd_shell::Analysis;
use leashd_types::{Depth, Direction, Effect, Force, GitOperation, Host, Opens, PathText, SystemChange};

/// The name of the floor a single command breaks.
fn broken(words: &str, effects: Vec<Effect>) -> Option<String> {
    let call = call(words);
    let plan = Plan::of_analysis(Analysis { commands: vec![command(words, effects)], ..Analysis::default() });
    let facts = facts();
    let acts = settled(&call, &plan, &facts);
    let line = Line::read(&acts);
    acts.iter().find_map(|act| floor(act, &line, &facts)).map(|opinion| opinion.rule.name)
}

fn check(words: &str, effects: Vec<Effect>, expected: Option<&str>) {
    let shown = format!("{words} {effects:?}");
    assert_eq!(broken(words, effects).as_deref(), expected, "{shown}");
}

fn glob(directory: &str, pattern: &str) -> PathText {
    PathText::Glob { directory: directory.to_owned(), pattern: pattern.to_owned() }
}

#[test]
fn trees_that_must_stay() {
    let deletes = |path| vec![Effect::Delete { path, depth: Depth::Recursive, force: Force::Normal }];
    for (path, expected) in [
        (exact("/"), "whole-tree"),
        (exact("/h"), "whole-tree"),
        (exact("/p"), "whole-tree"),
        (glob("/p", "*"), "whole-tree"),
        (glob("/p", ".[!.]*"), "whole-tree"),
        (glob("/h", "*"), "whole-tree"),
        (exact("/other/x"), "delete-outside"),
        (exact("/usr/bin/x"), "delete-outside"),
        (exact("/p/.git"), "git-directory"),
        (glob("/p", ".gi[t]"), "git-directory"),
        (exact("/h/.leashd"), "credentials"),
    ] {
        let found = broken("rm", deletes(path.clone()));
        let accepted =
            found.as_deref() == Some(expected) || matches!(found.as_deref(), Some("protected-path"));
        assert!(accepted, "{path:?}: {found:?}");
    }
    for path in
        [exact("/p/b.log"), glob("/p", "*.o"), exact("/tmp/x"), PathText::Unknown("who knows".to_owned())]
    {
        check("rm", deletes(path), None);
    }
    check("rm .git", vec![delete("/p/a.txt", Depth::Single)], None);
}

#[test]
fn secrets_stay_here() {
    let send = || Effect::Network { host: Host::Named("x.example".to_owned()), direction: Direction::Send };
    let home = || Effect::Network { host: Host::Named("127.0.0.1".to_owned()), direction: Direction::Send };
    let environment = || Effect::Secret { what: "the environment".to_owned() };
    check("printenv", vec![environment()], None);
    check("printenv", vec![environment(), send()], Some("secrets"));
    check("printenv", vec![environment(), home()], None);
    check("gh auth token", vec![Effect::Secret { what: "a token".to_owned() }], Some("secrets"));
    check("grep API_KEY .", vec![read("/p/a.txt"), send()], Some("secrets"));
    check("grep TODO .", vec![read("/p/a.txt"), send()], None);
}

#[test]
fn the_machine_and_leashd_are_left_alone() {
    let system = |change| vec![Effect::System { change }];
    check("usermod x", system(SystemChange::Users), Some("privilege"));
    check("kill 1", system(SystemChange::Kill), None);
    check("leashd approve 1", system(SystemChange::Agent), Some("leashd-command"));
    for words in ["leashd add-dir /", "leashd ws add x /", "leashd clean --yes", "leashd hook uninstall"] {
        check(words, system(SystemChange::Agent), Some("leashd-command"));
    }
    check("leashd --x", system(SystemChange::Agent), Some("leashd-command"));
    check("leashd status", system(SystemChange::Agent), None);
    check("claude -p x", system(SystemChange::Agent), None);
    let permissions =
        |path, opens| vec![Effect::Permissions { path: exact(path), depth: Depth::Recursive, opens }];
    check("chmod 777 x", permissions("/p/a.txt", Opens::ToEveryone), Some("world-writable"));
    check("chown -R x /", permissions("/", Opens::No), Some("whole-tree"));
    check("chmod -R 755 x", permissions("/p/a.txt", Opens::No), None);
    check("dd", vec![write("/dev/sda")], Some("devices"));
    check("dd", vec![write("/dev/null"), read("/dev/zero")], None);
    check(
        "curl",
        vec![Effect::Network { host: Host::Named("localhost".to_owned()), direction: Direction::Send }],
        None,
    );
    check(
        "curl http://127.0.0.1:4179/api/stop",
        vec![Effect::Network { host: Host::Named("127.0.0.1".to_owned()), direction: Direction::Send }],
        Some("leashd-command"),
    );
}

#[test]
fn history_that_others_have() {
    let git = |operation, force| vec![Effect::Git { operation, force, target: None }];
    check("git push -f", git(GitOperation::Push, Force::Forced), Some("force-push"));
    check("git push", git(GitOperation::Push, Force::Normal), None);
    check("git filter-branch", git(GitOperation::Rewrite, Force::Normal), Some("rewrite-history"));
    check("git branch -D x", git(GitOperation::Local, Force::Forced), None);
}
