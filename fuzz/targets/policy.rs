//! The target `policy` as a program. What it checks stands in `src/policy.rs`.

#![cfg_attr(feature = "libfuzzer", no_main)]

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|input: &[u8]| leashd_fuzz::policy::check(input));

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::process::ExitCode {
    leashd_fuzz::random::main("policy", leashd_fuzz::policy::check)
}
