//! `leashd autonomous`: the block of settings under which work goes on without a person.

use super::prompt::{Default, Person};
use crate::cli::{AutonomousArgs, AutonomousCommand, AutonomousSetup};
use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings::edit::{Edit, settable};
use crate::settings::layers::Layer;
use crate::settings::value::Value;
use crate::settings::{Loaded, config_file, load};
use leashd_types::visible;
use serde_json::{Map, Value as Json};

const ENABLED: &str = "autonomous.enabled";
const POLICY: &str = "autonomous.policy";
const APPROVER: &str = "autonomous.auto_approver";
const PLAN: &str = "autonomous.auto_plan";
const LOOP: &str = "autonomous.autonomous_loop";
const PULL_REQUEST: &str = "autonomous.auto_pr";
const BRANCH: &str = "autonomous.auto_pr_base_branch";
const RETRIES: &str = "autonomous.task_max_retries";

/// What is shown, in this order.
const SHOWN: [&str; 8] = [ENABLED, POLICY, APPROVER, PLAN, LOOP, PULL_REQUEST, BRANCH, RETRIES];

/// What `enable` writes where nothing was set up. Nothing leaves the machine without somebody having said so.
const DEFAULTS: [(&str, &str); 5] =
    [(POLICY, "autonomous"), (APPROVER, "true"), (PLAN, "true"), (LOOP, "true"), (PULL_REQUEST, "false")];

pub(crate) fn run(args: AutonomousArgs) -> Result<Exit, Failure> {
    let loaded = match args.command {
        None | Some(AutonomousCommand::Show) => load(None)?,
        Some(AutonomousCommand::Setup(setup)) => set_up(setup)?,
        Some(AutonomousCommand::Enable) => enable()?,
        Some(AutonomousCommand::Disable) => disable()?,
    };
    show(&loaded, if args.json { Form::Json } else { Form::Text })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

fn enable() -> Result<Loaded, Failure> {
    let mut edit = Edit::open()?;
    let there = written(&edit)?;
    if !there.iter().any(|key| key != ENABLED) {
        for (key, value) in DEFAULTS {
            edit.set_text(key, value)?;
        }
    }
    edit.set(ENABLED, &Value::Flag(true))?;
    edit.write()
}

fn disable() -> Result<Loaded, Failure> {
    let mut edit = Edit::open()?;
    if written(&edit)?.iter().any(|key| key == ENABLED) {
        edit.set(ENABLED, &Value::Flag(false))?;
    }
    edit.write()
}

/// The keys of the block that the file has.
fn written(edit: &Edit) -> Result<Vec<String>, Failure> {
    let entries = config_file::read(edit.file(), edit.text())?;
    Ok(entries.into_iter().map(|entry| entry.spelled).filter(|key| key.starts_with("autonomous.")).collect())
}

fn set_up(setup: AutonomousSetup) -> Result<Loaded, Failure> {
    let answers = if setup.yes { setup } else { ask(setup)? };
    let flag = |answer: Option<bool>, default: bool| answer.unwrap_or(default).to_string();
    let mut edit = Edit::open()?;
    edit.set_text(POLICY, &policies::meant(answers.policy.as_deref().unwrap_or("autonomous")))?;
    edit.set_text(APPROVER, &flag(answers.auto_approver, true))?;
    edit.set_text(PLAN, &flag(answers.auto_plan, true))?;
    edit.set_text(LOOP, &flag(answers.autonomous_loop, true))?;
    edit.set_text(PULL_REQUEST, &flag(answers.auto_pr, false))?;
    if let Some(branch) = &answers.base_branch {
        edit.set_text(BRANCH, branch)?;
    }
    if let Some(retries) = answers.max_retries {
        edit.set_text(RETRIES, &retries.to_string())?;
    }
    edit.set(ENABLED, &Value::Flag(true))?;
    edit.write()
}

/// Asks for what no flag says.
fn ask(setup: AutonomousSetup) -> Result<AutonomousSetup, Failure> {
    let person = Person::here("add --yes, and flags for what should not be the default")?;
    eprintln!("A model never answers what is denied, nor what is critical. Everything is in the audit log.");
    let agrees = |given: Option<bool>, question: &str, default: Default| match given {
        Some(given) => Ok(given),
        None => person.agrees(question, default),
    };
    let policy = match setup.policy {
        Some(policy) => policy,
        None => person.line("policy", "autonomous")?,
    };
    let auto_approver = agrees(setup.auto_approver, "may a model answer approvals?", Default::Yes)?;
    let auto_plan = agrees(setup.auto_plan, "may a model review plans?", Default::Yes)?;
    let autonomous_loop =
        agrees(setup.autonomous_loop, "run tests after edits, and retry failures?", Default::Yes)?;
    let auto_pr = agrees(setup.auto_pr, "open a pull request when a task is done?", Default::No)?;
    let base_branch = match setup.base_branch {
        None if auto_pr => Some(person.line("base branch", "main")?),
        given => given,
    };
    Ok(AutonomousSetup {
        yes: true,
        policy: Some(policy),
        auto_approver: Some(auto_approver),
        auto_plan: Some(auto_plan),
        autonomous_loop: Some(autonomous_loop),
        auto_pr: Some(auto_pr),
        base_branch,
        max_retries: setup.max_retries,
    })
}

fn show(loaded: &Loaded, form: Form) -> Result<Exit, Failure> {
    let mut all = Map::new();
    for key in SHOWN {
        let row = settable(key)?;
        let Some(setting) = loaded.layers.setting(row) else { continue };
        let (_, short) = key.split_once('.').unwrap_or(("", key));
        let won = setting.won();
        if form == Form::Json {
            let value = won.map_or(Json::Null, |given| row.shown_json(&given.value));
            all.insert(short.to_owned(), value);
            continue;
        }
        let value = won.map_or_else(|| format!("({})", row.unset), |given| visible(&row.shown(&given.value)));
        let asleep = setting.of(Layer::Config).filter(|given| given.refused.is_some());
        let set_up = asleep
            .filter(|_| key != ENABLED)
            .map(|given| format!("  (set up: {})", visible(&row.shown(&given.value))))
            .unwrap_or_default();
        say!("{short:<22} {value}{set_up}");
    }
    if form == Form::Json {
        all.insert("v".to_owned(), 1.into());
        say!("{}", Json::Object(all));
    }
    Ok(Exit::Done)
}
