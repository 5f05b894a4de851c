//! Compared with the real bash: what it accepts and rejects, and what words become.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, reason = "the tests run bash")]

use leashd_shell::{Analysis, Env, Part, analyze};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CASES: u32 = 2500;

/// The same cases in every run, so that a change is judged by what it changed. Another seed looks elsewhere:
/// `LEASHD_TEST_SEED=1 cargo test -p leashd-shell --test bash`.
fn config() -> Config {
    let seed = std::env::var("LEASHD_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 400,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    }
}

fn runner() -> TestRunner {
    TestRunner::new(config())
}

fn empty_directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("leashd-shell-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::canonicalize(directory).unwrap()
}

fn bash(directory: &Path, flags: &[&str], text: &str) -> std::process::Output {
    Command::new("bash")
        .args(["--norc", "--noprofile"])
        .args(flags)
        .args(["-c", "--", text])
        .env_clear()
        .env("HOME", "/home/dev")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("bash is there")
}

fn analyzed(line: &str, directory: &str) -> Analysis {
    analyze(line, &Env { cwd: directory, home: "/home/dev", files: &BTreeMap::new() })
}

fn is_unclear(analysis: &Analysis) -> bool {
    !analysis.unclear.is_empty() || analysis.commands.iter().any(|command| !command.unclear.is_empty())
}

/// One simple command.
fn simple() -> impl Strategy<Value = String> {
    let word = select(vec![
        "a",
        "b-c",
        "'q r'",
        "\"d e\"",
        "$x",
        "${x:-y}",
        "\"$(a b)\"",
        "`a`",
        "$((1+2))",
        "$'e\\n'",
        "{a,b}",
        "x=1",
        "*.c",
        "[a]",
        "\\;",
        "a\\\nb",
        "if",
        "then",
        "fi",
        "do",
        "done",
        "in",
        "}",
        "{",
        "!",
        "a#b",
        "$(a;b)",
        "$",
        "\"${x%\"}\"}\"",
        "<(a)",
        "~",
        "${x//a/b}",
        "a=(b c)",
        "esac",
        "time",
        "[[",
        "]]",
        "$(case x in a) b;; esac)",
        "$((a) | (b))",
        "((",
        "))",
        "-f",
        "==",
        "é",
    ])
    .prop_map(str::to_owned);
    let redirect =
        select(vec!["> f", "2>&1", "< f", ">> f", "<<< w", "&> f", ">| f", "<> f", "3<&-", "{v}> f"]);
    (
        proptest::collection::vec(select(vec!["x=1", "y=$x", "z=(a b)", "x+=2", "a[1]=2"]), 0..2),
        proptest::collection::vec(word, 1..4),
        proptest::collection::vec(redirect, 0..2),
    )
        .prop_map(|(assignments, words, redirects)| {
            let parts: Vec<String> = assignments
                .into_iter()
                .map(str::to_owned)
                .chain(words)
                .chain(redirects.into_iter().map(str::to_owned))
                .collect();
            parts.join(" ")
        })
}

/// Shell text that is mostly valid.
fn script() -> impl Strategy<Value = String> {
    simple().prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (
                two.clone(),
                select(vec![" && ", " || ", "; ", " | ", " |& ", " & ", "\n", " &&\n", "\n# c '\n", ";;"])
            )
                .prop_map(|((a, b), join)| format!("{a}{join}{b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("{{ {a}; }}")),
            inner.clone().prop_map(|a| format!("echo \"$({a})\"")),
            inner.clone().prop_map(|a| format!("echo `{}`", a.replace(['`', '\\'], ""))),
            inner.clone().prop_map(|a| format!("f() {{ {a}; }}; f")),
            inner.clone().prop_map(|a| format!("function g {{ {a}\n}}")),
            inner.clone().prop_map(|a| format!("cat <<E\n$({a})\nE")),
            inner.clone().prop_map(|a| format!("cat <<'E' && {a}\nx $( '\nE")),
            inner.clone().prop_map(|a| format!("echo $(cat <<-E\n\tx ) '\n\tE\n{a})")),
            inner.clone().prop_map(|a| format!("! {a}")),
            inner.clone().prop_map(|a| format!("time {a}")),
            inner.clone().prop_map(|a| format!("for i in a b; do {a}; done")),
            inner.clone().prop_map(|a| format!("for ((i=0;i<2;i++)); do {a}; done")),
            inner.clone().prop_map(|a| format!("select i in a; do {a}; done < f")),
            inner.clone().prop_map(|a| format!("[[ -f x && ( a == b* || ! c =~ (d|e)$ ) ]] && {a}")),
            inner.clone().prop_map(|a| format!("coproc {a}")),
            two.clone().prop_map(|(a, b)| format!("if {a}; then {b}; fi")),
            two.clone().prop_map(|(a, b)| format!("if {a}\nthen {b}\nelse {a}\nfi 2>&1")),
            two.clone().prop_map(|(a, b)| format!("while {a}; do {b}; done")),
            two.prop_map(|(a, b)| format!("case $x in a|'b') {a};; (c) {b};& *) ;; esac")),
        ]
    })
}

