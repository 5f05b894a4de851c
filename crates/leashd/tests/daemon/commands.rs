//! The commands of the Python leashd's page, one by one: each is there and does what the page says.

use crate::support::{Place, ends};
use std::fs;
use std::process::Stdio;

/// What a command is to say on either stream, with its exit status.
type Step = (&'static [&'static str], i32, &'static str);

/// In the order of the page. `{api}` and the like are directories of the test.
const STEPS: [Step; 27] = [
    (&["status"], 8, "not running"),
    (&["init", "--yes", "--dir", "{api}"], 0, "config.yaml"),
    (&["start"], 0, "runs as pid"),
    (&["status"], 0, "runs as pid"),
    (&["status"], 0, "walls       not proven since"),
    (&["reload"], 0, "nothing changed"),
    (&["restart"], 0, "runs as pid"),
    (&["version"], 0, env!("CARGO_PKG_VERSION")),
    (&["stop"], 0, "has stopped"),
    (&["status"], 8, "not running"),
    (&["autonomous"], 0, "enabled                false"),
    (&["autonomous", "setup", "--yes", "--auto-pr", "true"], 0, "enabled                true"),
    (&["autonomous", "disable"], 0, "enabled                false"),
    (&["autonomous", "enable"], 0, "enabled                true"),
    (&["autonomous", "show"], 0, "enabled                true"),
    (&["config"], 0, "max_turns                        150"),
    (&["add-dir", "{web}"], 0, "approved: "),
    (&["dirs"], 0, "{web}"),
    (&["remove-dir", "{web}"], 0, "no longer approved"),
    (&["ws", "add", "saas", "{api}", "{web}"], 0, "saas"),
    (&["ws", "add", "saas", "{worker}"], 0, "{web}"),
    (&["ws", "list"], 0, "3 directories"),
    (&["ws", "show", "saas"], 0, "{worker}"),
    (&["ws", "remove", "saas", "{worker}"], 0, "{web}"),
    (&["ws", "remove", "saas"], 0, "removed: saas"),
    (&["ws", "list"], 0, "none"),
    (&["clean", "--yes"], 0, "logs"),
];

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let place = Place::new();
    let filled = |text: &str| {
        ["api", "web", "worker"].iter().fold(text.to_owned(), |text, name| {
            let path = place.path(name);
            fs::create_dir_all(&path).unwrap();
            text.replace(&format!("{{{name}}}"), path.canonicalize().unwrap().to_str().unwrap())
        })
    };
    for (args, status, says) in STEPS {
        let args: Vec<String> = args.iter().map(|arg| filled(arg)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let said = place.expect(status, &args);
        let says = filled(says);
        assert!(
            said.out.contains(&says) || said.err.contains(&says),
            "leashd {args:?} says no {says:?}: {said:?}"
        );
    }
    assert!(fs::read_to_string(place.home().join("config.yaml")).unwrap().contains("auto_pr: true"));
}

/// `leashd start -f` stays until its conversation ends.
#[test]
fn in_the_foreground_it_talks() {
    let place = Place::new();
    let mut child = place
        .command(&["start", "-f"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while place.leashd(&["status"]).status.code() != Some(0) {
        assert!(child.try_wait().unwrap().is_none());
    }
    assert_eq!(place.status()["sessions"], 1);
    let pid = place.pid().unwrap();
    drop(child.stdin.take());
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(ends(pid));
}
