//! Connections to the Bot API: TLS with the system's roots, HTTP/1.1, bodies of limited size within limited time. Knows no
//! method and no token.

use super::super::failure::Failure;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIME: Duration = Duration::from_secs(10);
/// An unused connection is kept this long.
const POOL_IDLE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Is the way to the server encrypted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Encrypted,
    /// On this machine.
    Plain,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// How long an answer may be and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes.
    pub(super) size: usize,
    pub(super) time: Duration,
}

impl Transport {
    /// Certificates in the files `more` are trusted besides the system's.
    pub(super) fn new(way: Way, more: &[PathBuf]) -> Result<Self, Failure> {
        let roots = match way {
            Way::Encrypted => roots(more)?,
            Way::Plain => RootCertStore::empty(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIME));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let https = match way {
            Way::Encrypted => https.https_only(),
            Way::Plain => https.https_or_http(),
        };
        let mut http = Http::builder(TokioExecutor::new());
        http.pool_timer(TokioTimer::new()).pool_idle_timeout(POOL_IDLE);
        Ok(Self { http: http.build(https.enable_http1().wrap_connector(tcp)) })
    }

    pub(super) async fn exchange(
        &self,
        method: &'static str,
        request: Request<Full<Bytes>>,
        bounds: Bounds,
    ) -> Result<Answer, Failure> {
        let exchange = async {
            let broken = |error: &(dyn Error + 'static)| Failure::Network { method, what: said(error) };
            let response = self.http.request(request).await.map_err(|it| broken(&it))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), bounds.size).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Failure::TooLong { method, limit: bounds.size }
                } else {
                    broken(error.as_ref())
                }
            })?;
            Ok(Answer { status, body: body.to_bytes() })
        };
        let in_time = tokio::time::timeout(bounds.time, exchange).await;
        in_time.unwrap_or(Err(Failure::TooSlow { method, after: bounds.time }))
    }
}

/// An error and what it came from. Neither hyper nor rustls says an address.
fn said(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn roots(more: &[PathBuf]) -> Result<RootCertStore, Failure> {
    let mut store = RootCertStore::empty();
    let system = load_native_certs();
    store.add_parsable_certificates(system.certs);
    for file in more {
        let loaded = load_certs_from_paths(Some(file), None);
        if let Some(error) = loaded.errors.first() {
            return Err(Failure::Tls(error.to_string()));
        }
        store.add_parsable_certificates(loaded.certs);
    }
    if store.is_empty() {
        let why = system.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(Failure::Tls(format!("there are no certificate roots ({why})")));
    }
    Ok(store)
}
