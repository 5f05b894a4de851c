//! Where a command is contained: from the command line and the settings to a profile.

use crate::cli::{SandboxCaches, SandboxLevel, SandboxPlaceArgs};
use crate::failure::Failure;
use crate::settings::Settings;
use leashd_sandbox::confine::{Kernel, Level, WITHOUT, Wish};
use leashd_sandbox::{
    Caches, Capabilities, Domain, Limits, Network, Profile, Request, SessionPlaces, TOOLCHAINS,
};
use leashd_types::Digest;
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
    let settings = Settings::from_environment()?;
    let directory = real(&args.dir)?;
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
        SandboxCaches::Private => Caches::Private,
        SandboxCaches::Shared => Caches::Shared,
        SandboxCaches::ReadOnly => Caches::ReadOnly,
    };
    let approved = [directory.clone()];
    let hidden = [maybe_missing(&settings.home)?, maybe_missing(&settings.audit_log)?];
    let profile = Profile::build(&Request {
        domain: Domain::Inner,
        approved: &approved,
        session: &session,
        home: &home,
        toolchains: TOOLCHAINS,
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

/// Private caches of one workspace: kept, and used by nothing but contained commands in that workspace.
fn cache_directory(home: &Path, directory: &Path) -> Result<PathBuf, Failure> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
    let name: String = Digest::plain(&[directory.as_os_str().as_encoded_bytes()]).to_string();
    let name = name.get(..16).unwrap_or(&name);
    maybe_missing(&base.unwrap_or_else(|| home.join(".cache")).join("leashd").join(name))
}

fn real(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display())).hint("name a directory that exists")
    })
}

/// The real path of something that need not be there yet.
fn maybe_missing(path: &Path) -> Result<PathBuf, Failure> {
    let (real, _) = leashd_sandbox::resolve(path, Path::new("/")).map_err(Failure::usage)?;
    Ok(real.as_path().to_owned())
}
