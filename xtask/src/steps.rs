//! Runs the steps of a command one after the other, goes on after a failure, and closes with a table of what took
//! how long and what failed. Knows nothing of the steps.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    title: String,
    took: Duration,
    /// `Err` holds the reason.
    outcome: Result<(), String>,
}

impl Steps {
    pub(crate) fn run(&mut self, title: &str, body: impl FnOnce() -> Result<()>) {
        println!("== {title}");
        let start = Instant::now();
        let outcome = body().map_err(|error| format!("{error:#}"));
        if let Err(reason) = &outcome {
            eprintln!("error: {reason}");
        }
        self.done.push(Step { title: title.to_owned(), took: start.elapsed(), outcome });
    }

    /// Prints the table; an error if any step failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("== steps");
        for step in &self.done {
            let word = if step.outcome.is_ok() { "ok" } else { "FAILED" };
            println!("{:>6.1} s  {word:<6}  {}", step.took.as_secs_f64(), step.title);
        }
        let failed: Vec<_> = self.done.iter().filter(|it| it.outcome.is_err()).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let titles: Vec<_> = failed.iter().map(|it| it.title.as_str()).collect();
        bail!("failed: {} (each says why above)", titles.join(", "));
    }
}

/// Runs a command with the terminal's own output; anything but success is an error that names the command.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it prints, trimmed; on failure the error holds what it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|it| it.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_stop_the_steps_after_it_and_fails_the_whole() {
        let mut steps = Steps::default();
        let mut reached = false;
        steps.run("first", || bail!("broken"));
        steps.run("second", || {
            reached = true;
            Ok(())
        });
        assert!(reached);
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first (each says why above)");
    }

    #[test]
    fn a_command_that_fails_is_named_with_what_it_said() {
        let error = output(Command::new("sh").args(["-c", "echo no >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.starts_with("`sh -c ") && error.ends_with("\nno"), "{error}");
        assert_eq!(output(Command::new("echo").arg("yes")).unwrap(), "yes");
    }
}
