//! The agent's tools other than the shell: which arguments are paths and hosts, and what the tool does with them.

use leashd_types::{Direction, Effect, Facts, Host, NETWORK_TOOL, PathText, ToolCall};
use std::path::Path;

/// A path argument of a file tool. The gate sends the canonical path back to the agent in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathArgument {
    /// Key in the tool's input (`file_path`).
    pub key: String,
    /// The absolute path as asked in `Questions::paths`.
    pub path: String,
}

/// What a tool does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Reads,
    Writes,
}

/// What a tool call would do, as far as its arguments say.
#[derive(Debug, Default)]
pub(crate) struct Described {
    pub(crate) effects: Vec<Effect>,
    pub(crate) paths: Vec<PathArgument>,
    pub(crate) unclear: Vec<String>,
}

/// True for tools whose `command` is a shell line.
pub(crate) fn runs_shell(tool: &str) -> bool {
    matches!(tool, "Bash" | "Monitor")
}

/// True for tools that read or write files named by their arguments. A tool of an MCP server that goes by the same
/// name is held to the same boundary; it is not held to be the same tool by any rule.
pub(crate) fn is_file_tool(tool: &str) -> bool {
    argument_of(bare_name(tool)).is_some()
}

/// True for the tools of the agent itself that change files.
pub(crate) fn writes_files(tool: &str) -> bool {
    argument_of(tool).is_some_and(|(_, does)| does == Does::Writes)
}

fn bare_name(tool: &str) -> &str {
    match tool.strip_prefix("mcp__") {
        Some(rest) => rest.split_once("__").map_or(rest, |(_, name)| name),
        None => tool,
    }
}

fn argument_of(name: &str) -> Option<(&'static [&'static str], Does)> {
    match name {
        "Read" => Some((&["file_path", "path"], Does::Reads)),
        "Write" | "Edit" | "MultiEdit" => Some((&["file_path", "path"], Does::Writes)),
        "NotebookEdit" => Some((&["notebook_path", "file_path", "path"], Does::Writes)),
        "NotebookRead" => Some((&["notebook_path", "file_path", "path"], Does::Reads)),
        "Glob" | "Grep" | "LS" => Some((&["path"], Does::Reads)),
        _ => None,
    }
}

pub(crate) fn describe(call: &ToolCall, facts: &Facts) -> Described {
    let mut described = Described::default();
    let name = bare_name(&call.tool);
    if let Some((keys, does)) = argument_of(name) {
        paths(call, facts, keys, does, &mut described);
        match name {
            "Glob" => glob_pattern(call, facts, &mut described),
            "Grep" => grep_glob(call, facts, &mut described),
            _ => {}
        }
        return described;
    }
    match call.tool.as_str() {
        "WebFetch" => {
            let host =
                call.text("url").map_or_else(|| Host::Unknown("no address given".to_owned()), host_of_url);
            described.effects.push(Effect::Network { host, direction: Direction::Fetch });
        }
        NETWORK_TOOL => {
            let host =
                call.text("url").map_or_else(|| Host::Unknown("no host given".to_owned()), host_of_url);
            // What goes through an open connection is not seen.
            described.effects.push(Effect::Network { host, direction: Direction::Send });
        }
        "WebSearch" => {
            let host = Host::Configured("the search engine of the agent".to_owned());
            described.effects.push(Effect::Network { host, direction: Direction::Fetch });
        }
        _ => {}
    }
    described
}

fn paths(call: &ToolCall, facts: &Facts, keys: &[&str], does: Does, described: &mut Described) {
    let mut found = false;
    for key in keys {
        match call.input.get(*key) {
            None | Some(serde_json::Value::Null) => {}
            Some(serde_json::Value::String(text)) => {
                found = true;
                let path = absolute(text, &call.cwd, facts);
                described.paths.push(PathArgument { key: (*key).to_owned(), path: path.clone() });
                described.effects.push(on_path(does, PathText::Exact(path)));
            }
            Some(_) => described.unclear.push(format!("`{key}` is not a text")),
        }
    }
    if found || !described.unclear.is_empty() {
        return;
    }
    if does == Does::Reads && keys == ["path"] {
        // Searching without a directory searches the one the call is made in.
        let path = call.cwd.to_string_lossy().into_owned();
        described.effects.push(on_path(does, PathText::Exact(path)));
    } else {
        described.unclear.push(format!("{} was called without a path", call.tool));
    }
}

