//! May it? Rules, the hard floor and the judgement of one tool call.
//!
//! Pure: the caller brings the facts. The same call, rules and facts always give the same verdict.

mod act;
mod bare;
mod boundary;
mod builtin;
mod class;
mod compare;
mod decide;
mod explain;
mod floor;
mod floor_names;
mod found;
mod import;
mod judge;
mod lint;
mod load;
mod lock;
mod matching;
mod mention;
mod missing;
mod moved;
mod names;
mod opinion;
mod pattern;
mod places;
mod plan;
mod rules;
mod seen;
mod sensitive;
#[cfg(test)]
mod testing;
mod tool_lists;
mod tools;
mod written;

pub use builtin::{BUILTIN_NAMES, builtin};
pub use class::Class;
pub use compare::{Change, Comparison, Group, Moved, example_call};
pub use floor_names::FLOOR;
pub use import::{ImportError, Imported, LeftOut, import_claude_settings};
pub use judge::judge;
pub use lint::{Finding, Given, Kind, Report, UnknownProgram, known_programs, lint, unknown_programs};
pub use load::{LoadError, MAX_BYTES, MAX_RULES, Place, Source, check_examples};
pub use plan::{Plan, plan};
pub use rules::{Layer, Rules};
pub use tool_lists::ToolLists;
pub use tools::PathArgument;
pub use written::{Written, WrittenRule, WrittenSetting};
