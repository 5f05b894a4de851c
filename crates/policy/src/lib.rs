//! May it? Rules, the hard floor and the judgement of one tool call.
//!
//! Pure: the caller brings the facts. The same call, rules and facts always give the same verdict.

mod act;
mod boundary;
mod builtin;
mod class;
mod decide;
mod explain;
mod floor;
mod judge;
mod load;
mod lock;
mod matching;
mod opinion;
mod pattern;
mod places;
mod plan;
mod rules;
mod seen;
mod sensitive;
#[cfg(test)]
mod testing;
mod tools;

pub use builtin::{BUILTIN_NAMES, builtin};
pub use class::Class;
pub use judge::judge;
pub use load::{LoadError, MAX_BYTES, MAX_RULES, Place, Source, check_examples};
pub use plan::{PathArgument, Plan, plan};
pub use rules::{Layer, Rules};
