//! The self-test of an agent version, once: its result is kept until the agent or leashd changes.

use crate::clock;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use leashd_agents::Permit;
use leashd_agents::claude::{ClaudeCode, self_test};
use leashd_connectors::terminal::Keys;
use leashd_gate::audit::Record;
use leashd_gate::{AuditLog, Durability, Gate, Interactive, Outcome, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_types::{Facts, SessionId, ToolCall, visible};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

const FILE: &str = "self-test.json";

/// The one call the self-test lets through: a helper, to see that the helper's own calls ask too.
const RULES: &str =
    "version: \"1.0\"\nname: self-test\nrules:\n  - name: helper\n    tools: [Agent]\n    action: allow\n";

/// What was tested, and what did not hold.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    agent: Identity,
    broken: Vec<String>,
}

/// Names one agent binary under one leashd.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    program: String,
    version: String,
    bytes: u64,
    modified_ns: i64,
    leashd: String,
}

/// The session for which it is made sure.
pub(crate) struct Checked<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) gate: &'a Gate,
    pub(crate) session: &'a SessionId,
}

/// Makes sure that the facts leashd relies on hold for this agent. If one does not, unattended work is refused and a
/// person is told: what comes back is for them.
pub(crate) async fn check(
    settings: &Settings,
    claude: &ClaudeCode,
    session: &Checked<'_>,
    keys: Keys,
) -> Result<Option<String>, Failure> {
    let agent = identity(claude)?;
    let path = settings.home.join(FILE);
    let kept = match read(&path) {
        Some(kept) if kept.agent == agent => kept,
        Some(_) | None => {
            let version = &agent.version;
            tracing::info!(%version, "agent_testing");
            eprintln!("Claude Code {version} is used for the first time: testing what leashd relies on …");
            let kept = Kept { broken: test(claude, session.facts).await?, agent };
            record(session, &kept)?;
            write(&path, &kept)?;
            tracing::info!(broken = kept.broken.len(), "agent_tested");
            kept
        }
    };
    if kept.broken.is_empty() {
        return Ok(None);
    }
    let broken = kept.broken.join("; ");
    let message = format!("Claude Code {} does not hold what leashd relies on: {broken}", kept.agent.version);
    tracing::error!(reason = %message, "agent_unsound");
    match keys {
        Keys::Terminal => Ok(Some(message)),
        Keys::None => Err(Failure::new(Exit::Agent, message)
            .hint("use another version, or stay at the terminal: unattended work is refused with this one")),
    }
}

fn identity(claude: &ClaudeCode) -> Result<Identity, Failure> {
    let program = claude.program();
    let failed = |error| Failure::new(Exit::Agent, format!("cannot read {}: {error}", program.display()));
    let real = program.canonicalize().map_err(failed)?;
    let metadata = fs::metadata(&real).map_err(failed)?;
    Ok(Identity {
        program: real.display().to_string(),
        version: claude.version().to_string(),
        bytes: metadata.len(),
        modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        leashd: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Runs the self-test in a scratch directory, with a gate and an audit log of its own.
async fn test(claude: &ClaudeCode, facts: &Facts) -> Result<Vec<String>, Failure> {
    let scratch = tempfile::Builder::new().prefix("leashd-self-test-").tempdir()?;
    let log = scratch.path().join("audit.jsonl");
    let audit = AuditLog::open(&log, Durability::Never, Secrets::default()).map_err(Failure::failed)?;
    let rules = Rules::load(&[Source::user("self-test", RULES)]).map_err(Failure::failed)?;
    let snapshot = Snapshot {
        generation: rules.generation(),
        rules: Arc::new(rules),
        facts: facts.clone(),
        grants: Vec::new(),
        interactive: Interactive::Nobody,
    };
    let gate = Gate::new(audit, clock::now);
    let permit = |call: &ToolCall| -> Option<Permit> {
        match gate.begin(call.clone(), &snapshot) {
            Outcome::Permit(permit) => Some(permit),
            Outcome::Denied(_) | Outcome::Pending(_) => None,
        }
    };
    let broken = self_test(claude, scratch.path(), &permit)
        .await
        .map_err(|error| Failure::new(Exit::Agent, format!("the self-test failed: {error}")))?;
    Ok(broken.iter().map(|broken| visible(&format!("{} ({})", broken.fact, broken.seen))).collect())
}

fn record(session: &Checked<'_>, kept: &Kept) -> Result<(), Failure> {
    let check = format!("Claude Code {}", kept.agent.version);
    let record = Record::SelfTest { check, passed: kept.broken.is_empty(), detail: kept.broken.join("; ") };
    session.gate.record(Some(session.session), record).map(drop).map_err(Failure::failed)
}

/// The version last tested and what did not hold, if one was.
pub(crate) fn kept(home: &Path) -> Option<(String, Vec<String>)> {
    read(&home.join(FILE)).map(|kept| (kept.agent.version, kept.broken))
}

/// A result that cannot be read is no result: the test runs again.
fn read(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(path: &Path, kept: &Kept) -> Result<(), Failure> {
    let new = path.with_extension("json.new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(kept).map_err(Failure::failed)?)?;
    file.sync_all()?;
    Ok(fs::rename(&new, path)?)
}
