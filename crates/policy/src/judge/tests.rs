//! The judge on analyses built by hand: what each stage says, and the laws that hold between them.

use super::judge;
use crate::Source;
use crate::plan::{Plan, plan};
use crate::testing::{
    PATHS, builtin, call, command, delete, exact, facts, loaded, read, rules_of, verdict, write,
};
use leashd_shell::{Analysis, Command};
use leashd_types::{
    Attendance, CodeSource, Containment, Decision, Depth, Direction, Effect, Facts, Force, GitGrants,
    GitOperation, Host, Mode, PathFact, PathKind, PathText, Recovery, ResolvedPath, Stage, Strength,
    SystemChange, ToolCall,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// One command with these effects gets this decision from this stage under a policy that allows everything.
fn check(effect: Effect, decision: Decision, stage: Stage) {
    let rules = rules_of(&[Source::user("open.yaml", "settings: {default_action: allow}")]);
    let verdict = verdict(&rules, vec![command("x y", vec![effect.clone()])], &facts());
    assert_eq!((verdict.decision, verdict.stage), (decision, stage), "{effect:?}: {}", verdict.reason);
}

#[test]
fn the_floor_holds_where_everything_is_allowed() {
    let git = |operation, force| Effect::Git { operation, force, target: None };
    let floor = [
        read("/p/.env"),
        write("/p/.env"),
        write("/p/.git/hooks/x"),
        read("/h/.leashd/audit"),
        delete("/p", Depth::Recursive),
        delete("/", Depth::Recursive),
        delete("/other/x", Depth::Recursive),
        Effect::Privilege { via: "sudo".to_owned() },
        git(GitOperation::Push, Force::Forced),
        git(GitOperation::Rewrite, Force::Normal),
        Effect::Database { statement: Strength::Destroy },
        Effect::System { change: SystemChange::ForkBomb },
        Effect::System { change: SystemChange::Disk },
        Effect::System { change: SystemChange::Shutdown },
        Effect::System { change: SystemChange::Users },
        Effect::Secret { what: "the secret keys of gpg".to_owned() },
        write("/dev/sda"),
    ];
    for effect in floor {
        check(effect, Decision::Deny, Stage::Floor);
    }
}

/// A contained session has a place for plans of its own, and is told so by its approved directories.
#[test]
fn a_session_writes_its_own_plan_and_nobody_elses() {
    let home = "/h/.local/state/leashd/agents";
    let mut facts = Facts { mode: Mode::Plan, ..facts() };
    facts.approved.push(ResolvedPath::assume_resolved(format!("{home}/mine/plans").into()));
    let written = |path: &str| {
        let call = ToolCall {
            tool: "Write".to_owned(),
            input: serde_json::json!({"file_path": path, "content": "1. think"}),
            ..call("")
        };
        let mut facts = facts.clone();
        let real = ResolvedPath::assume_resolved(path.into());
        let found = PathFact::Resolved { real, kind: PathKind::Missing, recovery: Recovery::Unknown };
        facts.paths.insert(path.to_owned(), found);
        judge(builtin("default"), &call, &plan(&call, &facts), &facts).decision
    };
    for (path, expected) in [
        (format!("{home}/mine/plans/calm-river.md"), Decision::Allow),
        ("/h/.claude/plans/calm-river.md".to_owned(), Decision::Allow),
        ("/p/.claude/plans/calm-river.md".to_owned(), Decision::Allow),
        (format!("{home}/other/plans/calm-river.md"), Decision::Deny),
        (format!("{home}/mine/settings.json"), Decision::Deny),
        ("/p/plans/calm-river.md".to_owned(), Decision::Deny),
        ("/p/a.txt".to_owned(), Decision::Deny),
    ] {
        assert_eq!(written(&path), expected, "{path}");
    }
}

#[test]
fn the_boundary_is_judged_by_the_real_path() {
    check(write("/other/x"), Decision::Deny, Stage::Sandbox);
    check(read("/other/x"), Decision::Ask, Stage::Sandbox);
    check(read("/p/link"), Decision::Ask, Stage::Sandbox);
    check(write("/p/link"), Decision::Deny, Stage::Sandbox);
    check(write("/usr/bin/x"), Decision::Deny, Stage::Sandbox);
    check(write("/not/asked/about"), Decision::Deny, Stage::Sandbox);
    for allowed in
        [read("/usr/bin/x"), write("/tmp/x"), write("/p/a.txt"), write("/dev/null"), read("/dev/urandom")]
    {
        check(allowed, Decision::Allow, Stage::Policy);
    }
}

#[test]
fn a_line_is_as_strict_as_its_strictest_command() {
    let rules = builtin("contained");
    let fine = || command("ls", vec![read("/p/a.txt")]);
    let asks = || command("rm b.log", vec![delete("/p/b.log", Depth::Single)]);
    let denied = || command("sudo id", vec![Effect::Privilege { via: "sudo".to_owned() }]);
    assert_eq!(verdict(rules, vec![fine()], &facts()).decision, Decision::Allow);
    assert_eq!(verdict(rules, vec![fine(), asks()], &facts()).decision, Decision::Ask);
    let strict = verdict(rules, vec![asks(), denied(), fine()], &facts());
    assert_eq!((strict.decision, strict.rule.to_string().as_str()), (Decision::Deny, "privilege (floor)"));
    assert_eq!(
        strict.commands.iter().map(|report| report.decision).collect::<Vec<_>>(),
        [Decision::Ask, Decision::Deny, Decision::Allow]
    );
}

#[test]
fn bytes_from_afar_are_not_run() {
    let rules = builtin("leopold");
    let fetch = Effect::Network { host: Host::Named("x.example".to_owned()), direction: Direction::Fetch };
    let piped = |origin: &str| Effect::Runs {
        code: CodeSource::Piped { interpreter: "sh".to_owned(), origin: origin.to_owned() },
    };
    let runs = Effect::Runs { code: CodeSource::File { path: exact("/tmp/x") } };
    let denied = [
        vec![command("curl x", vec![fetch.clone()]), command("sh", vec![piped("the output of curl")])],
        vec![command("base64 -d", vec![]), command("sh", vec![piped("the output of base64")])],
        vec![command("curl -o /tmp/x", vec![fetch.clone(), write("/tmp/x")]), command("/tmp/x", vec![runs])],
    ];
    for commands in denied {
        let verdict = verdict(rules, commands, &facts());
        assert_eq!((verdict.decision, verdict.rule.name.as_str()), (Decision::Deny, "pipe-to-shell"));
    }
}

#[test]
fn the_lock_opens_only_with_the_grant() {
    let rules = builtin("leopold");
    let git = |operation| {
        vec![command("git x", vec![Effect::Git { operation, force: Force::Normal, target: None }])]
    };
    let with = |commit, push| Facts {
        attendance: Attendance::Unattended,
        git_grants: GitGrants { commit, push },
        ..facts()
    };
    let cases = [
        (GitOperation::Commit, false, false, Decision::Deny),
        (GitOperation::Commit, true, false, Decision::Allow),
        (GitOperation::Push, true, false, Decision::Deny),
        (GitOperation::Push, false, true, Decision::Allow),
        (GitOperation::Unknown, true, false, Decision::Deny),
        (GitOperation::Local, false, false, Decision::Allow),
        (GitOperation::Discard, false, false, Decision::Allow),
    ];
    for (operation, commit, push, expected) in cases {
        assert_eq!(verdict(rules, git(operation), &with(commit, push)).decision, expected, "{operation:?}");
    }
    let attended = verdict(rules, git(GitOperation::Commit), &facts());
    assert_eq!(attended.decision, Decision::Allow);
}

#[test]
fn what_cannot_be_read_asks_whatever_allows_it() {
    let rules = rules_of(&[Source::user("open.yaml", "settings: {default_action: allow}")]);
    let unclear = Command { unclear: vec!["a variable nobody set".to_owned()], ..command("x", vec![]) };
    let verdict = verdict(&rules, vec![unclear], &facts());
    assert_eq!((verdict.decision, verdict.rule.name.as_str()), (Decision::Ask, "unclear"));
    let plan = Plan::of_analysis(Analysis {
        unclear: vec!["a quote that does not end".to_owned()],
        ..Analysis::default()
    });
    assert_eq!(judge(&rules, &call("echo '"), &plan, &facts()).decision, Decision::Ask);
}

#[test]
fn legacy_patterns_see_the_words_the_shell_would_see() {
    let text = r"
rules:
  - {name: no-tag, tool: Bash, command_patterns: '^git\s+tag\b', action: deny}
  - {name: git, tool: Bash, command_patterns: '^git\b', action: allow}
  - {name: raw, tool: Bash, command_patterns: 'nev+er', action: deny}
settings: {default_action: require_approval}
";
    let rules = rules_of(&[Source::user("legacy.yaml", text)]);
    let decide = |words: &str| verdict(&rules, vec![command(words, vec![])], &facts()).decision;
    assert_eq!(decide("git tag v1"), Decision::Deny);
    assert_eq!(decide("/usr/bin/git tag v1"), Decision::Deny);
    assert_eq!(decide("/usr/bin/git log"), Decision::Allow);
    assert_eq!(decide("other"), Decision::Ask);
    assert_eq!(decide("other nevvver"), Decision::Deny);
}

/// What a redirection writes is not in the words that a pattern or a list of commands was written for.
#[test]
fn an_allow_by_words_does_not_cover_what_is_redirected() {
    let text = "rules:\n  - {name: log, tool: Bash, command_patterns: '^git log', action: allow}\n  - {name: test, commands: [npm test], action: allow}\nsettings: {default_action: require_approval}\n";
    let rules = rules_of(&[Source::user("legacy.yaml", text)]);
    let cases = [
        ("git log", Decision::Allow),
        ("git log 2>/dev/null", Decision::Allow),
        ("git log < a.txt", Decision::Allow),
        ("git log > a.txt", Decision::Ask),
        ("npm test >> a.txt", Decision::Ask),
        ("npm test 2>&1", Decision::Allow),
        ("GIT_SSH_COMMAND=x git log", Decision::Ask),
        ("git log $(touch a.txt)", Decision::Ask),
    ];
    for (line, decision) in cases {
        let (call, facts) = (call(line), facts());
        assert_eq!(judge(&rules, &call, &plan(&call, &facts), &facts).decision, decision, "{line}");
    }
}

#[test]
fn the_nearest_allow_says_what_stood_in_the_way() {
    let fetch = Effect::Network { host: Host::Named("x.example".to_owned()), direction: Direction::Fetch };
    let verdict = verdict(builtin("contained"), vec![command("curl x", vec![fetch])], &facts());
    let nearest = verdict.nearest_allow.unwrap();
    assert_eq!(nearest.rule.name, "work-inside");
    assert_eq!(nearest.failed, "it does not cover that this fetches from x.example");
}

fn any_path() -> impl Strategy<Value = PathText> {
    prop_oneof![
        (0..PATHS.len()).prop_map(|at| exact(PATHS[at].0)),
        Just(PathText::Glob { directory: "/p".to_owned(), pattern: "*".to_owned() }),
        Just(PathText::Glob { directory: "/p".to_owned(), pattern: ".en?".to_owned() }),
        Just(PathText::Unknown("who knows".to_owned())),
        Just(exact("/never/asked")),
    ]
}

fn any_effect() -> impl Strategy<Value = Effect> {
    let operations = prop::sample::select(vec![
        GitOperation::Read,
        GitOperation::Local,
        GitOperation::Discard,
        GitOperation::Commit,
        GitOperation::Push,
        GitOperation::Configure,
    ]);
    let strengths =
        prop::sample::select(vec![Strength::Query, Strength::Change, Strength::Destroy, Strength::Unknown]);
    prop_oneof![
        any_path().prop_map(|path| Effect::Read { path }),
        any_path().prop_map(|path| Effect::Write { path }),
        (any_path(), any::<bool>()).prop_map(|(path, deep)| Effect::Delete {
            path,
            depth: if deep { Depth::Recursive } else { Depth::Single },
            force: Force::Normal
        }),
        any_path().prop_map(|path| Effect::Runs { code: CodeSource::File { path } }),
        (operations, any::<bool>()).prop_map(|(operation, force)| Effect::Git {
            operation,
            force: if force { Force::Forced } else { Force::Normal },
            target: None
        }),
        strengths.prop_map(|statement| Effect::Database { statement }),
        Just(Effect::Network { host: Host::Named("x.example".to_owned()), direction: Direction::Send }),
        Just(Effect::Runs { code: CodeSource::Project { tool: "make".to_owned(), at: exact("/p") } }),
        Just(Effect::UnknownProgram { name: "x".to_owned() }),
        Just(Effect::Environment { name: "PATH".to_owned() }),
    ]
}

fn any_command() -> impl Strategy<Value = Command> {
    let words = prop::sample::select(vec!["ls -l", "git push origin x", "npm test", "x", "python3 a.py"]);
    (words, prop::collection::vec(any_effect(), 0..4), prop::bool::weighted(0.1)).prop_map(
        |(words, effects, unclear)| {
            let unclear = if unclear { vec!["no idea".to_owned()] } else { Vec::new() };
            Command { unclear, ..command(words, effects) }
        },
    )
}

/// Rules that deny or ask, in every shape a rule can have.
fn any_restricting_rule() -> impl Strategy<Value = String> {
    let bodies = vec![
        "tool: Bash",
        "effects: [read]",
        "effects: [write, delete], where: outside-project",
        "effects: [write], where: [inside-project, temporary]",
        "commands: [git push], flags: ['-f']",
        "tool: Bash, command_patterns: '^ls'",
        "tool: '*', path_patterns: 'a'",
        "effects: [network], hosts: [x.example]",
    ];
    let actions = vec!["deny", "require_approval"];
    (prop::sample::select(bodies), prop::sample::select(actions))
        .prop_map(|(body, action)| format!("  - {{name: added, {body}, action: {action}}}\n"))
}

fn any_policy() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["default", "strict", "permissive", "autonomous", "contained", "leopold"])
}

