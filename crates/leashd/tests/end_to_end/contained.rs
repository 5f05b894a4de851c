//! Behind the walls: the agent works, and a command the gate lets through does not get out. The witness is the file, the
//! listener or the model's side of the conversation.

use crate::support::{Bench, User, call, script, shell, shown};
use leashd_testkit::Terminal;
use serde_json::json;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

const CANARY: &str = "canary-of-a-private-key";
const KEY: &str = "sk-ant-the-key-of-this-person";

/// A project whose `make escape` tries everything; the judge sees only that a project's own code runs.
struct Trap {
    bench: Bench,
    listener: TcpListener,
    outside: PathBuf,
}

impl Trap {
    fn new(user: User) -> Self {
        let bench = Bench::of(user);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let canary = bench.rig.write("home/.ssh/id_rsa", CANARY);
        let outside = bench.rig.home().join("outside.txt");
        let makefile = format!(
            "escape:\n\t-cat {canary} > got-canary\n\t-echo x > {outside}\n\t-bash -c 'echo > \
             /dev/tcp/127.0.0.1/{port}'\n\t-env > got-environment\n\t-cat /proc/[0-9]*/environ > got-environs\n\techo \
             x > ran\n",
            canary = canary.display(),
            outside = outside.display(),
        );
        bench.rig.write("project/Makefile", &makefile);
        bench.rig.write(
            "policy.yaml",
            "version: \"1.0\"\nname: all\nrules: []\nsettings:\n  default_action: allow\n",
        );
        Self { bench, listener, outside }
    }

    fn run(&self, sandbox: &str) -> Output {
        let policy = self.bench.rig.path("policy.yaml").display().to_string();
        let prompt = script(&[shell("make escape")]);
        let mut command = self.bench.leashd(&["exec", "--policy", &policy, &prompt]);
        command.env("LEASHD_SANDBOX", sandbox).env("ANTHROPIC_API_KEY", KEY).output().unwrap()
    }

    fn made(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.bench.rig.project().join(name)).unwrap_or_default())
            .into_owned()
    }

    fn connected(&self) -> bool {
        match self.listener.accept() {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                false
            }
        }
    }
}

#[test]
fn what_the_gate_lets_through_does_not_get_out() {
    User::all().iter().for_each(|user| nothing_gets_out(*user));
}

fn nothing_gets_out(user: User) {
    let trap = Trap::new(user);
    let output = trap.run("required");
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(trap.made("ran"), "x\n", "the command ran: {}", shown(&output));
    assert_eq!(trap.made("got-canary"), "");
    assert!(!trap.outside.exists());
    assert!(!trap.connected());
    for seen in ["got-environment", "got-environs"] {
        assert!(!trap.made(seen).contains(KEY), "{seen}");
    }
    assert!(trap.made("got-environment").contains("PATH="));
    let started = trap.bench.audit().into_iter().find(|entry| entry["event"] == "session_started").unwrap();
    assert_eq!(started["containment"], "proven");
    // The same without walls: everything that was tried is possible.
    let output = trap.run("off");
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(trap.made("got-canary"), CANARY);
    assert!(trap.outside.exists() && trap.connected());
    assert!(trap.made("got-environs").contains(KEY));
    let last = trap.bench.audit().into_iter().rfind(|entry| entry["event"] == "session_started").unwrap();
    assert_eq!(last["containment"], "not-proven");
}

#[test]
fn a_contained_agent_works_and_goes_on_later() {
    User::all().iter().for_each(|user| work_goes_on(*user));
}

fn work_goes_on(user: User) {
    let bench = Bench::of(user);
    let file = bench.rig.write("project/README.md", "teh text\n");
    bench.rig.write(
        "project/Makefile",
        "all:\n\techo built > built.txt\n\ttouch $$TMPDIR/scratch\n\tls $$TMPDIR\n",
    );
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        let output =
            command.args(args).current_dir(bench.rig.project()).env("HOME", bench.rig.home()).output();
        assert!(output.unwrap().status.success());
    };
    git(&["init", "-q"]);
    let items = [
        call("Read", json!({"file_path": file})),
        call("Edit", json!({"file_path": file, "old_string": "teh", "new_string": "the"})),
        shell("git status --short"),
        shell("make"),
    ];
    let output = bench.exec(&["--policy", "permissive", "--policy", "dev-tools"], &items);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let level =
        if user.has_namespaces() { "contained (namespaces)" } else { "contained (Landlock; degraded" };
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(level), "{}", shown(&output));
    assert_eq!(fs::read_to_string(&file).unwrap(), "the text\n");
    assert_eq!(fs::read_to_string(bench.rig.project().join("built.txt")).unwrap(), "built\n");
    let said = bench.rig.api.requests().last().unwrap().to_string();
    assert!(said.contains("?? README.md"), "git answered: {said}");
    assert!(said.contains("scratch"), "{said}");

    let session = bench.audit().last().unwrap()["session_id"].as_str().unwrap().to_owned();
    let resumed = bench.exec(&["--resume", &session, "--policy", "permissive"], &[shell("pwd")]);
    assert_eq!(resumed.status.code(), Some(0), "{}", shown(&resumed));
    assert!(bench.rig.api.requests().last().unwrap().to_string().contains("?? README.md"));
}

