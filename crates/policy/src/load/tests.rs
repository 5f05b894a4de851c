//! Loading: what the legacy schema says, what is refused, and how a refusal looks.

use super::{MAX_BYTES, MAX_RULES};
use crate::{Rules, Source};
use std::fmt::Write as _;

fn load(text: &str) -> Result<Rules, String> {
    Rules::load(&[Source::user("my.yaml", text)]).map_err(|error| error.to_string())
}

/// The text does not load, and the error shows all of `parts`.
fn check(text: &str, parts: &[&str]) {
    let error = load(text).expect_err(text);
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in:\n{error}");
    }
}

const LEGACY: &str = r#"
version: "1.0"
name: legacy
rules:
  - name: credential-files
    tools: [Read, Write, Edit]
    path_patterns: ['\.env$', '\.ssh/', '\.(key|pem)$']
    action: deny
    reason: Credential file access blocked
    risk_level: critical
  - name: read-bash
    tool: Bash
    command_patterns:
      - '^(ls|cat|head)\b'
    action: allow
    description: Looking around
  - name: rest
    tools: Bash
    action: require_approval
settings:
  default_action: require_approval
  approval_timeout_seconds: 30
"#;

#[test]
fn the_legacy_schema_loads_as_it_is() {
    let rules = load(LEGACY).unwrap();
    assert_eq!(rules.len(), 3);
    assert_eq!(rules.approval_timeout_seconds(), Some(30));
}

#[test]
fn an_error_shows_file_line_caret_and_a_hint() {
    let text = "rules:\n  - name: x\n    tool: Bash\n    acton: deny\n    action: deny\n";
    let error = load(text).unwrap_err();
    let expected = "error: unknown key `acton`\n --> my.yaml:4:5\n  |\n4 |     acton: deny\n  |     ^^^^^\n  = help: did you mean `action`?";
    assert_eq!(error, expected);
}

#[test]
fn mistakes_are_refused_with_a_way_out() {
    let rule = |inner: &str| format!("rules:\n  - name: x\n{inner}");
    check("", &["empty", "rules"]);
    check("rules: [", &["my.yaml:1"]);
    check("rulez: []", &["unknown key `rulez`", "did you mean `rules`?"]);
    check(&rule("    tool: Bash\n"), &["`action` is missing", "require_approval", "my.yaml:3"]);
    check(
        &rule("    tool: Bash\n    action: forbid\n"),
        &["unknown action `forbid`", "my.yaml:4:13", "^^^^^^"],
    );
    check(&rule("    tool: Bash\n    action: denny\n"), &["did you mean `deny`?"]);
    check(
        &rule("    effects: [raed]\n    action: deny\n"),
        &["unknown effect `raed`", "did you mean `read`?", ":3:15"],
    );
    check(&rule("    effects: []\n    action: deny\n"), &["`effects` is empty"]);
    check(&rule("    effects: [read]\n    where: outside\n    action: deny\n"), &["unknown place `outside`"]);
    check(&rule("    action: deny\n"), &["names no tool", "tool: Bash"]);
    check(&rule("    commands: [/bin/rm]\n    action: deny\n"), &["without a directory"]);
    check(&rule("    tool: Read\n    commands: [rm]\n    action: deny\n"), &["not for the tool Bash"]);
    check(&rule("    tool: Bash\n    flags: [-f]\n    action: deny\n"), &["`flags` of no command"]);
    check(&rule("    tool: Bash\n    action: deny\n    risk_level: grave\n"), &["unknown risk level"]);
    check("settings:\n  default_action: maybe\n", &["unknown action `maybe`", ":2:19"]);
    check("settings:\n  approval_timeout_seconds: 0\n", &["from 1 to 86400"]);
    check("settings:\n  approval_timeout_seconds: soon\n", &["my.yaml:2"]);
}

#[test]
fn what_only_python_can_match_is_said_to_be_so() {
    let with = |pattern: &str| {
        format!(
            "rules:\n  - name: x\n    tool: Bash\n    command_patterns: ['{pattern}']\n    action: deny\n"
        )
    };
    check(&with("rm (?!x)"), &["look-around", "linear time", "my.yaml:4:24"]);
    check(&with(r"(a)\1"), &["backreference"]);
    check(&with("(a"), &["not valid", "unclosed group"]);
    check(&with(r"a\Z"), &[r"\z"]);
    assert!(load(&with(r"(?i)^git\s+(?P<verb>push|pull)\b")).is_ok());
}

