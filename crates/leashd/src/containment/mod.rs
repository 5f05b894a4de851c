//! Puts a session behind the kernel's walls: the agent in the outer domain, each of its commands in the inner one, and
//! both proxies of the network. Says what holds and what does not. Judges no call.

mod doors;
mod entries;
mod environment;
mod home;
mod network;
pub(crate) mod places;
pub(crate) mod proof;
mod questions;
mod served;
mod servers;

pub(crate) use doors::Doors;
pub(crate) use network::WayOut;

use crate::failure::{Exit, Failure};
use crate::settings::{Sandboxing, Settings};
use environment::{HEADERS, Login, Variables};
use home::AgentHome;
use leashd_agents::{Launch, Walls};
use leashd_connectors::terminal::Keys;
use leashd_gate::Gate;
use leashd_sandbox::confine::{self, Kernel, Level, WITHOUT, Weakness, Wish};
use leashd_sandbox::{Caches, Capabilities, Domain, Limits, Profile, Request, SessionPlaces, ShellLauncher};
use leashd_types::{Containment, PLANS, SessionId};
use network::{Network, Way};
use proof::Known;
use questions::Questions;
use servers::{Loopback, Server};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The file with the profile of the agent, in the session's private directory.
const OUTER: &str = "agent.json";

/// The socket at which the agent's network namespace hands its ports over, in the same place.
const DOORS: &str = "doors.sock";

/// The session that is to be contained.
pub(crate) struct Wanted<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) session: &'a SessionId,
    /// The agent's program. An agent that is part of leashd has none and is not contained.
    pub(crate) program: Option<&'a Path>,
    /// Where it works: one of the approved ones, or below one.
    pub(crate) directory: &'a Path,
    pub(crate) approved: &'a [PathBuf],
    /// Of this session alone; not written by the agent.
    pub(crate) private: &'a Path,
    pub(crate) environment: &'a [(OsString, OsString)],
    /// The person's own configuration of the agent.
    pub(crate) config_directory: Option<&'a Path>,
    pub(crate) resume: Option<&'a str>,
    pub(crate) keys: Keys,
}

/// What became of it.
pub(crate) struct Held {
    pub(crate) containment: Containment,
    /// For people: `contained (namespaces)`, `not contained: …`.
    pub(crate) says: String,
    /// Where a permitted command gets what it was permitted.
    pub(crate) doors: Option<Arc<Doors>>,
    /// Directories of the agent that it may use like approved ones, by their real paths.
    pub(crate) own: Vec<PathBuf>,
    inside: Option<Inside>,
    commands: Option<Commands>,
}

/// Walls around the commands of an agent that is part of leashd.
struct Commands {
    walls: Walls,
    _temporary: TempDir,
}

/// What has to stay as long as the session does.
struct Inside {
    walls: Walls,
    launcher: PathBuf,
    home: PathBuf,
    personal: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    temporary: TempDir,
    _in_use: File,
}

impl Held {
    /// Changes a launch so that the agent starts behind the walls.
    pub(crate) fn furnish(&self, launch: &mut Launch) {
        servers::strip(&mut launch.mcp_servers);
        if let Some(commands) = &self.commands {
            launch.walls = Some(commands.walls.clone());
        }
        let Some(inside) = &self.inside else { return };
        launch.walls = Some(inside.walls.clone());
        launch.shell_launcher = Some(inside.launcher.clone());
        launch.config_directory = Some(inside.home.clone());
        launch.personal_directory.clone_from(&inside.personal);
        launch.temporary_directory = Some(inside.temporary.path().to_owned());
        launch.environment.clone_from(&inside.environment);
    }
}

/// Contains a session as well as it can be had, or says why not.
///
/// Refuses where the settings require walls that hold, and where nobody is there to know that none do.
pub(crate) async fn contain(wanted: &Wanted<'_>, gate: &Arc<Gate>) -> Result<Held, Failure> {
    let servers = servers::granted(&wanted.settings.mcp_servers)?;
    let held = match attempt(wanted, &servers, gate).await {
        Ok(held) => held,
        Err(why) => Held {
            containment: Containment::NotProven,
            says: format!("not contained: {why}"),
            doors: None,
            own: Vec::new(),
            inside: None,
            commands: None,
        },
    };
    if wanted.program.is_none() {
        return Ok(held);
    }
    let refused = match (wanted.settings.sandbox, wanted.keys) {
        (Sandboxing::Off, _) | (Sandboxing::Auto, Keys::Terminal) => false,
        (Sandboxing::Required, _) | (Sandboxing::Auto, Keys::None) => true,
    };
    if refused && held.containment != Containment::Proven {
        return Err(Failure::new(Exit::NotContained, &held.says).hint(
            "`leashd sandbox prove` says what holds here; LEASHD_SANDBOX=off works without walls, attended or not",
        ));
    }
    Ok(held)
}

