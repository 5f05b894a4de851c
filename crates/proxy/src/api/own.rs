//! The headers a person wants on every request to the model API. A gateway may take them for a key, so they are put in
//! here and the agent never has them.

use crate::{Error, Secret};
use hyper::header::{self, HeaderName, HeaderValue};

/// Headers a person may name.
const HEADERS_MAX: usize = 32;

/// Bytes from which a value can be a secret: what is shorter stands in ordinary answers too.
const SECRET_MIN: usize = 8;

/// They say how a message is passed on, or where to, and belong to whoever sends it.
const NOT_OWN: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    header::PROXY_AUTHORIZATION,
];

/// Reads what a person wrote as `ANTHROPIC_CUSTOM_HEADERS`: `Name: value`, one on a line.
pub(super) fn headers(lines: &Secret) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let lines = lines.expose().lines().map(str::trim).filter(|line| !line.is_empty());
    let headers = lines.map(one).collect::<Result<Vec<_>, _>>()?;
    match headers.len() {
        0..=HEADERS_MAX => Ok(headers),
        _ => Err(Error::Headers("there are more than 32")),
    }
}

/// Those whose values must not come back.
pub(super) fn secrets(headers: &[(HeaderName, HeaderValue)]) -> impl Iterator<Item = Secret> {
    let texts = headers.iter().filter_map(|(_, value)| value.to_str().ok());
    texts.filter(|text| text.len() >= SECRET_MIN).map(Secret::new)
}

fn one(line: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let (name, value) = line.split_once(':').ok_or(Error::Headers("a line is not `Name: value`"))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| Error::Headers("a name contains characters no header can carry"))?;
    if NOT_OWN.contains(&name) {
        return Err(Error::Headers("one of them says how or where a request is sent"));
    }
    let value = HeaderValue::from_str(value.trim());
    let mut value = value.map_err(|_| Error::Headers("a value contains characters no header can carry"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::{headers, secrets};
    use crate::Secret;

    #[track_caller]
    fn check(lines: &str, expected: Result<&[&str], &str>) {
        match (headers(&Secret::new(lines)), expected) {
            (Ok(found), Ok(expected)) => {
                let found: Vec<_> = found
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                    .collect();
                assert_eq!(found, expected);
            }
            (Err(error), Err(part)) => {
                let text = error.to_string();
                assert!(text.contains(part) && !text.contains("hunter2"), "{text}");
            }
            (got, _) => panic!("{lines:?} gives {got:?}"),
        }
    }

    #[test]
    fn lines_are_read_strictly() {
        check("X-Gateway-Key: hunter2\n\n x-team : a:b \r\n", Ok(&["x-gateway-key: hunter2", "x-team: a:b"]));
        check("", Ok(&[]));
        check("hunter2", Err("not `Name: value`"));
        check("x y: hunter2", Err("a name contains"));
        check("x: hunter2\u{7}", Err("a value contains"));
        check("Host: hunter2", Err("how or where"));
        check("transfer-encoding: hunter2", Err("how or where"));
        check(&"a: hunter2\n".repeat(33), Err("more than 32"));
    }

    #[test]
    fn a_short_value_is_no_secret_and_none_is_shown() {
        let found = headers(&Secret::new("a: 1\nb: hunter2hunter2")).unwrap();
        let secrets: Vec<_> = secrets(&found).map(|secret| secret.expose().to_owned()).collect();
        assert_eq!(secrets, ["hunter2hunter2"]);
        assert!(!format!("{found:?}").contains("hunter2"));
    }
}
