//! Headers that belong to one connection, or that say who is asking: neither goes further.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// RFC 9110 7.6.1, and what older software uses.
const ONE_CONNECTION: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-authentication-info",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Removes what belongs to this connection alone, with everything the `Connection` header names. Framing is written
/// anew by the HTTP library from the body it sends, so what a client claimed about it ends here.
pub(crate) fn strip_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for &name in ONE_CONNECTION {
        headers.remove(name);
    }
}

/// Removes every value that contains `secret`.
pub(crate) fn strip_containing(headers: &mut HeaderMap, secret: &str) {
    let contains =
        |value: &HeaderValue| value.as_bytes().windows(secret.len()).any(|part| part == secret.as_bytes());
    let names: Vec<HeaderName> =
        headers.iter().filter(|(_, value)| contains(value)).map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::{strip_connection, strip_containing};
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};

    fn check(lines: &[(&'static str, &'static str)], strip: impl Fn(&mut HeaderMap), left: &[&str]) {
        let mut headers = HeaderMap::new();
        for &(name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), left);
    }

    #[test]
    fn what_belongs_to_one_connection_goes_no_further() {
        check(
            &[
                ("connection", "close, X-Private"),
                ("x-private", "1"),
                ("transfer-encoding", "chunked"),
                ("accept", "*/*"),
            ],
            strip_connection,
            &["accept"],
        );
    }

    #[test]
    fn a_header_that_repeats_a_secret_is_removed() {
        let lines = [("x-echo", "key=abc;"), ("accept", "ab")];
        check(&lines, |headers| strip_containing(headers, "abc"), &["accept"]);
    }
}
