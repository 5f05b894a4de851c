//! A profile as the text that `sandbox-exec -f` of macOS reads. Text only: it is written and tested everywhere, and has
//! not been tried on the real thing. Knows no process.
//!
//! Of two rules for one operation the later one wins, so what is refused inside an open tree comes last. A tree is
//! written with both spellings of the directories that macOS keeps below `/private`.

#[cfg(test)]
mod tests;

use crate::profile::{Access, Network, Profile};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Directories that are links to `/private`.
const PRIVATE: &[&str] = &["/tmp", "/var", "/etc"];

/// What every program needs to start at all: its libraries, the clock, and to talk to itself.
const ALWAYS: &str = "\
(version 1)
(deny default (with message \"leashd\"))
(allow process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow mach-priv-task-port (target same-sandbox))
(allow sysctl-read)
(allow file-read-metadata)
(allow file-read* (literal \"/\"))
(allow file-read* file-map-executable process-exec
    (subpath \"/System\") (subpath \"/Library/Apple\") (subpath \"/Library/Developer\") (subpath \"/opt/homebrew\")
    (subpath \"/private/var/db/dyld\") (subpath \"/private/var/select\"))
(allow file-read* (subpath \"/private/var/db/timezone\"))
(allow mach-lookup
    (global-name \"com.apple.system.opendirectoryd.libinfo\")
    (global-name \"com.apple.system.opendirectoryd.membership\")
    (global-name \"com.apple.system.logger\")
    (global-name \"com.apple.system.notification_center\"))
(allow ipc-posix-shm-read* ipc-posix-sem)
(allow system-socket (require-all (socket-domain AF_SYSTEM) (socket-protocol 2)))
";

/// The text for `profile`.
#[must_use]
pub fn seatbelt(profile: &Profile) -> String {
    let mut text = ALWAYS.to_owned();
    for tree in &profile.trees {
        for path in spellings(&tree.path) {
            let operations = match tree.access {
                Access::Read => "file-read*",
                Access::Run => "file-read* file-map-executable process-exec",
                Access::Write => "file-read* file-write* file-map-executable process-exec",
                Access::Device => "file-read* file-write* file-ioctl",
            };
            let _infallible = writeln!(text, "(allow {operations} (subpath {}))", quoted(&path));
        }
    }
    network(&profile.network, &mut text);
    // No device nodes and no programs that become their owner, in no tree.
    text.push_str("(deny file-mknod)\n(deny file-write-setugid)\n");
    guarded(profile, &mut text);
    text
}

fn network(network: &Network, text: &mut String) {
    match network {
        Network::Nothing => text.push_str("(deny network*)\n"),
        Network::Ports(ports) => {
            text.push_str("(deny network*)\n");
            for port in ports {
                let _infallible = writeln!(text, "(allow network-outbound (remote tcp \"localhost:{port}\"))");
            }
        }
        // There is no network namespace that could hold anything here.
        Network::Enclosed | Network::Doors { .. } => text.push_str("(deny network*)\n"),
        Network::Anywhere => text.push_str(
            "(allow network-outbound (remote ip))\n(allow network-inbound (local ip))\n(allow network-bind (local ip))\n\
             (allow mach-lookup (global-name \"com.apple.trustd\") (global-name \"com.apple.dnssd.service\"))\n",
        ),
    }
}

/// Neither written nor moved away, and neither are the directories that lead to it, up to the tree that is open.
fn guarded(profile: &Profile, text: &mut String) {
    for path in profile.guarded.iter().flat_map(|path| spellings(path)) {
        let _infallible = writeln!(text, "(deny file-write* (subpath {}))", quoted(&path));
        let above = path.ancestors().skip(1).take_while(|above| {
            profile.writable().any(|tree| {
                spellings(&tree.path).iter().any(|root| above.starts_with(root) && *above != root)
            })
        });
        for directory in above {
            let _infallible = writeln!(text, "(deny file-write-unlink (literal {}))", quoted(directory));
        }
    }
}

/// The path, and what it is called below `/private` or without it.
fn spellings(path: &Path) -> Vec<PathBuf> {
    let mut spellings = vec![path.to_owned()];
    for root in PRIVATE {
        let private = Path::new("/private").join(root.trim_start_matches('/'));
        if path.starts_with(root) {
            spellings.push(Path::new("/private").join(path.strip_prefix("/").unwrap_or(path)));
        } else if let Ok(rest) = path.strip_prefix(&private) {
            spellings.push(Path::new(root).join(rest));
        }
    }
    spellings
}

/// As a string of the profile language.
fn quoted(path: &Path) -> String {
    let mut text = String::from('"');
    for c in path.to_string_lossy().chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}
