//! leashd as a process that stays: one for each home, reached through its socket. Puts the parts together, answers signals
//! and orders, and winds down. Judges nothing.

pub(crate) mod api;
mod archive;
pub(crate) mod client;
mod drain;
mod heart;
pub(crate) mod life;
pub(crate) mod lock;
mod looks;
mod peer;
pub(crate) mod process;
mod ready;
mod reload;
pub(crate) mod remote_desk;
mod signals;
pub(crate) mod telegram;
mod token;
pub(crate) mod unit;
mod watching;

pub(crate) use process::DAEMON;
pub(crate) use ready::Audience;

use crate::boot;
use crate::clock;
use crate::containment::proof::Standing;
use crate::directories;
use crate::failure::{Exit, Failure};
use crate::hook::{RUN_DIRECTORY, server};
use crate::observe::Observe;
use crate::self_check;
use crate::settings::Settings;
use api::{About, AgentTest, Api, Order, Socket};
use heart::Heart;
use leashd_connectors::{Desk, EVENTS_MAX};
use leashd_gate::{AuditLog, Durability, Gate};
use leashd_sandbox::PrivateDir;
use leashd_types::{Event, Timestamp};
use lock::{Held, Lock};
use reload::Reloader;
use signals::{Interrupts, Signals, Wish};
use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use telegram::Telegram;
use token::Door;
use tokio::sync::mpsc;

/// Orders that may wait.
const ORDERS_MAX: usize = 16;
/// For the log and webhooks, at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is on this terminal besides the daemon.
pub(crate) enum Face<F> {
    /// Nothing: it runs until it is told to stop.
    Headless,
    /// A conversation; the daemon ends with it.
    Connector(F),
}

impl<F> Face<F> {
    fn interrupts(&self) -> Interrupts {
        match self {
            Face::Headless => Interrupts::Stop,
            Face::Connector(_) => Interrupts::Conversation,
        }
    }
}

/// A connector that is never one.
pub(crate) type NoConnector = fn(Desk) -> std::future::Ready<Result<(), Failure>>;

/// The background process that `leashd start` makes.
pub(crate) fn main() -> ExitCode {
    // It is the first process of its session unless somebody made it so already.
    let _leads_already = rustix::process::setsid();
    let errors = Errors::take();
    let audience = Audience::Starter;
    match run(audience, Face::<NoConnector>::Headless, Path::new(".")) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            errors.say(&failure.to_string());
            audience.failed(&failure);
            failure.exit.into()
        }
    }
}

/// The file standard error was. What is printed there ends the process if the disk is full, so nothing is.
struct Errors(Option<Arc<File>>);

impl Errors {
    fn take() -> Self {
        let file = rustix::io::dup(rustix::stdio::stderr()).map(|file| Arc::new(File::from(file))).ok();
        if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
            // Where there is no such thing, printing goes on as it was.
            let _moved = rustix::stdio::dup2_stderr(&nowhere);
        }
        let errors = Self(file);
        let panics = Self(errors.0.clone());
        std::panic::set_hook(Box::new(move |panic| {
            panics.say(&panic.to_string());
            tracing::error!(reason = %panic, "panicked");
        }));
        errors
    }

    fn say(&self, text: &str) {
        if let Some(mut file) = self.0.as_deref() {
            // There is nobody else to tell.
            drop(writeln!(file, "{} {text}", clock::now()));
        }
    }
}

/// Runs the daemon until it is told to stop, or its connector is done. What the project at `directory` says holds for the
/// whole of it; each session has its own project's besides.
pub(crate) fn run<C, F>(audience: Audience, face: Face<C>, directory: &Path) -> Result<Exit, Failure>
where
    C: FnOnce(Desk) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let directory = directories::real_directory(directory)?;
    let settings = Settings::for_project(&directory)?;
    let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    let run = home.subdirectory(RUN_DIRECTORY).map_err(Failure::failed)?;
    let lock = Lock::take(&run)?.map_err(|held| taken(&held, home.path()))?;
    boot::with_runtime(serve((settings, directory), home, run, lock, audience, face))?
}

