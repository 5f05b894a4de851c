//! The two proxies of one session: the model's, with the key, and the one for granted hosts. What they refuse or open
//! stands in the audit log. Decides nothing: hosts are handed in.

use super::environment::{Login, Variables};
use leashd_gate::Gate;
use leashd_gate::audit::Record;
use leashd_proxy::{
    ApiEvent, ApiLimits, ApiProxy, EgressEvent, EgressLimits, EgressProxy, HostList, Listener, Question,
    Roots, Secret, SystemResolver, Upstream, Visitor,
};
use leashd_types::{CallId, SessionId};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Events of a proxy that wait for the audit log.
const EVENTS_MAX: usize = 256;

/// Questions about hosts that wait to be taken up.
const QUESTIONS_MAX: usize = 64;

/// For a question about a host; that of approvals comes first.
const ASK_TIME: Duration = Duration::from_secs(3600);

/// What is not reached through a proxy: the model's own port, and test servers.
const DIRECTLY: &str = "127.0.0.1,localhost";

/// Where an agent goes that logs in by itself.
const VENDOR: [&str; 4] = ["api.anthropic.com", "console.anthropic.com", "platform.claude.com", "claude.ai"];

pub(super) struct Network {
    session: SessionId,
    gate: Arc<Gate>,
    egress: Arc<EgressProxy>,
    egress_port: u16,
    /// To the model, if leashd has the key for it.
    api: Option<Api>,
    /// The agent's own way to everything else.
    agent: Secret,
    /// Ended when the session is.
    _tasks: JoinSet<()>,
}

/// A port and what opens it.
struct Api {
    port: u16,
    key: Secret,
}

impl Network {
    /// Both proxies, and the questions of the second one.
    pub(super) async fn open(
        session: &SessionId,
        variables: &Variables,
        gate: &Arc<Gate>,
    ) -> Result<(Self, mpsc::Receiver<Question>), String> {
        let mut tasks = JoinSet::new();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let (asks, questions) = mpsc::channel(QUESTIONS_MAX);
        let limits = EgressLimits { ask_time: ASK_TIME, ..EgressLimits::default() };
        let egress = Arc::new(EgressProxy::new(Box::new(SystemResolver), Some(asks), limits, sender));
        let (listener, egress_port) = listen().await?;
        let serving = Arc::clone(&egress).serve(listener);
        tasks.spawn(async move { match serving.await {} });
        tasks.spawn(keep(events, Arc::clone(gate), egress_record));
        let said = |error: leashd_proxy::Error| error.to_string();
        let (api, hosts) = match &variables.login {
            Login::Key { credential, .. } => {
                let (sender, events) = mpsc::channel(EVENTS_MAX);
                let upstream = Upstream::parse(&variables.base_url)
                    .map_err(|error| format!("ANTHROPIC_BASE_URL: {error}"))?;
                let more = variables.more_authorities.iter().map(PathBuf::from).collect();
                let api = ApiProxy::new(upstream, credential, &Roots { more }, ApiLimits::default(), sender);
                let api = Arc::new(api.map_err(said)?);
                let key = api.sessions().issue(session.clone()).map_err(said)?;
                let (listener, port) = listen().await?;
                let serving = api.serve(listener);
                tasks.spawn(async move { match serving.await {} });
                tasks.spawn(keep(events, Arc::clone(gate), api_record));
                (Some(Api { port, key }), HostList::default())
            }
            Login::File => (None, HostList::parse(VENDOR).map_err(said)?),
        };
        // What the agent itself wants beyond this and its permits is nothing the person asked for.
        let visitor = Visitor::new(session.clone(), None, hosts).listed_only();
        let agent = egress.visitors().issue(visitor).map_err(said)?;
        let (session, gate) = (session.clone(), Arc::clone(gate));
        Ok((Self { session, gate, egress, egress_port, api, agent, _tasks: tasks }, questions))
    }

