//! The proxy a contained command reaches the network through: CONNECT, and plain HTTP in absolute form. Whom it lets
//! through to where is in the token the command was given. Reads no contents and decrypts nothing.

mod address;
mod admission;
mod event;
mod forward;
mod list;
mod sets;
mod target;
mod tunnel;

#[cfg(test)]
mod tests;

pub use address::AddressClass;
pub use admission::{Resolve, SystemResolver, Visitor};
pub use event::{Answer, EgressEvent, Question, Refusal};
pub use list::HostList;
pub use sets::{HOST_SETS, HostSet, host_set};
pub use target::{Target, TargetHost};

use crate::body::Passing;
use crate::listen::{self, ConnectionLimits, Listener, Stream};
use crate::tokens::Held;
use crate::watch::{Activity, Watched};
use crate::{Secret, Tokens, body::Cut};
use admission::{Admitted, Asking, Lease, admit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forward::Answered;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use leashd_types::{CallId, visible};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{SetOnce, mpsc};
use tokio::time::{Instant, timeout};
use tunnel::Tunnel;

/// Characters of what a client asked for that are reported.
const SHOWN: usize = 300;

#[derive(Clone, Debug)]
pub struct EgressLimits {
    pub connection: ConnectionLimits,
    /// For a person to answer about a new host.
    pub ask_time: Duration,
    pub resolve_time: Duration,
    /// For all addresses of a host together.
    pub connect_time: Duration,
    /// Until the head of a response to a plain request.
    pub first_byte_time: Duration,
    /// In both directions, over one connection of a client; exceeded by at most one buffer.
    pub connection_bytes: Option<u64>,
    /// For an event to find room. Longer, and nothing is connected to.
    pub record_time: Duration,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            connection: ConnectionLimits {
                connections: 256,
                header_time: Duration::from_secs(10),
                header_bytes: 32 * 1024,
                headers: 100,
                body_bytes: 1024 * 1024 * 1024,
                body_time: Duration::from_secs(900),
                idle: Duration::from_secs(300),
            },
            ask_time: Duration::from_secs(300),
            resolve_time: Duration::from_secs(10),
            connect_time: Duration::from_secs(15),
            first_byte_time: Duration::from_secs(120),
            connection_bytes: None,
            record_time: Duration::from_secs(5),
        }
    }
}

pub(crate) type Reply = Either<Answered, Full<Bytes>>;

/// What one connection of a client has become: whose it is, and the tunnel that takes it over.
#[derive(Debug, Default)]
struct Conversation {
    owner: SetOnce<Arc<Held<Visitor>>>,
    /// Whose hosts it reaches, if they are only lent.
    lease: SetOnce<Lease>,
    tunnel: Mutex<Option<Tunnel>>,
}

#[derive(Debug)]
pub struct EgressProxy {
    visitors: Tokens<Visitor>,
    resolver: Box<dyn Resolve>,
    asking: Asking,
    limits: EgressLimits,
    events: mpsc::Sender<EgressEvent>,
}

impl EgressProxy {
    /// With `questions` a host that is not listed is asked about; without, it is denied.
    #[must_use]
    pub fn new(
        resolver: Box<dyn Resolve>,
        questions: Option<mpsc::Sender<Question>>,
        limits: EgressLimits,
        events: mpsc::Sender<EgressEvent>,
    ) -> Self {
        let asking = Asking { questions, time: limits.ask_time };
        Self { visitors: Tokens::default(), resolver, asking, limits, events }
    }

    /// The tokens: the password in `HTTPS_PROXY=http://leashd:TOKEN@127.0.0.1:PORT`. The user name says nothing.
    #[must_use]
    pub fn visitors(&self) -> &Tokens<Visitor> {
        &self.visitors
    }

    /// Lets whoever holds `token` reach `hosts` too, until `call` is over.
    pub fn lend(&self, token: &Secret, call: &CallId, hosts: HostList) {
        if let Some(held) = self.visitors.find(token.expose()) {
            held.value.lend(call.clone(), hosts);
        }
    }

