//! What in Claude Code's settings switches a hook off, goes around it, or runs something it never sees. Reads the files
//! as they are; what Claude Code makes of them was tried with 2.1.197 and 2.1.330 (docs/hook.md).

use super::line::{Own, is_alike};
use crate::plain_file;
use leashd_types::visible;
use serde_json::{Map, Value};
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Bytes of one settings file.
const LIMIT: u64 = 4 * 1024 * 1024;
/// Names of variables that are said of one file.
const VARIABLES_MAX: usize = 20;
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Where an administrator's settings are on Linux, and the directory of those that are laid over them.
const MANAGED: &str = "/etc/claude-code/managed-settings.json";
const MANAGED_MORE: &str = "/etc/claude-code/managed-settings.d";
const MANAGED_FILES_MAX: usize = 64;
/// The event on which a hook answers a question.
const ANSWERS: &str = "PermissionRequest";

/// Whose settings a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Managed,
    User,
    /// It travels with the repository.
    Project,
    /// In the project, and the agent can write it like any other file there.
    Local,
}

impl Scope {
    /// Whether somebody else may have written it.
    pub(crate) fn is_foreign(self) -> bool {
        matches!(self, Self::Project | Self::Local)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Managed => "managed settings",
            Self::User => "your settings",
            Self::Project => "the project's settings",
            Self::Local => "the project's local settings",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingsFile {
    pub(crate) scope: Scope,
    pub(crate) path: PathBuf,
}

/// One thing that weakens the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weakness {
    pub(crate) file: SettingsFile,
    pub(crate) grade: Grade,
    pub(crate) what: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// The hook still stands; there is less behind it should it fail.
    Note,
    /// Calls are not judged, or something runs that no hook sees.
    Grave,
}

impl Weakness {
    pub(crate) fn is_grave(&self) -> bool {
        self.grade == Grade::Grave
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A repository names the file and what is in it.
        let said = format!("{} ({}): {}", self.file.scope, self.file.path.display(), self.what);
        formatter.write_str(&visible(&said.replace(['\n', '\t'], " ")))
    }
}

/// Every settings file Claude Code reads. `claude` is its configuration directory.
pub(crate) fn settings_files(claude: &Path, project: Option<&Path>) -> Vec<SettingsFile> {
    let mut files = vec![SettingsFile { scope: Scope::Managed, path: PathBuf::from(MANAGED) }];
    files.extend(managed(Path::new(MANAGED_MORE)).map(|path| SettingsFile { scope: Scope::Managed, path }));
    files.push(SettingsFile { scope: Scope::User, path: claude.join("settings.json") });
    if let Some(project) = project {
        let inside = project.join(".claude");
        files.push(SettingsFile { scope: Scope::Project, path: inside.join("settings.json") });
        files.push(SettingsFile { scope: Scope::Local, path: inside.join("settings.local.json") });
    }
    files
}

/// The files of an administrator's directory, in the order in which they count.
fn managed(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.into_iter().take(MANAGED_FILES_MAX)
}

/// What weakens a hook, the file with the widest reach first.
pub(crate) fn find(claude: &Path, project: Option<&Path>, own: &Own) -> Vec<Weakness> {
    settings_files(claude, project).iter().flat_map(|file| in_file(file, own)).collect()
}

fn in_file(file: &SettingsFile, own: &Own) -> Vec<Weakness> {
    let said = match read(&file.path) {
        Ok(None) => return Vec::new(),
        Ok(Some(Value::Object(settings))) => in_settings(file.scope, &settings, own),
        Ok(Some(_)) => vec![(Grade::Grave, "it is not a JSON object and Claude Code ignores it".to_owned())],
        Err(why) => vec![(Grade::Grave, why)],
    };
    let weakness = |(grade, what)| Weakness { file: file.clone(), grade, what };
    said.into_iter().map(weakness).collect()
}

/// A settings file as JSON. `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Value>, String> {
    let mut text = Vec::new();
    match plain_file::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut text)) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(format!("it cannot be read: {error}")),
        Ok(_) if text.len() as u64 > LIMIT => return Err(format!("it has more than {} MiB", LIMIT >> 20)),
        Ok(_) => {}
    }
    // Claude Code reads a file that begins with one.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(text).map(Some).map_err(|error| {
        format!("it is not valid JSON, so Claude Code ignores it or reads it otherwise: {error}")
    })
}

type Said = (Grade, String);

