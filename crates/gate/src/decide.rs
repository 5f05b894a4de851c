//! Reading, gathering and judging one call. Whatever cannot be told is a denial that says so.

use leashd_policy::{Plan, Rules};
use leashd_types::{Digest, Facts, PathFact, Stage, ToolCall, Verdict, digest_of};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Rounds of questions and facts: a path may depend on a script, a script on another.
const ROUNDS: u32 = 3;
/// Real paths kept for the record.
const PATHS: usize = 64;

/// A call, judged, with what the judgement rests on.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) plan: Option<Plan>,
    pub(crate) facts: Facts,
    pub(crate) verdict: Verdict,
    /// What may run if it may: canonical paths in place of those the model wrote.
    pub(crate) input: Value,
    pub(crate) digests: Digests,
    pub(crate) line: Line,
}

/// Of a call's tool and input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digests {
    /// As the model sent it; some agents report only that.
    pub(crate) sent: Digest,
    /// As it is released.
    pub(crate) released: Digest,
}

impl Digests {
    pub(crate) fn of(call: &ToolCall, input: &Value) -> Self {
        let released = digest_of(&call.tool, input);
        let sent = if call.input == *input { released } else { call.digest() };
        Self { sent, released }
    }
}

/// Whether the shell line as a whole was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Clear,
    Unclear,
}

impl Line {
    fn of(plan: &Plan) -> Self {
        match plan.analysis() {
            Some(analysis) if analysis.unclear.is_empty() && analysis.scripts.is_empty() => Self::Clear,
            Some(_) | None => Self::Unclear,
        }
    }
}

/// What the judge thinks of a call, gathering facts as the gate does. Records nothing and gives no permit.
pub fn opinion(call: &ToolCall, rules: &Rules, base: &Facts) -> Verdict {
    judge(call, rules, base).verdict
}

/// Judges `call` on `base`, the session's standing facts.
pub(crate) fn judge(call: &ToolCall, rules: &Rules, base: &Facts) -> Judged {
    // A panic is a failure like any other, and a failure is an opinion.
    catch_unwind(AssertUnwindSafe(|| judge_unguarded(call, rules, base))).unwrap_or_else(|_| Judged {
        plan: None,
        facts: base.clone(),
        verdict: Verdict::failure(Stage::Policy, "the judge failed on this call"),
        input: call.input.clone(),
        digests: Digests::of(call, &call.input),
        line: Line::Unclear,
    })
}

fn judge_unguarded(call: &ToolCall, rules: &Rules, base: &Facts) -> Judged {
    let mut facts = base.clone();
    let mut plan = leashd_policy::plan(call, &facts);
    for _ in 0..ROUNDS {
        let questions = plan.questions().unanswered(&facts);
        if questions.is_empty() {
            break;
        }
        leashd_sandbox::gather(&questions, &mut facts);
        plan = leashd_policy::plan(call, &facts);
    }
    let found = resolvable(&plan, &facts).and_then(|()| canonical_input(call, &plan, &facts));
    let (verdict, input) = match found {
        Ok(input) => (leashd_policy::judge(rules, call, &plan, &facts), input),
        Err(why) => (Verdict::failure(Stage::Sandbox, why), call.input.clone()),
    };
    let line = Line::of(&plan);
    let digests = Digests::of(call, &input);
    Judged { plan: Some(plan), facts, verdict, input, digests, line }
}

/// What cannot be resolved is a denial.
fn resolvable(plan: &Plan, facts: &Facts) -> Result<(), String> {
    if !plan.questions().unanswered(facts).is_empty() {
        return Err(format!("what it would do is not known after {ROUNDS} rounds of looking"));
    }
    for path in &plan.questions().paths {
        if let Some(PathFact::Unresolvable(why)) = facts.paths.get(path) {
            return Err(format!("{path} cannot be resolved: {why}"));
        }
    }
    Ok(())
}

fn canonical_input(call: &ToolCall, plan: &Plan, facts: &Facts) -> Result<Value, String> {
    let mut input = call.input.clone();
    for argument in plan.path_arguments() {
        let Some(PathFact::Resolved { real, .. }) = facts.paths.get(&argument.path) else {
            return Err(format!("{} was not resolved", argument.path));
        };
        let real = real.as_path().to_str().ok_or_else(|| format!("{} is not UTF-8", argument.path))?;
        let object = input.as_object_mut().ok_or_else(|| "the input is not an object".to_owned())?;
        object.insert(argument.key.clone(), Value::String(real.to_owned()));
    }
    Ok(input)
}

impl Judged {
    /// Real paths of everything the call names, for the record.
    pub(crate) fn real_paths(&self) -> Vec<PathBuf> {
        let Some(plan) = &self.plan else { return Vec::new() };
        let real = plan.questions().paths.iter().filter_map(|path| match self.facts.paths.get(path)? {
            PathFact::Resolved { real, .. } => Some(real.as_path().to_owned()),
            PathFact::Unresolvable(_) => None,
        });
        real.take(PATHS).collect()
    }

    /// Whether everything the answer was about is still as it was in `asked`. Mode, attendance and git grants may
    /// have changed: they are judged anew and name nothing the person was shown.
    pub(crate) fn stands_as(&self, asked: &Facts) -> bool {
        let Facts { mode, attendance, git_grants, .. } = &self.facts;
        let mut asked = asked.clone();
        asked.mode = *mode;
        asked.attendance = *attendance;
        asked.git_grants = *git_grants;
        asked == self.facts
    }
}
