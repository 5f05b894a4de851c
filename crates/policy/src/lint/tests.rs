//! Each finding on a small policy that deserves it, and none on those that ship.

use super::{Kind, Report, lint};
use crate::testing::{command, facts, read, rules_of, verdict};
use crate::{BUILTIN_NAMES, Source};
use leashd_types::{Decision, Stage};

fn rules(lines: &[&str]) -> String {
    let rules: String =
        lines.iter().enumerate().map(|(index, rule)| format!("  - {{name: r{index}, {rule}}}\n")).collect();
    format!("rules:\n{rules}")
}

fn found(report: &Report) -> Vec<(Kind, &str)> {
    report.findings.iter().map(|finding| (finding.kind, finding.rule.name.as_str())).collect()
}

/// The one helper: what is found in a user file of these rules.
#[track_caller]
fn check(lines: &[&str], wanted: &[(Kind, &str)]) {
    let text = rules(lines);
    let report = lint(&[Source::user("a.yaml", &text)]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found(&report), wanted, "{lines:#?}\n{:#?}", report.findings);
    for finding in &report.findings {
        assert!(finding.rule.source == "a.yaml" && finding.rule.line >= 2, "{finding:?}");
    }
}

#[test]
fn what_ships_is_clean_alone_and_together() {
    let alone = BUILTIN_NAMES.map(|name| vec![name]);
    let together =
        [vec!["default", "dev-tools"], vec!["permissive", "dev-tools"], vec!["strict", "dev-tools"]];
    for names in alone.iter().chain(&together) {
        let sources: Vec<_> = names.iter().map(|name| Source::builtin(name).unwrap()).collect();
        let report = lint(&sources).unwrap();
        assert_eq!(report.findings, [], "{names:?}");
        assert!(report.rules > 0);
    }
}

#[test]
fn a_rule_behind_a_wider_one_is_shadowed() {
    let cases: &[[&str; 2]] = &[
        ["commands: [git], action: deny", "commands: [git push], action: allow"],
        ["commands: [npm run|test], action: allow", "commands: [npm test], action: allow"],
        ["tool: Bash, action: deny", "commands: [ls], action: allow"],
        ["tools: ['*'], action: require_approval", "tools: [Read, mcp__x__*], action: allow"],
        ["tools: ['mcp__x__*'], action: deny", "tools: [mcp__x__y], action: allow"],
        ["effects: [git], action: deny", "effects: [git-push], action: require_approval"],
        [
            "effects: [delete], action: deny",
            "effects: [delete-recursive-forced], where: temporary, action: deny",
        ],
        [
            "effects: [read, write], action: allow",
            "tool: Bash, effects: [read], where: temporary, action: allow",
        ],
        [
            "tool: Bash, command_patterns: ['^ls'], action: deny",
            "tool: Bash, command_patterns: ['^ls'], action: allow",
        ],
        [
            "tool: Read, path_patterns: ['/a/', '/b/'], action: deny",
            "tool: Read, path_patterns: ['/a/'], action: allow",
        ],
        [
            "commands: [git push], flags: [-f, --force], action: deny",
            "commands: [git push], flags: [-f], action: allow",
        ],
    ];
    for case in cases {
        check(case, &[(Kind::Shadowed, "r1")]);
    }
}

#[test]
fn where_it_cannot_be_told_nothing_is_said() {
    let cases: &[[&str; 2]] = &[
        ["commands: [git push], action: deny", "commands: [git], action: allow"],
        ["commands: [git push], flags: [-f], action: deny", "commands: [git push], action: allow"],
        // An allow of some effects leaves the lines that have others.
        ["tool: Bash, effects: [read], action: allow", "tool: Bash, effects: [read], action: deny"],
        // A denial of an effect leaves the lines that have none.
        ["tool: Bash, effects: [write], action: deny", "tool: Bash, effects: [write], action: allow"],
        ["effects: [read], where: temporary, action: deny", "effects: [read], action: require_approval"],
        [
            "tool: Bash, command_patterns: ['^ls'], action: require_approval",
            "tool: Bash, command_patterns: ['^ls'], action: deny",
        ],
        ["commands: ['git * main'], action: deny", "commands: [git push main], action: allow"],
        ["commands: ['tar -x'], action: deny", "commands: ['tar x'], action: allow"],
        ["effects: [read], action: allow", "tools: [mcp__x__*], effects: [read], action: allow"],
        [
            "effects: [network], hosts: [a.example], action: deny",
            "effects: [network], action: require_approval",
        ],
    ];
    for case in cases {
        check(case, &[]);
    }
}

#[test]
fn a_denial_behind_an_allow_of_the_whole_tool_is_unreachable() {
    let denial = "commands: [git push], flags: [-f], action: deny";
    check(&["commands: [git], action: allow", denial], &[(Kind::Unreachable, "r1")]);
    check(&["tool: Bash, action: allow", denial], &[(Kind::OverBroad, "r0"), (Kind::Unreachable, "r1")]);
    check(&["tool: Bash, effects: [read], action: allow", denial], &[]);
}

