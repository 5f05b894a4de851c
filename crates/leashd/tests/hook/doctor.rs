//! `leashd doctor`: every line that is not well has a fix, and what it says is of this machine now.

use crate::place::Place;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn doctor_says_what_to_mend() {
    let place = Place::new();
    let doctor = |place: &Place| {
        let output = place.leashd(&["doctor", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), said)
    };
    let grade = |said: &Value, check: &str| {
        let checks = said["checks"].as_array().unwrap();
        let found =
            checks.iter().find(|it| it["check"] == check).unwrap_or_else(|| panic!("no {check} in {said}"));
        found["grade"].as_str().unwrap().to_owned()
    };
    let (status, said) = doctor(&place);
    assert_eq!(status, Some(1), "there is no agent here: {said}");
    assert_eq!(grade(&said, "agent"), "fail");
    for check in ["home", "audit log", "policy", "disk", "clock", "hook"] {
        assert_eq!(grade(&said, check), "ok", "{said}");
    }
    for check in said["checks"].as_array().unwrap() {
        assert_eq!(check["grade"] == "ok", check.get("fix").is_none(), "what is wrong has a fix: {check}");
    }
    assert_eq!(place.decision("ls"), "allow");
    let log = place.path("home/.leashd/audit.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replace("allow", "allox")).unwrap();
    assert_eq!(grade(&doctor(&place).1, "audit log"), "fail");
    fs::set_permissions(place.path("home/.leashd"), fs::Permissions::from_mode(0o755)).unwrap();
    let output = place.leashd(&["doctor"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("FAIL") && said.contains("chmod 700"), "{said}");
}

/// A proof of another boot, kernel or leashd, or a kernel that holds nothing, is no proof.
#[test]
fn only_a_proof_of_this_machine_as_it_is_counts() {
    let place = Place::new();
    let containment = |variables: &[(&str, &str)]| {
        let mut doctor = place.leashd_command(&["doctor", "--json"]);
        let output = doctor.envs(variables.iter().copied()).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["v"], 1);
        assert_eq!(said["ok"], output.status.success(), "{said}");
        let checks = said["checks"].as_array().unwrap();
        let found = checks.iter().find(|it| it["check"] == "containment").unwrap();
        (found["grade"].as_str().unwrap().to_owned(), found["says"].as_str().unwrap().to_owned())
    };
    let check = |variables: &[(&str, &str)], grade: &str, part: &str| {
        let (found, says) = containment(variables);
        assert!(found == grade && says.contains(part), "{variables:?}: {found} {says}");
    };
    check(&[], "warn", "not proven since");
    // A session proves the walls before it starts an agent; this one goes no further.
    fs::create_dir(place.path("bin")).unwrap();
    let claude = place.path("bin/claude");
    fs::write(&claude, "#!/bin/sh\n[ \"$1\" = --version ] && echo '9.9.9 (Claude Code)'\nexit 1\n").unwrap();
    fs::set_permissions(&claude, fs::Permissions::from_mode(0o755)).unwrap();
    let mut session = place.leashd_command(&["exec", "x"]);
    let path = format!("{}:/usr/bin:/bin", place.path("bin").display());
    let output = session.env("PATH", path).output().unwrap();
    let kept = place.path("home/.leashd/containment.json");
    assert!(kept.exists(), "{output:?}");
    assert_eq!(containment(&[]).0, "ok");
    check(&[("LEASHD_KERNEL_WITHOUT", "landlock")], "fail", "no Landlock");
    check(&[("LEASHD_KERNEL_WITHOUT", "seccomp")], "fail", "no seccomp");
    check(&[("LEASHD_KERNEL_WITHOUT", "namespaces")], "warn", "not proven since");
    check(&[("LEASHD_SANDBOX", "off")], "warn", "switched off");
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, text.replace("\"failures\": []", "\"failures\": [\"it gave way\"]")).unwrap();
    check(&[], "fail", "it gave way");
    // It is made again for another agent, and by hand.
    let proofs = || place.audit().iter().filter(|entry| entry["event"] == "self_test").count();
    let session = || {
        let mut session = place.leashd_command(&["exec", "x"]);
        let path = format!("{}:/usr/bin:/bin", place.path("bin").display());
        drop(session.env("PATH", path).output().unwrap());
    };
    let before = proofs();
    session();
    assert_eq!((containment(&[]).0.as_str(), proofs()), ("fail", before));
    fs::write(&claude, fs::read_to_string(&claude).unwrap() + "\n").unwrap();
    session();
    assert_eq!((containment(&[]).0.as_str(), proofs()), ("ok", before + 1));
    session();
    assert_eq!(proofs(), before + 1);
    fs::remove_file(&kept).unwrap();
    let output = place.leashd(&["sandbox", "prove"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((containment(&[]).0.as_str(), proofs()), ("ok", before + 2));
    assert!(place.leashd(&["sandbox", "prove", "--level", "namespaces"]).status.success());
    assert_eq!(proofs(), before + 2);
}
