//! A plain HTTP request, passed on over a connection of its own to the host its first line names.

use crate::body::{Cut, Passing};
use crate::egress::{Closing, EgressLimits, Outgoing, Refusal, Reply, Target, was_cut};
use crate::headers::strip_connection;
use http_body_util::Either;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A response body with the connection it comes from. The connection ends with it.
#[derive(Debug)]
pub(crate) struct Answered {
    body: Passing<Incoming>,
    /// Last: its end is reported after the body's.
    _connection: Connection,
}

#[derive(Debug)]
struct Connection {
    driver: JoinHandle<()>,
    closing: Closing,
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
        self.closing.sent = self.sent.load(Relaxed);
        self.closing.received = self.received.load(Relaxed);
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pub(super) async fn pass(
    request: Request<Incoming>,
    target: &Target,
    stream: TcpStream,
    closing: Closing,
    limits: &EgressLimits,
) -> Result<Response<Reply>, Refusal> {
    let (sent, received) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let request = rewritten(request, target, limits, Arc::clone(&sent))?;
    let handshake = http1::Builder::new()
        .max_headers(limits.connection.headers)
        .handshake::<_, Outgoing>(TokioIo::new(stream));
    let (mut sender, driver) = handshake.await.map_err(|_| Refusal::Broken)?;
    let driver = tokio::spawn(async move { drop(driver.await) });
    let connection = Connection { driver, closing, sent, received: Arc::clone(&received) };
    let response = match timeout(limits.first_byte_time, sender.send_request(request)).await {
        Err(_) => return Err(Refusal::Unreachable(std::io::ErrorKind::TimedOut)),
        Ok(Err(error)) if was_cut(&error) => return Err(Refusal::Cut),
        Ok(Err(_)) => return Err(Refusal::Broken),
        Ok(Ok(response)) => response,
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Refusal::Broken);
    }
    let (mut head, body) = response.into_parts();
    strip_connection(&mut head.headers);
    head.version = Version::HTTP_11;
    let body = Passing::new(body, u64::MAX, None).at_end(move |bytes| received.store(bytes, Relaxed));
    Ok(Response::from_parts(head, Either::Left(Answered { body, _connection: connection })))
}

/// The request as the host gets it: in origin form, with the `Host` of its first line.
fn rewritten(
    request: Request<Incoming>,
    target: &Target,
    limits: &EgressLimits,
    sent: Arc<AtomicU64>,
) -> Result<Request<Outgoing>, Refusal> {
    let (mut head, body) = request.into_parts();
    strip_connection(&mut head.headers);
    for name in [header::CONTENT_LENGTH, header::EXPECT] {
        head.headers.remove(name);
    }
    let host = if target.port == 80 { target.host.to_string() } else { target.to_string() };
    let host = HeaderValue::from_str(&host).map_err(|_| Refusal::BadTarget("it is no header value"))?;
    head.headers.insert(header::HOST, host);
    let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    head.uri = Uri::from(path);
    head.version = Version::HTTP_11;
    let limits = &limits.connection;
    let body = Passing::new(body, limits.body_bytes, Some(limits.body_time))
        .at_end(move |bytes| sent.store(bytes, Relaxed));
    Ok(Request::from_parts(head, body))
}