    /// All that the agent's process tree can connect to.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.api.iter().map(|api| api.port).chain([self.egress_port]).collect()
    }

    pub(super) fn egress_port(&self) -> u16 {
        self.egress_port
    }

    /// The agent's variables, with keys that open nothing but the proxies.
    pub(super) fn environment(
        &self,
        all: &[(OsString, OsString)],
        variables: &Variables,
    ) -> Vec<(OsString, OsString)> {
        let passes = |name: &OsString| name.to_str().is_none_or(|name| !Variables::is_kept_back(name));
        let mut environment: Vec<_> = all.iter().filter(|(name, _)| passes(name)).cloned().collect();
        let base_url = match (&self.api, &variables.login) {
            (Some(Api { port, key }), Login::Key { variable, .. }) => {
                environment.push(((*variable).into(), key.expose().into()));
                format!("http://127.0.0.1:{port}")
            }
            (_, _) => variables.base_url.clone(),
        };
        environment.push(("ANTHROPIC_BASE_URL".into(), base_url.into()));
        environment.push(("HTTPS_PROXY".into(), self.proxy_url(&self.agent).into()));
        environment.push(("NO_PROXY".into(), DIRECTLY.into()));
        environment
    }

    /// A key to the proxy that lets one call reach `hosts`.
    pub(super) fn admit(&self, call: &CallId, hosts: HostList) -> Option<Secret> {
        let visitor = Visitor::new(self.session.clone(), Some(call.clone()), hosts);
        self.egress.visitors().issue(visitor).ok()
    }

    /// Lets the agent itself reach `hosts` for one call.
    pub(super) fn lend(&self, call: &CallId, hosts: HostList) {
        self.egress.lend(&self.agent, call, hosts);
    }

    pub(super) fn take_back(&self, call: &CallId) {
        self.egress.take_back(&self.agent, call);
    }

    /// A call of leashd's own has its reply: nothing more will be heard of it.
    pub(super) fn is_over(&self, call: &CallId) {
        self.gate.forget_call(&self.session, call);
    }

    /// Ends what came in with this key.
    pub(super) fn dismiss(&self, token: &Secret) {
        self.egress.visitors().revoke(token);
    }

    pub(super) fn proxy_url(&self, token: &Secret) -> String {
        format!("http://leashd:{}@127.0.0.1:{}", token.expose(), self.egress_port)
    }
}

async fn listen() -> Result<(Listener, u16), String> {
    let listener = Listener::loopback(0).await.map_err(|error| error.to_string())?;
    let port = listener.address().ok_or("a proxy has no port")?.port();
    Ok((listener, port))
}

/// What an entry needs: whose it is, and what it says.
type Entry = (Option<SessionId>, Option<CallId>, Record);

/// Ends at the first entry that cannot be written: a proxy whose events nobody takes opens nothing more.
async fn keep<E: Send + 'static>(
    mut events: mpsc::Receiver<E>,
    gate: Arc<Gate>,
    read: fn(E) -> Option<Entry>,
) {
    while let Some(event) = events.recv().await {
        let Some((session, call, record)) = read(event) else { continue };
        let gate = Arc::clone(&gate);
        let written = tokio::task::spawn_blocking(move || {
            gate.record_for(session.as_ref(), call.as_ref(), record).map(drop)
        });
        if !matches!(written.await, Ok(Ok(()))) {
            return;
        }
    }
}

fn egress_record(event: EgressEvent) -> Option<Entry> {
    match event {
        EgressEvent::Opened { session, call, target, addresses } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let record =
                Record::Network { target: target.to_string(), allowed: true, detail: addresses.join(", ") };
            Some((Some(session), call, record))
        }
        EgressEvent::Denied { session, call, target, reason } => {
            Some((session, call, Record::Network { target, allowed: false, detail: reason.to_string() }))
        }
        EgressEvent::Closed { .. } => None,
    }
}

fn api_record(event: ApiEvent) -> Option<Entry> {
    match event {
        ApiEvent::Refused { session, reason } => {
            let target = "the model API".to_owned();
            Some((session, None, Record::Network { target, allowed: false, detail: reason.to_string() }))
        }
        ApiEvent::Answered { .. } => None,
    }
}
