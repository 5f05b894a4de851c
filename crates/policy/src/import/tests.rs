//! Permission rules of Claude Code, what becomes of each, and what is said about it.

use super::{ImportError, Imported, import_claude_settings};
use crate::{Rules, Source, judge, plan};
use leashd_types::{Decision, Facts, PathFact, PathKind, Recovery, ResolvedPath, ToolCall};
use serde_json::{Value, json};

fn import(list: &str, rules: &[&str]) -> Imported {
    let settings = json!({"permissions": {list: rules}}).to_string();
    import_claude_settings(&settings, "settings.json", "/h").unwrap_or_else(|error| panic!("{error}"))
}

/// What the translation says about a call in `/p`; paths are what they are called.
fn decide(imported: &Imported, tool: &str, argument: &str) -> (Decision, String) {
    let rules = Rules::load(&[Source::user("settings.yaml", &imported.yaml)]).unwrap();
    let key = match tool {
        "Bash" => "command",
        "WebFetch" => "url",
        _ => "file_path",
    };
    let call = ToolCall { tool: tool.to_owned(), input: json!({key: argument}), ..crate::testing::call("") };
    let mut facts: Facts = crate::testing::facts();
    for _ in 0..3 {
        for path in plan(&call, &facts).questions().unanswered(&facts).paths {
            let real = ResolvedPath::assume_resolved(path.replace("/./", "/").into());
            let fact = PathFact::Resolved { real, kind: PathKind::File, recovery: Recovery::Committed };
            facts.paths.insert(path, fact);
        }
    }
    let verdict = judge(&rules, &call, &plan(&call, &facts), &facts);
    (verdict.decision, verdict.rule.name)
}

/// A list, a rule in it, what it must reach and what it must not. Calls are `Tool(argument)` or a shell line.
#[track_caller]
fn check(list: &str, rule: &str, reaches: &[&str], leaves: &[&str]) {
    let imported = import(list, &[rule]);
    assert_eq!(imported.left_out, [], "{rule}");
    let name = format!("{list} {rule}");
    for (calls, reached) in [(reaches, true), (leaves, false)] {
        for call in calls {
            let (tool, argument) = match call.strip_suffix(')').and_then(|call| call.split_once('(')) {
                Some((tool, argument)) if tool.starts_with(char::is_uppercase) => (tool, argument),
                _ => ("Bash", *call),
            };
            let (decision, by) = decide(&imported, tool, argument);
            assert_eq!(by == name, reached, "{name}: {call}: {decision} by {by}\n{}", imported.yaml);
        }
    }
}

#[test]
fn commands() {
    check(
        "deny",
        "Bash(git push:*)",
        &["git push", "git -C x push -u origin y", "ls && env git push"],
        &["git status"],
    );
    check(
        "allow",
        "Bash(npm run *)",
        &["npm run", "npm run build -- --x"],
        &["npm test", "npx x", "npm run x; rm y"],
    );
    check("allow", "Bash(ls:*)", &["ls", "ls -la"], &["lsof", "ls | sh"]);
    check("allow", "Bash(npm test)", &["npm test"], &["npm test x", "npm test && rm x"]);
    check("ask", "Bash(git * main)", &["git push origin main"], &["git push origin x"]);
    check("allow", "Bash(ls*)", &["ls", "lsof -i"], &["cat x"]);
    check("deny", "Bash(curl * | bash)", &[], &["curl x.example"]);
    check("deny", "Bash(./scripts/deploy.sh:*)", &["./scripts/deploy.sh --now"], &["ls scripts"]);
    check("ask", "Bash", &["ls"], &[]);
    check("ask", "Bash(*)", &["ls"], &["Write(/p/x)"]);
}

#[test]
fn paths() {
    check(
        "deny",
        "Read(./secrets/**)",
        &["Read(/p/secrets/a)", "cat secrets/a", "Read(secrets/x/y)"],
        &["Read(/p/a)"],
    );
    check("deny", "Read(*.tfstate)", &["Read(/p/x/a.tfstate)", "head a.tfstate"], &["Read(/p/a.tfstate.md)"]);
    check(
        "deny",
        "Edit(/docs/*.md)",
        &["Write(/p/docs/a.md)", "echo x > docs/a.md"],
        &["Write(/p/docs/x/a.md)", "cat docs/a.md"],
    );
    check("deny", "Read(//srv/x/**)", &["cat /srv/x/y"], &["cat srv/x/y"]);
    check("deny", "Read(~/notes)", &["cat /h/notes/a"], &["cat notes/a"]);
    check(
        "allow",
        "Edit(src/**)",
        &["Write(/p/src/a.rs)", "Edit(src/x/y.rs)"],
        &["Write(/p/a.rs)", "echo x > src/a"],
    );
    check("allow", "Read", &["Read(/p/x)"], &["cat x", "Write(/p/x)"]);
}

