//! Asks the installed Claude Code whether it still does what the gate rests on: in a scratch directory, with a scripted
//! model on loopback and a hostile repository. The caller keeps the result for this version and binary.

mod hostile;

pub use hostile::Hostile;

use crate::claude::ClaudeCode;
use crate::messages_api::MessagesApi;
use crate::{AfterDenial, Agent, Conversation, Launch, Limits, Message, Order, Reply, Running, StartError};
use leashd_gate::Permit;
use leashd_types::{AgentEvent, CallId, Mode, RanOutcome, SessionId, ToolCall};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// For the whole self-test; it takes 2 s.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an unanswered call is watched.
const WATCHED: Duration = Duration::from_millis(700);

/// What has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Every tool asks first: reading, listing, a helper, a helper's own calls.
    AllToolsAsk,
    /// A denied call does not run.
    DeniedDoesNotRun,
    /// A call without an answer does not run, not even when the session ends.
    UnansweredDoesNotRun,
    /// Nothing of a hostile repository acts.
    RepositoryIsPowerless,
    /// A prompt is taken word for word: it reads no file.
    PromptIsVerbatim,
    /// CLAUDE.md of the project is read, and leads to nothing outside of it.
    MemoryStaysInside,
}

impl fmt::Display for Fact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Fact::AllToolsAsk => "every tool asks first",
            Fact::DeniedDoesNotRun => "a denied call does not run",
            Fact::UnansweredDoesNotRun => "an unanswered call does not run",
            Fact::RepositoryIsPowerless => "nothing of a hostile repository acts",
            Fact::PromptIsVerbatim => "a prompt is taken word for word",
            Fact::MemoryStaysInside => "CLAUDE.md is read and stays inside the project",
        })
    }
}

/// A fact that does not hold, and what was seen instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub fact: Fact,
    pub seen: String,
}

/// Runs the self-test in `scratch`, an empty directory. `permit` judges the call that starts a helper, with a gate of
/// the caller's; all other calls are denied. No fact in the result means that all hold.
///
/// # Errors
/// If the agent does not start, or does not finish in time.
pub async fn self_test(
    claude: &ClaudeCode,
    scratch: &Path,
    permit: &(dyn Fn(&ToolCall) -> Option<Permit> + Sync),
) -> Result<Vec<Broken>, StartError> {
    let stage = Stage::set(scratch).await?;
    let running = claude.start(stage.launch()).await?;
    let mut trial = Trial { running, asked: BTreeSet::new(), permitted: BTreeSet::new(), ungated: vec![] };
    match timeout(PATIENCE, trial.run(&stage, permit)).await {
        Ok(()) => Ok(stage.judge(&trial)),
        Err(_) => Err(StartError::Silent { after: PATIENCE, stderr: String::new() }),
    }
}

/// The scratch directory.
struct Stage {
    root: PathBuf,
    hostile: Hostile,
    api: MessagesApi,
}

impl Stage {
    async fn set(root: &Path) -> Result<Self, StartError> {
        let failed =
            |error: std::io::Error| StartError::Prepare { path: root.to_owned(), reason: error.to_string() };
        for directory in ["home", "project", "private", "tmp"] {
            fs::create_dir_all(root.join(directory)).map_err(failed)?;
        }
        let imported = root.join("imported.md");
        fs::write(&imported, "imported-word").map_err(failed)?;
        fs::write(root.join("mentioned.md"), "mentioned-word").map_err(failed)?;
        std::os::unix::fs::symlink(&imported, root.join("project/link.md")).map_err(failed)?;
        let memory = format!("memory-word\n@../imported.md\n@{}\n@link.md\n", imported.display());
        fs::write(root.join("project/CLAUDE.md"), memory).map_err(failed)?;
        let hostile = Hostile::plant(&root.join("project"), &root.join("marks")).map_err(failed)?;
        let api = MessagesApi::start().await.map_err(failed)?;
        Ok(Self { root: root.to_owned(), hostile, api })
    }

