//! What every agent adapter offers: start an agent, then exchange events and orders over two bounded channels.
//! Knows nothing of how an agent is spoken to.

use crate::StartError;
use leashd_gate::Permit;
use leashd_sandbox::confine::Wish;
use leashd_types::{AgentEvent, AgentKind, Attachment, CallId, Mode, SessionId};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc;

/// The future of a start.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Running, StartError>> + Send + 'a>>;

/// Something that can be given work and asks before each tool call.
pub trait Agent: Send + Sync {
    fn kind(&self) -> AgentKind;

    /// Starts one session. Returns once the agent has answered, and is gated, or within `Limits::start` with an error.
    fn start(&self, launch: Launch) -> Starting<'_>;
}

/// A started agent. Dropping either end stops it.
#[derive(Debug)]
pub struct Running {
    /// What it does. Bounded: an agent whose events nobody reads stands still, but still obeys `Order::Stop`.
    /// The last event is always `AgentEvent::Exited`.
    pub events: mpsc::Receiver<AgentEvent>,
    /// What it shall do. Bounded.
    pub orders: mpsc::Sender<Order>,
    /// The agent's process, where there is one.
    pub pid: Option<u32>,
}

/// What an agent can be told.
#[derive(Debug)]
pub enum Order {
    /// Something to do. During a turn it is folded into that turn.
    Prompt(Message),
    /// The reply to a tool call. A reply to a call that no longer waits is dropped: the agent withdrew it.
    Reply {
        call: CallId,
        reply: Reply,
    },
    /// End the turn; the session goes on.
    Interrupt,
    SetMode(Mode),
    /// Takes effect with the next turn.
    SetModel(String),
    /// End the session. The process has `Limits::stop` to leave, then it is killed with everything it started.
    Stop,
}

/// The answer to one tool call.
#[derive(Debug)]
pub enum Reply {
    /// It may run, with exactly the input of the permit.
    Allow(Box<Permit>),
    /// It may not run. The message is for the model.
    Deny { message: String, then: AfterDenial },
}

/// What a denial means for the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDenial {
    /// The model reads the message and goes on.
    Continue,
    /// The turn ends.
    EndTurn,
}

/// What a person says, word for word: nothing in it is expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub text: String,
    pub attachments: Vec<Attachment>,
}

impl Message {
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), attachments: Vec::new() }
    }
}

/// Which conversation a start begins or goes on with. The ids are the agent's own, from `AgentEvent::Ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversation {
    /// A new one, under our session id.
    New,
    /// A new one under this id, a UUID: our session had another before.
    Fresh(String),
    Resume(String),
    /// A new one that begins with a copy of the history.
    Fork(String),
}

/// Everything one session is started with.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Ours; a UUID.
    pub session: SessionId,
    /// The project. Absolute.
    pub directory: PathBuf,
    pub additional_directories: Vec<PathBuf>,
    pub conversation: Conversation,
    pub model: Option<String>,
    pub mode: Mode,
    /// Model calls per prompt; without it, as many as the model makes.
    pub max_turns: Option<u32>,
    /// Appended to the agent's own system prompt.
    pub system_prompt: Option<String>,
    /// MCP servers by name, as in `.mcp.json`'s `mcpServers`. No others are started.
    pub mcp_servers: Map<String, Value>,
    /// The variables that may pass, already filtered. Nothing else is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// A directory of this session alone, mode 0700, which the agent cannot write: the adapter puts files there.
    pub private_directory: PathBuf,
    /// The agent's configuration directory; without it, its default under HOME.
    pub config_directory: Option<PathBuf>,
    /// Where the person's own skills and CLAUDE.md are; without it, the configuration directory.
    pub personal_directory: Option<PathBuf>,
    /// For temporary files of the agent; without it, TMPDIR of `environment`.
    pub temporary_directory: Option<PathBuf>,
    /// A program that gets every shell line the agent runs as its one argument.
    pub shell_launcher: Option<PathBuf>,
    /// What the kernel holds the agent's process tree in.
    pub walls: Option<Walls>,
    pub limits: Limits,
}

/// A profile to start the agent in. If it cannot be entered the agent does not start.
#[derive(Clone, Debug)]
pub struct Walls {
    /// The file with the profile; the agent cannot write it.
    pub profile: PathBuf,
    pub wish: Wish,
}

/// How long things may take and how large they may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the start of the process to its first answer.
    pub start: Duration,
    /// Without a sign of life while a turn runs. Not counted while a reply is outstanding: that is a person thinking.
    pub silence: Duration,
    /// From `Order::Stop` (or an interrupt it does not confirm) to the kill.
    pub stop: Duration,
    /// Bytes of one line of its output.
    pub line: usize,
    /// Events and orders in their channels.
    pub queue: usize,
    /// Attempts after a failed request to the model, with growing pauses.
    pub retries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(20),
            silence: Duration::from_secs(3600),
            stop: Duration::from_secs(5),
            line: 64 * 1024 * 1024,
            queue: 256,
            retries: 10,
        }
    }
}
