//! What is around a command of git: the inner domain of its repository, and a way out only to one host. Knows no verb.

use crate::containment::places;
use crate::containment::{WayOut, proof};
use crate::failure::{Exit, Failure};
use crate::session_directory::SessionDirectory;
use crate::settings::Settings;
use leashd_gate::Gate;
use leashd_sandbox::confine::{CONFINE, Level, Wish};
use leashd_sandbox::{
    Caches, Capabilities, Domain, Limits, Network, PrivateDir, Profile, Request, SessionPlaces, TOOLCHAINS,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// The file with the profile, and the socket for its network.
const PROFILE: &str = "git.json";
const DOORS: &str = "doors.sock";

pub(super) struct Walls {
    /// Of this command alone; gone with it.
    private: SessionDirectory,
    _temporary: TempDir,
    program: PathBuf,
    wish: Wish,
    way_out: Option<WayOut>,
}

impl Walls {
    /// The repository can be read.
    pub(super) fn reading(settings: &Settings, top: &Path) -> Result<Self, Failure> {
        Self::new(settings, top, Domain::Mcp, Network::Nothing, Wish::Best, private(settings)?)
    }

    /// The repository can be written, but for what git takes orders from.
    pub(super) fn writing(settings: &Settings, top: &Path) -> Result<Self, Failure> {
        Self::new(settings, top, Domain::Inner, Network::Nothing, Wish::Best, private(settings)?)
    }

    /// The same, and `target` (`host` or `host:port`) can be reached.
    pub(super) async fn reaching(
        settings: &Settings,
        top: &Path,
        target: &str,
        gate: &Arc<Gate>,
    ) -> Result<Self, Failure> {
        let contained = |why: String| Failure::new(Exit::NotContained, why);
        let settings_of_proof = settings.clone();
        let known = tokio::task::spawn_blocking(move || proof::known(&settings_of_proof, None, |_| Ok(())));
        let level = known.await.map_err(Failure::failed)?.map_err(contained)?.level;
        let private = private(settings)?;
        let doors = match level {
            Level::Namespaces => Some(private.path().join(DOORS)),
            Level::Landlock => None,
        };
        let way_out = WayOut::open(doors, target, gate).await.map_err(Failure::failed)?;
        let reach = way_out.reach();
        let walls = Self::new(settings, top, Domain::Inner, reach, Wish::Exactly(level), private)?;
        Ok(Self { way_out: Some(way_out), ..walls })
    }

    fn new(
        settings: &Settings,
        top: &Path,
        domain: Domain,
        network: Network,
        wish: Wish,
        private: SessionDirectory,
    ) -> Result<Self, Failure> {
        let temporary = places::temporary("leashd-")?;
        let home = places::real(&settings.user_home)?;
        let session =
            SessionPlaces { temporary: places::real(temporary.path())?, ..SessionPlaces::default() };
        let hidden = [places::maybe_missing(&settings.home)?, places::maybe_missing(&settings.audit_log)?];
        let profile = Profile::build(&Request {
            domain,
            approved: &[top.to_owned()],
            session: &session,
            home: &home,
            toolchains: TOOLCHAINS,
            caches: Caches::ReadOnly,
            cache_directory: &places::cache_directory(&home, top)?,
            hidden: &hidden,
            capabilities: &Capabilities { network, ..Capabilities::default() },
            limits: Limits::default(),
        })
        .map_err(Failure::usage)?;
        places::write(&private.path().join(PROFILE), &profile)?;
        let program = std::env::current_exe()?.canonicalize()?;
        Ok(Self { private, _temporary: temporary, program, wish, way_out: None })
    }

    /// Variables by which git finds the way out.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        self.way_out.as_ref().map(WayOut::variables).unwrap_or_default()
    }

    /// Makes a command one that is started behind the walls, with its environment and directory.
    pub(super) fn confine(&self) -> impl Fn(Command) -> Command + Send + Sync + 'static {
        let profile = self.private.path().join(PROFILE);
        let (program, wish) = (self.program.clone(), self.wish);
        move |command| {
            let mut walled = Command::new(&program);
            walled.arg(CONFINE).arg(&profile).arg(wish.as_str());
            walled.arg(command.get_program()).args(command.get_args()).env_clear();
            walled.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            if let Some(directory) = command.get_current_dir() {
                walled.current_dir(directory);
            }
            walled
        }
    }
}

/// Ours alone, and no tree of any profile: in the temporary directory an agent nobody contains could write it.
fn private(settings: &Settings) -> Result<SessionDirectory, Failure> {
    SessionDirectory::create(&PrivateDir::create(&settings.home).map_err(Failure::failed)?)
}

#[cfg(test)]
mod tests {
    use super::{PROFILE, Walls};
    use crate::settings::Settings;
    use std::os::unix::fs::PermissionsExt;

    /// An agent that nobody contains writes in the temporary directory what it likes, as the same user.
    #[test]
    fn what_holds_git_lies_where_no_agent_writes() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let home = root.clone().into_os_string();
        let settings = Settings::read(&|name| (name == "HOME").then(|| home.clone())).unwrap();
        std::fs::create_dir(root.join("top")).unwrap();
        let walls = Walls::reading(&settings, &root.join("top")).unwrap();
        assert!(walls.private.path().starts_with(root.join(".leashd")), "{:?}", walls.private);
        // Nor does the next one clear it away.
        let _other = Walls::reading(&settings, &root.join("top")).unwrap();
        assert!(walls.private.path().join(PROFILE).is_file());
        let mode = walls._temporary.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}
