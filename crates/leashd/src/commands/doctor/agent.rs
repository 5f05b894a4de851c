//! The agent: its version, its self-test, whether the hook stands and what weakens it, and whether the kernel was proven
//! to hold anything.

use super::Finding;
use crate::commands::hook::{self, AgentFound, Installed, PinnedAs};
use crate::containment::proof::Standing;
use crate::self_check;
use crate::settings::Settings;
use leashd_agents::claude::MINIMUM;
use std::path::Path;

const INSTALL: &str = "npm install -g @anthropic-ai/claude-code";

pub(super) fn check(settings: &Settings, directory: &Path) -> Vec<Finding> {
    let report = match hook::look(directory) {
        Ok(report) => report,
        Err(failure) => {
            let fix = failure.hint.unwrap_or_else(|| "leashd hook status".to_owned());
            return vec![Finding::fail("hook", failure.message, fix)];
        }
    };
    let mut findings = vec![match report.agent {
        AgentFound::Missing => Finding::fail("agent", "claude is not on PATH, or says no version", INSTALL),
        AgentFound::Unsupported(version) => Finding::fail(
            "agent",
            format!("Claude Code {version}; {MINIMUM} is the oldest supported version"),
            INSTALL,
        ),
        AgentFound::Supported(version) => Finding::ok("agent", format!("Claude Code {version}")),
    }];
    findings.push(self_test(settings, report.agent));
    findings.push(installed(&report));
    for weakness in &report.weaknesses {
        let fix = format!("look at {}", weakness.file.path.display());
        let says = weakness.to_string();
        findings.push(match weakness.is_grave() {
            true if report.is_installed() => Finding::fail("settings", says, fix),
            true | false => Finding::warn("settings", says, fix),
        });
    }
    findings.push(containment(settings));
    findings
}

fn self_test(settings: &Settings, agent: AgentFound) -> Finding {
    const CHECK: &str = "self-test";
    let again = "start a session: a version is tested when it is used for the first time";
    match (self_check::kept(&settings.home), agent) {
        (None, _) => Finding::warn(CHECK, "this version was not tested yet", again),
        (Some((version, broken)), _) if !broken.is_empty() => Finding::fail(
            CHECK,
            format!("Claude Code {version} does not hold what leashd relies on: {}", broken.join("; ")),
            "use another version",
        ),
        (Some((version, _)), AgentFound::Supported(now) | AgentFound::Unsupported(now))
            if version != now.to_string() =>
        {
            Finding::warn(CHECK, format!("the last one was of {version}, not of {now}"), again)
        }
        (Some((version, _)), _) => {
            Finding::ok(CHECK, format!("Claude Code {version} holds what leashd relies on"))
        }
    }
}

fn installed(report: &hook::Report) -> Finding {
    const CHECK: &str = "hook";
    let fix = "leashd hook install";
    for (file, installed) in &report.files {
        if let Installed::Broken(why) = installed {
            return Finding::fail(CHECK, format!("{}: {why}", file.path.display()), fix);
        }
    }
    if !report.is_installed() {
        return Finding::ok(CHECK, "not installed: only the sessions leashd starts are judged");
    }
    match report.pinned {
        PinnedAs::Missing => {
            Finding::fail(CHECK, "installed, but its settings are gone: every call is blocked", fix)
        }
        PinnedAs::Elsewhere => {
            Finding::warn(CHECK, "installed, and judges with other LEASHD_ settings than this shell has", fix)
        }
        PinnedAs::Here => Finding::ok(CHECK, "installed and working"),
    }
}

fn containment(settings: &Settings) -> Finding {
    const CHECK: &str = "containment";
    let standing = Standing::here(settings);
    let says = standing.to_string();
    match standing {
        Standing::Proven(_) => Finding::ok(CHECK, says),
        Standing::SwitchedOff => Finding::warn(CHECK, says, "leashd config unset sandbox"),
        Standing::Unproven => {
            let fix = "start a session, which proves it first; `leashd sandbox prove` does so by itself";
            Finding::warn(CHECK, says, fix)
        }
        Standing::Impossible(_) => {
            Finding::fail(CHECK, says, "a kernel that has it; LEASHD_SANDBOX=off works without walls")
        }
        Standing::Failed(_) => {
            let fix = "`leashd sandbox prove` says what gives way; LEASHD_SANDBOX=off works without walls";
            Finding::fail(CHECK, says, fix)
        }
    }
}
