//! A built-in agent that plays a script of tool calls through the same interface: for the demo and for tests. It waits
//! for every reply, and what is permitted really happens in its directory. Knows no model.

mod tools;

use crate::{AfterDenial, Agent, Launch, Order, Reply, Running, StartError, Starting};
use leashd_types::{
    AgentEvent, AgentKind, CallId, Money, Origin, RanCall, RanOutcome, ToolCall, TurnEnd, TurnOutcome, Usage,
};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::sync::mpsc;

/// Something the agent does.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Say(String),
    Think(String),
    /// One tool call; the play goes on when it is answered and done.
    Use {
        tool: String,
        input: Value,
    },
}

/// Plays one list of acts per prompt; after the last it has nothing to say.
#[derive(Clone, Debug)]
pub struct Scripted {
    turns: Vec<Vec<Act>>,
    supervisor: PathBuf,
}

impl Scripted {
    /// `supervisor` is the binary whose `main` calls `leashd_sandbox::supervise_main`: `/proc/self/exe`.
    #[must_use]
    pub fn new(turns: Vec<Vec<Act>>, supervisor: &Path) -> Self {
        Self { turns, supervisor: supervisor.to_owned() }
    }
}

impl Agent for Scripted {
    fn kind(&self) -> AgentKind {
        AgentKind::Scripted
    }

    fn start(&self, launch: Launch) -> Starting<'_> {
        let (events, event_receiver) = mpsc::channel(launch.limits.queue);
        let (orders, order_receiver) = mpsc::channel(launch.limits.queue);
        let player = Player {
            turns: self.turns.clone().into(),
            supervisor: self.supervisor.clone(),
            launch,
            events,
            orders: order_receiver,
            waiting: VecDeque::new(),
            calls: 0,
        };
        Box::pin(async move {
            if !player.launch.directory.is_dir() {
                let path = player.launch.directory.clone();
                return Err(StartError::Prepare { path, reason: "it is not a directory".to_owned() });
            }
            tokio::spawn(player.run());
            Ok(Running { events: event_receiver, orders, pid: None })
        })
    }
}

/// Why a play is over before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Halt {
    Interrupted,
    Stopped,
}

#[derive(Debug)]
struct Player {
    turns: VecDeque<Vec<Act>>,
    supervisor: PathBuf,
    launch: Launch,
    events: mpsc::Sender<AgentEvent>,
    orders: mpsc::Receiver<Order>,
    /// Orders that came while something else was awaited.
    waiting: VecDeque<Order>,
    calls: u32,
}

impl Player {
    async fn run(mut self) {
        let ready = AgentEvent::Ready {
            agent_session: self.launch.session.as_str().to_owned(),
            model: "scripted".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tools: tools::NAMES.iter().map(|&name| name.to_owned()).collect(),
        };
        let mut going = self.tell(ready).await;
        while going.is_ok() {
            going = match self.next_order().await {
                Order::Prompt(_) => self.turn().await,
                Order::Stop => Err(Halt::Stopped),
                Order::Reply { .. } | Order::Interrupt | Order::SetMode(_) | Order::SetModel(_) => Ok(()),
            };
        }
        let exited = AgentEvent::Exited { code: Some(0), signal: None, stderr_tail: String::new() };
        // Nobody may listen any more.
        drop(self.events.send(exited).await);
    }

    async fn turn(&mut self) -> Result<(), Halt> {
        let started = Instant::now();
        let acts = self.turns.pop_front().unwrap_or_else(|| vec![Act::Say("The script is over.".to_owned())]);
        let mut result = String::new();
        let mut outcome = TurnOutcome::Completed;
        for act in acts {
            match self.act(act, &mut result).await {
                Ok(()) => {}
                Err(Halt::Interrupted) => {
                    outcome = TurnOutcome::Interrupted;
                    break;
                }
                Err(Halt::Stopped) => return Err(Halt::Stopped),
            }
        }
        let end = TurnEnd {
            outcome,
            result,
            cost: Money::ZERO,
            usage: Usage::default(),
            turns: 1,
            duration: started.elapsed(),
        };
        self.tell(AgentEvent::TurnEnded(end)).await
    }