/// How often each law is tried.
const CASES: u32 = 10_000;

/// The same cases in every run, so that a change is judged by what it changed. `LEASHD_TEST_SEED=7` looks elsewhere.
fn config() -> ProptestConfig {
    let seed = option_env!("LEASHD_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    let rng_seed = RngSeed::Fixed(seed);
    ProptestConfig { cases: CASES, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

const MINE: &str = "rules:\n  - {name: mine, commands: [npm test], action: allow}\n  - {name: asks, effects: [read], where: temporary, action: require_approval}\n";

proptest! {
    #![proptest_config(config())]

    #[test]
    fn more_commands_are_never_weaker(policy in any_policy(), one in any_command(), other in any_command()) {
        let rules = builtin(policy);
        let facts = facts();
        let both = verdict(rules, vec![one.clone(), other.clone()], &facts).decision;
        prop_assert!(both >= verdict(rules, vec![one], &facts).decision);
        prop_assert!(both >= verdict(rules, vec![other], &facts).decision);
    }

    #[test]
    fn a_further_rule_that_denies_or_asks_never_weakens(
        policy in any_policy(), commands in prop::collection::vec(any_command(), 1..3), rule in any_restricting_rule()
    ) {
        let shipped = Source::builtin(policy).unwrap();
        let longer = format!("{MINE}{rule}");
        let before = loaded(&[Source::user("mine.yaml", MINE), shipped]);
        let after = loaded(&[Source::user("mine.yaml", &longer), shipped]);
        let facts = facts();
        let before = verdict(&before, commands.clone(), &facts).decision;
        prop_assert!(verdict(&after, commands, &facts).decision >= before);
    }

    #[test]
    fn a_project_never_weakens(
        policy in any_policy(), commands in prop::collection::vec(any_command(), 1..3), rule in any_restricting_rule()
    ) {
        let shipped = Source::builtin(policy).unwrap();
        let text = format!(
            "rules:\n  - {{name: all, tool: '*', action: allow}}\n{rule}settings: {{default_action: allow}}\n"
        );
        let text_without_allow = format!("rules:\n{rule}");
        let facts = facts();
        let before = verdict(builtin(policy), commands.clone(), &facts).decision;
        for text in [&text, &text_without_allow] {
            let after = loaded(&[shipped, Source::project("repo.yaml", text)]);
            prop_assert!(verdict(&after, commands.clone(), &facts).decision >= before);
        }
    }

    #[test]
    fn judging_is_deterministic(policy in any_policy(), commands in prop::collection::vec(any_command(), 0..3)) {
        let facts = facts();
        let first = verdict(builtin(policy), commands.clone(), &facts);
        prop_assert_eq!(first, verdict(builtin(policy), commands, &facts));
    }

    #[test]
    fn a_missing_fact_never_weakens(policy in any_policy(), one in any_command(), at in 0..PATHS.len()) {
        let rules = builtin(policy);
        let mut poorer = facts();
        poorer.paths.remove(PATHS[at].0);
        let with = verdict(rules, vec![one.clone()], &facts()).decision;
        prop_assert!(verdict(rules, vec![one], &poorer).decision >= with);
    }

    #[test]
    fn no_proof_and_no_person_never_weaken(policy in any_policy(), one in any_command()) {
        let rules = builtin(policy);
        let with = verdict(rules, vec![one.clone()], &facts()).decision;
        let unproven = Facts { containment: Containment::NotProven, ..facts() };
        prop_assert!(verdict(rules, vec![one.clone()], &unproven).decision >= with);
        let unattended = Facts { attendance: Attendance::Unattended, ..facts() };
        prop_assert!(verdict(rules, vec![one], &unattended).decision >= with);
    }

    #[test]
    fn modes_never_open_a_denial(policy in any_policy(), one in any_command()) {
        let rules = builtin(policy);
        if verdict(rules, vec![one.clone()], &facts()).decision == Decision::Deny {
            for mode in [Mode::Plan, Mode::Edit, Mode::Test, Mode::Merge] {
                let there = verdict(rules, vec![one.clone()], &Facts { mode, ..facts() }).decision;
                prop_assert_eq!(there, Decision::Deny);
            }
        }
    }
}
