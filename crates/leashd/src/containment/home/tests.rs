//! Old directories go, those in use and whatever a session is gone on with stay.

use super::{OLD, PLANS, bring_transcript, clear_old, enter, plain};
use leashd_types::SessionId;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What is left of a session's directory after a start so long after its last use.
#[track_caller]
fn check(files: &[&str], age: Duration, expected: &[&str]) {
    let homes = tempfile::tempdir().unwrap();
    let session = homes.path().join("session");
    for file in files {
        fs::create_dir_all(session.join(file).parent().unwrap()).unwrap();
        fs::write(session.join(file), "x").unwrap();
    }
    for _start in 0..2 {
        clear_old(homes.path(), SystemTime::now() + age);
    }
    let mut left = Vec::new();
    list(&session, &session, &mut left);
    left.sort();
    assert_eq!(left, expected);
}

fn list(directory: &Path, root: &Path, left: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.path().is_dir() {
            true => list(&entry.path(), root, left),
            false => left.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
        }
    }
}

#[test]
fn a_session_has_one_directory_among_the_others() {
    let name = |text: &str| plain(&SessionId::new(text)).map(str::to_owned).ok();
    assert_eq!(name("0199-a").as_deref(), Some("0199-a"));
    for other in ["", ".", "..", "../..", "/etc", "a/b", "a/", "./a"] {
        assert_eq!(name(other), None, "{other}");
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn what_is_old_goes_and_transcripts_stay() {
    let transcript = "projects/-home-dev-proj/0199.jsonl";
    let all = [".claude.json", "plans/a.md", transcript, "shell-snapshots/s.sh"];
    check(&all, OLD - DAY, &all);
    check(&all, OLD + DAY, &[transcript]);
    check(&["plans/a.md", "projects/-p/memory/a.md"], OLD + DAY, &[]);
    check(&["plans/a.md"], OLD - DAY, &["plans/a.md"]);
}

#[test]
fn what_is_in_use_stays_and_a_link_is_not_followed() {
    let homes = tempfile::tempdir().unwrap();
    let (used, left) = (homes.path().join("used"), homes.path().join("left"));
    let held = enter(&used).unwrap();
    // Two processes may go on with one session; each holds it.
    let held_too = enter(&used).unwrap();
    drop(enter(&left).unwrap());
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("mine"), "x").unwrap();
    std::os::unix::fs::symlink(outside.path(), left.join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), homes.path().join("link")).unwrap();
    let later = SystemTime::now() + OLD + DAY;
    clear_old(homes.path(), later);
    assert!(used.join(PLANS).is_dir() && !left.exists() && outside.path().join("mine").exists());
    drop(held);
    clear_old(homes.path(), later);
    assert!(used.exists());
    drop(held_too);
    clear_old(homes.path(), later);
    assert!(!used.exists());
}

#[test]
fn one_start_clears_only_so_many() {
    let homes = tempfile::tempdir().unwrap();
    let count = || fs::read_dir(homes.path()).unwrap().count();
    (0..20).for_each(|number| drop(enter(&homes.path().join(number.to_string())).unwrap()));
    clear_old(homes.path(), SystemTime::now() + OLD + DAY);
    assert_eq!(count(), 20 - super::CLEARED_MAX);
}

#[test]
fn a_link_in_place_of_its_plans_does_not_approve_what_it_leads_to() {
    let homes = tempfile::tempdir().unwrap();
    let session = homes.path().canonicalize().unwrap().join("session");
    drop(enter(&session).unwrap());
    let outside = tempfile::tempdir().unwrap();
    fs::remove_dir(session.join(PLANS)).unwrap();
    std::os::unix::fs::symlink(outside.path(), session.join(PLANS)).unwrap();
    drop(enter(&session).unwrap());
    assert_eq!(session.join(PLANS).canonicalize().unwrap(), session.join(PLANS));
    assert!(outside.path().exists());
}

#[test]
fn a_transcript_is_brought_into_the_directory_and_through_no_link() {
    let place = tempfile::tempdir().unwrap();
    let (from, to, outside) =
        (place.path().join("from"), place.path().join("to"), place.path().join("outside"));
    let id = SessionId::new("0199");
    for directory in ["from/projects/-p", "to/projects/-p", "outside"] {
        fs::create_dir_all(place.path().join(directory)).unwrap();
    }
    fs::write(from.join("projects/-p/0199.jsonl"), "said").unwrap();
    let link = |at: &Path, leads: &Path| std::os::unix::fs::symlink(leads, at).unwrap();
    let brought = || {
        bring_transcript(&from, &to, &id).unwrap();
        let file = to.join("projects/-p/0199.jsonl");
        assert_eq!(fs::read_to_string(&file).unwrap(), "said");
        assert_eq!(file.canonicalize().unwrap(), to.canonicalize().unwrap().join("projects/-p/0199.jsonl"));
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing is written elsewhere");
    };
    link(&to.join("projects/-p/0199.jsonl"), &outside.join("planted"));
    brought();
    fs::remove_dir_all(to.join("projects/-p")).unwrap();
    link(&to.join("projects/-p"), &outside);
    brought();
    fs::remove_dir_all(to.join("projects")).unwrap();
    link(&to.join("projects"), &outside);
    brought();
}
