//! Where the Bot API is. Only encrypted, but on this machine itself: the token is part of every address.

use super::super::failure::Failure;
use super::super::secret::Token;
use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};

/// The base of all addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at the end.
    path: String,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        if url.contains('#') {
            return Err(Failure::Address("has a fragment"));
        }
        let uri = url.trim().parse::<Uri>().map_err(|_| Failure::Address("is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or(Failure::Address("has no `https://`"))?;
        let authority = parts.authority.ok_or(Failure::Address("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(Failure::Address("has a user name in it"));
        }
        let host = authority.host();
        let here = matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
        let numbers = host.chars().all(|c| c.is_ascii_digit() || c == '.') || host.starts_with('[');
        if scheme != Scheme::HTTPS && scheme != Scheme::HTTP {
            return Err(Failure::Address("is neither http nor https"));
        }
        if scheme == Scheme::HTTP && !(here && (numbers || host == "localhost")) {
            return Err(Failure::Address("would send the bot's token unencrypted to another machine"));
        }
        let path = parts.path_and_query.as_ref();
        if path.is_some_and(|it| it.query().is_some()) {
            return Err(Failure::Address("has a query"));
        }
        let path = path.map_or("", |it| it.path()).trim_end_matches('/').to_owned();
        Ok(Self { scheme, authority, path })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    pub(super) fn method(&self, token: &Token, method: &str) -> Result<Uri, Failure> {
        self.uri(format!("{}/bot{}/{method}", self.path, token.expose()))
    }

    pub(super) fn file(&self, token: &Token, path: &str) -> Result<Uri, Failure> {
        self.uri(format!("{}/file/bot{}/{path}", self.path, token.expose()))
    }

    fn uri(&self, path: String) -> Result<Uri, Failure> {
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        uri.path_and_query(path).build().map_err(|_| Failure::Address("and a path Telegram gave make no URL"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Failure, Token};
    use super::Address;

    #[track_caller]
    fn check(base: &str, expected: Result<&str, &str>) {
        let token = Token::new("1:x");
        match (Address::parse(base).and_then(|it| it.method(&token, "getMe")), expected) {
            (Ok(uri), Ok(expected)) => assert_eq!(uri.to_string(), expected),
            (Err(Failure::Address(what)), Err(expected)) => assert!(what.contains(expected), "{what}"),
            (got, _) => panic!("{base}: {got:?}"),
        }
    }

    #[test]
    fn the_base_is_read_strictly() {
        check("https://api.telegram.org", Ok("https://api.telegram.org/bot1:x/getMe"));
        check("https://gw.example/tg/", Ok("https://gw.example/tg/bot1:x/getMe"));
        check("http://127.0.0.1:8081", Ok("http://127.0.0.1:8081/bot1:x/getMe"));
        check("http://localhost:8081", Ok("http://localhost:8081/bot1:x/getMe"));
        check("http://[::1]:8081", Ok("http://[::1]:8081/bot1:x/getMe"));
        check("http://api.telegram.org", Err("unencrypted"));
        check("http://127.evil.example", Err("unencrypted"));
        check("api.telegram.org", Err("https://"));
        check("ftp://x", Err("neither"));
        check("https://u:p@x", Err("user name"));
        check("https://x/?q", Err("query"));
        check("https://x/#f", Err("fragment"));
        check("x y", Err("not a URL"));
    }
}