    async fn act(&mut self, act: Act, result: &mut String) -> Result<(), Halt> {
        match act {
            Act::Say(text) => {
                result.clone_from(&text);
                self.tell(AgentEvent::Text { text, origin: Origin::Main }).await
            }
            Act::Think(text) => self.tell(AgentEvent::Thinking { text }).await,
            Act::Use { tool, input } => self.use_tool(tool, input).await,
        }
    }

    async fn use_tool(&mut self, tool: String, input: Value) -> Result<(), Halt> {
        self.calls = self.calls.saturating_add(1);
        let id = CallId::new(format!("scripted-{}", self.calls));
        let call = ToolCall {
            agent: AgentKind::Scripted,
            session: self.launch.session.clone(),
            tool,
            input,
            cwd: self.launch.directory.clone(),
            id: id.clone(),
            subagent: None,
        };
        self.tell(AgentEvent::ToolCall(call.clone())).await?;
        let reply = match self.reply_to(&id).await {
            Ok(reply) => reply,
            Err(halt) => {
                self.tell(AgentEvent::Withdrawn { call: id }).await?;
                return Err(halt);
            }
        };
        match reply {
            Reply::Allow(permit) if permit.call() == &id && permit.session() == &call.session => {
                let released = permit.redeem();
                let done = tools::run(&self.launch, &self.supervisor, &released.tool, &released.input).await;
                let outcome = match done {
                    Ok(()) => RanOutcome::Ran,
                    Err(message) => RanOutcome::Failed { message },
                };
                self.ran(id, released.tool, released.input, outcome).await
            }
            Reply::Allow(_) => {
                let message = "Denied: the permit is for another call.".to_owned();
                self.ran(id, call.tool, call.input, RanOutcome::Failed { message }).await
            }
            Reply::Deny { message, then } => {
                self.ran(id, call.tool, call.input, RanOutcome::Failed { message }).await?;
                match then {
                    AfterDenial::Continue => Ok(()),
                    AfterDenial::EndTurn => Err(Halt::Interrupted),
                }
            }
        }
    }

    async fn ran(&mut self, id: CallId, tool: String, input: Value, outcome: RanOutcome) -> Result<(), Halt> {
        self.tell(AgentEvent::Ran(RanCall { id, tool, input: Some(input), outcome, subagent: None })).await
    }

    async fn reply_to(&mut self, id: &CallId) -> Result<Reply, Halt> {
        let mut later = VecDeque::new();
        let reply = loop {
            match self.next_order().await {
                Order::Reply { call, reply } if &call == id => break Ok(reply),
                Order::Interrupt => break Err(Halt::Interrupted),
                Order::Stop => break Err(Halt::Stopped),
                prompt @ Order::Prompt(_) => later.push_back(prompt),
                Order::Reply { .. } | Order::SetMode(_) | Order::SetModel(_) => {}
            }
        };
        later.append(&mut self.waiting);
        self.waiting = later;
        reply
    }

    /// Nobody left to give orders is an order to stop.
    async fn next_order(&mut self) -> Order {
        match self.waiting.pop_front() {
            Some(order) => order,
            None => self.orders.recv().await.unwrap_or(Order::Stop),
        }
    }

    /// Tells an event; while nobody reads it, only a stop is obeyed.
    async fn tell(&mut self, event: AgentEvent) -> Result<(), Halt> {
        let events = self.events.clone();
        loop {
            tokio::select! {
                slot = events.reserve() => {
                    slot.map_err(|_| Halt::Stopped)?.send(event);
                    return Ok(());
                }
                order = self.orders.recv(), if self.waiting.len() < self.launch.limits.queue => match order {
                    None | Some(Order::Stop) => return Err(Halt::Stopped),
                    Some(order) => self.waiting.push_back(order),
                },
            }
        }
    }
}
