//! Variables by name: which hold only numbers, which a session may start with. Which of them steer later programs is
//! in the table.

/// Variables the shell sets, to a number.
pub(crate) fn is_number(name: &str) -> bool {
    matches!(
        name,
        "RANDOM"
            | "SRANDOM"
            | "SECONDS"
            | "EPOCHSECONDS"
            | "LINENO"
            | "UID"
            | "EUID"
            | "PPID"
            | "BASHPID"
            | "SHLVL"
            | "COLUMNS"
            | "LINES"
            | "OPTIND"
            | "HISTCMD"
    )
}

/// Variables a session may start with. Any other name is not set until the line sets it.
pub(crate) fn may_be_inherited(name: &str) -> bool {
    matches!(
        name,
        "PATH"
            | "HOME"
            | "USER"
            | "LOGNAME"
            | "SHELL"
            | "TERM"
            | "LANG"
            | "LANGUAGE"
            | "TZ"
            | "PWD"
            | "OLDPWD"
            | "TMPDIR"
            | "EDITOR"
            | "VISUAL"
            | "PAGER"
            | "HOSTNAME"
            | "HOSTTYPE"
            | "OSTYPE"
            | "MACHTYPE"
            | "DISPLAY"
            | "BASH"
            | "BASH_VERSION"
            | "CI"
            | "VIRTUAL_ENV"
            | "CONDA_PREFIX"
            | "JAVA_HOME"
    ) || is_number(name)
        || ["LC_", "XDG_", "BASH_", "CLAUDE", "ANTHROPIC_", "CARGO", "RUST", "NODE", "SSH_", "GIT_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}
