//! One file per command, named like the command.

pub(crate) mod audit;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod git;
pub(crate) mod hook;
pub(crate) mod policy;
pub(crate) mod sandbox;
pub(crate) mod start;
pub(crate) mod trust;
