//! What is fuzzed, and what must hold for every input. A target is a function of bytes that panics when something does
//! not hold; who makes the bytes (libFuzzer, or `random` where there is no C++ compiler) it does not know.

#![deny(unsafe_code)]

pub mod audit;
pub mod frames;
pub mod judge;
pub mod policy;
pub mod random;
pub mod shell;

mod facts;