/// The same with a piece taken out, put in or doubled.
fn damaged() -> impl Strategy<Value = String> {
    let noise = select(vec![
        "",
        ";",
        "&",
        "|",
        "(",
        ")",
        "'",
        "\"",
        "`",
        "$(",
        "${",
        "}",
        "{",
        " fi ",
        " done ",
        " esac ",
        "\n",
        "<<E",
        "<",
        ">",
        "((",
        "))",
        "[[ ",
        " ]]",
        " do ",
        " then ",
        "\\",
        "#",
        "!",
        ";;",
        "$((",
        "=(",
        " in ",
        "<(",
        "function ",
    ]);
    (script(), any::<prop::sample::Index>(), 0..3_usize, noise).prop_map(|(text, at, cut, noise)| {
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len() + 1);
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, noise.chars());
        chars.into_iter().collect()
    })
}

#[test]
fn accepts_what_bash_accepts_or_says_so() {
    let directory = empty_directory("syntax");
    let strategy = prop_oneof![1 => script(), 2 => damaged()];
    let (accepted, both) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let result = runner().run(&strategy, |line| {
        let output = bash(&directory, &["-n"], &line);
        let errors = String::from_utf8_lossy(&output.stderr);
        let complains = errors.lines().any(|error| !error.contains("warning: here-document"));
        let analysis = analyzed(&line, "/tmp");
        let unclear = is_unclear(&analysis);
        let rejected = analysis.unclear.iter().any(|why| why.starts_with("syntax"));
        if output.status.success() && !complains {
            accepted.set(accepted.get() + 1);
            both.set(both.get() + usize::from(!rejected));
        } else {
            prop_assert!(unclear, "bash rejects it, and nothing was said: {line:?}\n{errors}");
        }
        Ok(())
    });
    std::fs::remove_dir_all(&directory).unwrap();
    result.unwrap();
    // Saying "unclear" to everything would pass the above. Bash does not look into backquotes, so not all can be read.
    assert!(
        both.get() * 100 > accepted.get() * 85,
        "only {} of {} valid lines were read",
        both.get(),
        accepted.get()
    );
}

