//! `leashd sandbox show`: what a contained command could touch here, and what holds it.

use super::place;
use crate::cli::SandboxShowArgs;
use crate::commands::out::out;
use crate::failure::{Exit, Failure};
use leashd_sandbox::confine::{Error, Level, Plan, Wish, plan};
use leashd_sandbox::{Access, Network, Profile};
use leashd_types::visible;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

pub(super) fn run(args: &SandboxShowArgs) -> Result<Exit, Failure> {
    let out = &mut out();
    // Stands for the one that `exec` makes.
    let temporary = crate::containment::places::temporary("leashd-")?;
    let place = place::place(&args.place, temporary.path(), &[])?;
    let level = match place.wish {
        Wish::Best => Level::Namespaces,
        Wish::Exactly(level) => level,
    };
    let planned = plan(&place.profile, &place.kernel, level)
        .or_else(|_| plan(&place.profile, &place.kernel, Level::Landlock));
    if args.json {
        let value = serde_json::json!({
            "kernel": place.kernel,
            "plan": planned.as_ref().ok(),
            "refused": planned.as_ref().err().map(ToString::to_string),
            "profile": place.profile,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&value).map_err(Failure::failed)?)?;
        return Ok(exit(&planned));
    }
    writeln!(out, "kernel    {} (Landlock version {})", place.kernel.release, place.kernel.landlock)?;
    match &planned {
        Ok(plan) => {
            let layers: Vec<String> =
                plan.layers.iter().map(|layer| format!("{layer:?}").to_lowercase()).collect();
            writeln!(out, "walls     {}", layers.join(", "))?;
            for weakness in &plan.weaknesses {
                writeln!(out, "weaker    {}", weakness.says())?;
            }
        }
        Err(error) => writeln!(out, "walls     NONE: {error}")?,
    }
    writeln!(out, "network   {}", network(&place.profile.network))?;
    print_trees(out, &place.profile)?;
    for path in place.profile.guarded.iter().filter(|path| path.exists()) {
        writeln!(out, "guarded   {}", shown(path))?;
    }
    for (name, value) in &place.profile.environment {
        writeln!(out, "variable  {name}={}", visible(value))?;
    }
    Ok(exit(&planned))
}

/// What is shown is held by nothing where there are no walls.
fn exit(planned: &Result<Plan, Error>) -> Exit {
    if planned.is_ok() { Exit::Done } else { Exit::NotContained }
}

fn print_trees(out: &mut impl Write, profile: &Profile) -> std::io::Result<()> {
    let kinds =
        [(Access::Write, "write"), (Access::Run, "run"), (Access::Read, "read"), (Access::Device, "device")];
    for (access, name) in kinds {
        for tree in profile.trees.iter().filter(|tree| tree.access == access) {
            if tree.path.exists() || profile.make.contains(&tree.path) {
                writeln!(out, "{name:<9} {}  ({})", shown(&tree.path), tree.what)?;
            }
        }
    }
    Ok(())
}

fn network(network: &Network) -> String {
    match network {
        Network::Nothing => "nothing".to_owned(),
        Network::Doors { ports, taken_at: _ } => {
            format!("its own loopback, out of it only through port {}", listed(ports))
        }
        Network::Ports(ports) => format!("TCP to port {}, of any host", listed(ports)),
        Network::Enclosed => "that of the sandbox around it".to_owned(),
        Network::Anywhere => "anywhere".to_owned(),
    }
}

fn listed(ports: &BTreeSet<u16>) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}