/// For an agent that is part of leashd: its commands are held by whatever there is, itself it is not. Proves nothing.
fn contain_commands(wanted: &Wanted<'_>) -> Result<Held, String> {
    let temporary = places::temporary("leashd-").map_err(|error| error.to_string())?;
    let real = |path: &Path| places::real(path).map_err(|failure| failure.message);
    let maybe = |path: &Path| places::maybe_missing(path).map_err(|failure| failure.message);
    let user_home = real(&wanted.settings.user_home)?;
    let profile = Profile::build(&Request {
        domain: Domain::Inner,
        approved: wanted.approved,
        session: &SessionPlaces { temporary: real(temporary.path())?, ..SessionPlaces::default() },
        home: &user_home,
        toolchains: &[],
        caches: Caches::ReadOnly,
        cache_directory: temporary.path(),
        hidden: &[maybe(&wanted.settings.home)?, maybe(&wanted.settings.audit_log)?],
        capabilities: &Capabilities::default(),
        limits: Limits::default(),
    })
    .map_err(|refused| refused.to_string())?;
    let kernel = Kernel::detect(std::env::var_os(WITHOUT).as_deref());
    confine::plan(&profile, &kernel, Level::Landlock).map_err(|error| error.to_string())?;
    let path = wanted.private.join(OUTER);
    places::write(&path, &profile).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Held {
        containment: Containment::NotProven,
        says: "its commands are contained, the agent itself is part of leashd".to_owned(),
        doors: None,
        own: Vec::new(),
        inside: None,
        commands: Some(Commands { walls: Walls { profile: path, wish: Wish::Best }, _temporary: temporary }),
    })
}

async fn attempt(wanted: &Wanted<'_>, servers: &[Server], gate: &Arc<Gate>) -> Result<Held, String> {
    if wanted.settings.sandbox == Sandboxing::Off {
        return Err("LEASHD_SANDBOX=off".to_owned());
    }
    let Some(program) = wanted.program else { return contain_commands(wanted) };
    let variables = Variables::read(wanted.environment)?;
    let mut known = proven(wanted, gate)?;
    let home = AgentHome::prepare(wanted, &variables).map_err(|error| format!("its directories: {error}"))?;
    let way = match known.level {
        Level::Namespaces => Way::Handed { taken_at: wanted.private.join(DOORS) },
        Level::Landlock => Way::Ports,
    };
    let (network, questions) = Network::open(wanted.session, &variables, way, gate).await?;
    let temporary = places::temporary("leashd-").map_err(|error| error.to_string())?;
    let built = build(wanted, program, &home, temporary.path(), &network)?;
    known.failures.extend(open_ports(&built.outer, known.level)?);
    let launcher =
        ShellLauncher::create(&wanted.private.join("shell"), &own_program()?, &built.inner, &built.server)
            .map_err(|error| format!("the shell launcher: {error}"))?;
    for server in servers {
        let profile = for_server(&built.server, server, &network)?;
        // The same words twice are the same server.
        launcher
            .server(&server.words, &profile)
            .map_err(|error| format!("server {}: {error}", server.name))?;
    }
    let path = launcher.path();
    if path.as_os_str().as_encoded_bytes().windows(2).any(|pair| pair == b" -") {
        return Err(format!("`{}` has a space before a dash in it", path.display()));
    }
    let profile = wanted.private.join(OUTER);
    places::write(&profile, &built.outer).map_err(|error| format!("{}: {error}", profile.display()))?;
    let environment = network.environment(wanted.environment, &variables);
    let own = places::real(&home.directory).map_err(|failure| failure.message)?.join(PLANS);
    let questions = Questions::new(questions, wanted.directory.to_owned());
    Ok(Held {
        containment: match known.failures.is_empty() {
            true => Containment::Proven,
            false => Containment::NotProven,
        },
        says: says(&known, &variables),
        doors: Some(Arc::new(Doors::new(launcher, built.inner, network, questions))),
        commands: None,
        own: vec![own],
        inside: Some(Inside {
            walls: Walls { profile, wish: Wish::Exactly(known.level) },
            launcher: path,
            home: home.directory,
            personal: home.personal,
            environment,
            temporary,
            _in_use: home.in_use,
        }),
    })
}

