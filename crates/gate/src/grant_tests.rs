//! How far a grant reaches, on verdicts made by hand.

use super::{Grant, GrantScope, Reach};
use crate::Outcome;
use crate::decide::{Digests, Judged, Line};
use crate::fixture::{Bench, call, facts};
use leashd_types::{
    AgentKind, Band, CommandReport, Decision, Depth, Direction, Effect, Force, GitOperation, Host, PathFact,
    PathKind, PathText, Recovery, ResolvedPath, RuleRef, Stage, ToolCall, Verdict,
};
use serde_json::json;

fn rule(name: &str) -> RuleRef {
    RuleRef { name: name.to_owned(), source: "test".to_owned(), line: 1 }
}

fn command(text: &str, decision: Decision, effects: &[Effect]) -> CommandReport {
    CommandReport {
        text: text.to_owned(),
        via: Vec::new(),
        effects: effects.to_vec(),
        unclear: Vec::new(),
        decision,
        rule: rule(if decision == Decision::Ask { "asks" } else { "allows" }),
    }
}

fn asked(text: &str, effects: &[Effect]) -> CommandReport {
    command(text, Decision::Ask, effects)
}

fn judged(commands: Vec<CommandReport>) -> Judged {
    let verdict = Verdict {
        decision: Decision::Ask,
        band: Band::High,
        rule: rule("asks"),
        reason: "it asks".to_owned(),
        stage: Stage::Policy,
        effects: commands.iter().flat_map(|command| command.effects.clone()).collect(),
        commands,
        nearest_allow: None,
    };
    let input = json!({});
    Judged {
        plan: None,
        facts: facts("/p".as_ref()),
        verdict,
        digests: Digests::of(&bash(), &input),
        input,
        line: Line::Clear,
    }
}

fn commit() -> Effect {
    Effect::Git { operation: GitOperation::Commit, force: Force::Normal, target: None }
}

fn push(target: &str, force: Force) -> Effect {
    Effect::Git { operation: GitOperation::Push, force, target: Some(target.to_owned()) }
}

fn delete(path: &str) -> Effect {
    Effect::Delete { path: PathText::Exact(path.to_owned()), depth: Depth::Recursive, force: Force::Normal }
}

fn unknown(name: &str) -> Effect {
    Effect::UnknownProgram { name: name.to_owned() }
}

fn bash() -> leashd_types::ToolCall {
    call("c", "Bash", json!({"command": "as the verdict says"}), "/p".as_ref())
}

#[track_caller]
fn derive(commands: Vec<CommandReport>) -> Grant {
    Grant::derive(&bash(), &judged(commands)).expect("a grant")
}

#[derive(Debug, PartialEq)]
enum Then {
    Allowed,
    Asked,
}

#[track_caller]
fn check(grant: &Grant, commands: Vec<CommandReport>, expected: Then) {
    let then = if grant.covers(&bash(), &judged(commands.clone())) { Then::Allowed } else { Then::Asked };
    assert_eq!(then, expected, "{} on {commands:?}", grant.rule);
}

#[test]
fn a_grant_reaches_the_same_words_with_the_same_effects() {
    let grant = derive(vec![asked("git commit -m x", &[commit()])]);
    assert_eq!(grant.rule, "Bash: `git commit …` in /p");
    check(&grant, vec![asked("git commit -m y", &[commit()])], Then::Allowed);
    check(&grant, vec![asked("git commit", &[commit()])], Then::Allowed);
    check(&grant, vec![asked("git commit-tree x", &[commit()])], Then::Asked);
    check(&grant, vec![asked("git merge x", &[commit()])], Then::Asked);
    check(&grant, vec![asked("git commit -m y", &[commit(), unknown("editor")])], Then::Asked);
}

#[test]
fn a_grant_never_covers_another_command_on_the_line() {
    let grant = derive(vec![asked("git commit -m x", &[commit()])]);
    let git = || asked("git commit -m y", &[commit()]);
    check(&grant, vec![git(), asked("python3 evil.py", &[unknown("python3")])], Then::Asked);
    check(&grant, vec![git(), command("ls", Decision::Allow, &[])], Then::Allowed);
    check(&grant, vec![command("cd /other", Decision::Allow, &[]), git()], Then::Asked);
    check(&grant, vec![command("alias 'git=evil'", Decision::Allow, &[]), git()], Then::Asked);
    check(&grant, vec![command("PATH=/evil", Decision::Allow, &[]), git()], Then::Asked);
    check(&grant, vec![command(". ./env", Decision::Allow, &[]), git()], Then::Asked);
    let mut denied = command("x", Decision::Deny, &[]);
    denied.rule = rule("asks");
    check(&grant, vec![git(), denied], Then::Asked);
    assert!(Grant::derive(&bash(), &judged(vec![git(), asked("npm publish", &[unknown("npm")])])).is_none());
    assert!(Grant::derive(&bash(), &judged(vec![command("cd x", Decision::Allow, &[]), git()])).is_none());
}

