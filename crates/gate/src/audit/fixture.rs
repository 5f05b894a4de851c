//! Logs for tests: real files in a directory of their own.

use super::{AuditLog, Durability, Record, Secrets};
use leashd_types::{SessionId, Timestamp};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    Fixture { directory, path }
}

impl Fixture {
    pub(crate) fn open(&self) -> AuditLog {
        AuditLog::open(&self.path, Durability::Never, Secrets::default()).unwrap()
    }

    /// A log of `count` entries.
    pub(crate) fn filled(count: usize) -> Self {
        let fixture = fixture();
        let log = fixture.open();
        (0..count).for_each(|number| append(&log, number));
        fixture
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8(self.bytes()).unwrap().lines().map(str::to_owned).collect()
    }

    pub(crate) fn set_lines(&self, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&self.path, text).unwrap();
    }
}

pub(crate) fn append(log: &AuditLog, number: usize) {
    let record = Record::ToolRanUngated {
        tool_name: format!("Tool{}", number % 3),
        tool_input: serde_json::json!({ "number": number, "file_path": format!("/p/{number}/f") }),
        reason: "naïve \"test\"".to_owned(),
    };
    log.append(NOW, Some(&SessionId::new(format!("s{}", number % 2))), None, record).unwrap();
}