    /// The call is over: takes back what it was lent and closes its connections.
    pub fn take_back(&self, token: &Secret, call: &CallId) {
        if let Some(held) = self.visitors.find(token.expose()) {
            held.value.take_back(call);
        }
    }

    /// Serves until dropped, which ends every connection. Several listeners may be served at a time.
    pub async fn serve(self: Arc<Self>, listener: Listener) -> Infallible {
        let connections = self.limits.connection.connections;
        listen::serve(listener, connections, move |stream| Arc::clone(&self).converse(stream)).await
    }

    async fn converse(self: Arc<Self>, stream: Box<dyn Stream>) {
        let limits = &self.limits.connection;
        let activity = Activity::new(self.limits.connection_bytes);
        let io = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
        let conversation = Arc::new(Conversation::default());
        let service = service_fn(|request| {
            let (proxy, conversation) = (Arc::clone(&self), Arc::clone(&conversation));
            async move { Ok::<_, Infallible>(proxy.answer(request, &conversation).await) }
        });
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_header_size(limits.header_bytes)
            .max_buf_size(limits.header_bytes.saturating_mul(2))
            .max_headers(limits.headers)
            .serve_connection(io, service)
            .with_upgrades();
        let talk = async {
            let patience = limits.idle.saturating_add(self.limits.ask_time);
            tokio::select! {
                // What went wrong with a connection is the client's to see.
                ended = http => drop(ended),
                () = activity.idle_for(patience) => return,
            }
            let tunnel = conversation.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(tunnel) = tunnel {
                tunnel.run(&activity, limits.idle).await;
            }
        };
        let revoked = async { conversation.owner.wait().await.revoked().await };
        let over = async { conversation.lease.wait().await.over().await };
        tokio::select! { () = talk => {}, () = revoked => {}, () = over => {} }
    }

    async fn answer(&self, request: Request<Incoming>, conversation: &Conversation) -> Response<Reply> {
        let asked_for = shown(
            &request
                .uri()
                .authority()
                .map_or_else(|| request.uri().path().to_owned(), |authority| authority.as_str().to_owned()),
        );
        let visitor = self.visitor(request.headers(), conversation);
        let answered = match &visitor {
            None => Err(Refusal::NoToken),
            Some(visitor) => self.admit_and_pass(request, visitor, conversation).await,
        };
        match answered {
            Ok(response) => response,
            Err(reason) => {
                let (session, call) = match &visitor {
                    Some(held) => (Some(held.value.session.clone()), held.value.call.clone()),
                    None => (None, None),
                };
                let response = refusal(&asked_for, &reason);
                // It stays a refusal, recorded or not.
                self.record(EgressEvent::Denied { session, call, target: asked_for, reason }).await.ok();
                response
            }
        }
    }

    /// Who has the token of this request. A connection belongs to one token.
    fn visitor(&self, headers: &HeaderMap, conversation: &Conversation) -> Option<Arc<Held<Visitor>>> {
        let mut all = headers.get_all(header::PROXY_AUTHORIZATION).iter();
        let (scheme, encoded) = all.next()?.to_str().ok()?.split_once(' ')?;
        if all.next().is_some() || !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (_, token) = decoded.split_once(':')?;
        let held = self.visitors.find(token)?;
        // Fails if there is an owner already, who has to be the same.
        conversation.owner.set(Arc::clone(&held)).ok();
        conversation.owner.get().is_some_and(|owner| Arc::ptr_eq(owner, &held)).then_some(held)
    }

    async fn admit_and_pass(
        &self,
        request: Request<Incoming>,
        held: &Arc<Held<Visitor>>,
        conversation: &Conversation,
    ) -> Result<Response<Reply>, Refusal> {
        let target = target_of(&request)?;
        let visitor = &held.value;
        let admitted =
            admit(visitor, &target, &self.asking, self.resolver.as_ref(), self.limits.resolve_time).await?;
        let Admitted { addresses, lease } = admitted;
        let call = match lease {
            None => visitor.call.clone(),
            Some(lease) => {
                let call = lease.call.clone();
                // One connection is lent to one call, with whose end it ends.
                conversation.lease.set(lease).ok();
                conversation.lease.get().filter(|held| held.call == call).ok_or(Refusal::NotListed)?;
                Some(call)
            }
        };
        let session = visitor.session.clone();
        self.record(EgressEvent::Opened {
            session,
            call: call.clone(),
            target: target.clone(),
            addresses: addresses.clone(),
        })
        .await?;
        let closing = Closing::new(held, call, target.clone(), self.events.clone());
        let stream = self.connect(&addresses, target.port).await?;
        if request.method() == Method::CONNECT {
            let tunnel = Tunnel { client: hyper::upgrade::on(request), host: stream, closing };
            *conversation.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
            return Ok(Response::new(Either::Right(Full::default())));
        }
        forward::pass(request, &target, stream, closing, &self.limits).await
    }