#[test]
fn a_target_once_granted_is_not_another_target() {
    let grant = derive(vec![asked("git push origin feat", &[push("origin feat", Force::Normal)])]);
    check(&grant, vec![asked("git push origin feat", &[push("origin feat", Force::Normal)])], Then::Allowed);
    check(&grant, vec![asked("git push origin feat", &[push("origin feat", Force::Forced)])], Then::Asked);
    check(
        &grant,
        vec![asked("git push origin feat --tags", &[push("origin feat", Force::Normal)])],
        Then::Asked,
    );
    check(
        &grant,
        vec![asked("git push origin feat +main", &[push("origin main", Force::Forced)])],
        Then::Asked,
    );
    let grant = derive(vec![asked("rm -r build", &[delete("/p/build")])]);
    check(&grant, vec![asked("rm -r build", &[delete("/p/build")])], Then::Allowed);
    check(&grant, vec![asked("rm -r build /", &[delete("/p/build"), delete("/")])], Then::Asked);
    check(&grant, vec![asked("rm -r /", &[delete("/")])], Then::Asked);
}

#[test]
fn what_does_not_name_its_object_is_granted_word_for_word() {
    for effects in [vec![], vec![unknown("deploy")], vec![Effect::Publishes { what: "npm".to_owned() }]] {
        let grant = derive(vec![asked("deploy staging", &effects)]);
        assert!(matches!(grant.scope, GrantScope::Command { reach: Reach::Whole, .. }));
        check(&grant, vec![asked("deploy staging", &effects)], Then::Allowed);
        check(&grant, vec![asked("deploy staging production", &effects)], Then::Asked);
        check(&grant, vec![asked("deploy production", &effects)], Then::Asked);
    }
    for direction in [Direction::Fetch, Direction::Send] {
        let host = [Effect::Network { host: Host::Named("x.example".to_owned()), direction }];
        let grant = derive(vec![asked("curl https://x.example/a", &host)]);
        check(&grant, vec![asked("curl https://x.example/a", &host)], Then::Allowed);
        check(&grant, vec![asked("curl https://x.example/b", &host)], Then::Asked);
    }
    let mut ssh = asked("ls", &[unknown("ls")]);
    ssh.via = vec!["ssh host".to_owned()];
    let grant = derive(vec![ssh.clone()]);
    check(&grant, vec![ssh], Then::Allowed);
    check(&grant, vec![asked("ls", &[unknown("ls")])], Then::Asked);
}

#[test]
fn a_link_that_leads_elsewhere_now_is_not_covered() {
    let real = |to: &str| {
        let mut judged = judged(vec![asked("rm -r build", &[delete("/p/build")])]);
        let real = ResolvedPath::assume_resolved(to.into());
        let fact = PathFact::Resolved { real, kind: PathKind::Directory, recovery: Recovery::Lost };
        judged.facts.paths.insert("/p/build".to_owned(), fact);
        judged
    };
    let grant = Grant::derive(&bash(), &real("/p/build")).unwrap();
    assert!(grant.covers(&bash(), &real("/p/build")));
    assert!(!grant.covers(&bash(), &real("/p/src")));
    // Not knowing where it leads is not knowing that it leads to the same place.
    check(&grant, vec![asked("rm -r build", &[delete("/p/build")])], Then::Asked);
}

