//! The machine: what its kernel offers, its clock, its disk, and whether it goes to sleep. What cannot be told is said to
//! be unknown.

use super::Finding;
use crate::clock;
use crate::settings::Settings;
use leashd_gate::audit;
use leashd_sandbox::confine::{Groups, Identity, Kernel, Support, WITHOUT};
use leashd_types::Timestamp;
use rustix::fs::statvfs;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Bytes: below it nothing can be recorded for long, and what cannot be recorded does not run.
const DISK_LEAST: u64 = 16 << 20;
const DISK_LITTLE: u64 = 512 << 20;
/// An entry of the log may be that much ahead of the clock.
const CLOCK_SLACK_MICROS: i64 = 60_000_000;
/// 2026-01-01T00:00:00Z, before the first release: a clock before that was never set.
const CLOCK_EARLIEST_MICROS: i64 = 1_767_225_600_000_000;

/// From this version on Landlock holds TCP ports.
const LANDLOCK_PORTS: u32 = 4;

/// What containment can be built from. Each is there or not; which of them holds a session is proven elsewhere.
pub(super) fn kernel() -> Vec<Finding> {
    if !cfg!(target_os = "linux") {
        let fix = "run leashd on Linux for containment";
        return vec![Finding::warn("kernel", "only Linux is looked at here", fix)];
    }
    let kernel = Kernel::detect(std::env::var_os(WITHOUT).as_deref());
    let mut findings = vec![Finding::ok("kernel", format!("Linux {}", kernel.release))];
    findings.push(match kernel.landlock {
        0 => Finding::warn(
            "landlock",
            "the kernel does not have it, or has it switched off",
            "add `landlock` to the `lsm=` boot parameter, with a kernel from 5.13 on",
        ),
        version if version < LANDLOCK_PORTS => Finding::warn(
            "landlock",
            format!("version {version}, which cannot hold TCP ports"),
            "use a kernel from 6.7 on",
        ),
        version => Finding::ok("landlock", format!("version {version}")),
    });
    findings.push(match kernel.seccomp {
        Support::There => Finding::ok("seccomp", "the kernel has it"),
        Support::Missing => {
            Finding::warn("seccomp", "the kernel does not have it", "use a kernel with CONFIG_SECCOMP_FILTER")
        }
    });
    findings.push(namespaces(&kernel));
    findings.push(match kernel.groups {
        Groups::ProcessesAndMemory => {
            Finding::ok("cgroup", "limits the processes and the memory of a session as a whole")
        }
        Groups::Processes => Finding::ok(
            "cgroup",
            "limits the processes of a session as a whole, memory only for each process",
        ),
        Groups::Missing => Finding::warn(
            "cgroup",
            "no control group can be made here, so limits are those of a process and of the user",
            "start leashd with `systemd-run --user --scope -p Delegate=yes`",
        ),
    });
    findings
}

/// Whether namespaces may be made: by root, or by an ordinary user.
fn namespaces(kernel: &Kernel) -> Finding {
    const CHECK: &str = "namespaces";
    if kernel.namespaces == Support::Missing {
        return Finding::warn(
            CHECK,
            format!("treated as missing: {WITHOUT} is set"),
            format!("unset {WITHOUT}"),
        );
    }
    if kernel.identity == Identity::Root {
        return Finding::ok(CHECK, "root may make them");
    }
    let is = |path: &str, value: &str| first_line(path).as_deref() == Some(value);
    if !Path::new("/proc/self/ns/user").exists() || is("/proc/sys/user/max_user_namespaces", "0") {
        let fix = "sysctl user.max_user_namespaces=1000";
        return Finding::warn(CHECK, "user namespaces are switched off", fix);
    }
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        let fix = "sysctl kernel.unprivileged_userns_clone=1";
        return Finding::warn(CHECK, "user namespaces are for root only", fix);
    }
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        let fix = "an AppArmor profile for leashd that allows `userns`";
        return Finding::warn(CHECK, "AppArmor restricts user namespaces to programs with a profile", fix);
    }
    Finding::ok(CHECK, "user namespaces are available")
}