/// What the two sides of a running daemon share.
struct Shared {
    started: Timestamp,
    home: PathBuf,
    closing: Arc<AtomicBool>,
    reloader: Arc<Reloader>,
    observe: Observe,
    store: String,
    connectors: Vec<String>,
    telegram: Telegram,
}

async fn serve<C, F>(
    (settings, project): (Settings, PathBuf),
    home: PrivateDir,
    run: PrivateDir,
    lock: Lock,
    audience: Audience,
    face: Face<C>,
) -> Result<Exit, Failure>
where
    C: FnOnce(Desk) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    // From here on no signal kills.
    let mut signals = Signals::listen(face.interrupts())?;
    let secrets = watching::secrets(&settings)?;
    let (store, kept_in) = archive::open(&settings).await?;
    let restored = store.restore().await.map_err(Failure::failed)?;
    let last_event = archive::last_event(&store, restored.last_event);
    let observe = Observe::start(watching::options(&settings, secrets.clone(), last_event)?);
    observe.listen();
    let audit = AuditLog::open(&settings.audit_log, Durability::default(), secrets.clone())
        .map_err(Failure::failed)?;
    let gate = Arc::new(Gate::new(audit, clock::now));
    let reloader = Arc::new(Reloader::new((settings, project), observe.clone(), Arc::clone(&gate))?);
    let socket = Socket::listen(run.path())?;
    let door = Door::make(&run)?;
    let archiving = archive::keep_events(store.clone(), &observe);
    let heart = Heart::start(&reloader, Arc::clone(&gate), observe.clone(), (store.clone(), restored))?;
    let telegram = Telegram::start(&reloader.current().settings, secrets, heart.desks(&observe))?;
    let shared = Arc::new(Shared {
        started: clock::now(),
        home: home.path().to_owned(),
        closing: Arc::default(),
        reloader: Arc::clone(&reloader),
        observe: observe.clone(),
        store: kept_in,
        connectors: connectors(&face),
        telegram,
    });
    let (orders, mut orders_in) = mpsc::channel(ORDERS_MAX);
    let past = archive::Past::new(store.clone());
    let api = api(&shared, &heart, orders, (door, past), gate);
    // Hooks of other sessions are served too. Without it each judges for itself, only slower.
    let hooks = server::serve(home.path()).unwrap_or_else(|failure| {
        tracing::warn!(reason = %failure.message, "hooks_not_served");
        None
    });
    observe.publish(Event::EngineStarted { version: env!("CARGO_PKG_VERSION").to_owned() });
    let mut says = vec![format!("serving {}", socket.path().display())];
    if shared.telegram.says().is_none() {
        says.push("no Telegram token is set: asks are answered here, with `leashd inbox`".to_owned());
    }
    audience.ready(life::Life::own().pid, &says)?;

    let serving = socket.serve(api);
    let talking = talk(face, heart.desks(&observe).desk(EVENTS_MAX));
    let (reason, result) = tokio::select! {
        () = serving => ("the socket is closed", Ok(())),
        talked = talking => ("the conversation is over", talked),
        reason = listen(&mut signals, &mut orders_in, &shared, &heart) => (reason, Ok(())),
    };
    ready::stopping();
    shared.closing.store(true, Ordering::Release);
    drain::drain(&heart).await;
    observe.publish(Event::EngineStopped { reason: reason.to_owned() });
    drop((socket, hooks));
    shared.telegram.stop().await;
    heart.stop().await;
    observe.shutdown(LAST_WORDS).await;
    // The bus is closed: what was said is kept, then the store closes properly.
    drop(tokio::time::timeout(LAST_WORDS, archiving).await);
    if let Err(error) = store.close().await {
        eprintln!("! {error}");
    }
    drop(lock);
    result.map(|()| Exit::Done)
}

