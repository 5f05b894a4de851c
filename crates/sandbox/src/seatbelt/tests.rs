//! The text for known profiles. Whether macOS agrees is not tested here.

use super::seatbelt;
use crate::profile::{Access, Domain, Limits, Network, Presence, Profile, Tree};

fn profile(path: &str, network: Network) -> Profile {
    let tree = |path: &str, access, what: &str| Tree {
        path: path.into(),
        access,
        presence: Presence::Required,
        what: what.to_owned(),
    };
    Profile {
        domain: Domain::Inner,
        trees: vec![tree("/usr", Access::Run, "system"), tree(path, Access::Write, "project")],
        guarded: vec![format!("{path}/.git/hooks").into()],
        network,
        temporary: "/tmp/t".into(),
        environment: [].into(),
        make: Vec::new(),
        limits: Limits::default(),
    }
}

/// Where `part` stands in the text.
#[track_caller]
fn check(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_else(|| panic!("{part} is not in\n{text}"))
}

#[test]
fn nothing_is_allowed_but_what_is_listed() {
    let text = seatbelt(&profile("/Users/you/app", Network::Nothing));
    check(&text, "(deny default");
    check(&text, "(allow file-read* file-map-executable process-exec (subpath \"/usr\"))");
    check(
        &text,
        "(allow file-read* file-write* file-map-executable process-exec (subpath \"/Users/you/app\"))",
    );
    check(&text, "(deny network*)");
    assert!(!text.contains("allow network"), "{text}");
    assert_eq!(text.matches('(').count(), text.matches(')').count());
}

#[test]
fn what_is_refused_inside_an_open_tree_comes_after_it() {
    let text = seatbelt(&profile("/Users/you/app", Network::Nothing));
    let open = check(&text, "process-exec (subpath \"/Users/you/app\"))");
    let hooks = check(&text, "(deny file-write* (subpath \"/Users/you/app/.git/hooks\"))");
    let moved = check(&text, "(deny file-write-unlink (literal \"/Users/you/app/.git\"))");
    assert!(open < hooks && open < moved);
    assert!(
        !text.contains("(deny file-write-unlink (literal \"/Users/you/app\"))"),
        "the tree itself is open"
    );
}

#[test]
fn ports_are_those_of_this_machine() {
    let text = seatbelt(&profile("/Users/you/app", Network::Ports([8080].into())));
    let denied = check(&text, "(deny network*)");
    assert!(denied < check(&text, "(allow network-outbound (remote tcp \"localhost:8080\"))"));
}

#[test]
fn directories_below_private_have_two_names() {
    for path in ["/tmp/app", "/private/tmp/app"] {
        let text = seatbelt(&profile(path, Network::Nothing));
        for name in ["/tmp/app", "/private/tmp/app"] {
            check(&text, &format!("file-write* file-map-executable process-exec (subpath \"{name}\"))"));
            check(&text, &format!("(deny file-write* (subpath \"{name}/.git/hooks\"))"));
            check(&text, &format!("(deny file-write-unlink (literal \"{name}/.git\"))"));
        }
    }
}

#[test]
fn a_path_cannot_end_its_string() {
    let text = seatbelt(&profile("/Users/you/a\") (allow default) (\"b\\", Network::Nothing));
    check(&text, r#"(subpath "/Users/you/a\") (allow default) (\"b\\"))"#);
}
