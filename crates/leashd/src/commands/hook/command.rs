//! What is installed: the command line, its time, and for which events. Knows no file.

use serde_json::{Value, json};

/// Seconds Claude Code gives the hook. It ends itself long before: on 2.1.197 a hook that runs out of time lets the call
/// through.
pub(super) const TIMEOUT_SECONDS: u32 = 30;

/// The events it is installed for, and whether Claude Code wants a matcher of tool names with them.
pub(super) const EVENTS: [(&str, Matcher); 5] = [
    ("PreToolUse", Matcher::EveryTool),
    ("PostToolUse", Matcher::EveryTool),
    ("PostToolUseFailure", Matcher::EveryTool),
    ("Stop", Matcher::None),
    ("StopFailure", Matcher::None),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matcher {
    EveryTool,
    None,
}

/// One entry of an event's list. `onFailure` closes what the shell line cannot (the shell itself is killed, the time is
/// up) from 2.1.295 on; older versions ignore it.
pub(super) fn group(line: &str, matcher: Matcher) -> Value {
    let hook = json!({
        "type": "command",
        "command": line,
        "timeout": TIMEOUT_SECONDS,
        "onFailure": "block",
    });
    match matcher {
        Matcher::EveryTool => json!({ "matcher": "*", "hooks": [hook] }),
        Matcher::None => json!({ "hooks": [hook] }),
    }
}
