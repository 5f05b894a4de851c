//! Hosts that contained commands want to reach and nobody has granted. Each becomes a call of leashd's own, judged,
//! asked about and recorded like any other; its reply goes to the proxy and not to the agent. Decides nothing.

use leashd_agents::Reply;
use leashd_gate::Permit;
use leashd_proxy::{Answer, Question, Secret};
use leashd_types::{AgentEvent, AgentKind, CallId, NETWORK_TOOL, ToolCall};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Calls that wait for the session's loop.
const CALLS_MAX: usize = 64;

/// Characters of a command that are shown with a host it wants.
const COMMAND_MAX: usize = 2000;

/// Calls that wait for their reply.
type Open = Arc<Mutex<BTreeMap<CallId, Waiting>>>;

/// The commands that run, by their calls.
type Commands = Arc<Mutex<BTreeMap<CallId, String>>>;

struct Waiting {
    /// As the call names it.
    url: String,
    answer: oneshot::Sender<Answer>,
}

pub(super) struct Questions {
    open: Open,
    commands: Commands,
    calls: Mutex<Option<mpsc::Receiver<AgentEvent>>>,
    /// Ended with the session.
    _tasks: JoinSet<()>,
}

impl Questions {
    /// `directory` is the session's.
    pub(super) fn new(mut questions: mpsc::Receiver<Question>, directory: PathBuf) -> Self {
        let (open, commands) = (Open::default(), Commands::default());
        let (events, calls) = mpsc::channel(CALLS_MAX);
        let mut tasks = JoinSet::new();
        let (waiting, running) = (Arc::clone(&open), Arc::clone(&commands));
        tasks.spawn(async move {
            let mut all = JoinSet::new();
            while let Some(question) = questions.recv().await {
                let call = question.call.as_ref();
                let command = call.and_then(|call| held(&running).get(call).cloned());
                let wanted = wanted(&question, command, directory.clone());
                // Without a name of its own it cannot be asked; dropped, it is answered with no.
                let Some(wanted) = wanted else { continue };
                all.spawn(put(question.answer, wanted, Arc::clone(&waiting), events.clone()));
                while all.try_join_next().is_some() {}
            }
        });
        Self { open, commands, calls: Mutex::new(Some(calls)), _tasks: tasks }
    }

    /// Whoever is asked about a host of this call is shown what runs.
    pub(super) fn runs(&self, call: &CallId, command: &str) {
        held(&self.commands).insert(call.clone(), shortened(command));
    }

    pub(super) fn is_over(&self, call: &CallId) {
        held(&self.commands).remove(call);
    }

    /// What the session's loop has to hear of, as if the agent had said it. Given once.
    pub(super) fn calls(&self) -> Option<mpsc::Receiver<AgentEvent>> {
        held(&self.calls).take()
    }

    /// Takes the reply to a call of leashd's own. Nothing is left of it then.
    ///
    /// Only a permit for this very host opens it: the agent names its calls itself, and may name one like ours.
    pub(super) fn answer(&self, call: &CallId, reply: Reply) -> Option<Reply> {
        let mut open = held(&self.open);
        let waiting = open.get(call);
        match (&reply, waiting) {
            (_, None) => return Some(reply),
            (Reply::Allow(permit), Some(waiting)) if !is_for(permit, &waiting.url) => return Some(reply),
            (Reply::Allow(_) | Reply::Deny { .. }, Some(_)) => {}
        }
        let answer = match reply {
            Reply::Allow(permit) => {
                drop(permit.redeem());
                Answer::Allow
            }
            Reply::Deny { message, then: _ } => Answer::Deny { reason: message },
        };
        // Whoever asked may be gone.
        drop(open.remove(call).map(|waiting| waiting.answer.send(answer)));
        None
    }
}

fn is_for(permit: &Permit, url: &str) -> bool {
    permit.tool() == NETWORK_TOOL && permit.released().input.get("url").and_then(Value::as_str) == Some(url)
}

/// The call that asks about a host. The agent names its calls itself, so the name of this one is past guessing: one
/// that is named like it would take its place, be answered for it, or make the gate forget it.
fn wanted(question: &Question, command: Option<String>, directory: PathBuf) -> Option<ToolCall> {
    let of = question.call.as_ref().map_or_else(|| question.session.as_str(), CallId::as_str);
    let id = CallId::new(format!("{of}:{}", Secret::random().ok()?.expose()));
    let url = question.target.to_string();
    let input = match command {
        Some(command) => json!({"url": url, "asked_by": command}),
        None => json!({"url": url}),
    };
    Some(ToolCall {
        agent: AgentKind::Leashd,
        session: question.session.clone(),
        tool: NETWORK_TOOL.to_owned(),
        input,
        cwd: directory,
        id,
        subagent: None,
    })
}

/// One question from its call to its answer, or until nobody wants to know any more.
async fn put(
    mut answer: oneshot::Sender<Answer>,
    wanted: ToolCall,
    open: Open,
    events: mpsc::Sender<AgentEvent>,
) {
    if answer.is_closed() {
        return;
    }
    let (id, url) = (wanted.id.clone(), wanted.text("url").unwrap_or_default().to_owned());
    let (sender, reply) = oneshot::channel();
    held(&open).insert(id.clone(), Waiting { url, answer: sender });
    // The loop is gone only when the session is.
    drop(events.send(AgentEvent::ToolCall(wanted)).await);
    tokio::select! {
        reply = reply => drop(reply.map(|reply| answer.send(reply))),
        // Its reply still comes, and is nobody's.
        () = answer.closed() => drop(events.send(AgentEvent::Withdrawn { call: id }).await),
    }
}

fn shortened(command: &str) -> String {
    let length = command.chars().count();
    if length <= COMMAND_MAX {
        return command.to_owned();
    }
    let start: String = command.chars().take(COMMAND_MAX).collect();
    format!("{start}… and {} more characters", length - COMMAND_MAX)
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
