//! One file per command, named like the command.

pub(crate) mod audit;
pub(crate) mod autonomous;
pub(crate) mod clean;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod dirs;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod hook;
pub(crate) mod init;
pub(crate) mod policy;
mod prompt;
pub(crate) mod sandbox;
pub(crate) mod start;
pub(crate) mod trust;
pub(crate) mod workspace;