fn words() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a",
        "b",
        "-",
        ".",
        "/",
        ":",
        "=",
        ",",
        "1",
        "~",
        "{",
        "}",
        "{a,b}",
        "{1..3}",
        "{c..a}",
        "{05..10..2}",
        "..",
        "é",
        "*",
        "?",
        "[a]",
        "[",
        "]",
        "!",
        "'q r'",
        "'$x'",
        "''",
        "\"\"",
        "\"d e\"",
        "\"$x\"",
        "\"$@\"",
        "\"$*\"",
        "\"a$@b\"",
        "\"${l[@]}\"",
        "\"${l[*]}\"",
        "${l[1]}",
        "${#l[@]}",
        "$x",
        "$y",
        "$z",
        "$w",
        "$@",
        "$*",
        "$1",
        "$#",
        "${x}",
        "${u:-d e}",
        "${u:-\"d e\"}",
        "\"${u:-'d e'}\"",
        "${u-}",
        "${y:-n}",
        "${y-n}",
        "${x:+s t}",
        "${u:+s}",
        "${u=v}",
        "${x#a}",
        "${x##*b}",
        "${x%b*}",
        "${x%%b*}",
        "${p##*/}",
        "${p%/*}",
        "${p/b/X}",
        "${p//[bd]/_}",
        "${p/#\\/a/Q}",
        "${p/%d/Q}",
        "${p:1:2}",
        "${p:2}",
        "${p: -2}",
        "${x^}",
        "${x^^}",
        "${p,,}",
        "${#p}",
        "${!r}",
        "$((1+2*3))",
        "$((n<<2))",
        "$[n-1]",
        "$((n>3?7:8))",
        "$((n%3,n))",
        "$'t\\x41\\101\\u00e9\\''",
        "$\"loc\"",
        "$(echo 'i  j')",
        "\"$(echo 'i  j')\"",
        "`echo k`",
        "$(printf '%s-%03o\\n' v 9)",
        "\\\n",
        "\\ ",
        "\\*",
        "\\~",
        "\\{",
        "$",
        "a=~",
        "~/x",
        "x=~/b:~",
        "$(echo b | tr a-c x-z)",
        "$(echo YQ== | base64 -d)",
        "$(printf 'a\\n\\n')",
        "${l[@]:1:1}",
        "\"${@:2}\"",
        "${*}",
        "${l[-1]}",
        "${h[k]}",
        "${!h[@]}",
        "\"$(printf ' %s ' a b)\"",
        "$(echo cab | rev)",
        "$(echo a:b:c | cut -d: -f2)",
        "$(printf 'a\\nb\\nc\\n' | tail -n 2)",
    ]);
    let word = proptest::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat());
    proptest::collection::vec(word, 1..4).prop_map(|words| words.join(" "))
}

const PRELUDE: &str = "x='abc  ab'; y=; z=$' q\\nr '; w='*.none a:b'; p=/a/b/cd; n=5; r=p; \
    l=(one 'two three' '' four); declare -A h; h[k]='v w'; set -- 1 '2 3' ''; ";

#[test]
fn words_become_what_bash_makes_of_them() {
    let directory = empty_directory("words");
    let place = directory.to_str().unwrap().to_owned();
    let compared = std::cell::Cell::new(0);
    let separators = select(vec!["", "IFS=:; ", "IFS=' :'; ", "IFS=; ", "IFS=b,; "]);
    let result = runner().run(&(separators, words()), |(separators, words)| {
        let line = format!("{PRELUDE}{separators}set -f; printf '%s\\0' . {words}");
        let analysis = analyzed(&line, &place);
        let output = bash(&directory, &[], &line);
        let Some(command) = analysis.commands.last().filter(|_| !is_unclear(&analysis)) else {
            return Ok(());
        };
        let text = |part: &Part| match part {
            Part::Text(text) | Part::Glob(text) => Some(text.clone()),
            Part::Unknown(_) => None,
        };
        let ours: Option<Vec<String>> =
            command.words.iter().skip(2).map(|word| word.parts().iter().map(text).collect()).collect();
        let (Some(ours), true) = (ours, output.status.success()) else { return Ok(()) };
        compared.set(compared.get() + 1);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs: Vec<&str> = printed.trim_end_matches('\0').split('\0').collect();
        let ours = ours.join("\0");
        prop_assert_eq!(ours.trim_end_matches('\0').split('\0').collect::<Vec<_>>(), theirs, "{}", line);
        Ok(())
    });
    std::fs::remove_dir_all(&directory).unwrap();
    result.unwrap();
    assert!(compared.get() > CASES / 2, "only {} cases could be compared", compared.get());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn never_panics(line in "(\\PC|[\\x00-\\x20'\"`$(){}<>|&;\\\\#\\[\\]=!*?~]){0,80}") {
        analyzed(&line, "/tmp");
    }

    #[test]
    fn never_panics_on_shell(line in damaged()) {
        analyzed(&line, "/tmp");
    }
}
