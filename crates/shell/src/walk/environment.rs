//! Variables by name: which hold code, which only numbers, which a session may start with. Which of them steer later
//! programs is in the table.

use crate::knowledge;

/// Variables whose value programs run as a command.
const COMMANDS: [&str; 14] = [
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "PROMPT_COMMAND",
    "LESSOPEN",
    "LESSCLOSE",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_PAGER",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_ASKPASS",
];
/// Commands in such a variable that do nothing of their own.
const HARMLESS_COMMANDS: [&str; 12] =
    ["", "cat", "less", "less -R", "less -F", "more", "most", "true", ":", "false", "vi", "vim"];
/// Variables that name a tool of a build.
const TOOLS: [&str; 4] = ["CC", "CXX", "LD", "AR"];
/// Prompts: expanded before they are shown.
const PROMPTS: [&str; 5] = ["PS0", "PS1", "PS2", "PS3", "PS4"];

/// What setting a variable means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Plain,
    /// It changes what later programs run or load.
    Changing,
    /// As before, and its value is a command.
    Command,
    /// As before, and substitutions in its value run.
    Prompt,
}

pub(crate) fn meaning(name: &str, value: Option<&str>) -> Meaning {
    if COMMANDS.contains(&name) {
        let harmless = value.is_some_and(|value| HARMLESS_COMMANDS.contains(&value));
        return if harmless { Meaning::Plain } else { Meaning::Command };
    }
    if PROMPTS.contains(&name) {
        return Meaning::Prompt;
    }
    // How words are split is followed; a compiler by its plain name is found where every other program is.
    let plain_tool = TOOLS.contains(&name) && value.is_some_and(|value| !value.contains(['/', ' ']));
    let steers = name != "IFS" && !plain_tool && knowledge::steers(name);
    if steers { Meaning::Changing } else { Meaning::Plain }
}

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
