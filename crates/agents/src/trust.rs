//! Which project files a person trusts, by content: an approval of one `.mcp.json` says nothing about the next. Pure
//! but for reading and writing the one file it is given the path of.

use leashd_types::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes of a `.mcp.json`; a longer one is not trusted.
pub const MCP_FILE_LIMIT: usize = 1024 * 1024;
/// Bytes of `trusted.json`.
const STORE_LIMIT: u64 = 16 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "{} is not a trust store ({reason}); move it away and trust the projects again", path.display()
    )]
    Store { path: PathBuf, reason: String },
}

/// The digests a person trusted, by the absolute path of the file. Versioned, so that an older leashd refuses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustStore {
    version: u32,
    files: BTreeMap<PathBuf, Digest>,
}

const STORE_VERSION: u32 = 1;

impl Default for TrustStore {
    fn default() -> Self {
        Self { version: STORE_VERSION, files: BTreeMap::new() }
    }
}

impl TrustStore {
    /// Reads `trusted.json`. A missing file trusts nothing; an unreadable one is an error, not an empty one.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn load(path: &Path) -> Result<Self, TrustError> {
        let failed = |source| TrustError::File { action: "read", path: path.to_owned(), source };
        let unclear = |reason: String| TrustError::Store { path: path.to_owned(), reason };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
            Ok(metadata) if metadata.len() > STORE_LIMIT => {
                return Err(unclear(format!("it has more than {STORE_LIMIT} bytes")));
            }
            Ok(_) => {}
        }
        let text = fs::read(path).map_err(failed)?;
        let store: Self = serde_json::from_slice(&text).map_err(|error| unclear(error.to_string()))?;
        if store.version != STORE_VERSION {
            return Err(unclear(format!("version {} is unknown", store.version)));
        }
        Ok(store)
    }

    /// Writes `trusted.json` as a whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), TrustError> {
        let failed = |source| TrustError::File { action: "write", path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        let new = path.with_extension("json.new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, path).map_err(failed)
    }

    /// Trusts `path` with exactly this content.
    pub fn trust(&mut self, path: PathBuf, content: &[u8]) {
        self.files.insert(path, digest(content));
    }

    /// True if there was something to forget.
    pub fn forget(&mut self, path: &Path) -> bool {
        self.files.remove(path).is_some()
    }

    #[must_use]
    pub fn trusts(&self, path: &Path, content: &[u8]) -> bool {
        self.files.get(path) == Some(&digest(content))
    }

    /// What is trusted, by path.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Digest)> {
        self.files.iter().map(|(path, digest)| (path.as_path(), digest))
    }
}

/// What `sha256sum` prints for the file.
#[must_use]
pub fn digest(content: &[u8]) -> Digest {
    Digest::plain(&[content])
}

/// The servers a `.mcp.json` names, by name; they may be started only if the store trusts the content.
///
/// # Errors
/// What is wrong with the content, for a person.
pub fn mcp_servers(content: &[u8]) -> Result<Map<String, Value>, String> {
    if content.len() > MCP_FILE_LIMIT {
        return Err(format!("it has more than {MCP_FILE_LIMIT} bytes"));
    }
    let file: Value = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    match file.get("mcpServers") {
        Some(Value::Object(servers)) if servers.values().all(Value::is_object) => Ok(servers.clone()),
        Some(_) => Err("`mcpServers` is not an object of objects".to_owned()),
        None => Err("it has no `mcpServers`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{TrustError, TrustStore, mcp_servers};
    use std::path::Path;

    #[test]
    fn trust_ends_with_the_content() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("trusted.json");
        let mcp = Path::new("/p/.mcp.json");
        let mut store = TrustStore::load(&file).unwrap();
        assert!(!store.trusts(mcp, b"one"));
        store.trust(mcp.to_owned(), b"one");
        store.save(&file).unwrap();
        let mut store = TrustStore::load(&file).unwrap();
        assert!(store.trusts(mcp, b"one") && !store.trusts(mcp, b"two"));
        assert!(!store.trusts(Path::new("/q/.mcp.json"), b"one"));
        assert!(store.forget(mcp) && !store.trusts(mcp, b"one"));
    }

    #[test]
    fn a_damaged_store_is_an_error_and_not_empty() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("trusted.json");
        for damaged in ["", "{", r#"{"version":2,"files":{}}"#, r#"{"version":1,"files":{},"more":1}"#] {
            std::fs::write(&file, damaged).unwrap();
            assert!(matches!(TrustStore::load(&file), Err(TrustError::Store { .. })), "{damaged}");
        }
    }

    #[test]
    fn servers_are_objects_by_name() {
        let servers = mcp_servers(br#"{"mcpServers":{"lab":{"command":"x"}}}"#).unwrap();
        assert!(servers.contains_key("lab"));
        for wrong in ["", "{}", r#"{"mcpServers":[]}"#, r#"{"mcpServers":{"lab":"x"}}"#] {
            assert!(mcp_servers(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
