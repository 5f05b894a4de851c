//! Hosts that contained commands want to reach and nobody has granted. Each becomes a call of leashd's own, judged,
//! asked about and recorded like any other; its reply goes to the proxy and not to the agent. Decides nothing.

use leashd_agents::Reply;
use leashd_gate::Permit;
use leashd_proxy::{Answer, Question};
use leashd_types::{AgentEvent, AgentKind, CallId, NETWORK_TOOL, ToolCall};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Calls that wait for the session's loop.
const CALLS_MAX: usize = 64;

/// Calls that wait for their reply.
type Open = Arc<Mutex<BTreeMap<CallId, Waiting>>>;

struct Waiting {
    /// As the call names it.
    url: String,
    answer: oneshot::Sender<Answer>,
}

pub(super) struct Questions {
    open: Open,
    calls: Mutex<Option<mpsc::Receiver<AgentEvent>>>,
    /// Ended with the session.
    _tasks: JoinSet<()>,
}

impl Questions {
    /// `directory` is the session's.
    pub(super) fn new(mut questions: mpsc::Receiver<Question>, directory: PathBuf) -> Self {
        let open = Open::default();
        let (events, calls) = mpsc::channel(CALLS_MAX);
        let mut tasks = JoinSet::new();
        let waiting = Arc::clone(&open);
        tasks.spawn(async move {
            let mut all = JoinSet::new();
            while let Some(question) = questions.recv().await {
                all.spawn(put(question, directory.clone(), Arc::clone(&waiting), events.clone()));
                while all.try_join_next().is_some() {}
            }
        });
        Self { open, calls: Mutex::new(Some(calls)), _tasks: tasks }
    }

    /// What the session's loop has to hear of, as if the agent had said it. Given once.
    pub(super) fn calls(&self) -> Option<mpsc::Receiver<AgentEvent>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes the reply to a call of leashd's own. Nothing is left of it then.
    ///
    /// Only a permit for this very host opens it: the agent names its calls itself, and may name one like ours.
    pub(super) fn answer(&self, call: &CallId, reply: Reply) -> Option<Reply> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
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

/// One question from its call to its answer, or until nobody wants to know any more.
async fn put(question: Question, directory: PathBuf, open: Open, events: mpsc::Sender<AgentEvent>) {
    let Question { session, call, target, mut answer } = question;
    if answer.is_closed() {
        return;
    }
    // One call asks about one target once.
    let of = call.as_ref().map_or_else(|| session.as_str(), CallId::as_str);
    let url = target.to_string();
    let id = CallId::new(format!("{of}:{url}"));
    let wanted = ToolCall {
        agent: AgentKind::Claude,
        session,
        tool: NETWORK_TOOL.to_owned(),
        input: json!({"url": url}),
        cwd: directory,
        id: id.clone(),
        subagent: None,
    };
    let (sender, reply) = oneshot::channel();
    let waiting = Waiting { url, answer: sender };
    open.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), waiting);
    // The loop is gone only when the session is.
    drop(events.send(AgentEvent::ToolCall(wanted)).await);
    tokio::select! {
        reply = reply => drop(reply.map(|reply| answer.send(reply))),
        // Its reply still comes, and is nobody's.
        () = answer.closed() => drop(events.send(AgentEvent::Withdrawn { call: id }).await),
    }
}