/// A toolchain where a person has it: below the home directory, behind whatever links.
fn give_toolchain(bench: &Bench) -> String {
    let own = PathBuf::from(std::env::var_os("HOME").unwrap());
    let place = |name: &str, below: &str| {
        std::env::var_os(name).map_or_else(|| own.join(below), PathBuf::from).canonicalize().unwrap()
    };
    let home = bench.rig.home();
    fs::create_dir_all(home.join(".cargo")).unwrap();
    std::os::unix::fs::symlink(place("RUSTUP_HOME", ".rustup"), home.join(".rustup")).unwrap();
    std::os::unix::fs::symlink(place("CARGO_HOME", ".cargo").join("bin"), home.join(".cargo/bin")).unwrap();
    let agent = leashd_testkit::claude_program();
    let path = std::env::var("PATH").unwrap();
    format!("{}:{}:{path}", home.join(".cargo/bin").display(), agent.parent().unwrap().display())
}

#[test]
fn cargo_and_npm_work_behind_the_walls() {
    let bench = Bench::new();
    let path = give_toolchain(&bench);
    bench
        .rig
        .write("project/Cargo.toml", "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    bench.rig.write("project/src/main.rs", "fn main() { println!(\"built by {}\", \"cargo\"); }\n");
    let package = r#"{"name": "tiny", "version": "1.0.0", "scripts": {"test": "node -e 'console.log(6 * 7, process.title)'"}}"#;
    bench.rig.write("project/package.json", package);
    let items = [shell("cargo run --offline"), shell("npm test")];
    let prompt = script(&items);
    let arguments = ["exec", "--policy", "permissive", "--policy", "dev-tools", &prompt];
    let output =
        bench.leashd(&arguments).env("PATH", path).env("LEASHD_SANDBOX", "required").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let said = bench.rig.api.requests().last().unwrap().to_string();
    for witness in ["built by cargo", "42 node"] {
        assert!(said.contains(witness), "{witness}: {said}");
    }
}

#[test]
fn where_nothing_holds_nobody_is_left_alone_with_it() {
    User::all().iter().for_each(|user| nobody_is_left_alone(*user));
}

fn nobody_is_left_alone(user: User) {
    let bench = Bench::of(user);
    let exec = |sandbox: &str| {
        let prompt = script(&[shell("pwd")]);
        let mut command = bench.leashd(&["exec", &prompt]);
        command.env("LEASHD_SANDBOX", sandbox).env("LEASHD_KERNEL_WITHOUT", "landlock").output().unwrap()
    };
    for sandbox in ["auto", "required"] {
        let output = exec(sandbox);
        assert_eq!(output.status.code(), Some(6), "{sandbox}: {}", shown(&output));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("not contained: ") && said.contains("no Landlock"), "{said}");
    }
    let failed = bench.audit().into_iter().find(|entry| entry["check"] == "containment").unwrap();
    assert_eq!(failed["passed"], false, "{failed}");
    assert_eq!(bench.rig.api.requests().len(), 0, "nothing was started");
    let output = exec("off");
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not contained: LEASHD_SANDBOX=off"));
}

/// Root inside the walls is root still: it needs a process namespace, or to be somebody else.
#[test]
fn without_namespaces_root_is_not_contained_and_others_are() {
    for user in User::all() {
        let bench = Bench::of(*user);
        let prompt = script(&[shell("pwd")]);
        let mut command = bench.leashd(&["exec", "--policy", "permissive", &prompt]);
        let output = command.env("LEASHD_KERNEL_WITHOUT", "namespaces").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let (code, says) = match user.is_root() {
            true => (6, "root is contained only with a pid namespace"),
            false => (0, "contained (Landlock; degraded"),
        };
        assert_eq!(output.status.code(), Some(code), "{user:?}: {}", shown(&output));
        assert!(said.contains(says), "{user:?}: {said}");
    }
}

#[test]
fn new_orders_for_git_are_recorded_and_said() {
    let bench = Bench::new();
    fs::create_dir_all(bench.rig.project().join(".git/hooks")).unwrap();
    bench.rig.write("project/.git/config", "[core]\n");
    bench.rig.write("project/.git/HEAD", "ref: refs/heads/main\n");
    bench.rig.write("project/Makefile", "all:\n\techo x >> .git/config; echo x > .git/gitdir\n");
    let output = bench.exec(&["--policy", "permissive", "--policy", "dev-tools"], &[shell("make")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("git takes orders from what was changed") && said.contains(".git/gitdir (new)"),
        "{said}"
    );
    let changed = bench.audit().into_iter().find(|entry| entry["event"] == "git_orders_changed").unwrap();
    let config = fs::read_to_string(bench.rig.project().join(".git/config")).unwrap();
    // Where there are mounts the configuration itself cannot be changed; elsewhere that is among what is said.
    if said.starts_with("contained (namespaces)") {
        assert_eq!(
            (changed["changes"].as_array().unwrap().len(), config.as_str()),
            (1, "[core]\n"),
            "{changed}"
        );
    } else {
        assert!(said.contains(".git/config (changed)"), "{said}");
    }
}

#[test]
fn a_card_says_that_nothing_holds() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut command = bench.leashd(&["exec", &prompt]);
    let mut terminal = Terminal::spawn(command.env("LEASHD_SANDBOX", "off"));
    terminal.expect("not contained: LEASHD_SANDBOX=off");
    terminal.expect("WRITE");
    terminal.expect("· not contained");
    terminal.expect("Reject");
    terminal.type_keys("r");
    terminal.wait();
}
