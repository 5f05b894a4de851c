//! What the person grants an MCP server beyond reading the project: `"leashd": {"hosts": […], "loopback": true}` in its
//! entry of `LEASHD_MCP_SERVERS`. What a project says of its own servers grants nothing. Reaches nothing.

use crate::failure::Failure;
use leashd_proxy::HostList;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The key of a server's entry that is leashd's and not the agent's.
const KEY: &str = "leashd";

/// One server that was granted something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    /// As it is started: the command and its arguments.
    pub(super) words: Vec<String>,
    pub(super) hosts: Option<HostList>,
    pub(super) loopback: Loopback,
}

/// Whether a server reaches what listens in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loopback {
    Granted,
    Not,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    loopback: bool,
}

/// Those of the person's servers that were granted something.
pub(super) fn granted(servers: &Map<String, Value>) -> Result<Vec<Server>, Failure> {
    let entries = servers.iter().filter_map(|(name, entry)| Some((name, entry, entry.get(KEY)?)));
    entries.map(|(name, entry, written)| read(name, entry, written)).collect()
}

fn read(name: &str, entry: &Value, written: &Value) -> Result<Server, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("LEASHD_MCP_SERVERS, server {name}: {why}"))
            .hint(r#"write it as "leashd": {"hosts": ["example.com"], "loopback": true}"#)
    };
    let written = Written::deserialize(written).map_err(|error| wrong(error.to_string()))?;
    let command = entry.get("command").and_then(Value::as_str);
    let command = command.ok_or_else(|| wrong("only a server with a command can be contained".to_owned()))?;
    let arguments = entry.get("args").and_then(Value::as_array).into_iter().flatten();
    let arguments = arguments.map(|argument| argument.as_str().map(str::to_owned));
    let words = std::iter::once(Some(command.to_owned())).chain(arguments).collect::<Option<Vec<_>>>();
    let words = words.ok_or_else(|| wrong("an argument is not a text".to_owned()))?;
    let hosts = HostList::parse(&written.hosts).map_err(|error| wrong(error.to_string()))?;
    let hosts = Some(hosts).filter(|_| !written.hosts.is_empty());
    let loopback = if written.loopback { Loopback::Granted } else { Loopback::Not };
    Ok(Server { name: name.to_owned(), words, hosts, loopback })
}

/// What the agent gets to see of the entries.
pub(super) fn strip(servers: &mut Map<String, Value>) {
    for entry in servers.values_mut().filter_map(Value::as_object_mut) {
        entry.remove(KEY);
    }
}

#[cfg(test)]
mod tests {
    use super::{Loopback, granted, strip};
    use serde_json::{Map, Value, json};

    fn servers(entry: Value) -> Map<String, Value> {
        Map::from_iter([("web".to_owned(), entry)])
    }

    #[track_caller]
    fn check(entry: Value, part: &str) {
        let failure = granted(&servers(entry)).unwrap_err();
        assert!(failure.message.contains(part), "{}", failure.message);
    }

    #[test]
    fn a_grant_is_read_and_not_shown_to_the_agent() {
        let entry =
            json!({"command": "npx", "args": ["x"], "leashd": {"hosts": ["a.example"], "loopback": true}});
        let mut all = servers(entry);
        all.insert("other".to_owned(), json!({"command": "y"}));
        let found = granted(&all).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].words.join(" "), found[0].loopback), ("npx x".to_owned(), Loopback::Granted));
        strip(&mut all);
        assert_eq!(all["web"], json!({"command": "npx", "args": ["x"]}));
        assert!(granted(&all).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        check(json!({"url": "https://x", "leashd": {}}), "with a command");
        check(json!({"command": "x", "leashd": {"host": []}}), "unknown field");
        check(json!({"command": "x", "leashd": {"hosts": ["http://x"]}}), "is not a host");
        check(json!({"command": "x", "args": [1], "leashd": {}}), "not a text");
    }
}
