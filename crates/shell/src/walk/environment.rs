//! Variables by name: which change what later programs run or load, which hold code, which only hold numbers.

/// Named variables that change what programs run, load or trust.
const CHANGING: [&str; 46] = [
    "PATH",
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "CDPATH",
    "SHELL",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONUSERBASE",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "PERLLIB",
    "RUBYOPT",
    "RUBYLIB",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "CLASSPATH",
    "LUA_INIT",
    "GCONV_PATH",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_HOME",
    "HOME",
    "SUDO_ASKPASS",
    "SSH_ASKPASS",
];
/// Families of such variables.
const CHANGING_PREFIXES: [&str; 9] =
    ["LD_", "DYLD_", "GIT_", "BASH_FUNC_", "npm_config_", "NPM_CONFIG_", "PIP_", "CLAUDE_", "LEASHD_"];
/// Members of those families that change nothing but names, dates and noise.
const HARMLESS: [&str; 14] = [
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
    "GIT_TERMINAL_PROMPT",
    "GIT_OPTIONAL_LOCKS",
    "GIT_MERGE_AUTOEDIT",
    "GIT_ADVICE",
    "GIT_PROGRESS_DELAY",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_NO_INPUT",
    "LD_BIND_NOW",
];
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
    let family = CHANGING_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !HARMLESS.contains(&name);
    if family || CHANGING.contains(&name) { Meaning::Changing } else { Meaning::Plain }
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
