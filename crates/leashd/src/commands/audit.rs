//! `leashd audit verify|tail|search`: reads the log as anybody with the file could.

use crate::cli::{AuditArgs, AuditCommand, SearchArgs};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use leashd_gate::AuditError;
use leashd_gate::audit::{self, Filter, Problem, Report};
use leashd_types::{SessionId, visible};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &AuditArgs) -> Result<Exit, Failure> {
    let path = match &args.file {
        Some(path) => path.clone(),
        None => Settings::from_environment()?.audit_log,
    };
    if !path.exists() {
        return Err(Failure::failed(format!("there is no audit log at {}", path.display()))
            .hint("it is written with the first session; name another with --file"));
    }
    let form = if args.json { Form::Json } else { Form::Text };
    match &args.command {
        AuditCommand::Verify => verify(&path, form),
        AuditCommand::Tail { lines } => tail(&path, *lines, form),
        AuditCommand::Search(search) => find(&path, search, form),
    }
}

#[derive(Clone, Copy)]
enum Form {
    Text,
    Json,
}

fn verify(path: &Path, form: Form) -> Result<Exit, Failure> {
    let report = audit::verify(path).map_err(|error| unreadable(&error))?;
    let text = match form {
        Form::Text => describe(path, &report),
        Form::Json => json!({
            "v": 1,
            "intact": report.is_intact(),
            "entries": report.entries,
            "head": report.head,
            "line": report.finding.as_ref().map(|finding| finding.line),
            "seq": report.finding.as_ref().map(|finding| finding.seq),
            "problem": report.finding.as_ref().map(|finding| problem_text(&finding.problem)),
        })
        .to_string(),
    };
    print(&text)?;
    Ok(if report.is_intact() { Exit::Done } else { Exit::Failed })
}

/// One or two lines about a report.
pub(crate) fn describe(path: &Path, report: &Report) -> String {
    let good = format!("{} entries, head {} {}", report.entries, report.head.seq, report.head.hash);
    match &report.finding {
        None => format!("{}: intact, {good}", path.display()),
        Some(finding) => format!(
            "{}:{}: entry {}: {}\nbefore it: {good}",
            path.display(),
            finding.line,
            finding.seq,
            problem_text(&finding.problem)
        ),
    }
}

fn problem_text(problem: &Problem) -> String {
    match problem {
        Problem::BytesChanged => "it was changed after it was written".to_owned(),
        Problem::Missing { first, last } if first == last => format!("entry {first} before it is gone"),
        Problem::Missing { first, last } => format!("entries {first} to {last} before it are gone"),
        Problem::Reordered { expected } => format!("entry {expected} should stand here"),
        Problem::Rewritten => {
            "it is whole but does not follow the entry before it: the log was rewritten".to_owned()
        }
        Problem::PrefixCut => "the beginning of the log is gone".to_owned(),
        Problem::TornTail { bytes } => {
            format!("the last write was cut short by a crash ({bytes} bytes); nothing before it is affected")
        }
        Problem::HeadLost { published } => {
            format!("the published head {} {} is not in this log", published.seq, published.hash)
        }
    }
}

fn tail(path: &Path, count: usize, form: Form) -> Result<Exit, Failure> {
    for entry in audit::tail(path, count).map_err(|error| unreadable(&error))? {
        print(&line(&entry, form))?;
    }
    Ok(Exit::Done)
}

fn find(path: &Path, args: &SearchArgs, form: Form) -> Result<Exit, Failure> {
    let filter = Filter {
        path: args.path.as_deref().map(absolute).transpose()?,
        rule: args.rule.clone(),
        decision: args.decision,
        session: args.session.as_deref().map(SessionId::new),
        since: args.since.map(|since| since.before(clock::now())),
        tool: args.tool.clone(),
        event: args.event.clone(),
        text: args.text.clone(),
    };
    let mut written = Ok(());
    audit::search(path, &filter, |found| {
        if written.is_ok() {
            written = print(&line(&found.entry, form));
        }
    })
    .map_err(|error| unreadable(&error))?;
    written?;
    Ok(Exit::Done)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn line(entry: &Map<String, Value>, form: Form) -> String {
    match form {
        Form::Json => Value::Object(entry.clone()).to_string(),
        Form::Text => entry_line(entry),
    }
}

/// `412 2026-01-31T08:00:00.000000Z 9f1c tool_attempt Bash deny floor/privilege: why`.
pub(crate) fn entry_line(entry: &Map<String, Value>) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let seq = entry.get("seq").and_then(Value::as_u64).unwrap_or_default();
    let session = text("session_id").split('-').next().unwrap_or_default();
    let mut parts =
        vec![seq.to_string(), text("timestamp").to_owned(), session.to_owned(), text("event").to_owned()];
    for key in ["tool_name", "decision", "approver_type", "matched_rule", "reason"] {
        parts.push(text(key).to_owned());
    }
    if let Some(commands) = entry.get("commands").and_then(Value::as_array) {
        parts.extend(commands.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    parts.retain(|part| !part.is_empty());
    visible(&parts.join(" ")).replace('\n', " ")
}

fn print(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(Exit::Done as i32),
        other => other.map_err(Failure::from),
    }
}

fn unreadable(error: &AuditError) -> Failure {
    Failure::failed(error)
}
