//! Reading what the machine says, and how it is shown.

use super::files::open_to_others;
use super::machine::value_in;
use super::{Finding, lines};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_line_says_what_to_do() {
    let findings = [
        Finding::ok("agent", "Claude Code 2.1.330"),
        Finding::fail("home", "is open\nto others", "chmod 700 '/h'"),
    ];
    assert_eq!(
        lines(&findings),
        "ok    agent        Claude Code 2.1.330\n\
         FAIL  home         is open to others\n                   → chmod 700 '/h'"
    );
}

#[test]
fn the_last_setting_of_logind_wins_and_comments_do_not() {
    let texts = [
        "#HandleLidSwitch=suspend\nHandleLidSwitch = lock\n".to_owned(),
        "HandleLidSwitch=ignore\n".to_owned(),
    ];
    assert_eq!(value_in(&texts, "HandleLidSwitch").as_deref(), Some("ignore"));
    assert_eq!(value_in(&texts, "HandleLidSwitchDocked"), None);
}

#[test]
fn a_program_below_a_directory_of_everybody_is_named() {
    let place = tempfile::tempdir().unwrap();
    let bin = place.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let program = bin.join("leashd");
    fs::write(&program, "").unwrap();
    assert_eq!(open_to_others(&program), None);
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(open_to_others(&program), Some(bin.display().to_string()));
}