/// A search pattern can start with a directory of its own.
fn glob_pattern(call: &ToolCall, facts: &Facts, described: &mut Described) {
    let Some(pattern) = call.text("pattern") else { return };
    let literal = match pattern.find(['*', '?', '[', '{']) {
        Some(first) => {
            pattern.get(..first).and_then(|start| start.rfind('/')).and_then(|slash| pattern.get(..=slash))
        }
        None => Some(pattern),
    };
    let Some(prefix) = literal.filter(|prefix| !prefix.is_empty()) else {
        if pattern.split('/').any(|part| part == "..") {
            described.unclear.push("the pattern leaves its directory".to_owned());
        }
        return;
    };
    let base =
        call.text("path").map_or_else(|| call.cwd.clone(), |path| absolute(path, &call.cwd, facts).into());
    described.effects.push(on_path(Does::Reads, PathText::Exact(absolute(prefix, &base, facts))));
    if pattern.get(prefix.len()..).is_some_and(|rest| rest.split('/').any(|part| part == "..")) {
        described.unclear.push("the pattern leaves its directory".to_owned());
    }
}

/// Searching with a file filter reads exactly the files that match it.
fn grep_glob(call: &ToolCall, facts: &Facts, described: &mut Described) {
    let Some(glob) = call.text("glob") else { return };
    let base =
        call.text("path").map_or_else(|| call.cwd.clone(), |path| absolute(path, &call.cwd, facts).into());
    let directory = base.to_string_lossy().into_owned();
    let name = glob.rsplit('/').next().unwrap_or(glob);
    described.effects.push(on_path(Does::Reads, PathText::Glob { directory, pattern: name.to_owned() }));
}

fn on_path(does: Does, path: PathText) -> Effect {
    match does {
        Does::Reads => Effect::Read { path },
        Does::Writes => Effect::Write { path },
    }
}

/// Joined with the directory of the call; `~` is the person's home. The gate sends the result back resolved, so what
/// is judged here is what the tool gets.
fn absolute(text: &str, cwd: &Path, facts: &Facts) -> String {
    let path = match text.strip_prefix('~') {
        Some("") => facts.home.as_path().to_path_buf(),
        Some(rest) if rest.starts_with('/') => facts.home.as_path().join(rest.trim_start_matches('/')),
        _ => cwd.join(text),
    };
    path.to_string_lossy().into_owned()
}

/// The host of a web address, by the rules browsers follow: user info dropped, port dropped, lower case.
fn host_of_url(url: &str) -> Host {
    let unknown = || Host::Unknown("not a web address".to_owned());
    let lower = url.trim().to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) else {
        return if lower.contains("://") { unknown() } else { named(&lower) };
    };
    named(rest)
}

fn named(rest: &str) -> Host {
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_'));
    if host.is_empty() || !plain {
        return Host::Unknown("the address has no plain host name".to_owned());
    }
    Host::Named(host.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{host_of_url, is_file_tool};
    use leashd_types::Host;

    #[test]
    fn the_host_of_an_address_is_the_one_a_browser_would_talk_to() {
        let cases = [
            ("https://Example.com/a?b", "example.com"),
            ("http://a@b.example:8080/", "b.example"),
            ("https://evil.example\\@good.example/", "evil.example"),
            ("http://[::1]:80/", "::1"),
            ("example.com./x", "example.com"),
        ];
        for (url, host) in cases {
            assert_eq!(host_of_url(url), Host::Named(host.to_owned()), "{url}");
        }
        for url in ["file:///etc/passwd", "https://", "https://ex\u{200b}ample.com"] {
            assert!(matches!(host_of_url(url), Host::Unknown(_)), "{url}");
        }
    }

    #[test]
    fn a_server_tool_with_a_known_name_is_held_to_the_boundary() {
        assert!(is_file_tool("mcp__x__Read") && is_file_tool("LS") && !is_file_tool("mcp__x__click"));
    }
}
