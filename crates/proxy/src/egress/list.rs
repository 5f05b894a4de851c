//! What a permit lets through: names by whole labels, ports, and the inside only where it is named.

use crate::Error;
use crate::egress::address::AddressClass;
use crate::egress::sets::host_set;
use crate::egress::target::{Target, TargetHost, split_port};
use std::collections::BTreeSet;

/// Entries of one list; a named set counts as what it holds.
const ENTRIES: usize = 1000;

/// A list of hosts. The empty list lets nothing through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostList {
    entries: Vec<Entry>,
    classes: BTreeSet<AddressClass>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    ports: Ports,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Exactly(TargetHost),
    /// Every name with at least one label more than this.
    Below(String),
    ThisMachine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ports {
    /// 80 and 443.
    Web,
    One(u16),
    Any,
}

impl HostList {
    /// Reads entries as a person writes them:
    /// - `example.com` (ports 80 and 443), `example.com:8443`, `*.example.com` (not `example.com` itself), `1.2.3.4`
    /// - a set by its name: `package-registries`
    /// - `loopback` or `loopback:3000`: servers on this machine
    /// - `private`: the names above may also lead into the private network
    ///
    /// # Errors
    /// If an entry is none of these, or there are too many.
    pub fn parse<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let mut list = Self::default();
        for entry in entries {
            list.add(entry.as_ref().trim())?;
        }
        Ok(list)
    }

    fn add(&mut self, text: &str) -> Result<(), Error> {
        let bad = |problem: &str| Error::HostEntry { entry: text.to_owned(), problem: problem.to_owned() };
        if let Some(set) = host_set(text) {
            return set.hosts.iter().try_for_each(|host| self.add(host));
        }
        if text == "private" {
            self.classes.insert(AddressClass::Private);
            return Ok(());
        }
        let (host, port) = split_port(text).map_err(bad)?;
        let mut ports = port.map_or(Ports::Web, Ports::One);
        let hosts = if host == "loopback" {
            self.classes.insert(AddressClass::Loopback);
            ports = port.map_or(Ports::Any, Ports::One);
            Hosts::ThisMachine
        } else if let Some(suffix) = host.strip_prefix("*.") {
            match TargetHost::parse(suffix).map_err(bad)? {
                TargetHost::Name(name) if name.contains('.') => Hosts::Below(name),
                TargetHost::Name(_) => return Err(bad("`*.` needs a domain with a dot in it")),
                TargetHost::Address(_) => return Err(bad("`*.` needs a name")),
            }
        } else {
            let host = TargetHost::parse(host).map_err(bad)?;
            if is_this_machine(&host) {
                return Err(bad("this machine is granted as `loopback` or `loopback:PORT`"));
            }
            Hosts::Exactly(host)
        };
        if self.entries.len() >= ENTRIES {
            return Err(bad("there are more than 1000 hosts in the list"));
        }
        self.entries.push(Entry { hosts, ports });
        Ok(())
    }

    /// True if the name and the port are in the list. Says nothing about where the name leads.
    pub(super) fn contains(&self, target: &Target) -> bool {
        self.entries.iter().any(|entry| {
            let port = match entry.ports {
                Ports::Web => matches!(target.port, 80 | 443),
                Ports::One(port) => port == target.port,
                Ports::Any => true,
            };
            port && entry.hosts.contain(&target.host)
        })
    }

    /// True if addresses of `class` may be connected to on the way to `target`.
    pub(super) fn reaches(&self, class: AddressClass, target: &Target) -> bool {
        // Another name that leads to this machine is not this machine by name.
        self.classes.contains(&class) && (class != AddressClass::Loopback || is_this_machine(&target.host))
    }
}

impl Hosts {
    fn contain(&self, host: &TargetHost) -> bool {
        match (self, host) {
            (Self::Exactly(this), host) => this == host,
            (Self::Below(suffix), TargetHost::Name(name)) => {
                name.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            (Self::Below(_), TargetHost::Address(_)) => false,
            (Self::ThisMachine, host) => is_this_machine(host),
        }
    }
}

/// By its name, not by what the name leads to (RFC 6761 6.3).
pub(super) fn is_this_machine(host: &TargetHost) -> bool {
    match host {
        TargetHost::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        TargetHost::Address(address) => address.to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::{HostList, Target};
    use crate::HOST_SETS;

    #[track_caller]
    fn check(entries: &[&str], yes: &[&str], no: &[&str]) {
        let list = HostList::parse(entries).unwrap();
        for (targets, expected) in [(yes, true), (no, false)] {
            for target in targets {
                let parsed = Target::parse(target, None).unwrap();
                assert_eq!(list.contains(&parsed), expected, "{target} in {entries:?}");
            }
        }
    }

    #[test]
    fn names_are_compared_by_labels() {
        check(
            &["example.com"],
            &["example.com:443", "EXAMPLE.com.:80"],
            &[
                "a.example.com:443",
                "example.com.evil.net:443",
                "evilexample.com:443",
                "example.com:22",
                "example.co:443",
            ],
        );
        check(
            &["*.Example.com"],
            &["a.example.com:443", "a.b.example.com:80"],
            &["example.com:443", "evilexample.com:443", "a.example.com.evil.net:443", "a.example.com:8080"],
        );
        check(&["example.com:22"], &["example.com:22"], &["example.com:443"]);
        check(
            &["1.2.3.4", "[2606::1]:8080"],
            &["1.2.3.4:80", "[2606::1]:8080"],
            &["1.2.3.5:80", "[2606::1]:80"],
        );
        check(&["package-registries"], &["index.crates.io:443", "pypi.org:443"], &["github.com:443"]);
        check(&["github"], &["raw.githubusercontent.com:443", "ssh.github.com:443"], &["github.com:22"]);
        check(
            &["loopback"],
            &["localhost:3000", "api.localhost:1", "127.9.9.9:80", "[::1]:80"],
            &["localhost.evil.net:80"],
        );
        check(&["loopback:3000"], &["127.0.0.1:3000", "[::ffff:127.0.0.1]:3000"], &["127.0.0.1:3001"]);
        check(&[], &[], &["example.com:443", "localhost:80"]);
        check(&["private"], &[], &["10.0.0.1:80"]);
    }

    #[test]
    fn an_entry_that_is_not_plain_is_an_error() {
        for entry in [
            "",
            "*",
            "*.com",
            "*.*.example.com",
            "a.*.com",
            "https://example.com",
            "example.com/path",
            "localhost",
            "x.localhost:80",
            "127.0.0.1",
            "[::1]:80",
            "bücher.de",
            "example.com:",
            "example.com:*",
            "*.1.2.3.4",
            "0x7f.1",
        ] {
            assert!(HostList::parse([entry]).is_err(), "{entry}");
        }
        assert!(HostList::parse((0..1001).map(|number| format!("h{number}.example"))).is_err());
    }

    #[test]
    fn every_named_set_can_be_granted() {
        for set in HOST_SETS {
            assert_eq!(HostList::parse([set.name]).unwrap().entries.len(), set.hosts.len(), "{}", set.name);
        }
    }
}
