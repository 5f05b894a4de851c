//! Which functions of the binary a start goes through, for the linker to put them side by side.
//!
//! A hook or a shell command lives for a millisecond or two. Spread over all of the binary, its functions lay on more
//! than a hundred places that the kernel maps one by one, which was half of that time.

use super::trace::{Entries, Run};
use crate::steps::output;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Far fewer than a start goes through: something is wrong with the names.
const FEWEST: usize = 500;

/// What a daemon answers to a hook, which has no opinion.
const REPLY: &[u8] = b"LSHR\x01\x00\x00\x00\x00\x02{}";

/// Names of functions, a line each, in the order in which starts come to them.
pub(super) fn names(workspace: &Workspace, program: &Path) -> Result<String> {
    let functions = functions(workspace, program)?;
    let mut addresses: Vec<u64> = functions.iter().map(|it| it.0).collect();
    addresses.dedup();
    let mut seen = HashSet::new();
    let mut names = String::new();
    for address in starts(workspace, program, Entries::new(program, addresses))? {
        if seen.insert(address) {
            let from = functions.partition_point(|it| it.0 < address);
            for (_, name) in functions.iter().skip(from).take_while(|it| it.0 == address) {
                names.push_str(name);
                names.push('\n');
            }
        }
    }
    ensure!(seen.len() >= FEWEST, "only {} functions of {} were seen", seen.len(), program.display());
    Ok(names)
}

/// Functions that the short-lived starts come to: the hook with a daemon and without one, a shell command of the
/// agent, a command in the sandbox.
fn starts(workspace: &Workspace, program: &Path, mut entries: Entries<'_>) -> Result<Vec<u64>> {
    let place = tempfile::Builder::new().prefix("leashd-order-").tempdir()?;
    let place = place.path().canonicalize()?;
    let (home, state, project) = (place.join("home"), place.join("state"), place.join("project"));
    let (run, shell) = (state.join("run"), place.join("shell"));
    for directory in [&home, &state, &project, &run, &shell] {
        fs::DirBuilder::new().mode(0o700).create(directory)?;
    }
    let environment = [
        ("HOME", home.as_path()),
        ("LEASHD_HOME", state.as_path()),
        ("CLAUDE_PROJECT_DIR", project.as_path()),
        ("PATH", Path::new("/usr/bin:/bin")),
        ("TMPDIR", place.as_path()),
    ];
    let ours = |args: &[&str]| {
        let mut command = workspace.command(program);
        command.args(args).env_clear().envs(environment).current_dir(&project);
        command
    };
    output(&mut ours(&["hook", "install", "--user", "--yes"]))?;
    let profile = output(&mut ours(&["sandbox", "show", "--json"]))?;
    let shown: serde_json::Value = serde_json::from_str(&profile)?;
    let temporary = shown.pointer("/profile/temporary").and_then(|it| it.as_str());
    fs::DirBuilder::new()
        .mode(0o700)
        .create(temporary.context("the profile names no temporary directory")?)?;
    fs::write(shell.join("shell.json"), profile)?;
    let launcher = shell.join("leashd-shell");
    symlink(program, &launcher)?;

    let directory = project.as_path();
    let project = project.to_str().context("the temporary directory is not UTF-8")?;
    let state = state.to_str().context("the temporary directory is not UTF-8")?;
    let nothing = Path::new("/dev/null");
    let mut all = Vec::new();
    let mut follow = |name: &Path, args: &[&str], input: &Path| -> Result<()> {
        all.extend(entries.reached(&Run { name, args, environment: &environment, directory, input })?);
        Ok(())
    };
    let events = events(&place, project)?;
    answer_always(&run.join("hook.sock"))?;
    for event in &events {
        follow(program, &["hook", "--home", state], event)?;
    }
    fs::remove_file(run.join("hook.sock"))?;
    follow(&launcher, &["eval 'true'"], nothing)?;
    for event in &events {
        follow(program, &["hook", "--home", state], event)?;
    }
    follow(program, &["sandbox", "exec", "--dir", project, "--", "/bin/true"], nothing)?;
    Ok(all)
}

