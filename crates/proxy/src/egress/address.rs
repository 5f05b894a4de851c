//! Which addresses are somebody's inside. Asked of every address before it is connected to, whatever the name was.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Why an address is not simply the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressClass {
    /// This machine: 127.0.0.0/8, `::1`, and the addresses of its interfaces.
    Loopback,
    /// The network this machine is in: private, shared and unique local addresses.
    Private,
    /// Reaches only neighbours, among them the servers that give a cloud machine its credentials. Never granted.
    LinkLocal,
    /// Multicast, unspecified, reserved, documentation, tunnels. Never granted.
    Special,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Loopback => "this machine",
            Self::Private => "a private network",
            Self::LinkLocal => "a neighbour or a cloud's metadata server",
            Self::Special => "no host on the internet",
        })
    }
}

/// The class of `address`, or `None` for the internet.
pub(super) fn classify(address: IpAddr) -> Option<AddressClass> {
    let class = match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    };
    // Its own address in a private network is this machine in the first place.
    match class {
        None | Some(AddressClass::Private) if is_own(address) => Some(AddressClass::Loopback),
        other => other,
    }
}

/// The system lets a program bind only to addresses of its own; nothing is sent. Not being sure counts as own.
fn is_own(address: IpAddr) -> bool {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable,
    }
}

/// IANA's special-purpose registry, and two addresses that clouds answer credentials from.
fn classify_v4(address: Ipv4Addr) -> Option<AddressClass> {
    match address.octets() {
        [127, ..] => Some(AddressClass::Loopback),
        // The metadata server of Azure and of Alibaba; the first looks public, the second shared.
        [168, 63, 129, 16] | [100, 100, 100, 200] | [169, 254, ..] => Some(AddressClass::LinkLocal),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Some(AddressClass::Private),
        [0 | 224..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Some(AddressClass::Special),
        _ => None,
    }
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressClass> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let [high, low, last, end] = [g.to_be_bytes(), h.to_be_bytes()].concat().try_into().unwrap_or([0; 4]);
    let embedded = Ipv4Addr::new(high, low, last, end);
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0] if [g, h] == [0, 1] => Some(AddressClass::Loopback),
        // Mapped, and what a gateway to IPv4 turns into it (RFC 6052): as the address inside.
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => classify(embedded.into()),
        [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff, ..] if address != AWS_METADATA => {
            Some(AddressClass::Private)
        }
        [0xfe80..=0xfebf, ..] | [0xfc00..=0xfdff, ..] => Some(AddressClass::LinkLocal),
        // Only 2000::/3 is given out; of that, not protocols, documentation, Teredo, benchmarks and 6to4.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            Some(AddressClass::Special)
        }
        [0x2000..=0x3fff, ..] => None,
        _ => Some(AddressClass::Special),
    }
}

const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::AddressClass::{LinkLocal, Loopback, Private, Special};
    use super::{AddressClass, classify};

    #[track_caller]
    fn check(class: Option<AddressClass>, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(classify(address.parse().unwrap()), class, "{address}");
        }
    }

    #[test]
    fn every_inside_is_known() {
        check(
            Some(Loopback),
            &["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
        );
        check(
            Some(Private),
            &["10.0.0.255", "172.16.0.9", "172.31.255.255", "192.168.77.1", "100.64.0.1", "::ffff:10.9.8.7"],
        );
        check(Some(Private), &["fc00::1", "fdff::1", "64:ff9b:1::1"]);
        check(Some(LinkLocal), &["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "febf::1"]);
        check(Some(LinkLocal), &["168.63.129.16", "100.100.100.200", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"]);
        check(
            Some(Special),
            &["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1"],
        );
        check(Some(Special), &["198.18.0.1", "203.0.113.9", "192.0.0.1", "::ffff:0.0.0.0"]);
        check(
            Some(Special),
            &["::", "::2", "::127.0.0.1", "ff02::1", "2002:7f00:1::", "2001:0:1::", "2001:db8::1"],
        );
        check(Some(Special), &["fec0::1", "4000::1", "100::1", "::ffff:0:1.2.3.4"]);
        check(None, &["1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "::ffff:1.1.1.1", "192.1.1.1"]);
    }

    #[test]
    fn public_ipv6_is_public() {
        // Where the system has no IPv6 it cannot say whether an address is its own.
        let expected = std::net::UdpSocket::bind("[::1]:0").is_err().then_some(Loopback);
        check(expected, &["2606:4700::1111", "64:ff9b::101:101", "2001:4860:4860::8888"]);
    }
}