    fn launch(&self) -> Launch {
        let environment = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
            ("HOME", self.root.join("home").into_os_string()),
            ("ANTHROPIC_BASE_URL", self.api.url().into()),
            ("ANTHROPIC_API_KEY", "none".into()),
        ];
        Launch {
            session: SessionId::new(uuid::Uuid::now_v7().to_string()),
            directory: self.root.join("project"),
            additional_directories: Vec::new(),
            conversation: Conversation::New,
            model: None,
            mode: Mode::Default,
            max_turns: None,
            system_prompt: None,
            mcp_servers: Map::new(),
            environment: environment.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            private_directory: self.root.join("private"),
            config_directory: None,
            personal_directory: None,
            temporary_directory: Some(self.root.join("tmp")),
            shell_launcher: None,
            walls: None,
            limits: Limits { stop: Duration::from_secs(2), retries: 1, ..Limits::default() },
        }
    }

    fn touch(&self, name: &str) -> Value {
        json!({"tool": "Bash", "input": {"command": format!("touch {}", self.root.join(name).display())}})
    }

    /// One of each kind of call; the person says no to all but the helper.
    fn first_prompt(&self) -> String {
        let helper = json!({"tool": "Agent", "input": {
            "description": "help", "subagent_type": "general-purpose", "run_in_background": false,
            "prompt": format!("SCRIPT:{}", json!([{"tool": "Bash", "input": {"command": "ls"}}])),
        }});
        let script = json!([
            {"tool": "Bash", "input": {"command": "ls"}},
            {"tool": "Read", "input": {"file_path": self.root.join("project/CLAUDE.md")}},
            {"tool": "Write", "input": {"file_path": self.root.join("project/new"), "content": "x"}},
            {"tool": "WebFetch", "input": {"url": "https://docs.python.org/3/", "prompt": "x"}},
            {"tool": "Skill", "input": {"skill": "simplify"}},
            {"tool": "CronCreate", "input": {"cron": "0 0 1 1 *", "prompt": "x"}},
            helper,
            self.touch("denied"),
            {"text": "done"},
        ]);
        format!("@{} SCRIPT:{script}", self.root.join("mentioned.md").display())
    }

    fn second_prompt(&self) -> String {
        format!("SCRIPT:{}", json!([self.touch("unanswered"), {"text": "done"}]))
    }

    fn judge(&self, trial: &Trial) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut note = |fact, seen: String| broken.push(Broken { fact, seen });
        for tool in ["Bash", "Read", "Write", "Agent", "Bash of a helper"] {
            if !trial.asked.contains(tool) {
                note(Fact::AllToolsAsk, format!("{tool} did not ask"));
            }
        }
        for tool in &trial.ungated {
            note(Fact::AllToolsAsk, format!("{tool} ran without a permit"));
        }
        for (fact, name) in [(Fact::DeniedDoesNotRun, "denied"), (Fact::UnansweredDoesNotRun, "unanswered")] {
            if self.root.join(name).exists() {
                note(fact, "it ran".to_owned());
            }
        }
        match self.hostile.marks() {
            Ok(marks) if marks.is_empty() => {}
            Ok(marks) => note(Fact::RepositoryIsPowerless, format!("{} acted", marks.join(", "))),
            Err(error) => note(Fact::RepositoryIsPowerless, format!("the marks cannot be read: {error}")),
        }
        let sent = Value::from(self.api.requests()).to_string();
        if !sent.contains("memory-word") {
            note(Fact::MemoryStaysInside, "CLAUDE.md was not read".to_owned());
        }
        if sent.contains("imported-word") {
            note(Fact::MemoryStaysInside, "a file outside the project was sent to the model".to_owned());
        }
        if sent.contains("mentioned-word") {
            note(Fact::PromptIsVerbatim, "a mentioned file was sent to the model".to_owned());
        }
        broken
    }
}

/// What was seen.
struct Trial {
    running: Running,
    asked: BTreeSet<String>,
    permitted: BTreeSet<CallId>,
    ungated: Vec<String>,
}

impl Trial {
    async fn run(&mut self, stage: &Stage, permit: &(dyn Fn(&ToolCall) -> Option<Permit> + Sync)) {
        self.order(Order::Prompt(Message::text(stage.first_prompt()))).await;
        while let Some(event) = self.running.events.recv().await {
            match event {
                AgentEvent::ToolCall(call) => self.answer(&call, permit).await,
                AgentEvent::TurnEnded(_) => break,
                other => self.note(&other),
            }
        }
        self.order(Order::Prompt(Message::text(stage.second_prompt()))).await;
        while let Some(event) = self.running.events.recv().await {
            match event {
                AgentEvent::ToolCall(_) | AgentEvent::TurnEnded(_) => break,
                other => self.note(&other),
            }
        }
        // The call waits, and nobody answers; then the session ends.
        while let Ok(Some(event)) = timeout(WATCHED, self.running.events.recv()).await {
            self.note(&event);
        }
        self.order(Order::Stop).await;
        while let Some(event) = self.running.events.recv().await {
            self.note(&event);
        }
    }

    async fn answer(&mut self, call: &ToolCall, permit: &(dyn Fn(&ToolCall) -> Option<Permit> + Sync)) {
        let whose = if call.subagent.is_some() { " of a helper" } else { "" };
        self.asked.insert(format!("{}{whose}", call.tool));
        let permit = (call.tool == "Agent").then(|| permit(call)).flatten();
        let reply = match permit {
            Some(permit) => {
                self.permitted.insert(call.id.clone());
                Reply::Allow(Box::new(permit))
            }
            None => Reply::Deny { message: "Denied: a self-test.".to_owned(), then: AfterDenial::Continue },
        };
        self.order(Order::Reply { call: call.id.clone(), reply }).await;
    }

    /// A stopped agent takes no orders; its last event says so.
    async fn order(&self, order: Order) {
        drop(self.running.orders.send(order).await);
    }

    fn note(&mut self, event: &AgentEvent) {
        if let AgentEvent::Ran(ran) = event
            && ran.outcome == RanOutcome::Ran
            && !self.permitted.contains(&ran.id)
        {
            self.ungated.push(ran.tool.clone());
        }
    }
}
