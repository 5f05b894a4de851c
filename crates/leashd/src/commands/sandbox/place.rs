//! Where a command is contained: from the command line and the settings to a profile.

use crate::cli::{SandboxCaches, SandboxLevel, SandboxPlaceArgs};
use crate::containment::places::{cache_directory, maybe_missing, real};
use crate::failure::Failure;
use crate::settings::Settings;
use leashd_sandbox::confine::{Kernel, Level, WITHOUT, Wish};
use leashd_sandbox::{Caches, Capabilities, Domain, Limits, Network, Profile, Request, SessionPlaces};
use std::path::{Path, PathBuf};

/// A profile, and where it is entered.
pub(super) struct Place {
    pub(super) profile: Profile,
    pub(super) directory: PathBuf,
    pub(super) kernel: Kernel,
    pub(super) wish: Wish,
}

/// The inner domain around `args.dir`, with `temporary` as its temporary directory and `programs` beyond the system's.
pub(super) fn place(
    args: &SandboxPlaceArgs,
    temporary: &Path,
    programs: &[PathBuf],
) -> Result<Place, Failure> {
    let settings = Settings::for_project(&args.dir)?;
    let directory = real(&args.dir)?;
    if !directory.is_dir() {
        return Err(Failure::usage(format!("{}: not a directory", args.dir.display()))
            .hint("name a directory that exists"));
    }
    let home = real(&settings.user_home)?;
    let session =
        SessionPlaces { temporary: real(temporary)?, program: programs.to_vec(), ..SessionPlaces::default() };
    let capabilities = Capabilities {
        network: if args.net { Network::Anywhere } else { Network::Nothing },
        read: args.read.iter().map(|path| real(path)).collect::<Result<_, _>>()?,
        write: args.write.iter().map(|path| real(path)).collect::<Result<_, _>>()?,
        ..Capabilities::default()
    };
    let caches = match args.caches {
        None => settings.toolchain_caches,
        Some(SandboxCaches::Private) => Caches::Private,
        Some(SandboxCaches::Shared) => Caches::Shared,
        Some(SandboxCaches::ReadOnly) => Caches::ReadOnly,
    };
    let approved = [directory.clone()];
    let hidden = [maybe_missing(&settings.home)?, maybe_missing(&settings.audit_log)?];
    let profile = Profile::build(&Request {
        domain: Domain::Inner,
        approved: &approved,
        session: &session,
        home: &home,
        toolchains: &settings.toolchains,
        caches,
        cache_directory: &cache_directory(&home, &directory)?,
        hidden: &hidden,
        capabilities: &capabilities,
        limits: Limits::default(),
    })
    .map_err(Failure::usage)?;
    let wish = match args.level {
        None => Wish::Best,
        Some(SandboxLevel::Landlock) => Wish::Exactly(Level::Landlock),
        Some(SandboxLevel::Namespaces) => Wish::Exactly(Level::Namespaces),
    };
    let kernel = Kernel::detect(std::env::var_os(WITHOUT).as_deref());
    Ok(Place { profile, directory, kernel, wish })
}