fn api(
    shared: &Arc<Shared>,
    heart: &Heart,
    orders: mpsc::Sender<Order>,
    (door, past): (Door, archive::Past),
    gate: Arc<Gate>,
) -> Api {
    let about = Arc::clone(shared);
    let turned_away = move |detail: &str| {
        tracing::warn!(detail, "turned_away");
        // Who is turned away was; that it cannot be recorded changes nothing.
        drop(gate.record(None, leashd_gate::audit::Record::TurnedAway { detail: detail.to_owned() }));
    };
    Api {
        deliveries: heart.deliveries.clone(),
        queries: heart.queries.clone(),
        orders,
        door,
        user: boot::user(),
        observe: shared.observe.clone(),
        past,
        closing: Arc::clone(&shared.closing),
        about: Arc::new(move || about.about()),
        turned_away: Arc::new(turned_away),
    }
}

impl Shared {
    fn about(&self) -> About {
        let log = self.observe.status().log;
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: life::Life::own().pid,
            started: self.started,
            home: self.home.clone(),
            log: Some(log.path),
            log_lost: log.lost.saturating_add(log.dropped),
            store: self.store.clone(),
            connectors: self.connectors.iter().cloned().chain(self.telegram.says()).collect(),
            last_reload: self.reloader.last(),
            agent: self_check::kept(&self.home).map(|(version, broken)| AgentTest { version, broken }),
            walls: Standing::here(&self.reloader.current().settings).to_string(),
        }
    }
}

/// Until the connector is done; without one, for ever.
async fn talk<C, F>(face: Face<C>, desk: Desk) -> Result<(), Failure>
where
    C: FnOnce(Desk) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    match face {
        Face::Headless => std::future::pending().await,
        Face::Connector(connector) => connector(desk).await,
    }
}

/// Until somebody wants the daemon to stop; reloads meanwhile, one after the other.
async fn listen(
    signals: &mut Signals,
    orders: &mut mpsc::Receiver<Order>,
    shared: &Shared,
    heart: &Heart,
) -> &'static str {
    let pulse = heart.pulse();
    let heartbeat = async {
        match ready::heartbeat() {
            None => std::future::pending().await,
            // A loop that hangs says nothing, and is started anew.
            Some(every) => loop {
                pulse.beat().await;
                ready::alive();
                tokio::time::sleep(every).await;
            },
        }
    };
    tokio::pin!(heartbeat);
    loop {
        tokio::select! {
            () = &mut heartbeat => {}
            wish = signals.next() => match wish {
                Wish::Stop => return "a signal asked for it",
                // Said in the log and as an event; nobody waits for the answer.
                Wish::Reload => drop(reload(shared, heart).await),
            },
            order = orders.recv() => match order {
                None | Some(Order::Stop) => return "leashd stop",
                Some(Order::Reload { reply }) => drop(reply.send(reload(shared, heart).await)),
            },
        }
    }
}

/// What was read takes effect: for agents that start from now on, and for who may say what at once.
async fn reload(shared: &Shared, heart: &Heart) -> Result<api::Reloaded, Failure> {
    let reloaded = shared.reloader.reload().await?;
    let current = shared.reloader.current();
    heart.renew(&current.settings).await;
    shared.telegram.renew(&current.settings, watching::secrets(&current.settings)?);
    Ok(reloaded)
}

fn connectors<F>(face: &Face<F>) -> Vec<String> {
    let socket = "terminal (socket)".to_owned();
    match face {
        Face::Headless => vec![socket],
        Face::Connector(_) => vec![socket, "terminal (conversation)".to_owned()],
    }
}

/// Why there cannot be a second one.
fn taken(held: &Held, home: &Path) -> Failure {
    let who = match held {
        Held::By(holder) => {
            format!("pid {}, version {}, since {}", holder.life.pid, holder.version, holder.since)
        }
        Held::ByUnknown | Held::Nobody => "it has not said which process it is".to_owned(),
    };
    Failure::failed(format!("leashd is already running for {} ({who})", home.display()))
        .hint("leashd status shows it, leashd stop ends it; LEASHD_HOME makes room for another")
}