/// Files with what Claude Code would say to a hook: commands, an edit, an end.
fn events(place: &Path, project: &str) -> Result<Vec<PathBuf>> {
    let before = |tool: &str, input: serde_json::Value| {
        json!({
            "session_id": "s", "cwd": project, "hook_event_name": "PreToolUse", "tool_use_id": "t",
            "tool_name": tool, "tool_input": input
        })
    };
    let events = [
        before("Bash", json!({"command": "git status && ls -la src | head -20"})),
        before("Bash", json!({"command": "cargo test 2>&1 | tail; echo \"$HOME\" > a.txt && rm -rf /etc"})),
        before("Edit", json!({"file_path": format!("{project}/a"), "old_string": "a", "new_string": "b"})),
        json!({"session_id": "s", "cwd": project, "hook_event_name": "Stop", "stop_hook_active": false}),
    ];
    let files = events.iter().enumerate().map(|(number, event)| {
        let file = place.join(format!("event-{number}.json"));
        fs::write(&file, event.to_string()).context("cannot write an event")?;
        Ok(file)
    });
    files.collect()
}

/// A socket that has the same answer for everybody who speaks.
fn answer_always(socket: &Path) -> Result<()> {
    let listener = UnixListener::bind(socket).context("cannot listen")?;
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // Whoever cannot be answered fails, and with it the run.
            let _heard = stream.read(&mut [0; 8192]).and_then(|_| stream.write_all(REPLY));
        }
    });
    Ok(())
}

/// The functions of a binary: address and name, sorted.
fn functions(workspace: &Workspace, program: &Path) -> Result<Vec<(u64, String)>> {
    let listing = output(workspace.command("readelf").args(["--symbols", "--wide"]).arg(program))?;
    let function = |line: &str| {
        // Number, address, size, type, binding, visibility, section, name.
        let mut words = line.split_whitespace().skip(1);
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let kind = words.nth(1)?;
        let name = words.nth(3)?;
        (matches!(kind, "FUNC" | "IFUNC") && address > 0).then(|| (address, name.to_owned()))
    };
    let mut functions: Vec<_> = listing.lines().filter_map(function).collect();
    functions.sort();
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const PROGRAM: &str = "
        #include <sys/wait.h>
        #include <unistd.h>
        void never(void) {}
        void first(void) {}
        void second(void) {}
        void of_the_child(void) {}
        int main(int count, char **words) {
            second();
            first();
            second();
            if (fork() == 0) { of_the_child(); _exit(0); }
            wait(0);
            if (count > 1) execl(words[1], words[1], (char *)0);
            return count > 2;
        }";

    /// Whoever follows processes waits for all children, those of other tests too: it gets a process of its own.
    #[test]
    fn a_run_tells_what_it_called_and_in_which_order() {
        const ALONE: &str = "XTASK_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let name = "dist::order::tests::a_run_tells_what_it_called_and_in_which_order";
            let mut own = Command::new(std::env::current_exe().unwrap());
            let output = own.args(["--exact", name]).env(ALONE, "1").output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let (source, program) = (place.path().join("p.c"), place.path().join("p"));
        fs::write(&source, PROGRAM).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-O0", "-static", "-no-pie", "-o"]).arg(&program).arg(&source);
        assert!(compiler.status().unwrap().success());
        let functions = functions(&Workspace::find().unwrap(), &program).unwrap();
        let mut addresses: Vec<u64> = functions.iter().map(|it| it.0).collect();
        addresses.dedup();
        let mut entries = Entries::new(&program, addresses);
        let mut called = |args: &[&str]| {
            let input = Path::new("/dev/null");
            let run = Run { name: &program, args, environment: &[], directory: place.path(), input };
            let reached = entries.reached(&run)?;
            let ours = ["never", "first", "second", "of_the_child"];
            let name = |address: &u64| functions.iter().find(|it| it.0 == *address).map(|it| it.1.as_str());
            anyhow::Ok(reached.iter().filter_map(name).filter(|it| ours.contains(it)).collect::<Vec<_>>())
        };
        assert_eq!(called(&[]).unwrap(), ["second", "first", "of_the_child"]);
        // What it becomes is somebody else's.
        assert_eq!(called(&["/bin/true"]).unwrap(), ["second", "first", "of_the_child"]);
        let failed = called(&["/bin/false"]).unwrap_err().to_string();
        assert!(failed.contains("ended with 1"), "{failed}");
    }
}
