//! The approved directories: what leaves them. File tools never do; shell commands may read some of what is outside
//! if a person agrees.

use crate::act::Act;
use crate::opinion::Opinion;
use crate::places::Where;
use crate::seen::Seen;
use crate::sensitive::Nature;
use crate::tools;
use leashd_types::{AGENT_HOMES, Decision, Effect, Facts, PLANS, ResolvedPath};
use std::path::Path;

/// The strictest opinion about the paths of an act.
pub(crate) fn check(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    let mut strictest: Option<Opinion> = None;
    for seen in &act.seen {
        let opinion = if act.is_shell() { shell(seen) } else { file_tool(seen, act, facts) };
        if let Some(opinion) = opinion {
            if opinion.decision == Decision::Deny {
                return Some(opinion);
            }
            strictest.get_or_insert(opinion);
        }
    }
    strictest
}

/// True for the file a plan is written to: in the person's own place for plans, in the project's, or in that of this
/// very session, which is approved where the session is contained.
pub(crate) fn is_plan_file(seen: &Seen<'_>, facts: &Facts) -> bool {
    let Some(path) = seen.path else { return false };
    let Some(real) = path.real else { return false };
    let real = real.as_path();
    let homes = facts.home.as_path().join(AGENT_HOMES);
    let of_this_session = |root: &Path| {
        root.file_name().is_some_and(|name| name == PLANS)
            && root.parent().and_then(Path::parent) == Some(&homes)
            && real.starts_with(root)
    };
    let of_a_project = |root: &Path| real.starts_with(root.join(".claude").join(PLANS));
    let mut approved = facts.approved.iter().map(ResolvedPath::as_path);
    let inside = path.place == Where::Inside
        && (real.extension().is_some_and(|ending| ending == "plan")
            || approved.any(|root| of_this_session(root) || of_a_project(root)));
    inside || real.starts_with(facts.home.as_path().join(".claude").join(PLANS))
}

fn file_tool(seen: &Seen<'_>, act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    if !tools::is_file_tool(act.tool) {
        return None;
    }
    let path = seen.path.as_ref()?;
    if path.place == Where::Inside || is_plan_file(seen, facts) {
        return None;
    }
    let reason = format!("{} is outside the approved directories", path.shown());
    Some(Opinion::boundary(Decision::Deny, "outside-approved-directories", reason))
}

fn shell(seen: &Seen<'_>) -> Option<Opinion> {
    let path = seen.path.as_ref()?;
    let changes = seen.changes_path();
    let outside = |decision: Decision| {
        let verb = match seen.effect {
            Effect::Read { .. } => "reads",
            Effect::Write { .. } => "writes",
            Effect::Delete { .. } => "deletes",
            Effect::Permissions { .. } => "changes the rights of",
            _ => "runs",
        };
        let reason = format!("this {verb} {}, outside the approved directories", path.shown());
        Some(Opinion::boundary(decision, "outside-approved-directories", reason))
    };
    if seen.nature == Nature::PerhapsCredential {
        let reason = format!("{} takes in hidden files, credentials among them", path.shown());
        return Some(Opinion::boundary(Decision::Ask, "hidden-files", reason));
    }
    match path.place {
        Where::Inside | Where::Temporary | Where::HarmlessDevice => None,
        Where::System if changes => outside(Decision::Deny),
        Where::System => None,
        Where::Outside | Where::Unresolved if changes => outside(Decision::Deny),
        Where::Outside | Where::Unresolved => outside(Decision::Ask),
        Where::Unknown => {
            let reason = format!("it cannot be told which file is meant: {}", path.asked);
            Some(Opinion::boundary(Decision::Ask, "unknown-path", reason))
        }
    }
}

/// True if every path of an act is inside the approved directories.
pub(crate) fn stays_inside(act: &Act<'_>) -> bool {
    act.seen.iter().filter_map(Seen::place).all(|place| place == Where::Inside)
}