fn in_settings(scope: Scope, settings: &Map<String, Value>, own: &Own) -> Vec<Said> {
    let mut said = Vec::new();
    if is_true(settings, "disableAllHooks") {
        said.push((Grade::Grave, "`disableAllHooks` switches every hook off".to_owned()));
    }
    if is_true(settings, "allowManagedHooksOnly") && scope == Scope::Managed {
        let what = "`allowManagedHooksOnly` switches off the hooks of everybody else";
        said.push((Grade::Grave, what.to_owned()));
    }
    permissions(settings, &mut said);
    sandbox(settings, &mut said);
    hooks(scope, settings, own, &mut said);
    environment(scope, settings, &mut said);
    commands(scope, settings, &mut said);
    said
}

fn permissions(settings: &Map<String, Value>, said: &mut Vec<Said>) {
    let Some(permissions) = settings.get("permissions") else { return };
    let allowed = permissions.get("allow").and_then(Value::as_array).map_or(0, Vec::len);
    if allowed > 0 {
        let what =
            format!("`permissions.allow` has {allowed} rules: what they name runs unasked if the hook fails");
        said.push((Grade::Note, what));
    }
    if let Some(mode @ ("acceptEdits" | "bypassPermissions" | "auto")) =
        permissions.get("defaultMode").and_then(Value::as_str)
    {
        let what = format!("`permissions.defaultMode` is {mode}: less stands behind the hook if it fails");
        said.push((Grade::Note, what));
    }
}

fn sandbox(settings: &Map<String, Value>, said: &mut Vec<Said>) {
    let Some(sandbox) = settings.get("sandbox") else { return };
    let enabled = sandbox.get("enabled") == Some(&Value::Bool(true));
    if enabled && sandbox.get("autoAllowBashIfSandboxed") != Some(&Value::Bool(false)) {
        let what =
            "`sandbox.enabled` without `autoAllowBashIfSandboxed: false` lets shell commands go unasked";
        said.push((Grade::Note, what.to_owned()));
    }
}

/// Hooks of others that answer for the person, change what was judged, or run something themselves.
fn hooks(scope: Scope, settings: &Map<String, Value>, own: &Own, said: &mut Vec<Said>) {
    let Some(Value::Object(hooks)) = settings.get("hooks") else { return };
    let others = |event: &str| entries(hooks, event).filter(|hook| !own.is(scope, hook)).count();
    for (event, grade, why) in [
        (ANSWERS, Grade::Grave, "may answer a question in your place"),
        ("PreToolUse", Grade::Note, "may change a call after it was judged; that is seen when it comes back"),
    ] {
        let others = others(event);
        if others > 0 {
            let grade = if scope.is_foreign() { grade } else { Grade::Note };
            said.push((grade, format!("{others} other {event} hooks: one {why}")));
        }
    }
    if scope.is_foreign() {
        // Whatever the event, known or not.
        let running: usize = hooks.keys().filter(|event| *event != ANSWERS).map(|event| others(event)).sum();
        if running > 0 {
            said.push((Grade::Grave, format!("{running} hooks that run commands no hook of ours sees")));
        }
        let all = hooks.keys().flat_map(|event| entries(hooks, event));
        if all.into_iter().any(|hook| is_alike(hook) && !own.is(scope, hook)) {
            let what =
                "a hook there looks like leashd's and is not what this leashd installs; it was not tried";
            said.push((Grade::Grave, what.to_owned()));
        }
    }
    for hook in hooks.keys().flat_map(|event| entries(hooks, event)).filter(|hook| own.is(scope, hook)) {
        if hook.get("async") == Some(&Value::Bool(true))
            || hook.get("asyncRewake") == Some(&Value::Bool(true))
        {
            said.push((Grade::Grave, "leashd's hook is `async`: nobody waits for its answer".to_owned()));
        }
    }
}

/// The hooks of one event, whatever their matcher.
pub(crate) fn entries<'a>(
    hooks: &'a Map<String, Value>,
    event: &str,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    let groups = hooks.get(event).and_then(Value::as_array).into_iter().flatten();
    groups.flat_map(|group| group.get("hooks").and_then(Value::as_array).into_iter().flatten())
}

