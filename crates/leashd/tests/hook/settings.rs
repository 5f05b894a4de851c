//! Settings files as people and repositories have them: what `install`, `status` and `doctor` make of them. Whatever
//! stands in a repository, none of them runs it.

use crate::place::Place;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Output;

const EVENTS: [&str; 5] = ["PreToolUse", "PostToolUse", "PostToolUseFailure", "Stop", "StopFailure"];

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Settings whose hooks all have this line, as an installation would have them.
fn carrying(line: &str) -> String {
    let hook = json!({"type": "command", "command": line, "timeout": 30, "onFailure": "block"});
    let hooks: serde_json::Map<String, Value> =
        EVENTS.iter().map(|event| ((*event).to_owned(), json!([{"hooks": [hook]}]))).collect();
    json!({ "hooks": hooks }).to_string()
}

/// The line that `install` writes here.
fn installed_line(place: &Place) -> String {
    let installed = place.leashd(&["hook", "install", "--yes"]);
    assert!(installed.status.success(), "{installed:?}");
    let settings = fs::read_to_string(place.path("home/.claude/settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    settings["hooks"]["Stop"][0]["hooks"][0]["command"].as_str().unwrap().to_owned()
}

#[test]
fn nothing_that_a_repository_calls_leashds_hook_is_run() {
    let place = Place::new();
    let own = installed_line(&place);
    fs::create_dir(place.path("project/.claude")).unwrap();
    let witness = place.path("ran");
    let touch = format!("touch '{}'", witness.display());
    for line in [
        format!("{touch} # hook --home x || exit 2"),
        format!("{touch} # ' hook --home ' || exit 2"),
        format!("'/bin/sh' hook --home '/x'; {touch} || exit 2"),
        format!("{own}; {touch} || exit 2"),
        format!("{touch}; {own}"),
        own.replace("' hook --home '", &format!("' hook --home \"$({touch})\"'")),
    ] {
        for file in ["settings.json", "settings.local.json"] {
            let file = place.path("project/.claude").join(file);
            fs::write(&file, carrying(&line)).unwrap();
            for arguments in [
                &["hook", "status"][..],
                &["hook", "status", "--project"],
                &["doctor"],
                &["hook", "install", "--yes"],
            ] {
                let output = place.leashd(arguments);
                assert!(!witness.exists(), "{arguments:?} ran {line}: {}", said(&output));
            }
            let status = place.leashd(&["hook", "status"]);
            assert_eq!(status.status.code(), Some(1), "{line}: {}", said(&status));
            assert!(said(&status).contains("5 hooks that run commands"), "{line}: {}", said(&status));
            let stop = json!({"hook_event_name": "Stop", "session_id": "s", "cwd": place.path("project")});
            let stop = place.run(&stop.to_string());
            assert!(said(&stop).contains("not fully guarded") && !witness.exists(), "{stop:?}");
            fs::remove_file(file).unwrap();
        }
    }
    assert!(place.leashd(&["hook", "status"]).status.success());
}

#[test]
fn a_hook_installed_for_one_project_is_known_there() {
    let place = Place::new();
    let installed = place.leashd(&["hook", "install", "--project", "--yes"]);
    assert!(installed.status.success() && !said(&installed).contains('!'), "{}", said(&installed));
    let status = place.leashd(&["hook", "status", "--project"]);
    assert!(status.status.success() && said(&status).contains("installed: "), "{}", said(&status));
    let stop = json!({"hook_event_name": "Stop", "session_id": "s", "cwd": place.path("project")});
    let stop = place.run(&stop.to_string());
    assert_eq!((stop.status.code(), stop.stdout.len()), (Some(0), 0), "{stop:?}");
    assert!(place.leashd(&["hook", "uninstall", "--project", "--yes"]).status.success());
    let status = place.leashd(&["hook", "status", "--project"]);
    assert_eq!(status.status.code(), Some(1));
}

#[test]
fn an_entry_that_holds_less_than_the_installed_one_is_broken() {
    let place = Place::new();
    installed_line(&place);
    let settings = place.path("home/.claude/settings.json");
    let text = fs::read_to_string(&settings).unwrap();
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 6] = [
        ("it has `if`", |hook| hook["hooks"][0]["if"] = json!("Bash(never *)")),
        ("it has `shell`", |hook| hook["hooks"][0]["shell"] = json!("powershell")),
        ("not of the type", |hook| hook["hooks"][0]["type"] = json!("prompt")),
        ("no `onFailure: block`", |hook| {
            hook["hooks"][0].as_object_mut().unwrap().remove("onFailure");
        }),
        ("shorter than 30 s", |hook| hook["hooks"][0]["timeout"] = json!(5)),
        ("leaves tools out", |hook| hook["matcher"] = json!(3)),
    ];
    for (part, change) in changes {
        let mut changed: Value = serde_json::from_str(&text).unwrap();
        change(&mut changed["hooks"]["PreToolUse"][0]);
        fs::write(&settings, changed.to_string()).unwrap();
        let status = place.leashd(&["hook", "status"]);
        assert_eq!(status.status.code(), Some(1), "{part}: {}", said(&status));
        assert!(
            said(&status).contains("BROKEN") && said(&status).contains(part),
            "{part}: {}",
            said(&status)
        );
        assert!(place.leashd(&["hook", "install", "--yes"]).status.success());
        assert!(place.leashd(&["hook", "status"]).status.success(), "{part}: install mends it");
    }
}

#[test]
fn odd_files_are_kept_or_refused_and_never_lost() {
    let place = Place::new();
    let settings = place.path("home/.claude/settings.json");
    let huge = format!("{{\"x\": \"{}\"}}", "y".repeat(5 << 20));
    for (text, part) in [
        ("// mine\n{\"model\": \"x\"}\n", "not valid JSON"),
        ("{\"model\": \"x\",}", "not valid JSON"),
        ("[1]", "not a JSON object"),
        ("{\"hooks\": {\"Stop\": []}, \"hooks\": {\"PreToolUse\": []}}", "twice"),
        (huge.as_str(), "more than 4 MiB"),
        ("\u{feff}\u{feff}{}", "not valid JSON"),
    ] {
        fs::write(&settings, text).unwrap();
        for command in ["install", "uninstall"] {
            let output = place.leashd(&["hook", command, "--yes"]);
            let refused = output.status.code() == Some(1) && said(&output).contains(part);
            // There is nothing to take out of some of them.
            assert!(refused || command == "uninstall", "{part}: {}", said(&output));
            assert_eq!(fs::read_to_string(&settings).unwrap(), text, "{command}");
        }
    }
    fs::write(&settings, [b'{', 0xff, b'}']).unwrap();
    assert_eq!(place.leashd(&["hook", "install", "--yes"]).status.code(), Some(1));
    for text in ["\u{feff}{\r\n  \"model\": \"x\"\r\n}\r\n", "{}", "", "\n\n"] {
        fs::write(&settings, text).unwrap();
        fs::set_permissions(&settings, fs::Permissions::from_mode(0o440)).unwrap();
        assert!(place.leashd(&["hook", "install", "--yes"]).status.success(), "{text:?}");
        assert_eq!(fs::metadata(&settings).unwrap().mode() & 0o777, 0o440, "{text:?}");
        let status = place.leashd(&["hook", "status"]);
        assert!(status.status.success(), "{text:?}: {}", said(&status));
        assert!(place.leashd(&["hook", "uninstall", "--yes"]).status.success(), "{text:?}");
        fs::remove_file(&settings).unwrap();
    }
    fs::create_dir(&settings).unwrap();
    assert_eq!(place.leashd(&["hook", "install", "--yes"]).status.code(), Some(1));
    fs::remove_dir(&settings).unwrap();
    symlink("settings.json", &settings).unwrap();
    assert_eq!(place.leashd(&["hook", "install", "--yes"]).status.code(), Some(1));
}
