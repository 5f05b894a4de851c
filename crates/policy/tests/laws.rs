//! The laws of judgement, held against every line of the corpora: however a line is wrapped, it is not judged more
//! mildly.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test may read files and fail loudly; each uses a part of the shared support"
)]

mod support;

use leashd_policy::Rules;
use leashd_types::{Decision, Facts};
use support::{bash, check, contained, corpus, rules};

fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', "'\\''"))
}

/// Ways to reach the same command.
fn wrapped(line: &str) -> Vec<String> {
    let text = quoted(line);
    // In braces of its own `find` would put a file there.
    let found = (!line.contains("{}")).then(|| format!("find . -maxdepth 0 -exec bash -c {text} \\;"));
    let mut all = vec![
        format!("bash -c {text}"),
        format!("sh -c {text}"),
        format!("eval {text}"),
        format!("{{ {line}\n}}"),
        format!("( {line}\n)"),
        format!("if true; then {line}\nfi"),
        format!("for i in 1; do {line}\ndone"),
        format!("nohup bash -c {text}"),
        format!("env A=b timeout 5 bash -c {text}"),
        format!("echo a | xargs -I%% bash -c {text}"),
        format!("bash -c {}", quoted(&format!("sh -c {text}"))),
        format!("f() {{ {line}\n}}; f"),
        format!("true; {line}"),
        format!("ls && {{ {line}\n}}"),
        format!("git status || {{ {line}\n}}"),
        format!("{line}\nls"),
    ];
    all.extend(found);
    all
}

/// Lines of the corpora that are shell code on their own.
fn lines() -> Vec<String> {
    ["commands.jsonl", "executed.jsonl", "git-lock.jsonl"]
        .iter()
        .flat_map(|name| corpus(name))
        .filter_map(|case| case.call.text("command").map(str::to_owned))
        .collect()
}

fn decide(rules: &Rules, line: &str, facts: &Facts) -> Decision {
    check(rules, &bash(line), facts).decision
}

#[test]
fn wrapping_never_weakens() {
    let facts = contained();
    for policy in ["contained", "default"] {
        let rules = rules(&[policy]);
        let mut weaker = Vec::new();
        for line in lines() {
            let plain = decide(&rules, &line, &facts);
            for wrapped in wrapped(&line) {
                let decision = decide(&rules, &wrapped, &facts);
                if decision < plain {
                    weaker.push(format!("{plain} -> {decision}: {wrapped:?}"));
                }
            }
        }
        assert!(weaker.is_empty(), "{policy}: {} weaker\n{}", weaker.len(), weaker.join("\n"));
    }
}

#[test]
fn a_detour_changes_nothing() {
    let rules = rules(&["contained"]);
    let facts = contained();
    let pairs = [
        ("cat .env", "cat src/../.env"),
        ("cat .env", "cat /home/dev/proj/./src/.././.env"),
        ("rm -rf /home/dev/work", "rm -rf ../work"),
        ("rm -rf /", "rm -rf ../../../../.."),
        ("cat /home/dev/.ssh/config", "cat keys/config"),
        ("cat /etc/passwd", "cat etclink/passwd"),
        ("echo x > .git/hooks/x", "echo x > src/../.git/./hooks/x"),
        ("cat README.md", "cat ./src/../README.md"),
    ];
    for (straight, detour) in pairs {
        assert_eq!(decide(&rules, detour, &facts), decide(&rules, straight, &facts), "{detour}");
    }
}
