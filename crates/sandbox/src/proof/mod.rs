//! Proof that the walls hold here and now: the same attempts are made outside them, where they must succeed, and
//! inside, where they must not. The witness is what happened to a file, a socket or a process, never what the
//! attempting side says; where the kernel leaves no trace to look at, a note the attempt could only write after it
//! succeeded. Knows no agent and no policy.
//!
//! An attempt that does not even succeed outside proves nothing and is reported as untried. Those that matter most
//! ([`Attempt::is_essential`]) have to be tried, or there is no proof.

mod attempt;
mod perform;
mod scene;

pub use attempt::Attempt;
pub use perform::probe_main;

use crate::confine::{self, Command, Ended, Error, Identity, Kernel, Layer, Plan, Wish};
use crate::profile::Profile;
use scene::Scene;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The first argument that makes the binary a probe. Its `main` must look for it before it starts any thread.
pub const PROBE: &str = "__probe";

/// What a proof is made with.
#[derive(Debug)]
pub struct Question<'a> {
    /// Must have `project` as a writable tree, `program` as a readable one, and must not contain `outside`.
    pub profile: &'a Profile,
    pub kernel: &'a Kernel,
    pub wish: Wish,
    /// An empty directory of the profile's project.
    pub project: &'a Path,
    /// An empty directory that nothing contained may see.
    pub outside: &'a Path,
    /// The binary whose `main` calls [`probe_main`].
    pub program: &'a Path,
    /// leashd's version.
    pub version: &'a str,
}

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it must be: forbidden and impossible, or granted and possible.
    Held,
    /// Forbidden, and it happened.
    Broken,
    /// Granted, and it did not happen.
    Refused,
    /// It does not succeed outside either, so it says nothing.
    Untried,
    /// Happened, and nothing was claimed: the plan names the weakness.
    Open,
}

/// One attempt and its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub attempt: Attempt,
    pub outcome: Outcome,
}

/// The result: what was tried, on what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub kernel: Kernel,
    /// leashd's version.
    pub version: String,
    pub plan: Plan,
    pub findings: Vec<Finding>,
    /// Why there is no proof; empty if there is one.
    pub failures: Vec<String>,
}

impl Proof {
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Tries everything, outside and inside. Must be called by a process with one thread.
///
/// # Errors
/// If the walls cannot be put up at all, or the attempts cannot be prepared.
pub fn prove(question: &Question<'_>) -> Result<Proof, Error> {
    let mut scene = Scene::prepare(question.project, question.outside, &question.profile.temporary)?;
    perform_outside(question, &scene)?;
    let possible: Vec<bool> = Attempt::ALL.iter().map(|attempt| scene.happened(*attempt)).collect();
    scene.reset()?;
    let plan = perform_inside(question, &scene)?;
    let findings: Vec<Finding> = Attempt::ALL
        .iter()
        .zip(possible)
        .map(|(attempt, outside)| {
            let seen = Seen { outside, inside: scene.happened(*attempt) };
            Finding { attempt: *attempt, outcome: outcome(*attempt, seen, &plan) }
        })
        .collect();
    let mut failures = failures(question.kernel, &plan, &findings);
    if !scene.completed() {
        failures.push("the probe ended before it had tried everything".to_owned());
    }
    Ok(Proof {
        kernel: question.kernel.clone(),
        version: question.version.to_owned(),
        plan,
        findings,
        failures,
    })
}

/// What the witness saw of one attempt.
#[derive(Clone, Copy)]
struct Seen {
    outside: bool,
    inside: bool,
}

fn outcome(attempt: Attempt, seen: Seen, plan: &Plan) -> Outcome {
    match (attempt.is_granted(), seen.inside) {
        (true, true) => Outcome::Held,
        (true, false) => Outcome::Refused,
        (false, true) if attempt.is_claimed(plan) => Outcome::Broken,
        (false, true) => Outcome::Open,
        (false, false) if seen.outside => Outcome::Held,
        (false, false) => Outcome::Untried,
    }
}

fn failures(kernel: &Kernel, plan: &Plan, findings: &[Finding]) -> Vec<String> {
    let mut failures = Vec::new();
    if kernel.identity == Identity::Root && !plan.layers.contains(&Layer::Processes) {
        failures.push("root is contained only with a pid namespace, or as another user".to_owned());
    }
    for finding in findings {
        let says = finding.attempt.says();
        match finding.outcome {
            Outcome::Held | Outcome::Open => {}
            Outcome::Broken => failures.push(format!("possible inside: {says}")),
            Outcome::Refused => failures.push(format!("not possible inside: {says}")),
            Outcome::Untried if finding.attempt.is_essential() => {
                failures.push(format!("cannot be tried, not even outside: {says}"));
            }
            Outcome::Untried => {}
        }
    }
    failures
}

fn command(question: &Question<'_>, scene: &Scene) -> Command {
    Command {
        program: question.program.into(),
        args: vec![PROBE.into(), scene.as_argument().into()],
        environment: Vec::new(),
        directory: question.project.to_owned(),
    }
}

fn perform_outside(question: &Question<'_>, scene: &Scene) -> Result<(), Error> {
    let command = command(question, scene);
    let mut process = std::process::Command::new(&command.program);
    process.args(&command.args).current_dir(&command.directory).env_clear();
    let ended = process
        .status()
        .map_err(|source| Error::Start { program: question.program.display().to_string(), source })?;
    let completed = ended.success() && scene.completed();
    if completed {
        Ok(())
    } else {
        Err(Error::Inside("the probe does not work, not even outside".to_owned()))
    }
}

fn perform_inside(question: &Question<'_>, scene: &Scene) -> Result<Plan, Error> {
    let command = command(question, scene);
    let running = confine::start(question.profile, question.kernel, question.wish, &command)?;
    let plan = running.plan.clone();
    match running.wait()? {
        Ended::Code(_) | Ended::Signal(_) => Ok(plan),
    }
}