/// The proof for this kernel, this leashd and this agent; a new one stands in the audit log.
fn proven(wanted: &Wanted<'_>, gate: &Gate) -> Result<Known, String> {
    proof::known(wanted.settings, wanted.program, |made| {
        gate.record(Some(wanted.session), proof::record(made)).map(drop).map_err(|error| error.to_string())
    })
}

/// The proof is made without a network. The agent has one, to which a Landlock before version 4 puts no bounds.
fn open_ports(outer: &Profile, level: Level) -> Result<Option<String>, String> {
    let kernel = Kernel::detect(std::env::var_os(WITHOUT).as_deref());
    let plan = confine::plan(outer, &kernel, level).map_err(|error| error.to_string())?;
    Ok(plan.weaknesses.contains(&Weakness::Ports).then(|| Weakness::Ports.says().to_owned()))
}

fn says(known: &Known, variables: &Variables) -> String {
    let mut says = match known.level {
        Level::Landlock => "contained (Landlock; degraded: TCP is held by port only, and test servers \
                            are out of reach)"
            .to_owned(),
        Level::Namespaces => "contained (namespaces)".to_owned(),
    };
    if let Some(first) = known.failures.first() {
        says.push_str(&format!(", which is not proven: {first}"));
    }
    if matches!(variables.login, Login::File) {
        if variables.headers.is_some() {
            says.push_str(&format!("; {HEADERS} is not sent: leashd puts it in only where it has the key"));
        }
        says.push_str("; the agent reads your login itself, an API key would stay with leashd");
    }
    says
}

/// The profile of a server with what the person granted it.
fn for_server(general: &Profile, server: &Server, network: &Network) -> Result<Profile, String> {
    let mut profile = general.clone();
    if let Some(hosts) = &server.hosts {
        let key = network.admit_server(hosts.clone())?;
        profile.network = network.of_visitor();
        profile.environment.extend(network.variables(&key));
    }
    if server.loopback == Loopback::Granted {
        // Without a network of the session's own there is no loopback to share.
        profile.network = match network.of_command() {
            leashd_sandbox::Network::Nothing => profile.network,
            loopback => loopback,
        };
    }
    Ok(profile)
}

struct Built {
    outer: Profile,
    inner: Profile,
    server: Profile,
}

fn build(
    wanted: &Wanted<'_>,
    program: &Path,
    home: &AgentHome,
    temporary: &Path,
    network: &Network,
) -> Result<Built, String> {
    let real = |path: &Path| places::real(path).map_err(|failure| failure.message);
    let maybe = |path: &Path| places::maybe_missing(path).map_err(|failure| failure.message);
    let user_home = real(&wanted.settings.user_home)?;
    let approved: Vec<PathBuf> = wanted.approved.iter().map(|path| real(path)).collect::<Result<_, _>>()?;
    let session = SessionPlaces {
        temporary: real(temporary)?,
        config: Some(real(&home.directory)?),
        private: Some(real(wanted.private)?),
        program: vec![own_program()?, agent_program(program)?],
        credential: home.credential.clone(),
    };
    let outer =
        Capabilities { network: network.of_agent(), read: home.readable.clone(), ..Capabilities::default() };
    let command = Capabilities { network: network.of_command(), ..Capabilities::default() };
    let nothing = Capabilities::default();
    let hidden = [maybe(&wanted.settings.home)?, maybe(&wanted.settings.audit_log)?];
    let cache_directory =
        places::cache_directory(&user_home, &real(wanted.directory)?).map_err(|failure| failure.message)?;
    let profile = |domain, capabilities| {
        let request = Request {
            domain,
            approved: &approved,
            session: &session,
            home: &user_home,
            toolchains: &wanted.settings.toolchains,
            caches: wanted.settings.toolchain_caches,
            cache_directory: &cache_directory,
            hidden: &hidden,
            capabilities,
            limits: Limits::default(),
        };
        Profile::build(&request).map_err(|refused| refused.to_string())
    };
    Ok(Built {
        outer: profile(Domain::Outer, &outer)?,
        inner: profile(Domain::Inner, &command)?,
        server: profile(Domain::Mcp, &nothing)?,
    })
}

fn own_program() -> Result<PathBuf, String> {
    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    program.map_err(|error| format!("leashd's own program: {error}"))
}

/// A program of its own is one file; a script needs what lies beside it.
fn agent_program(program: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", program.display());
    let real = program.canonicalize().map_err(failed)?;
    let mut first = [0_u8; 2];
    let read = std::fs::File::open(&real).and_then(|mut file| std::io::Read::read(&mut file, &mut first));
    match (read.map_err(failed)?, &first, real.parent()) {
        (2, b"#!", Some(directory)) => Ok(directory.to_owned()),
        _ => Ok(real),
    }
}
