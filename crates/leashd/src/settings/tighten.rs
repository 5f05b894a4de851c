//! Whether what a project wants is tighter than what stands. Whatever cannot be compared is not.

use super::table::{Row, Safety, Tighter};
use super::value::Value;

/// What becomes of a project's value.
#[derive(Debug, PartialEq)]
pub(crate) enum Weighed {
    /// It holds, perhaps with what stood before added to it.
    Holds(Value),
    /// It does not, and why.
    Refused(String),
}

/// Weighs `wanted` against what stands without the project.
pub(crate) fn weigh(row: &Row, stands: Option<&Value>, wanted: &Value) -> Weighed {
    let tighter = match row.safety {
        Safety::Tighten(tighter) => tighter,
        Safety::None | Safety::Person => return Weighed::Refused("a project has no say in it".to_owned()),
    };
    let Some(stands) = stands else { return where_nothing_stands(row, tighter, wanted) };
    let holds = match (tighter, stands, wanted) {
        (Tighter::Lower, Value::Number(stands), Value::Number(wanted)) => wanted <= stands,
        (Tighter::LowerZeroIsNone, Value::Number(stands), Value::Number(wanted)) => {
            let limit = |number: u64| if number == 0 { u64::MAX } else { number };
            limit(*wanted) <= limit(*stands)
        }
        (Tighter::Off, _, Value::Flag(wanted)) => !wanted,
        (Tighter::FewerEmptyIsAll, Value::List(stands), Value::List(wanted)) => {
            !wanted.is_empty() && (stands.is_empty() || is_part(wanted, stands))
        }
        (Tighter::Fewer, Value::List(stands), Value::List(wanted)) => is_part(wanted, stands),
        (Tighter::More, Value::List(stands), Value::List(wanted)) => {
            let more = wanted.iter().filter(|item| !stands.contains(item));
            return Weighed::Holds(Value::List(stands.iter().chain(more).cloned().collect()));
        }
        (Tighter::Towards(order), Value::Text(stands), Value::Text(wanted)) => {
            let place = |name: &String| order.iter().position(|known| known == name);
            matches!((place(stands), place(wanted)), (Some(stands), Some(wanted)) if wanted >= stands)
        }
        _ => false,
    };
    if holds {
        Weighed::Holds(wanted.clone())
    } else {
        Weighed::Refused(format!("a project may only tighten it ({})", tighter.described()))
    }
}

fn where_nothing_stands(row: &Row, tighter: Tighter, wanted: &Value) -> Weighed {
    match (tighter, wanted) {
        // All tools, none of them denied: any list is tighter.
        (Tighter::FewerEmptyIsAll, Value::List(wanted)) if !wanted.is_empty() => {
            Weighed::Holds(Value::List(wanted.clone()))
        }
        (Tighter::More, wanted) => Weighed::Holds(wanted.clone()),
        // What stands is the policy's own, which may be tighter than what is wanted.
        _ => Weighed::Refused(format!(
            "{} stands, which only the project's .leashd/policy.yaml can tighten",
            row.unset
        )),
    }
}

fn is_part(wanted: &[String], stands: &[String]) -> bool {
    wanted.iter().all(|item| stands.contains(item))
}
