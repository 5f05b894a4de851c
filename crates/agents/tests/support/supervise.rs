//! The supervisor process of the tests: what the `leashd` binary is to itself.

fn main() {
    let mut args = std::env::args_os().skip(1);
    assert_eq!(args.next().as_deref(), Some(std::ffi::OsStr::new(leashd_sandbox::SUPERVISE)));
    std::process::exit(leashd_sandbox::supervise_main(args));
}
