//! The target `audit` as a program. What it checks stands in `src/audit.rs`.

#![cfg_attr(feature = "libfuzzer", no_main)]

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|input: &[u8]| leashd_fuzz::audit::check(input));

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::process::ExitCode {
    leashd_fuzz::random::main("audit", leashd_fuzz::audit::check)
}
