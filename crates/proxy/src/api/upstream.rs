//! Where the model API is, what is shown to it, and how it is reached. Fixed when the proxy starts: nothing the agent
//! sends has a say in it.

use crate::body::Passing;
use crate::{Error, Secret};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::http::uri::{self, Authority, PathAndQuery};
use hyper::{HeaderMap, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// An unused connection to the model API is kept this long: a turn's next request comes sooner.
const POOL_IDLE: Duration = Duration::from_secs(60);

pub(super) type Connection = Client<Connector, Passing<Incoming>>;

/// The base URL of the model API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    scheme: uri::Scheme,
    authority: Authority,
    /// Without a slash at the end.
    path: String,
}

impl Upstream {
    /// Reads what a person wrote as `ANTHROPIC_BASE_URL`.
    ///
    /// # Errors
    /// If it is not `http` or `https` with a host, or has a user name, a query or a fragment.
    pub fn parse(url: &str) -> Result<Self, Error> {
        if url.contains('#') {
            return Err(Error::Upstream("has a fragment"));
        }
        let parts = url.trim().parse::<Uri>().map_err(|_| Error::Upstream("is not a URL"))?.into_parts();
        let scheme = parts.scheme.ok_or(Error::Upstream("has no `https://`"))?;
        let authority = parts.authority.ok_or(Error::Upstream("has no host"))?;
        if scheme != uri::Scheme::HTTPS && scheme != uri::Scheme::HTTP {
            return Err(Error::Upstream("is neither http nor https"));
        }
        if authority.as_str().contains('@') {
            return Err(Error::Upstream("has a user name in it"));
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err(Error::Upstream("has a query"));
        }
        let path = path.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme, authority, path })
    }

    /// Host and port, for people.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// False if the credential would go over the wire in the clear.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.scheme == uri::Scheme::HTTPS
    }

    /// Where `path` of the API is.
    pub(super) fn uri(&self, path: &PathAndQuery) -> Result<Uri, hyper::http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.path))
            .build()
    }
}

/// The person's own. Bedrock and Vertex sign every request with something else and are not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Sent as `x-api-key` (`ANTHROPIC_API_KEY`).
    ApiKey(Secret),
    /// Sent as `Authorization: Bearer` (`ANTHROPIC_AUTH_TOKEN`, `CLAUDE_CODE_OAUTH_TOKEN`).
    Bearer(Secret),
}

impl Credential {
    pub(super) fn secret(&self) -> &Secret {
        match self {
            Self::ApiKey(secret) | Self::Bearer(secret) => secret,
        }
    }

    /// The header that carries it.
    pub(super) fn header(&self) -> Result<(HeaderName, HeaderValue), Error> {
        if self.secret().expose().is_empty() {
            return Err(Error::Credential("is empty"));
        }
        let (name, text) = match self {
            Self::ApiKey(key) => (API_KEY, key.clone()),
            Self::Bearer(token) => (AUTHORIZATION, Secret::new(format!("Bearer {}", token.expose()))),
        };
        let value = HeaderValue::from_str(text.expose());
        let mut value = value.map_err(|_| Error::Credential("contains characters no header can carry"))?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}

/// Removes whatever a client says about who it is.
pub(super) fn strip_credentials(headers: &mut HeaderMap) {
    for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"] {
        headers.remove(name);
    }
    let who = |name: &HeaderName| {
        let name = name.as_str();
        name == "forwarded" || name == "x-real-ip" || name.starts_with("x-forwarded-")
    };
    let names: Vec<HeaderName> = headers.keys().filter(|name| who(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Which certificate authorities are trusted: the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them), and
/// those in these PEM files (`NODE_EXTRA_CA_CERTS`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    pub more: Vec<PathBuf>,
}

impl Roots {
    fn load(&self) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        let system = load_native_certs();
        store.add_parsable_certificates(system.certs);
        for file in &self.more {
            let loaded = load_certs_from_paths(Some(file), None);
            if let Some(error) = loaded.errors.first() {
                return Err(Error::Roots(error.to_string()));
            }
            store.add_parsable_certificates(loaded.certs);
        }
        if store.is_empty() {
            let why = system.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
            return Err(Error::Roots(why));
        }
        Ok(store)
    }
}

/// Opens connections, with TLS where the address says `https`.
pub type Connector = HttpsConnector<HttpConnector>;

/// Which addresses a [`Connector`] goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Anything else is refused. Certificates are only looked for here.
    Https,
    Http,
}

/// What opens connections for a client of ours: one set of roots, one provider, HTTP/1.1.
///
/// # Errors
/// Without certificate roots, where TLS needs them.
pub fn connector(scheme: Scheme, roots: &Roots, connect_time: Duration) -> Result<Connector, Error> {
    let store = match scheme {
        Scheme::Https => roots.load()?,
        Scheme::Http => RootCertStore::empty(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_time));
    let https = HttpsConnectorBuilder::new().with_tls_config(tls);
    let https = match scheme {
        Scheme::Https => https.https_only(),
        Scheme::Http => https.https_or_http(),
    };
    Ok(https.enable_http1().wrap_connector(tcp))
}

/// A pool of connections to the upstream.
pub(super) fn connection(
    upstream: &Upstream,
    roots: &Roots,
    connect_time: Duration,
) -> Result<Connection, Error> {
    let scheme = if upstream.is_encrypted() { Scheme::Https } else { Scheme::Http };
    let mut pool = Client::builder(TokioExecutor::new());
    pool.pool_timer(TokioTimer::new()).pool_idle_timeout(POOL_IDLE);
    Ok(pool.build(connector(scheme, roots, connect_time)?))
}

#[cfg(test)]
mod tests {
    use super::{Credential, PathAndQuery, Upstream};
    use crate::Secret;

    #[track_caller]
    fn check(base: &str, expected: Result<&str, &str>) {
        let path = PathAndQuery::from_static("/v1/messages?beta=true");
        let uri = Upstream::parse(base).map(|upstream| upstream.uri(&path).unwrap().to_string());
        match (uri, expected) {
            (Ok(uri), Ok(expected)) => assert_eq!(uri, expected),
            (Err(error), Err(part)) => {
                let text = error.to_string();
                assert!(text.contains(part) && !text.contains("hunter2"), "{text}");
            }
            (got, _) => panic!("{base} gives {got:?}"),
        }
    }

    #[test]
    fn the_base_url_is_read_strictly() {
        check("https://api.anthropic.com", Ok("https://api.anthropic.com/v1/messages?beta=true"));
        check("https://gw.example/anthropic/", Ok("https://gw.example/anthropic/v1/messages?beta=true"));
        check("http://127.0.0.1:4000", Ok("http://127.0.0.1:4000/v1/messages?beta=true"));
        check("api.anthropic.com", Err("has no `https://`"));
        check("ftp://x", Err("neither"));
        check("https://user:hunter2@x", Err("user name"));
        check("https://x/?hunter2", Err("query"));
        check("https://x/#hunter2", Err("fragment"));
        check("hunter2 hunter2", Err("not a URL"));
    }

    #[test]
    fn a_credential_is_checked_when_the_proxy_starts_and_never_shown() {
        let header = |text: &str| Credential::Bearer(Secret::new(text)).header();
        let (_, value) = header("hunter2").unwrap();
        assert_eq!((value.to_str().unwrap(), format!("{value:?}").as_str()), ("Bearer hunter2", "Sensitive"));
        for text in ["", "hunter2\r\nx: y"] {
            let error = header(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        assert!(!format!("{:?}", Credential::ApiKey(Secret::new("hunter2"))).contains("hunter2"));
    }
}
