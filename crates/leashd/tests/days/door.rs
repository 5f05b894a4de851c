//! One request at the daemon's socket. An answer that was cut off is none: whoever asked does not know.

use leashd_types::{Command, Receipt};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// The way in of one home.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) run: PathBuf,
}

impl Door {
    /// Hands a command in. `None`: nobody said what became of it.
    pub(crate) fn send(&self, chat: &str, command: &Command) -> Option<Receipt> {
        let body = json!({"chat": chat, "command": command}).to_string();
        self.request("POST", "/v1/envelopes", &body)
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        self.request("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str) {
        let _: Option<serde_json::Value> = self.request("POST", path, "");
    }

    fn request<T: DeserializeOwned>(&self, method: &str, path: &str, body: &str) -> Option<T> {
        let token = fs::read_to_string(self.run.join("token-terminal")).ok()?;
        let mut stream = UnixStream::connect(self.run.join("leashd.sock")).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: leashd\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if length != Some(body.len()) {
            return None;
        }
        // What refuses without a receipt (a daemon that is going down) says nothing of what became of it.
        serde_json::from_str(body).ok()
    }
}
