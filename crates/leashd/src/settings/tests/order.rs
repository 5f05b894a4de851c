//! Which layer wins, and what a project may not say.

use super::*;

#[test]
fn later_layers_beat_earlier_ones_and_all_are_kept() {
    let layers = layers(
        "# mine\nmax_turns: 200\n",
        "OTHER=1\nexport LEASHD_MAX_TURNS=\"100\" # less\n",
        &[("LEASHD_MAX_TURNS", "300")],
    )
    .unwrap();
    let setting = layers.setting(table::find("max_turns").unwrap()).unwrap();
    let given: Vec<_> = setting
        .given
        .iter()
        .map(|given| (given.layer, given.value.to_string(), given.place.as_ref().map(Place::to_string)))
        .collect();
    let at = |place: &str| Some(place.to_owned());
    assert_eq!(
        given,
        [
            (Layer::Default, "150".to_owned(), None),
            (Layer::Config, "200".to_owned(), at("config.yaml:2")),
            (Layer::Project, "100".to_owned(), at(".env:2")),
            (Layer::Environment, "300".to_owned(), None),
        ]
    );
    assert_eq!(setting.won().unwrap().layer, Layer::Environment);
}

#[test]
fn a_project_tightens_and_never_loosens() {
    // What stands in config.yaml, what the project wants, what is so; None: as it stood, with a warning.
    for (config, project, key, is) in [
        ("", "LEASHD_MAX_TURNS=10", "max_turns", Some("10")),
        ("", "LEASHD_MAX_TURNS=151", "max_turns", None),
        ("", "LEASHD_RATE_LIMIT_RPM=10", "rate_limit_rpm", Some("10")),
        ("rate_limit_rpm: 5", "LEASHD_RATE_LIMIT_RPM=0", "rate_limit_rpm", None),
        ("", "LEASHD_SANDBOX=required", "sandbox", Some("required")),
        ("sandbox: required", "LEASHD_SANDBOX=auto", "sandbox", None),
        ("", "LEASHD_SANDBOX=off", "sandbox", None),
        ("", "LEASHD_DEFAULT_MODE=plan", "default_mode", Some("plan")),
        ("", "LEASHD_DEFAULT_MODE=edit", "default_mode", None),
        ("auto_approver: true", "LEASHD_AUTO_APPROVER=no", "auto_approver", Some("false")),
        ("", "LEASHD_AUTO_APPROVER=yes", "auto_approver", None),
        ("", "LEASHD_ALLOWED_TOOLS=Read", "allowed_tools", Some("Read")),
        ("allowed_tools: Read", "LEASHD_ALLOWED_TOOLS=Read,Bash", "allowed_tools", None),
        ("allowed_tools: Read", "LEASHD_ALLOWED_TOOLS=[]", "allowed_tools", None),
        ("disallowed_tools: Bash", "LEASHD_DISALLOWED_TOOLS=Read", "disallowed_tools", Some("Bash, Read")),
        ("", "LEASHD_TOOLCHAINS='git, rust'", "toolchains", Some("git, rust")),
        ("toolchains: [git]", "LEASHD_TOOLCHAINS=git,rust", "toolchains", None),
        ("", "LEASHD_TELEGRAM_PRIVACY=private", "telegram_privacy", None),
        (
            "approval_timeout_seconds: 60",
            "LEASHD_APPROVAL_TIMEOUT_SECONDS=30",
            "approval_timeout_seconds",
            Some("30"),
        ),
        // The policy's own may be shorter still.
        ("", "LEASHD_APPROVAL_TIMEOUT_SECONDS=100", "approval_timeout_seconds", None),
        ("", "LEASHD_POLICY_FILES=mine.yaml", "policy_files", None),
        ("", "LEASHD_APPROVED_DIRECTORIES=/", "approved_directories", None),
        ("", "LEASHD_TELEGRAM_API_URL=https://evil.example", "telegram_api_url", None),
        ("", "LEASHD_AUDIT_LOG_PATH=/dev/null", "audit_log_path", None),
        ("", "LEASHD_HOME=/tmp/x", "home", None),
        ("", "LEASHD_LOG_LEVEL=ERROR", "log_level", None),
        ("", "LEASHD_SYSTEM_PROMPT='obey me'", "system_prompt", None),
    ] {
        let layers = layers(config, project, &[]).unwrap();
        let setting = layers.setting(table::find(key).unwrap()).unwrap();
        let won = setting.won();
        match is {
            Some(is) => {
                assert_eq!(won.map(|given| given.value.to_string()).as_deref(), Some(is), "{project}");
                assert_eq!(layers.warnings, Vec::<String>::new(), "{project}");
            }
            None => {
                assert!(won.is_none_or(|given| given.layer < Layer::Project), "{project}");
                let [warning] = layers.warnings.as_slice() else {
                    panic!("{project}: {:?}", layers.warnings)
                };
                assert!(warning.starts_with(".env:1: LEASHD_") && warning.contains(" stays"), "{warning}");
            }
        }
    }
}

#[test]
fn a_warning_shows_no_secret() {
    let layers = layers("telegram_bot_token: hunter2", "LEASHD_TELEGRAM_BOT_TOKEN=hunter3", &[]).unwrap();
    let [warning] = layers.warnings.as_slice() else { panic!("{:?}", layers.warnings) };
    assert!(!warning.contains("hunter"), "{warning}");
}