#[test]
fn the_same_rule_in_two_files_is_how_overlays_work_a_different_one_is_not() {
    let (deny, allow) = (rules(&["commands: [ls], action: deny"]), rules(&["commands: [ls], action: allow"]));
    let both = |second| lint(&[Source::user("a.yaml", &deny), Source::user("b.yaml", second)]).unwrap();
    assert_eq!(found(&both(&deny)), []);
    assert_eq!(found(&both(&allow)), [(Kind::Shadowed, "r0")]);
    let layers = lint(&[Source::user("a.yaml", &deny), Source::project("b.yaml", &deny)]).unwrap();
    assert_eq!(found(&layers), []);
}

#[test]
fn allowing_everything_is_over_broad() {
    for rule in [
        "tool: Bash, action: allow",
        "tools: ['*'], action: allow",
        "tools: [mcp__*], action: allow",
        "tool: Bash, command_patterns: ['.*'], action: allow",
        "tool: Bash, command_patterns: [git, ''], action: allow",
        "commands: ['*'], action: allow",
        "tool: Bash, where: inside-project, action: allow",
    ] {
        check(&[rule], &[(Kind::OverBroad, "r0")]);
    }
    for rule in [
        "tool: Bash, action: deny",
        "tools: [Read, Write], action: allow",
        "tool: Bash, command_patterns: ['^git '], action: allow",
        "tools: [mcp__x__*], action: allow",
        "tool: Bash, effects: [read], action: allow",
        "tools: ['*'], where: [inside-project, temporary, system, outside-project], action: allow",
    ] {
        check(&[rule], &[]);
    }
    let settings = "rules: []\nsettings: {default_action: allow}\n";
    assert_eq!(found(&lint(&[Source::user("a", settings)]).unwrap()), [(Kind::OverBroad, "default_action")]);
}

#[test]
fn rules_that_match_nothing() {
    for rule in [
        "tool: bash, action: deny",
        "tool: Shell, action: deny",
        "tool: Monitor, action: deny",
        "tool: Task, action: deny",
        "tool: mcp__github, action: deny",
        "tool: 'Brow*', action: deny",
        "tool: Bash, command_patterns: ['x^rm'], action: deny",
        "tool: Bash, command_patterns: ['rm$ -rf'], action: deny",
        "tool: Bash, command_patterns: ['(a|b)(^c|^d)'], action: deny",
        "tool: Bash, command_patterns: ['[^\\s\\S]'], action: deny",
        "tool: Read, path_patterns: ['^src/'], action: deny",
        "tool: Read, path_patterns: ['^~/.ssh'], action: deny",
        "commands: ['git add && git commit'], action: deny",
        "commands: [mytool], effects: [read], action: allow",
        "effects: [network], hosts: ['https://example.com'], action: deny",
        "effects: [git-push], where: outside-project, action: deny",
        "effects: [read], hosts: [example.com], action: deny",
    ] {
        check(&[rule], &[(Kind::NeverMatches, "r0")]);
    }
    for rule in [
        "tools: [Task, Agent], action: deny",
        "tools: [Monitor, Bash], action: deny",
        "tool: 'Notebook*', action: deny",
        "tools: ['mcp__*', '*__delete', mcp__a__b], action: deny",
        "tool: Bash, command_patterns: ['^rm( -rf)?$', '(^|/)rm', 'a*^b', 'x(?:$|y)'], action: deny",
        "tool: Read, path_patterns: ['^/src/', '(^|/)x', '\\.pem$', '^.*/y'], action: deny",
        "effects: [read, git-push], where: outside-project, action: deny",
        "effects: [runs], where: temporary, action: deny",
        "effects: [fetch], hosts: ['*.example.com', '::1'], action: deny",
    ] {
        check(&[rule], &[]);
    }
}

#[test]
fn a_program_nobody_knows_is_a_note() {
    check(&["commands: [mytool|git], action: allow"], &[(Kind::UnknownProgram, "r0")]);
    let text = rules(&["commands: [mytool], action: deny"]);
    assert!(lint(&[Source::user("a.yaml", &text)]).unwrap().is_clean());
}

#[test]
fn what_a_project_opens_changes_nothing() {
    let text =
        rules(&["commands: [ls], action: allow", "tool: Bash, action: deny", "tool: Read, action: allow"]);
    let report = lint(&[Source::project("p.yaml", &text)]).unwrap();
    assert_eq!(found(&report), [(Kind::Unreachable, "r2")]);
}

/// What is called denied by the floor is: an allow of exactly these effects is never the answer.
#[test]
fn an_allow_of_what_the_floor_denies_is_unreachable() {
    for effect in
        ["privilege", "force-push", "git-rewrite", "database-destroy", "world-writable", "credential"]
    {
        check(&[&format!("effects: [{effect}], action: allow")], &[(Kind::Unreachable, "r0")]);
    }
    check(&["effects: [credential, read], action: allow"], &[]);
    let rules = rules_of(&[Source::builtin("leopold").unwrap()]);
    let verdict = verdict(&rules, vec![command("cat .env", vec![read("/p/.env")])], &facts());
    assert_eq!((verdict.decision, verdict.stage), (Decision::Deny, Stage::Floor));
}