#[test]
fn bombs_and_giants_are_refused_in_bounded_time() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        let _infallible = writeln!(bomb, "a{level}: &a{level} [{inner}]");
    }
    bomb.push_str("rules: *a11\n");
    assert!(load(&bomb).is_err());
    let aliases = format!(
        "rules:\n  - &r\n    name: x\n    tool: Bash\n    action: deny\n{}",
        "  - *r\n".repeat(60_000)
    );
    check(&aliases, &["larger than a policy may be"]);
    check(&"[".repeat(100_000), &["my.yaml"]);
    check(&" ".repeat(MAX_BYTES + 1), &["too large", "10485760"]);
    let many = format!("rules:\n{}", "- {name: x, tool: Bash, action: deny}\n".repeat(MAX_RULES + 1));
    check(&many, &["more than 100000 rules"]);
}

#[test]
fn errors_do_not_let_hidden_characters_through() {
    let error = load("rules:\n  - name: x\n    tool: Bash\n    action: \"d\u{202e}eny\"\n").unwrap_err();
    let shown = error.lines().find(|line| line.starts_with("4 |")).unwrap();
    assert!(!shown.contains('\u{202e}'), "{shown:?}");
}

#[test]
fn the_last_file_wins_and_a_project_only_tightens() {
    let user = Source::user("a.yaml", "settings: {default_action: allow, approval_timeout_seconds: 500}");
    let later = Source::user("b.yaml", "settings: {approval_timeout_seconds: 90}");
    let project =
        Source::project("p.yaml", "settings: {default_action: deny, approval_timeout_seconds: 400}");
    let loose =
        Source::project("p.yaml", "settings: {default_action: allow, approval_timeout_seconds: 4000}");
    let both = Rules::load(&[user, later]).unwrap();
    assert_eq!(
        (both.default_action(), both.approval_timeout_seconds()),
        (leashd_types::Decision::Allow, Some(90))
    );
    let tight = Rules::load(&[user, later, project]).unwrap();
    assert_eq!(
        (tight.default_action(), tight.approval_timeout_seconds()),
        (leashd_types::Decision::Deny, Some(90))
    );
    let strict = Rules::load(&[Source::builtin("strict").unwrap(), loose]).unwrap();
    assert_eq!(
        (strict.default_action(), strict.approval_timeout_seconds()),
        (leashd_types::Decision::Ask, Some(120))
    );
}

#[test]
fn the_generation_names_the_texts_and_their_order() {
    let one = Source::user("a.yaml", "rules: []");
    let two = Source::user("b.yaml", "rules: []");
    let generation = |sources: &[Source<'_>]| Rules::load(sources).unwrap().generation();
    assert_eq!(generation(&[one, two]), generation(&[one, two]));
    assert_ne!(generation(&[one, two]), generation(&[two, one]));
    assert_ne!(generation(&[one]), generation(&[Source::project("a.yaml", "rules: []")]));
}

#[test]
fn a_refusal_cannot_write_to_the_terminal_by_itself() {
    let rule = r#"rules: [{name: a, commands: [ls], action: allow, matches: ["rm \e[2K\a x"]}]"#;
    let error = load(rule).expect_err("the example does not match");
    assert!(error.contains("\\u{1b}[2K\\u{7}"), "{error}");
    assert!(!error.contains(['\u{1b}', '\u{7}']), "{error:?}");
}

/// Whoever starts with a policy that ships has what stands in its file.
#[test]
fn what_was_read_at_the_build_is_what_the_text_says() {
    for name in crate::BUILTIN_NAMES {
        let source = Source::builtin(name).unwrap();
        let ready = super::schema::ready(crate::builtin::ready(name).unwrap()).expect(name);
        let shown = |raw| {
            let mut loaded = super::check::file(&source, raw).unwrap();
            for rule in &mut loaded.rules {
                rule.matches.clear();
                rule.misses.clear();
            }
            assert!(!loaded.rules.is_empty());
            format!("{:#?} {:?} {:?}", loaded.rules, loaded.default_action, loaded.approval_timeout_seconds)
        };
        assert_eq!(shown(ready), shown(super::schema::parse(name, source.text).unwrap()), "{name}");
    }
}