#[test]
fn hosts_servers_and_other_tools() {
    check(
        "allow",
        "WebFetch(domain:docs.rs)",
        &["WebFetch(https://docs.rs/x)"],
        &["WebFetch(https://a.docs.rs)", "curl https://docs.rs"],
    );
    check(
        "deny",
        "WebFetch(domain:*.evil.example)",
        &["WebFetch(https://a.evil.example)", "curl http://a.evil.example"],
        &["WebFetch(https://evil.example.org)"],
    );
    let imported = import("allow", &["mcp__github", "mcp__x__*", "mcp__y__get", "Task", "*"]);
    for (text, there) in
        [("'mcp__github__*'", true), ("'mcp__x__*'", true), ("'mcp__y__get'", true), ("'Agent'", true)]
    {
        assert_eq!(imported.yaml.contains(text), there, "{text}\n{}", imported.yaml);
    }
    assert_eq!((imported.rules, imported.wider), (5, 3));
}

#[test]
fn what_is_wider_says_so() {
    for (rule, says) in [
        ("Bash(git:*)", "git push --force"),
        ("Bash(npm run:*)", "code of the project"),
        ("Bash(npm test)", "code of the project"),
        ("Bash(python3:*)", "any code"),
        ("Bash(find:*)", "-delete"),
        ("Bash(ls:*)", "every option"),
        ("Bash", "every shell command"),
        ("Bash(* --version)", "any words"),
        ("WebFetch", "carry data out"),
    ] {
        let imported = import("allow", &[rule]);
        let comment = imported.yaml.lines().find(|line| line.contains("WIDER")).unwrap_or_default();
        assert!(comment.contains(says), "{rule}: {comment}");
        assert!(imported.wider == 1 && import("deny", &[rule]).wider == 0, "{rule}");
    }
}

#[test]
fn what_cannot_be_translated_is_listed_and_kept_in_the_file() {
    for rule in [
        "Bash(a && b)",
        "Bash(FOO=1 make:*)",
        "Bash(echo $HOME)",
        "Agent(x)",
        "Skill(deploy *)",
        "Write(src/**)",
        "Read([ab]/x)",
        "Read(../x)",
        "WebFetch(url:x)",
        "WebFetch(domain:a b)",
        "Bash(ls",
        "",
        "(x)",
        "Bash(ls * > x)",
    ] {
        let imported = import("allow", &[rule]);
        let left: Vec<&str> = imported.left_out.iter().map(|left| left.what.as_str()).collect();
        assert_eq!(left, [format!("allow {rule}")], "{}", imported.yaml);
        assert!(
            imported.rules == 0 && imported.yaml.contains(&format!("#   allow {rule}")),
            "{}",
            imported.yaml
        );
    }
    let settings =
        json!({"hooks": {}, "permissions": {"defaultMode": "plan", "additionalDirectories": ["/x"]}});
    let imported = import_claude_settings(&settings.to_string(), "s", "/h").unwrap();
    assert_eq!(imported.left_out.len(), 3);
}

/// A closing rule that Claude Code did not read is closed here.
#[test]
fn a_denial_of_a_path_for_write_holds() {
    check("deny", "Write(src/**)", &["Write(/p/src/a)", "echo x > src/a"], &["Write(/p/a)"]);
}

/// Texts of the file never become keys, rules or anything else of the policy.
#[test]
fn no_text_breaks_out() {
    let texts =
        ["Bash(x'\n  - name: y:*)", "Bash(a: b #c:*)", "Read(./'\"\u{202e}x)", "Foo(\n- a)", "Bash(it's:*)"];
    for list in ["allow", "ask", "deny"] {
        let imported = import(list, &texts);
        let rules = Rules::load(&[Source::user("x", &imported.yaml)]).unwrap();
        assert_eq!(rules.len(), imported.rules);
        assert_eq!(imported.rules + imported.left_out.len(), texts.len());
    }
}

#[test]
fn denials_come_first_and_allows_last() {
    let settings: Value = json!({"permissions": {"allow": ["Bash(git:*)"], "deny": ["Bash(git push:*)"], "ask": ["Bash(git commit:*)"]}});
    let imported = import_claude_settings(&settings.to_string(), "s", "/h").unwrap();
    for (line, decision) in
        [("git push", Decision::Deny), ("git commit -m x", Decision::Ask), ("git status", Decision::Allow)]
    {
        assert_eq!(decide(&imported, "Bash", line).0, decision, "{line}");
    }
}

#[test]
fn what_is_no_settings_file_says_so() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"permissions": []}"#,
        r#"{"permissions": {"allow": [1]}}"#,
        r#"{"permissions": {"deny": "x"}}"#,
    ] {
        let error = import_claude_settings(text, "s.json", "/h").unwrap_err();
        assert!(
            matches!(&error, ImportError::NotSettings { file, .. } if file == "s.json"),
            "{text}: {error}"
        );
    }
}
