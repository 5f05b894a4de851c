//! The laws of judgement, held against the lines of the corpora: however a line is wrapped, quoted, joined or its paths
//! are spelled, it is not judged more mildly. Every line meets every single wrapping; deeper and mixed forms are drawn.

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
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{RngSeed, TestCaseResult};
use std::sync::OnceLock;
use support::{bash, check, contained, corpus, rules};

/// How often each law is tried.
const CASES: u32 = 10_000;

/// The same cases in every run, so that a change is judged by what it changed. Another seed looks elsewhere:
/// `LEASHD_TEST_SEED=7 cargo test -p leashd-policy --test laws`.
fn config() -> ProptestConfig {
    let seed = std::env::var("LEASHD_TEST_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Default::default()
    }
}

fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', "'\\''"))
}

/// Ways to reach the same command. `find` would put a file where the line has `{}`.
const WRAPPINGS: [fn(&str) -> String; 23] = [
    |line| format!("bash -c {}", quoted(line)),
    |line| format!("sh -c {}", quoted(line)),
    |line| format!("eval {}", quoted(line)),
    |line| format!("{{ {line}\n}}"),
    |line| format!("( {line}\n)"),
    |line| format!("if true; then {line}\nfi"),
    |line| format!("for i in 1; do {line}\ndone"),
    |line| format!("while true; do {line}\nbreak; done"),
    |line| format!("case a in a) {line}\n;; esac"),
    |line| format!("nohup bash -c {}", quoted(line)),
    |line| format!("env A=b timeout 5 bash -c {}", quoted(line)),
    |line| format!("echo a | xargs -I%% bash -c {}", quoted(line)),
    |line| format!("f() {{ {line}\n}}; f"),
    |line| format!("true; {line}"),
    |line| format!("ls && {{ {line}\n}}"),
    |line| format!("git status || {{ {line}\n}}"),
    |line| format!("{line}\nls"),
    |line| format!("trap {} EXIT", quoted(line)),
    |line| format!("bash <<< {}", quoted(line)),
    |line| format!("c={}; eval \"$c\"", quoted(line)),
    |line| format!("printf '%s' {} | sh", quoted(line)),
    |line| format!("cat <( {line}\n)"),
    |line| {
        if line.contains("{}") {
            return line.to_owned();
        }
        format!("find . -maxdepth 0 -exec bash -c {} \\;", quoted(line))
    },
];

/// Lines of the corpora that are shell code on their own.
fn lines() -> &'static [String] {
    static LINES: OnceLock<Vec<String>> = OnceLock::new();
    LINES.get_or_init(|| {
        ["commands.jsonl", "executed.jsonl", "git-lock.jsonl"]
            .iter()
            .flat_map(|name| corpus(name))
            .filter_map(|case| case.call.text("command").map(str::to_owned))
            .collect()
    })
}

/// Lines whose words are themselves: nothing in them is expanded, no assignment, no keyword.
fn plain_lines() -> &'static [String] {
    static LINES: OnceLock<Vec<String>> = OnceLock::new();
    const KEYWORDS: [&str; 5] = ["time", "coproc", "if", "for", "while"];
    LINES.get_or_init(|| {
        let plain = |line: &&String| {
            let first = line.split(' ').next().unwrap();
            line.chars().all(|c| c.is_ascii_alphanumeric() || " _./:,@%+-".contains(c))
                && !KEYWORDS.contains(&first)
                && !line.contains("  ")
        };
        let found: Vec<String> = lines().iter().filter(plain).cloned().collect();
        assert!(found.len() > 150, "only {} plain lines", found.len());
        found
    })
}

/// Plain lines with a file below `/etc`, which the made-up project has a link to.
fn lines_about_a_linked_place() -> &'static [String] {
    static LINES: OnceLock<Vec<String>> = OnceLock::new();
    LINES.get_or_init(|| {
        let about = |line: &&String| line.split(' ').any(|word| word.starts_with("/etc/"));
        let mut found: Vec<String> = plain_lines().iter().filter(about).cloned().collect();
        let more = [
            "cat /etc/hosts",
            "cp README.md /etc/x",
            "rm -rf /etc/nginx",
            "sed -i s/a/b/ /etc/fstab",
            "chmod 777 /etc/x",
        ];
        found.extend(more.map(str::to_owned));
        found
    })
}

fn policies() -> &'static [(&'static str, Rules)] {
    static RULES: OnceLock<Vec<(&str, Rules)>> = OnceLock::new();
    RULES.get_or_init(|| ["contained", "default", "leopold"].map(|name| (name, rules(&[name]))).into())
}

fn decide(rules: &Rules, line: &str, facts: &Facts) -> Decision {
    check(rules, &bash(line), facts).decision
}

/// No policy judges the second line more mildly than the first.
fn not_weaker(line: &str, other: &str) -> TestCaseResult {
    let facts = contained();
    for (policy, rules) in policies() {
        let (plain, decision) = (decide(rules, line, &facts), decide(rules, other, &facts));
        prop_assert!(decision >= plain, "{}: {} -> {}: {:?}", policy, plain, decision, other);
    }
    Ok(())
}