/// Variables through which code or an answer gets in.
fn environment(scope: Scope, settings: &Map<String, Value>, said: &mut Vec<Said>) {
    let Some(Value::Object(variables)) = settings.get("env") else { return };
    let before = said.len();
    for (name, value) in variables {
        if said.len() - before >= VARIABLES_MAX {
            said.push((Grade::Note, format!("`env` has more than {VARIABLES_MAX} variables like these")));
            return;
        }
        let why = match name.as_str() {
            "BASH_ENV"
            | "ENV"
            | "PROMPT_COMMAND"
            | "CLAUDE_CODE_SHELL_PREFIX"
            | "CLAUDE_CODE_SHELL"
            | "SHELL" => "runs code with every shell command",
            name if name.starts_with("LD_")
                || name.starts_with("DYLD_")
                || name.starts_with("BASH_FUNC_") =>
            {
                "puts code into every program, the hook's shell included"
            }
            "HOME" | "CLAUDE_CONFIG_DIR" => "moves where settings are read from",
            "CLAUDE_CODE_SIMPLE" => "switches hooks off",
            "CLAUDE_CODE_SAFE_MODE"
            | "CLAUDE_CODE_RESTRICTED"
            | "CLAUDE_CODE_RESTRICT_PERSONAL_CONFIG"
            | "CLAUDE_CODE_PERSONAL_HOOKS_OFF" => "is meant to switch a person's own hooks off",
            name if is_route(name) => "sends what goes over the network elsewhere",
            name if name.starts_with("ANTHROPIC_") && name.contains("URL") => {
                "sends the conversation and the key elsewhere"
            }
            name if changes_programs(name, value) => "changes what programs run or load",
            _ => continue,
        };
        let grade = if scope.is_foreign() { Grade::Grave } else { Grade::Note };
        said.push((grade, format!("`env.{name}` {why}")));
    }
}

/// Proxies and whom a connection trusts: through them goes the key as well.
fn is_route(name: &str) -> bool {
    const TRUST: [&str; 4] =
        ["NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    let name = name.to_ascii_uppercase();
    TRUST.contains(&name.as_str())
        || ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].contains(&name.as_str())
        || (name.starts_with("OTEL_") && name.contains("ENDPOINT"))
}

fn changes_programs(name: &str, value: &Value) -> bool {
    const NAMES: [&str; 16] = [
        "PATH",
        "IFS",
        "SHELLOPTS",
        "BASHOPTS",
        "PS4",
        "NODE_OPTIONS",
        "BUN_OPTIONS",
        "NODE_PATH",
        "PYTHONSTARTUP",
        "PYTHONPATH",
        "PYTHONHOME",
        "PERL5OPT",
        "PERL5LIB",
        "RUBYOPT",
        "RUBYLIB",
        "JAVA_TOOL_OPTIONS",
    ];
    /// Their value is a program.
    const PROGRAMS: [&str; 8] =
        ["EDITOR", "VISUAL", "PAGER", "BROWSER", "_EDITOR", "_PAGER", "_ASKPASS", "_WRAPPER"];
    const BEGIN: [&str; 2] = ["GIT_", "CARGO_"];
    let harmless = ["GIT_AUTHOR_", "GIT_COMMITTER_"].iter().any(|begin| name.starts_with(begin));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+".contains(letter);
    let is_plain = value.as_str().is_some_and(|value| value.chars().all(plain));
    NAMES.contains(&name)
        || (PROGRAMS.iter().any(|end| name.ends_with(end)) && !is_plain)
        || (BEGIN.iter().any(|begin| name.starts_with(begin)) && !harmless)
}

/// Commands Claude Code runs for the settings themselves. A person's own are the person's choice.
fn commands(scope: Scope, settings: &Map<String, Value>, said: &mut Vec<Said>) {
    if !scope.is_foreign() {
        return;
    }
    let keys = [
        "apiKeyHelper",
        "awsAuthRefresh",
        "awsCredentialExport",
        "gcpAuthRefresh",
        "otelHeadersHelper",
        "proxyAuthHelper",
        "statusLine",
        "subagentStatusLine",
        "fileSuggestion",
    ];
    for key in keys.iter().filter(|key| settings.contains_key(**key)) {
        said.push((Grade::Grave, format!("`{key}` runs a command no hook sees")));
    }
    if is_true(settings, "enableAllProjectMcpServers") {
        let what = "`enableAllProjectMcpServers` starts every server of the project's .mcp.json";
        said.push((Grade::Grave, what.to_owned()));
    }
    let servers = settings.get("enabledMcpjsonServers").and_then(Value::as_array).map_or(0, Vec::len);
    if servers > 0 {
        let what = format!("`enabledMcpjsonServers` starts {servers} servers of the project's .mcp.json");
        said.push((Grade::Grave, what));
    }
    let plugins = settings.get("enabledPlugins").and_then(Value::as_object).into_iter().flatten();
    let plugins = plugins.filter(|(_, turned)| **turned != Value::Bool(false)).count();
    if plugins > 0 {
        let what =
            format!("`enabledPlugins` has {plugins}: their hooks and servers run what no hook of ours sees");
        said.push((Grade::Grave, what));
    }
    if settings.contains_key("extraKnownMarketplaces") {
        let what = "`extraKnownMarketplaces` names where plugins come from";
        said.push((Grade::Note, what.to_owned()));
    }
}

fn is_true(settings: &Map<String, Value>, key: &str) -> bool {
    settings.get(key) == Some(&Value::Bool(true))
}
