//! `leashd trust`: a person vouches for a project's `.mcp.json`, by its content. A changed file is no longer trusted.

use crate::boot;
use crate::cli::TrustArgs;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::plain_file;
use crate::settings::Settings;
use leashd_agents::trust::{MCP_FILE_LIMIT, TrustStore, digest, mcp_servers};
use leashd_gate::audit::Record;
use leashd_gate::{AuditLog, Durability, Secrets};
use leashd_sandbox::PrivateDir;
use leashd_types::visible;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::{Path, PathBuf};

const STORE: &str = "trusted.json";
const MCP_FILE: &str = ".mcp.json";

pub(crate) fn run(args: &TrustArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    let store_path = home.path().join(STORE);
    let mut store = TrustStore::load(&store_path).map_err(Failure::failed)?;
    if args.list {
        list(&store)?;
        return Ok(Exit::Done);
    }
    let file = mcp_file(&args.path)?;
    let record = if args.revoke {
        if !store.forget(&file) {
            return Err(Failure::failed(format!("{} was not trusted", file.display())));
        }
        Record::Trust {
            what: shown(&file),
            trusted: false,
            digest: None,
            user_id: boot::user().as_str().to_owned(),
        }
    } else {
        let content = read(&file)?;
        let servers = mcp_servers(&content).map_err(|why| {
            Failure::failed(format!("{}: {why}", file.display())).hint("nothing was trusted")
        })?;
        describe(&file, &servers)?;
        store.trust(file.clone(), &content);
        let user_id = boot::user().as_str().to_owned();
        Record::Trust { what: shown(&file), trusted: true, digest: Some(digest(&content)), user_id }
    };
    let audit = AuditLog::open(&settings.audit_log, Durability::default(), Secrets::default())
        .map_err(Failure::failed)?;
    audit.append(clock::now(), None, None, record).map_err(Failure::failed)?;
    store.save(&store_path).map_err(Failure::failed)?;
    say!("{} {}", if args.revoke { "no longer trusted:" } else { "trusted:" }, file.display());
    Ok(Exit::Done)
}

/// The servers of a project's `.mcp.json` if a person trusts exactly this content; none, and a word about it, if not.
pub(crate) fn project_servers(settings: &Settings, directory: &Path) -> Result<Map<String, Value>, Failure> {
    let file = directory.join(MCP_FILE);
    if !file.is_file() {
        return Ok(Map::new());
    }
    let content = read(&file)?;
    let store = TrustStore::load(&settings.home.join(STORE)).map_err(Failure::failed)?;
    if !store.trusts(&file, &content) {
        eprintln!(
            "! {} is not trusted, its servers are not started; `leashd trust` shows and trusts it",
            shown(&file)
        );
        return Ok(Map::new());
    }
    mcp_servers(&content).map_err(|why| Failure::failed(format!("{}: {why}", file.display())))
}

fn list(store: &TrustStore) -> std::io::Result<()> {
    for (path, digest) in store.files() {
        say!("{digest}  {}", shown(path));
    }
    Ok(())
}

/// What the person is about to vouch for.
fn describe(file: &Path, servers: &Map<String, Value>) -> std::io::Result<()> {
    say!("{} names {} servers; each will run as you:", shown(file), servers.len());
    for (name, server) in servers {
        say!("  {}: {}", visible(name), visible(&server.to_string()));
    }
    Ok(())
}

fn mcp_file(path: &Path) -> Result<PathBuf, Failure> {
    let path = if path.is_dir() { path.join(MCP_FILE) } else { path.to_owned() };
    path.canonicalize().map_err(|error| {
        Failure::failed(format!("{}: {error}", path.display()))
            .hint("name a project directory that has a .mcp.json")
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::failed(format!("cannot read {}: {error}", file.display()));
    let mut content = Vec::new();
    let limit = MCP_FILE_LIMIT as u64 + 1;
    plain_file::open(file).map_err(failed)?.take(limit).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}
