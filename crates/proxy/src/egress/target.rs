//! The host and port a client asks for, read once and strictly. Two readers of one name are how allow-lists are
//! fooled, so what is not plain is refused: nothing is decoded, completed or guessed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a name, without the dot of the root (RFC 1035).
const NAME: usize = 253;
const LABEL: usize = 63;

/// Who to connect to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetHost {
    /// ASCII, lower case, no dot at the end. An international name has its `xn--` form, which is also what people see.
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub host: TargetHost,
    pub port: u16,
}

impl Target {
    /// Reads `host:port`, or `host` if there is a port to fall back to.
    pub(super) fn parse(text: &str, default_port: Option<u16>) -> Result<Self, &'static str> {
        let (host, port) = split_port(text)?;
        let port = match port {
            Some(port) => port,
            None => default_port.ok_or("there is no port")?,
        };
        Ok(Self { host: TargetHost::parse(host)?, port })
    }
}

/// `host:port` as its parts; the brackets of an IPv6 address stay.
pub(super) fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let after_bracket = text.rfind(']').map_or(0, |at| at.saturating_add(1));
    let (Some(start), Some(rest)) = (text.get(..after_bracket), text.get(after_bracket..)) else {
        return Err("the brackets are wrong");
    };
    let Some((before, port)) = rest.rsplit_once(':') else { return Ok((text, None)) };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port is not a number");
    }
    let port = port.parse().ok().filter(|port| *port != 0).ok_or("there is no such port")?;
    let length = start.len().saturating_add(before.len());
    Ok((text.get(..length).ok_or("the brackets are wrong")?, Some(port)))
}

impl TargetHost {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address = inner.parse::<Ipv6Addr>().map_err(|_| "this is no IPv6 address")?;
            return Ok(Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > NAME {
            return Err("a name has 1 to 253 characters");
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !name.bytes().all(allowed) {
            return Err("a name has only ASCII letters, digits, `-`, `_` and dots (others: its `xn--` form)");
        }
        for label in name.split('.') {
            if label.is_empty() || label.len() > LABEL {
                return Err("each part of a name has 1 to 63 characters");
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err("no part of a name starts or ends with `-`");
            }
        }
        if ends_in_number(&name) {
            // Four decimal numbers and nothing else: 127.1, 0177.0.0.1, 0x7f.1 and 2130706433 mean different things
            // to different programs.
            let address = name.parse::<Ipv4Addr>().map_err(|_| "this is no plain IPv4 address")?;
            return Ok(Self::Address(address.into()));
        }
        Ok(Self::Name(name))
    }
}

/// As in the URL standard: such a host is an IPv4 address in one of its spellings, or nothing.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|it| it.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for TargetHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(formatter),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let got = Target::parse(text, None).map(|target| target.to_string());
        match (&got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(part)) => assert!(got.contains(part), "{text}: {got}"),
            _ => panic!("{text:?} is read as {got:?}"),
        }
    }

    #[test]
    fn plain_hosts_are_read() {
        check("example.com:443", Ok("example.com:443"));
        check("EXAMPLE.com.:443", Ok("example.com:443"));
        check("xn--bcher-kva.example:443", Ok("xn--bcher-kva.example:443"));
        check("_dmarc.example:80", Ok("_dmarc.example:80"));
        check("1.2.3.4:80", Ok("1.2.3.4:80"));
        check("[2001:DB8::1]:80", Ok("[2001:db8::1]:80"));
        check("[::ffff:1.2.3.4]:80", Ok("[::ffff:1.2.3.4]:80"));
        check("1.example:80", Ok("1.example:80"));
    }

    #[test]
    fn whatever_two_programs_could_read_differently_is_refused() {
        for odd in ["2130706433", "127.1", "0177.0.0.1", "0x7f.1", "0x7f000001", "1.2.3.4.5", "1.2.3", "0x"] {
            check(&format!("{odd}:80"), Err("no plain IPv4"));
        }
        check("bücher.example:80", Err("ASCII"));
        check("evil.example\0.good.example:80", Err("ASCII"));
        check("good.example%00.evil.example:80", Err("ASCII"));
        check("good.example\r\nHost: evil:80", Err("ASCII"));
        check("user@good.example:80", Err("ASCII"));
        check("good.example/:80", Err("ASCII"));
        check("good.example#x:80", Err("ASCII"));
        check("a..b:80", Err("1 to 63"));
        check(".a:80", Err("1 to 63"));
        check("a.b..:80", Err("1 to 63"));
        check("-a.b:80", Err("`-`"));
        check(&format!("{}.b:80", "a".repeat(64)), Err("1 to 63"));
        check(&format!("{}b:80", "a.".repeat(127)), Err("1 to 253"));
        check(":80", Err("1 to 253"));
        check("::1:80", Err("ASCII"));
        check("[::1%eth0]:80", Err("IPv6"));
        check("[1.2.3.4]:80", Err("IPv6"));
        check("[::1:80", Err("ASCII"));
        check("example.com", Err("no port"));
        check("example.com:", Err("no such port"));
        check("example.com:0", Err("no such port"));
        check("example.com:65536", Err("no such port"));
        check("example.com:+80", Err("not a number"));
        check("example.com:80:80", Err("ASCII"));
    }
}
