//! A connector between the strict server and the test's daemon, and conversations as files a person can read.

use super::daemon::Daemon;
use leashd_connectors::telegram::{self, Health, Options, Token};
use leashd_testkit::telegram::{Chat, Edits, Person, TelegramServer};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const ANNA: i64 = 42;

pub(crate) struct Stage {
    pub(crate) server: TelegramServer,
    pub(crate) daemon: Daemon,
    state: tempfile::TempDir,
    change: fn(&mut Options),
    running: Option<Running>,
}

/// In a runtime of its own: what is killed is killed at once, with all that it began.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), telegram::Error>>,
    runtime: Own,
}

struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: fn(&mut Options)) -> Self {
        let server = TelegramServer::start().await.unwrap();
        let state = tempfile::tempdir().unwrap();
        let mut stage = Self { server, daemon: Daemon::new(&[ANNA]), state, change, running: None };
        stage.starts().await;
        stage
    }

    pub(crate) async fn starts(&mut self) {
        let mut options = Options::new(Token::new(self.server.token()), self.state.path().to_owned());
        options.base_url = self.server.base_url();
        options.throttle = Duration::from_millis(300);
        (self.change)(&mut options);
        let (stop, stopped) = oneshot::channel::<()>();
        let (health, _) = watch::channel(Health::default());
        let desk = self.daemon.desk();
        let shutdown = async move { drop(stopped.await) };
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let task = runtime.spawn(telegram::run(desk, options, health, shutdown));
        self.running = Some(Running { stop, task, runtime: Own(Some(runtime)) });
    }

    /// As by SIGKILL: nothing is said or written down any more.
    pub(crate) async fn kills(&mut self) {
        let mut running = self.running.take().unwrap();
        let runtime = running.runtime.0.take().unwrap();
        let ended = move || runtime.shutdown_timeout(Duration::from_secs(10));
        tokio::task::spawn_blocking(ended).await.unwrap();
    }

    pub(crate) async fn stops(&mut self) {
        let running = self.running.take().unwrap();
        drop(running.stop);
        running.task.await.unwrap().unwrap();
    }

    pub(crate) fn anna(&self) -> (Person, Chat) {
        (self.server.person(ANNA, "Anna"), self.server.chat(ANNA))
    }

    /// The end: nothing was sent too fast, every tap has its answer, and the conversation is the one in the file.
    pub(crate) async fn ends(mut self, golden: &str) {
        self.stops().await;
        assert_eq!(self.server.rate_limited().answers, 0, "sent too fast");
        assert_eq!(self.server.unanswered_taps(), Vec::<String>::new());
        let text = self.server.chat(ANNA).transcript().edits(Edits::Lasting).render();
        same(golden, &text);
    }
}

/// Compares with a file; `LEASHD_GOLDEN=write` writes it.
fn same(name: &str, text: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/telegram/golden").join(format!("{name}.txt"));
    if std::env::var("LEASHD_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{} differs; LEASHD_GOLDEN=write writes it anew", path.display());
}