    /// One address after the other. Exactly these: the name is not asked again.
    async fn connect(&self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, Refusal> {
        let mut last = std::io::ErrorKind::NotFound;
        let attempts = async {
            for address in addresses {
                match TcpStream::connect(SocketAddr::new(*address, port)).await {
                    Ok(stream) => return Some(stream),
                    Err(error) => last = error.kind(),
                }
            }
            None
        };
        match timeout(self.limits.connect_time, attempts).await {
            Ok(Some(stream)) => {
                // Only latency is lost without it.
                stream.set_nodelay(true).ok();
                Ok(stream)
            }
            Ok(None) => Err(Refusal::Unreachable(last)),
            Err(_) => Err(Refusal::Unreachable(std::io::ErrorKind::TimedOut)),
        }
    }

    async fn record(&self, event: EgressEvent) -> Result<(), Refusal> {
        let sent = timeout(self.limits.record_time, self.events.send(event)).await;
        sent.ok().and_then(Result::ok).ok_or(Refusal::NotRecorded)
    }
}

/// Reports the end of what was opened, however it ends.
#[derive(Debug)]
struct Closing {
    held: Arc<Held<Visitor>>,
    call: Option<CallId>,
    target: Target,
    start: Instant,
    sent: u64,
    received: u64,
    events: mpsc::Sender<EgressEvent>,
}

impl Closing {
    fn new(
        held: &Arc<Held<Visitor>>,
        call: Option<CallId>,
        target: Target,
        events: mpsc::Sender<EgressEvent>,
    ) -> Self {
        Self { held: Arc::clone(held), call, target, start: Instant::now(), sent: 0, received: 0, events }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let visitor = &self.held.value;
        let event = EgressEvent::Closed {
            session: visitor.session.clone(),
            call: self.call.clone(),
            target: self.target.clone(),
            sent: self.sent,
            received: self.received,
            lasted: self.start.elapsed(),
        };
        // Figures: what matters was recorded when it was opened.
        self.events.try_send(event).ok();
    }
}

/// The host a request is for: from its first line alone, never from the `Host` header.
fn target_of(request: &Request<Incoming>) -> Result<Target, Refusal> {
    let uri = request.uri();
    let connect = request.method() == Method::CONNECT && uri.scheme().is_none();
    let plain = request.method() != Method::CONNECT && uri.scheme_str() == Some("http");
    match uri.authority() {
        Some(authority) if connect || plain => {
            let default = plain.then_some(80);
            Target::parse(authority.as_str(), default).map_err(Refusal::BadTarget)
        }
        _ => Err(Refusal::NotAProxyRequest(shown(&format!("{} {uri}", request.method())))),
    }
}

fn shown(text: &str) -> String {
    visible(&text.chars().take(SHOWN).collect::<String>()).chars().take(SHOWN).collect()
}

/// For people: tools print the body of a refusal, if anything.
fn refusal(target: &str, reason: &Refusal) -> Response<Reply> {
    let text = format!("leashd: no connection to {target}: {reason}\n");
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(text))));
    *response.status_mut() = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::FORBIDDEN);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // Some clients send the token only when they are asked for it, on the same connection.
    if *reason == Refusal::NoToken {
        headers.insert(header::PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"leashd\""));
    } else {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A request body on its way out.
type Outgoing = Passing<Incoming>;

/// True if sending failed because of the body that came in.
fn was_cut(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Cut>() {
            return true;
        }
        cause = error.source();
    }
    false
}
