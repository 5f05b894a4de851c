//! One file per command, named like the command.

pub(crate) mod answer;
pub(crate) mod audit;
pub(crate) mod boot_with_system;
pub(crate) mod completion;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod grants;
pub(crate) mod hook;
pub(crate) mod inbox;
pub(crate) mod logs;
pub(crate) mod next_step;
pub(crate) mod policy;
pub(crate) mod reload;
pub(crate) mod restart;
pub(crate) mod sandbox;
pub(crate) mod session;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod talk;
pub(crate) mod trust;
pub(crate) mod version;
