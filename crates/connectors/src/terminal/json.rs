//! Events as JSON lines, one versioned object each.

use leashd_types::{EVENT_VERSION, Event};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes `{"v":1,"event":"…",…}` and a newline to standard output.
pub(crate) fn write(event: &Event) -> io::Result<()> {
    let mut value = serde_json::to_value(event).map_err(io::Error::other)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("v".to_owned(), json!(EVENT_VERSION));
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}
