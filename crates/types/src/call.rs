//! A tool call: the one thing everything here is about.

use crate::{CallId, Digest, SessionId, SubagentId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Which adapter the call came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentKind {
    #[default]
    Claude,
    /// A person's own Claude Code session, which asks through its hooks.
    Hook,
    Scripted,
    /// No agent: leashd asks for itself. No adapter makes such a call.
    Leashd,
}

/// What a session is for. Modes change questions, never denials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Policy alone.
    #[default]
    Default,
    /// Writes are denied except the plan file.
    Plan,
    /// File tools inside the approved directories go unasked. The seed's `auto` is an alias.
    #[serde(alias = "auto")]
    Edit,
    Test,
    Merge,
}

/// The tool of a call that leashd makes itself ([`AgentKind::Leashd`]): a contained command wants to connect to a host. Its
/// input is `{"url": "host:port"}`, and `asked_by` where the command is known. An agent has no tool of this name.
pub const NETWORK_TOOL: &str = "Network";

/// One thing an agent wants to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub agent: AgentKind,
    pub session: SessionId,
    /// The tool's full name: `Bash`, `Edit`, `mcp__server__tool`.
    pub tool: String,
    /// The tool's arguments, a JSON object, exactly as the agent sent them.
    pub input: Value,
    /// The directory relative paths are relative to. Absolute.
    pub cwd: PathBuf,
    pub id: CallId,
    /// Set when a subagent made the call.
    pub subagent: Option<SubagentId>,
}

impl ToolCall {
    /// Whether leashd asks for a host, whatever an agent calls a tool of its own.
    #[must_use]
    pub fn is_for_host(&self) -> bool {
        self.agent == AgentKind::Leashd && self.tool == NETWORK_TOOL
    }

    /// Binds tool and input: what was approved is what may run. Key order and spacing of the JSON do not matter.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest_of(&self.tool, &self.input)
    }

    /// The string argument called `name`, if there is one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }
}

/// The digest of a tool name and its input. `serde_json` keeps object keys sorted, so this is canonical.
#[must_use]
pub fn digest_of(tool: &str, input: &Value) -> Digest {
    Digest::of_parts(&[tool.as_bytes(), input.to_string().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::digest_of;
    use serde_json::json;

    #[test]
    fn key_order_does_not_change_the_digest_and_content_does() {
        let one: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":2}"#).unwrap();
        assert_eq!(digest_of("Bash", &one), digest_of("Bash", &json!({"a": 2, "b": 1})));
        assert_ne!(digest_of("Bash", &one), digest_of("Bash", &json!({"a": 2, "b": 3})));
        assert_ne!(digest_of("Bash", &one), digest_of("Read", &one));
    }
}
