//! The two proxies of one session: the model's, with the key, and the one for granted hosts. What they refuse or open
//! stands in the audit log. Decides nothing: hosts are handed in.

use super::entries::{api_record, egress_record, keep, record_of_nobody};
use super::environment::{Login, Variables};
use super::served::Served;
use leashd_gate::Gate;
use leashd_proxy::{
    ApiEvent, ApiLimits, ApiProxy, Credential, EgressLimits, EgressProxy, HostList, Question, Roots, Secret,
    SystemResolver, Upstream, Visitor,
};
use leashd_sandbox::Network as Reach;
use leashd_types::{CallId, SessionId};
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
const DIRECTLY: &str = "127.0.0.1,localhost,::1";

/// By these names programs look for a proxy.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"];

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
    way: Way,
    /// Ended when the session is.
    _tasks: JoinSet<()>,
}

/// How contained processes get to the proxies.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// On the loopback of their own network namespace, whose listeners are handed over at this socket.
    Handed { taken_at: PathBuf },
    /// On this machine's loopback, to which Landlock lets them by port. Of any host: it knows no others.
    Ports,
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
        way: Way,
        gate: &Arc<Gate>,
    ) -> Result<(Self, mpsc::Receiver<Question>), String> {
        let mut tasks = JoinSet::new();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let (asks, questions) = mpsc::channel(QUESTIONS_MAX);
        let limits = EgressLimits { ask_time: ASK_TIME, ..EgressLimits::default() };
        let egress = Arc::new(EgressProxy::new(Box::new(SystemResolver), Some(asks), limits, sender));
        tasks.spawn(keep(events, Arc::clone(gate), egress_record));
        let (proxy, hosts) = match &variables.login {
            Login::Key { credential, .. } => {
                let (sender, events) = mpsc::channel(EVENTS_MAX);
                tasks.spawn(keep(events, Arc::clone(gate), api_record));
                (Some(api(variables, credential, sender)?), HostList::default())
            }
            Login::File => (None, of_login(&variables.base_url)?),
        };
        let served = Served { egress: Arc::clone(&egress), api: proxy.clone() };
        let ports = match &way {
            Way::Handed { taken_at } => served.handed_over(taken_at, &mut tasks)?,
            Way::Ports => served.here(&mut tasks).await?,
        };
        let api = match (proxy, ports.api) {
            (Some(proxy), Some(port)) => {
                Some(Api { port, key: proxy.sessions().issue(session.clone()).map_err(said)? })
            }
            (_, _) => None,
        };
        // What the agent itself wants beyond this and its permits is nothing the person asked for.
        let visitor = Visitor::new(session.clone(), None, hosts).listed_only();
        let agent = egress.visitors().issue(visitor).map_err(said)?;
        let (session, gate, egress_port) = (session.clone(), Arc::clone(gate), ports.egress);
        Ok((Self { session, gate, egress, egress_port, api, agent, way, _tasks: tasks }, questions))
    }

    /// What the agent's process tree reaches: the proxies, and itself.
    pub(super) fn of_agent(&self) -> Reach {
        let ports = self.api.iter().map(|api| api.port).chain([self.egress_port]).collect();
        match &self.way {
            Way::Handed { taken_at } => Reach::Doors { ports, taken_at: taken_at.clone() },
            Way::Ports => Reach::Ports(ports),
        }
    }

    /// What a command reaches without a key: test servers of the session, where it has a network of its own.
    pub(super) fn of_command(&self) -> Reach {
        match self.way {
            Way::Handed { .. } => Reach::Enclosed,
            Way::Ports => Reach::Nothing,
        }
    }

    /// What a process reaches that has a key to the proxy and nothing else.
    pub(super) fn of_visitor(&self) -> Reach {
        Reach::Ports([self.egress_port].into())
    }

    /// By these variables programs find the proxy.
    pub(super) fn variables(&self, key: &Secret) -> impl Iterator<Item = (String, String)> {
        let url = self.proxy_url(key);
        let directly = match self.way {
            Way::Handed { .. } => DIRECTLY,
            // There is no loopback of theirs, and this machine's is refused by the proxy, which says so.
            Way::Ports => "",
        };
        let proxies = PROXIES.into_iter().map(move |name| (name.to_owned(), url.clone()));
        proxies.chain(["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), directly.to_owned())))
    }

    /// The agent's variables, with keys that open nothing but the proxies.
    pub(super) fn environment(
        &self,
        all: &[(OsString, OsString)],
        variables: &Variables,
    ) -> Vec<(OsString, OsString)> {
        let passes = |name: &OsString| name.to_str().is_none_or(|name| !Variables::is_kept_back(name));
        let mut environment: Vec<_> = all.iter().filter(|(name, _)| passes(name)).cloned().collect();
        let proxy = self.proxy_url(&self.agent);
        match (&self.api, &variables.login) {
            (Some(Api { port, key }), Login::Key { variable, .. }) => {
                environment.push(((*variable).into(), key.expose().into()));
                environment.push(("ANTHROPIC_BASE_URL".into(), format!("http://127.0.0.1:{port}").into()));
                environment.push(("NO_PROXY".into(), DIRECTLY.into()));
            }
            (_, _) => {
                environment.push(("ANTHROPIC_BASE_URL".into(), variables.base_url.clone().into()));
                environment.push(("HTTP_PROXY".into(), proxy.clone().into()));
            }
        }
        environment.push(("HTTPS_PROXY".into(), proxy.into()));
        environment
    }

    /// A key to the proxy that lets one call reach `hosts`.
    pub(super) fn admit(&self, call: &CallId, hosts: HostList) -> Option<Secret> {
        let visitor = Visitor::new(self.session.clone(), Some(call.clone()), hosts);
        self.egress.visitors().issue(visitor).ok()
    }

    /// The same for a server, as long as the session lasts. Nobody is asked: it would be at any time.
    pub(super) fn admit_server(&self, hosts: HostList) -> Result<Secret, String> {
        let visitor = Visitor::new(self.session.clone(), None, hosts).listed_only();
        self.egress.visitors().issue(visitor).map_err(said)
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

    fn proxy_url(&self, token: &Secret) -> String {
        proxy_url(self.egress_port, token)
    }
}

/// What an agent reaches that logs in by itself: the vendor, and the model where the person put it.
fn of_login(base_url: &str) -> Result<HostList, String> {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let here = ["127.0.0.1", "localhost", "[::1]"].iter().find_map(|name| authority.strip_prefix(name));
    let model = match here {
        Some(port) => format!("loopback{port}"),
        None => authority.to_owned(),
    };
    let hosts = VENDOR.into_iter().chain([model.as_str()]);
    HostList::parse(hosts).map_err(|error| format!("ANTHROPIC_BASE_URL: {error}"))
}

fn api(
    variables: &Variables,
    credential: &Credential,
    events: mpsc::Sender<ApiEvent>,
) -> Result<Arc<ApiProxy>, String> {
    let upstream =
        Upstream::parse(&variables.base_url).map_err(|error| format!("ANTHROPIC_BASE_URL: {error}"))?;
    let more = variables.more_authorities.iter().map(PathBuf::from).collect();
    let mut proxy =
        ApiProxy::new(upstream, credential, &Roots { more }, ApiLimits::default(), events).map_err(said)?;
    if let Some(headers) = &variables.headers {
        proxy = proxy.with_headers(headers).map_err(said)?;
    }
    Ok(Arc::new(proxy))
}

pub(super) fn said(error: leashd_proxy::Error) -> String {
    error.to_string()
}

/// A way out to one host, for a program of leashd's own that is contained.
pub(crate) struct WayOut {
    key: Secret,
    port: u16,
    taken_at: Option<PathBuf>,
    /// Ended with it.
    _tasks: JoinSet<()>,
}

impl WayOut {
    /// Through the network namespace whose ports are handed over at `taken_at`, else through this machine's loopback.
    pub(crate) async fn open(
        taken_at: Option<PathBuf>,
        target: &str,
        gate: &Arc<Gate>,
    ) -> Result<Self, String> {
        let mut tasks = JoinSet::new();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let egress =
            Arc::new(EgressProxy::new(Box::new(SystemResolver), None, EgressLimits::default(), sender));
        tasks.spawn(keep(events, Arc::clone(gate), record_of_nobody));
        let hosts = HostList::parse([target]).map_err(said)?;
        let visitor = Visitor::new(SessionId::new("git"), None, hosts).listed_only();
        let key = egress.visitors().issue(visitor).map_err(said)?;
        let served = Served { egress, api: None };
        let ports = match &taken_at {
            Some(taken_at) => served.handed_over(taken_at, &mut tasks)?,
            None => served.here(&mut tasks).await?,
        };
        Ok(Self { key, port: ports.egress, taken_at, _tasks: tasks })
    }

    pub(crate) fn reach(&self) -> Reach {
        let ports = [self.port].into();
        match &self.taken_at {
            Some(taken_at) => Reach::Doors { ports, taken_at: taken_at.clone() },
            None => Reach::Ports(ports),
        }
    }

    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let url = proxy_url(self.port, &self.key);
        vec![("HTTPS_PROXY", url.clone()), ("https_proxy", url)]
    }
}

fn proxy_url(port: u16, key: &Secret) -> String {
    format!("http://leashd:{}@127.0.0.1:{port}", key.expose())
}
