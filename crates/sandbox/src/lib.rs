//! What is really there (paths, files) and the walls around an agent's process tree. The only crate with `unsafe`.
//! Knows no rules.

mod error;
mod gather;
pub mod git;
mod private;
mod recovery;
mod resolve;
mod supervisor;

pub use error::{Error, Unresolvable};
pub use gather::gather;
pub use private::PrivateDir;
pub use recovery::recovery;
pub use resolve::resolve;
pub use supervisor::{FAILED, Launch, Lifeline, SUPERVISE, Supervised, supervise_main};
