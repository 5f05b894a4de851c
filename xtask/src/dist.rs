//! `cargo xtask dist`: the one static binary that is shipped, and the proof that it needs no library of the machine.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod order;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod trace;

use crate::steps::succeed;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::Path;

/// Kind of a program header that names the dynamic loader (ELF specification, `PT_INTERP`).
const PT_INTERP: u32 = 3;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if OS != "linux" || !matches!(ARCH, "x86_64" | "aarch64") {
        bail!("the static binary is built on 64-bit Linux, not on {OS} {ARCH}");
    }
    let target = format!("{ARCH}-unknown-linux-gnu");
    let directory = workspace.target().join(&target).join("dist");
    link(workspace, &target, &directory)?;
    let path = directory.join("leashd");
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if loader_headers(&bytes).with_context(|| format!("{} is no 64-bit ELF file", path.display()))? > 0 {
        bail!("{} asks for a dynamic loader: it is not static", path.display());
    }
    // Sizes are far below 2^52 bytes, where a float loses precision.
    println!("{}: static, {:.1} MiB ({} bytes)", path.display(), mebibytes(bytes.len()), bytes.len());
    Ok(())
}

/// Twice, where the linker is `rust-lld`: which functions a start comes to is known when there is a binary.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn link(workspace: &Workspace, target: &str, directory: &Path) -> Result<()> {
    let order = directory.join("order.txt");
    fs::create_dir_all(directory)?;
    fs::write(&order, "")?;
    // Names that are gone are no mistake: each binary has its own, and those of unused functions are not kept.
    let ordered =
        format!("-Clink-arg=-Wl,--no-warn-symbol-ordering,--symbol-ordering-file={}", order.display());
    build(workspace, target, &["-Cstrip=none", &ordered])?;
    fs::write(&order, order::names(workspace, &directory.join("leashd"))?)?;
    build(workspace, target, &["-Cstrip=symbols", &ordered])
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn link(workspace: &Workspace, target: &str, _directory: &Path) -> Result<()> {
    println!(
        "functions stay where the linker puts them: only rust-lld is told an order, which links on x86_64"
    );
    build(workspace, target, &[])
}

fn build(workspace: &Workspace, target: &str, last: &[&str]) -> Result<()> {
    let mut cargo = workspace.cargo(&["rustc", "--locked", "--profile", "dist", "--target", target]);
    cargo.args(["-p", "leashd", "--bin", "leashd", "--"]).args(last);
    // glibc, not musl: one target fewer to install. Hosts are looked up by what glibc has built in (files, DNS), not by
    // its plugins. At a fixed address: of the start of a hook or a shell command, which happen on every call, more than
    // half was moving 16,000 addresses of tables.
    succeed(cargo.env("RUSTFLAGS", "-Ctarget-feature=+crt-static -Crelocation-model=static"))
}

fn mebibytes(bytes: usize) -> f64 {
    u32::try_from(bytes / 1024).map_or(f64::INFINITY, |kib| f64::from(kib) / 1024.0)
}

/// How many program headers name a dynamic loader. `None`: not a little-endian 64-bit ELF file.
fn loader_headers(elf: &[u8]) -> Option<usize> {
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let first = usize::try_from(u64::from_le_bytes(field(elf, 0x20)?)).ok()?;
    let size = usize::from(u16::from_le_bytes(field(elf, 0x36)?));
    let count = usize::from(u16::from_le_bytes(field(elf, 0x38)?));
    let kinds: Option<Vec<_>> =
        (0..count).map(|n| field(elf, first.checked_add(n * size)?).map(u32::from_le_bytes)).collect();
    Some(kinds?.into_iter().filter(|kind| *kind == PT_INTERP).count())
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn sees_that_a_program_is_not_static() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(loader_headers(&own), Some(1));
        let cut = own.get(..0x3a).unwrap();
        assert_eq!(loader_headers(cut), None, "headers that are not there");
        assert_eq!(loader_headers(b"#!/bin/sh\n"), None);
    }
}