#[test]
fn no_single_wrapping_weakens() {
    let facts = contained();
    for (policy, rules) in policies() {
        let mut weaker = Vec::new();
        for line in lines() {
            let plain = decide(rules, line, &facts);
            for wrap in WRAPPINGS {
                let wrapped = wrap(line);
                let decision = decide(rules, &wrapped, &facts);
                if decision < plain {
                    weaker.push(format!("{plain} -> {decision}: {wrapped:?}"));
                }
            }
        }
        assert!(weaker.is_empty(), "{policy}: {} weaker\n{}", weaker.len(), weaker.join("\n"));
    }
}

/// One way to write a piece of a word so that the shell makes the same of it.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    Bare,
    Single,
    Double,
    Escaped,
    Ansi,
    Octal,
    EmptyBetween,
}

fn spelled(piece: char, spelling: Spelling) -> String {
    match spelling {
        Spelling::Bare => piece.to_string(),
        Spelling::Single => format!("'{piece}'"),
        Spelling::Double => format!("\"{piece}\""),
        Spelling::Escaped => format!("\\{piece}"),
        Spelling::Ansi => format!("$'{piece}'"),
        Spelling::Octal => format!("$'\\{:03o}'", u32::from(piece)),
        Spelling::EmptyBetween => format!("{piece}''"),
    }
}

fn any_spelling() -> impl Strategy<Value = Spelling> {
    use Spelling::{Ansi, Bare, Double, EmptyBetween, Escaped, Octal, Single};
    select(vec![Bare, Bare, Bare, Bare, Single, Double, Escaped, Ansi, Octal, EmptyBetween])
}

fn respelled(line: &str, spellings: &[Spelling]) -> String {
    let mut spellings = spellings.iter().cycle();
    let letter = |c| if c == ' ' { " ".to_owned() } else { spelled(c, *spellings.next().unwrap()) };
    line.chars().map(letter).collect()
}

/// The same path by a longer way. A bare word may be anything; one with a slash is a path or an address.
fn detoured(word: &str, detour: &str) -> String {
    match word.rsplit_once('/') {
        Some((head, tail)) if !word.contains(':') && !word.starts_with('-') && !head.is_empty() => {
            format!("{head}/{detour}{tail}")
        }
        _ => word.to_owned(),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_wrapping_of_wrappings_weakens(
        at in any::<Index>(), wrappings in prop::collection::vec(select(WRAPPINGS.to_vec()), 2..4)
    ) {
        let line = at.get(lines());
        let wrapped = wrappings.iter().fold(line.clone(), |line, wrap| wrap(&line));
        not_weaker(line, &wrapped)?;
    }

    #[test]
    fn quoting_changes_nothing(at in any::<Index>(), spellings in prop::collection::vec(any_spelling(), 1..40)) {
        let line = at.get(plain_lines());
        let facts = contained();
        let other = respelled(line, &spellings);
        for (policy, rules) in policies() {
            prop_assert_eq!(decide(rules, &other, &facts), decide(rules, line, &facts), "{}: {:?}", policy, other);
        }
    }

    #[test]
    fn a_line_is_never_weaker_than_its_parts(one in any::<Index>(), other in any::<Index>(), joint in select(vec![" && ", "; ", " || ", " | ", "\n", " & "])) {
        let (one, other) = (one.get(plain_lines()), other.get(plain_lines()));
        // What changes the shell's state may take the other's harm away: `cd src && rm -rf canary`.
        let state = ["cd", "pushd", "popd", "export", "unset", "set", "alias", "exec", "exit", "return", "hash"];
        prop_assume!(!state.contains(&one.split(' ').next().unwrap()));
        let line = format!("{one}{joint}{other}");
        not_weaker(one, &line)?;
        not_weaker(other, &line)?;
    }

    #[test]
    fn a_detour_changes_nothing(at in any::<Index>(), detour in select(vec!["./", ".//", "x/../", "././", "x/y/../../"])) {
        let line = at.get(plain_lines());
        let other: Vec<String> = line.split(' ').map(|word| detoured(word, detour)).collect();
        let other = other.join(" ");
        let facts = contained();
        for (policy, rules) in policies() {
            prop_assert_eq!(decide(rules, &other, &facts), decide(rules, line, &facts), "{}: {:?}", policy, other);
        }
    }

    #[test]
    fn a_link_changes_nothing(at in any::<Index>(), wrap in select(WRAPPINGS.to_vec()), detour in select(vec!["", "./", ".//", "././"])) {
        let line: &String = at.get(lines_about_a_linked_place());
        let other: Vec<String> = line
            .split(' ')
            .map(|word| word.strip_prefix("/etc/").map_or_else(|| word.to_owned(), |rest| format!("etclink/{detour}{rest}")))
            .collect();
        let (line, other) = (wrap(line), wrap(&other.join(" ")));
        let facts = contained();
        for (policy, rules) in policies() {
            prop_assert_eq!(decide(rules, &other, &facts), decide(rules, &line, &facts), "{}: {:?}", policy, other);
        }
    }

    #[test]
    fn judging_is_deterministic(at in any::<Index>(), wrap in select(WRAPPINGS.to_vec())) {
        let line: &String = at.get(lines());
        let line = wrap(line);
        let facts = contained();
        for (_, rules) in policies() {
            prop_assert_eq!(check(rules, &bash(&line), &facts), check(rules, &bash(&line), &facts));
        }
    }
}

#[test]
fn a_detour_through_a_link_changes_nothing() {
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