#[test]
fn what_is_not_understood_or_critical_is_never_granted() {
    let git = || vec![asked("git commit -m x", &[commit()])];
    let grant = derive(git());
    let mut unclear = judged(git());
    unclear.line = Line::Unclear;
    let mut critical = judged(git());
    critical.verdict.band = Band::Critical;
    let mut not_told = judged(git());
    not_told.verdict.commands[0].unclear = vec!["what $X is".to_owned()];
    let more = judged(vec![asked("git commit -m ‹what $X is›", &[commit()])]);
    let cut = judged(vec![asked("git commit -m x …", &[commit()])]);
    let mut redirected = judged(git());
    redirected.verdict.effects.push(delete("/p"));
    for bad in [unclear, critical, not_told, more, cut, redirected] {
        assert!(Grant::derive(&bash(), &bad).is_none(), "{bad:?}");
        assert!(!grant.covers(&bash(), &bad), "{bad:?}");
    }
    let mut other_rule = judged(git());
    other_rule.verdict.rule = rule("other");
    let mut denied = judged(git());
    denied.verdict.decision = Decision::Deny;
    for bad in [other_rule, denied] {
        assert!(!grant.covers(&bash(), &bad), "{bad:?}");
    }
    let mut lower = judged(git());
    lower.verdict.band = Band::Medium;
    let low = Grant::derive(&bash(), &lower).unwrap();
    assert!(grant.covers(&bash(), &lower));
    assert!(!low.covers(&bash(), &judged(git())));
}

#[test]
fn another_session_directory_or_tool_is_not_covered() {
    let git = || judged(vec![asked("git commit -m x", &[commit()])]);
    let grant = Grant::derive(&bash(), &git()).unwrap();
    let mut other = bash();
    other.session = leashd_types::SessionId::new("other");
    assert!(!grant.covers(&other, &git()));
    let mut other = bash();
    other.cwd = "/p/sub".into();
    assert!(!grant.covers(&other, &git()));
    let mut other = bash();
    other.tool = "mcp__x__Bash".to_owned();
    assert!(!grant.covers(&other, &git()));
}

#[test]
fn a_tool_without_commands_or_paths_is_granted_as_it_is() {
    let fetch = |url: &str| call("c", "WebFetch", json!({ "url": url }), "/p".as_ref());
    let grant = Grant::derive(&fetch("https://a"), &judged(vec![])).unwrap();
    assert!(grant.covers(&fetch("https://a"), &judged(vec![])));
    assert!(!grant.covers(&fetch("https://b"), &judged(vec![])));
    assert_eq!(grant.id, Grant::derive(&fetch("https://a"), &judged(vec![])).unwrap().id);
    assert_ne!(grant.id, Grant::derive(&fetch("https://b"), &judged(vec![])).unwrap().id);
    let own = |input| ToolCall { agent: AgentKind::Leashd, ..call("c", "Network", input, "/p".as_ref()) };
    let connect = |target: &str| own(json!({ "url": target }));
    let host = Grant::derive(&connect("a.example:443"), &judged(vec![])).unwrap();
    assert_eq!(host.rule, "Network: a.example:443");
    assert!(!host.covers(&connect("a.example:444"), &judged(vec![])));
    // The same host for another command.
    let input = json!({"url": "a.example:443", "asked_by": "make"});
    assert!(host.covers(&own(input), &judged(vec![])));
    let kept: Grant = serde_json::from_str(&serde_json::to_string(&grant).unwrap()).unwrap();
    assert_eq!(kept, grant);
}

/// An agent whose own call were taken for leashd's question would be given its host, with a card that says another asked.
#[test]
fn no_agent_asks_as_leashd_does() {
    let bench = Bench::new();
    let begin = |agent, id: &str, tool: &str| {
        let input = json!({"url": "a.example:443", "asked_by": "cargo build", "command": "ls"});
        bench.gate.begin(ToolCall { agent, ..bench.call(id, tool, input) }, &bench.snapshot)
    };
    for agent in [AgentKind::Claude, AgentKind::Hook, AgentKind::Scripted] {
        let outcome = begin(agent, "forged", "Network");
        assert!(matches!(&outcome, Outcome::Denied(denial) if denial.stage == Stage::Agent), "{outcome:?}");
        let entry = bench.last();
        assert_eq!(
            (&entry["tool_name"], &entry["decision"]),
            (&json!("Network"), &json!("deny")),
            "{entry:?}"
        );
        assert!(entry["reason"].as_str().unwrap().contains("no agent has such a tool"), "{entry:?}");
    }
    // Leashd's own is asked about, and asks for nothing else.
    assert!(matches!(begin(AgentKind::Leashd, "own", "Network"), Outcome::Pending(_)));
    assert_eq!(bench.last()["origin"], "leashd");
    assert!(matches!(begin(AgentKind::Leashd, "other", "Bash"), Outcome::Denied(_)));
}
