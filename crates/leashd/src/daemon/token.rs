//! What a terminal shows to be let in: 256 bits in a file only its owner can read, made anew at each start. The daemon
//! keeps the digest.

use crate::failure::Failure;
use leashd_proxy::Secret;
use leashd_sandbox::PrivateDir;
use leashd_types::Digest;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// Below `run/` in leashd's home.
pub(crate) const TOKEN: &str = "token-terminal";
/// Bytes of the file that are read.
const TOKEN_BYTES_MAX: u64 = 256;

/// Tells the right token from others.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    digest: Digest,
}

impl Door {
    /// Makes a token and writes it where terminals look for it.
    pub(crate) fn make(run: &PrivateDir) -> Result<Self, Failure> {
        let secret = Secret::random().map_err(Failure::failed)?;
        // A file of before may be open to somebody who read the old token; a new one is a new file.
        match fs::remove_file(run.path().join(TOKEN)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(run, &error)),
            Ok(()) | Err(_) => {}
        }
        let mut file = run.append(TOKEN).map_err(Failure::failed)?;
        file.write_all(secret.expose().as_bytes()).map_err(|error| unwritable(run, &error))?;
        Ok(Self { digest: digest(secret.expose()) })
    }

    /// The comparison is one of digests: how long it takes says nothing about the token.
    pub(crate) fn opens(&self, token: &str) -> bool {
        digest(token) == self.digest
    }
}

/// The token of the daemon at `home`.
pub(crate) fn read(home: &Path) -> Result<Secret, Failure> {
    let missing = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("the daemon's token cannot be read: {error}"))
            .hint("leashd restart makes a new one")
    };
    let run = PrivateDir::open(&home.join(crate::hook::RUN_DIRECTORY)).map_err(|error| missing(&error))?;
    let mut text = String::new();
    run.read(TOKEN)
        .map_err(|error| missing(&error))?
        .take(TOKEN_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| missing(&error))?;
    match text.trim() {
        "" => Err(missing(&"the file is empty")),
        token => Ok(Secret::new(token)),
    }
}

fn digest(token: &str) -> Digest {
    Digest::plain(&[token.as_bytes()])
}

fn unwritable(run: &PrivateDir, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", run.path().join(TOKEN).display()))
        .hint("make room on the disk, then start again")
}

#[cfg(test)]
mod tests {
    use super::{Door, TOKEN, read};
    use leashd_sandbox::PrivateDir;
    use std::fs;

    #[test]
    fn each_start_has_a_token_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create(&home.path().join("home")).unwrap();
        let run = directory.subdirectory("run").unwrap();
        let first = Door::make(&run).unwrap();
        let token = read(directory.path()).unwrap();
        assert!(first.opens(token.expose()));
        for wrong in ["", "x", token.expose().get(1..).unwrap(), &format!("{} ", token.expose())] {
            assert!(!first.opens(wrong), "{wrong:?}");
        }
        let second = Door::make(&run).unwrap();
        assert!(!second.opens(token.expose()));
        fs::write(run.path().join(TOKEN), "").unwrap();
        let failure = read(directory.path()).unwrap_err();
        assert!(failure.to_string().contains("leashd restart"), "{failure}");
    }
}
