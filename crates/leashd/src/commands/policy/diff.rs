//! `policy diff` and `policy simulate`: the same calls judged under two policies.

use super::judging::{Asked, Judging};
use super::replay::Replay;
use super::{cases, print, print_json};
use crate::cli::{DiffArgs, SimulateArgs};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings::Settings;
use leashd_policy::{Change, Comparison, Group, Written, example_call};
use leashd_types::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Calls of one group that are shown; `--json` has them all.
const SHOWN: usize = 10;

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

pub(super) fn diff(args: &DiffArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let (before, after) = (list(&args.before), list(&args.after));
    let mut calls: Vec<(Asked, usize)> = match &args.corpus {
        Some(corpus) => cases::read(corpus)?.into_iter().map(|case| (case.asked, 1)).collect(),
        None => examples(&settings, &[&before, &after], &args.place.dir)?,
    };
    let mut left_out = BTreeMap::new();
    if settings.audit_log.is_file() {
        let replay = Replay::read(&settings.audit_log, None)?;
        calls.extend(replay.calls);
        left_out = replay.left_out;
    }
    let before = Judging::new(&before, &args.place)?;
    let after = Judging::new(&after, &args.place)?;
    finish(&compare(before, after, &calls)?, &left_out, if args.json { Form::Json } else { Form::Text })
}

pub(super) fn simulate(args: &SimulateArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    if !settings.audit_log.is_file() {
        let shown = settings.audit_log.display();
        return Err(Failure::failed(format!("there is no audit log at {shown}"))
            .hint("it is written with the first session; `leashd policy diff` needs none"));
    }
    let since: Option<Timestamp> = args.since.map(|since| since.before(clock::now()));
    let replay = Replay::read(&settings.audit_log, since)?;
    let before = Judging::new(&[], &args.place)?;
    let after = Judging::new(&args.policy, &args.place)?;
    finish(
        &compare(before, after, &replay.calls)?,
        &replay.left_out,
        if args.json { Form::Json } else { Form::Text },
    )
}

fn list(names: &str) -> Vec<String> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The examples of the rules of all these policies, each once.
fn examples(
    settings: &Settings,
    policies: &[&[String]],
    directory: &Path,
) -> Result<Vec<(Asked, usize)>, Failure> {
    let mut calls: BTreeMap<String, Asked> = BTreeMap::new();
    for names in policies {
        let texts = policies::texts(settings, names, &std::path::absolute(directory)?)?;
        for source in texts.sources() {
            let written = Written::read(&source).map_err(Failure::usage)?;
            for rule in &written.rules {
                for example in rule.matches.iter().chain(&rule.misses) {
                    let (tool, input) = example_call(example, rule);
                    let key = format!("{tool} {input}");
                    calls.entry(key).or_insert_with(|| Asked { tool, input, ..Asked::default() });
                }
            }
        }
    }
    Ok(calls.into_values().map(|asked| (asked, 1)).collect())
}

fn compare(mut before: Judging, mut after: Judging, calls: &[(Asked, usize)]) -> Result<Comparison, Failure> {
    let mut comparison = Comparison::default();
    for (asked, times) in calls {
        let shown = cases::shown(&asked.tool, &asked.input);
        comparison.add(&shown, *times, &before.judge(asked)?, &after.judge(asked)?);
    }
    comparison.sort();
    Ok(comparison)
}

fn finish(
    comparison: &Comparison,
    left_out: &BTreeMap<&'static str, usize>,
    form: Form,
) -> Result<Exit, Failure> {
    if form == Form::Json {
        print_json(&json!({"v": 1, "comparison": comparison, "left_out": left_out}))?;
    } else {
        let mut lines: Vec<String> = comparison.groups.iter().flat_map(group_lines).collect();
        let Comparison { calls, loosened, tightened, .. } = comparison;
        lines.push(format!("{calls} calls: {loosened} loosened, {tightened} tightened"));
        lines.extend(left_out.iter().map(|(why, count)| format!("{count} calls could not be judged: {why}")));
        print(&lines)?;
    }
    Ok(if comparison.loosened == 0 { Exit::Done } else { Exit::Failed })
}

fn group_lines(group: &Group) -> Vec<String> {
    let Group { change, before, after, rule, calls, cases } = group;
    let change = match change {
        Change::Loosened => "LOOSENED",
        Change::Tightened => "tightened",
    };
    let mut lines = vec![format!("{change} {before} → {after} by {rule}: {calls} calls")];
    for case in cases.iter().take(SHOWN) {
        let times = if case.times == 1 { String::new() } else { format!("{}× ", case.times) };
        lines.push(format!("    {times}{}", case.call));
        lines.push(format!("        was {before} by {}", case.was));
    }
    if cases.len() > SHOWN {
        lines.push(format!("    and {} more; --json has them", cases.len() - SHOWN));
    }
    lines.push(String::new());
    lines
}