/// The clock against the log, which only grows.
pub(super) fn clock(settings: &Settings) -> Finding {
    const CHECK: &str = "clock";
    let now = clock::now();
    if now.as_micros() < CLOCK_EARLIEST_MICROS {
        return Finding::fail(CHECK, format!("it says {now}"), "set it: timedatectl set-ntp true");
    }
    let last = audit::tail(&settings.audit_log, 1).ok().and_then(|mut entries| entries.pop());
    let last =
        last.and_then(|entry| entry.get("timestamp").and_then(Value::as_str).and_then(Timestamp::parse));
    match last {
        Some(last) if last.as_micros() > now.as_micros().saturating_add(CLOCK_SLACK_MICROS) => Finding::fail(
            CHECK,
            format!("it says {now}, and the log has an entry of {last}: it was turned back"),
            "set it: timedatectl set-ntp true",
        ),
        Some(_) | None => Finding::ok(CHECK, now.to_string()),
    }
}

/// Where the log is written.
pub(super) fn disk(settings: &Settings) -> Finding {
    const CHECK: &str = "disk";
    let place = settings.home.ancestors().find(|place| place.exists()).unwrap_or(Path::new("/"));
    let Ok(found) = statvfs(place) else {
        return Finding::warn(CHECK, format!("unknown for {}", place.display()), "look with df");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let says = format!("{} MiB free at {}", free >> 20, place.display());
    let fix = "make room: what cannot be recorded does not run";
    match free {
        free if free < DISK_LEAST => Finding::fail(CHECK, says, fix),
        free if free < DISK_LITTLE => Finding::warn(CHECK, says, fix),
        _ => Finding::ok(CHECK, says),
    }
}

/// Whether the machine stops in the middle of a run.
pub(super) fn sleep() -> Finding {
    const CHECK: &str = "sleep";
    let fix = "systemd-inhibit --what=sleep:handle-lid-switch leashd …";
    if !cfg!(target_os = "linux") || !Path::new("/run/systemd/system").exists() {
        return Finding::warn(
            CHECK,
            "unknown: systemd does not run here",
            "see that the machine stays awake in long runs",
        );
    }
    if !has_battery() {
        return Finding::ok(CHECK, "no battery: nothing but a person sends it to sleep");
    }
    let lid = logind("HandleLidSwitch").unwrap_or_else(|| "suspend".to_owned());
    let external = logind("HandleLidSwitchExternalPower").unwrap_or_else(|| lid.clone());
    if lid == "ignore" && external == "ignore" {
        return Finding::ok(CHECK, "closing the lid changes nothing");
    }
    Finding::warn(CHECK, format!("closing the lid means {lid} ({external} on mains)"), fix)
}

fn has_battery() -> bool {
    let Ok(supplies) = fs::read_dir("/sys/class/power_supply") else { return false };
    supplies.flatten().any(|supply| {
        fs::read_to_string(supply.path().join("type")).is_ok_and(|kind| kind.trim() == "Battery")
    })
}

/// A setting of logind; the last file that sets it wins.
fn logind(key: &str) -> Option<String> {
    let mut files = vec![Path::new("/etc/systemd/logind.conf").to_owned()];
    let more = fs::read_dir("/etc/systemd/logind.conf.d").into_iter().flatten().flatten();
    let mut more: Vec<_> = more.map(|entry| entry.path()).collect();
    more.sort();
    files.append(&mut more);
    let texts: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    value_in(&texts, key)
}

pub(super) fn value_in(texts: &[String], key: &str) -> Option<String> {
    let mut lines = texts.iter().rev().flat_map(|text| text.lines().rev());
    let value = lines.find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='));
    value.map(|value| value.trim().to_owned())
}

fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.lines().next().map(str::to_owned)
}
