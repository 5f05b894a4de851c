//! What the launcher reads out of a line, and which profile a command gets.

use super::line::{Line, command};
use super::{ShellLauncher, profile_for};
use crate::profile::{Caches, Capabilities, Domain, Limits, Network, Profile, Request, SessionPlaces};
use std::ffi::OsStr;
use std::path::Path;

/// As Claude Code 2.1.330 writes it.
fn line(command: &str) -> String {
    format!(
        "source /s/shell-snapshots/snapshot-bash-1-x.sh 2>/dev/null || true && {{ \\builtin shopt -u extglob || \
         \\builtin setopt NO_EXTENDED_GLOB; }} >/dev/null 2>&1 || true && {{ \\builtin unalias -- 'which'; \\builtin \
         unset -f -- 'which'; }} >/dev/null 2>&1 || true && eval {command} < /dev/null && pwd -P >| /tmp/claude-1-cwd"
    )
}

#[track_caller]
fn check(text: &str, expected: Line) {
    assert_eq!(command(text), expected, "{text}");
}

#[test]
fn the_command_is_what_eval_is_given() {
    let command = |text: &str| Line::Command(text.to_owned());
    check(&line("'make test'"), command("make test"));
    check(&line(r#"'echo '"'"'a b'"'"' | cat'"#), command("echo 'a b' | cat"));
    check(&line(r#""echo \"\$x\" \n""#), command(r#"echo "$x" \n"#));
    check(&line("'eval true'"), command("eval true"));
    check(&line("'a\nb'"), command("a\nb"));
    let server = |words: &[&str]| Line::NoEval(words.iter().map(|&word| word.to_owned()).collect());
    check("npx -y some-server --flag", server(&["npx", "-y", "some-server", "--flag"]));
    check(r#"'/opt/a b' "$HOME" 'it'"'"'s'"#, server(&["/opt/a b", "$HOME", "it's"]));
    check("eval 'a' && eval 'b'", Line::Unclear);
    check("eval 'a", Line::Unclear);
    check("", server(&[]));
}

fn profile(network: Network, domain: Domain) -> Profile {
    let session = SessionPlaces { temporary: "/tmp/t".into(), ..SessionPlaces::default() };
    let capabilities = Capabilities { network, ..Capabilities::default() };
    Profile::build(&Request {
        domain,
        approved: &["/srv/app".into()],
        session: &session,
        home: Path::new("/home/you"),
        toolchains: &[],
        caches: Caches::ReadOnly,
        cache_directory: Path::new("/home/you/.cache/leashd"),
        hidden: &[],
        capabilities: &capabilities,
        limits: Limits::default(),
    })
    .unwrap()
}

#[test]
fn an_allowance_is_for_one_command_and_as_long_as_it_lives() {
    let directory = tempfile::tempdir().unwrap();
    let tightest = profile(Network::Nothing, Domain::Inner);
    let server = profile(Network::Nothing, Domain::Mcp);
    let more = profile(Network::Ports([8080].into()), Domain::Inner);
    let launcher =
        ShellLauncher::create(directory.path(), Path::new("/bin/true"), &tightest, &server).unwrap();
    let given = |line: &str| profile_for(directory.path(), OsStr::new(line)).unwrap();
    let (fetch, other) = (line("'cargo fetch'"), line("'cargo fetch '"));
    assert_eq!(given(&fetch), tightest);
    let allowance = launcher.allow("cargo fetch", &more).unwrap();
    assert_eq!(given(&fetch), more);
    assert_eq!(given(&other), tightest);
    assert_eq!(given("npx server"), server);
    assert!(launcher.allow("cargo fetch", &more).is_err(), "two calls may not share one");
    drop(allowance);
    assert_eq!(given(&fetch), tightest);
}

#[test]
fn a_broken_allowance_is_no_reason_to_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let tightest = profile(Network::Nothing, Domain::Inner);
    ShellLauncher::create(directory.path(), Path::new("/bin/true"), &tightest, &tightest).unwrap();
    std::fs::write(super::allowance(directory.path(), "x"), "{").unwrap();
    assert!(profile_for(directory.path(), OsStr::new(&line("'x'"))).is_err());
    std::fs::remove_file(directory.path().join("shell.json")).unwrap();
    assert!(profile_for(directory.path(), OsStr::new(&line("'y'"))).is_err());
}

#[test]
fn a_server_gets_what_was_granted_to_its_very_words() {
    let directory = tempfile::tempdir().unwrap();
    let nothing = profile(Network::Nothing, Domain::Mcp);
    let more = profile(Network::Ports([8080].into()), Domain::Mcp);
    let launcher =
        ShellLauncher::create(directory.path(), Path::new("/bin/true"), &nothing, &nothing).unwrap();
    launcher.server(&["npx".to_owned(), "a server".to_owned()], &more).unwrap();
    let given = |line: &str| profile_for(directory.path(), OsStr::new(line)).unwrap();
    assert_eq!(given("npx 'a server'"), more);
    for other in ["npx a server", "npx 'a server' x", "npx", &line("'npx a server'")] {
        assert_eq!(given(other), nothing, "{other}");
    }
}
