//! Whose machine a request comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};
use ipnet::IpNet;

/// The address of the client behind the proxies that we trust: the right-most one that is none of theirs.
/// What stands to its left is that client's own word, and so is the whole header where the peer is no
/// proxy of ours.
pub(super) fn of_client(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted_proxies: &[IpNet],
) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|net| net.contains(address));
    // A listener of sockets always has a peer.
    let mut client = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| {
        peer.to_canonical()
    });
    let values: Vec<_> = headers.get_all(X_FORWARDED_FOR).collect();
    let hops = values
        .iter()
        .rev()
        .flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
    for hop in hops {
        if !is_trusted(&client) {
            break;
        }
        // What cannot be read was not written by a proxy that works; the hop that passed it on counts.
        let Some(address) = read_hop(hop) else {
            break;
        };
        client = address;
    }
    client
}

/// What counts as one caller: whoever has an IPv6 address has the 64 bits below it as well.
pub(super) fn bucket(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// `203.0.113.7`, `203.0.113.7:1234`, `2001:db8::7` or `[2001:db8::7]:1234`; proxies write all of them.
fn read_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = match hop.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => hop.parse::<SocketAddr>().ok()?.ip(),
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.as_bytes().try_into().unwrap());
        }
        let client = of_client(Some(peer.parse().unwrap()), &headers, &trusted);
        assert_eq!(client.to_string(), expected);
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        check("203.0.113.7", &[], "203.0.113.7");
        check("203.0.113.7", &["198.51.100.1"], "203.0.113.7");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("fd00::1", &["198.51.100.1"], "198.51.100.1");
        check("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &[], "10.0.0.1");
    }

    #[test]
    fn the_right_most_stranger_is_the_client() {
        check("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1");
        check(
            "10.0.0.1",
            &["1.1.1.1, 198.51.100.1, 10.9.9.9"],
            "198.51.100.1",
        );
        check(
            "10.0.0.1",
            &["1.1.1.1", "198.51.100.1", "10.9.9.9"],
            "198.51.100.1",
        );
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
    }

    #[test]
    fn hops_are_read_as_proxies_write_them() {
        check("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7");
        check("10.0.0.1", &["2001:db8::7"], "2001:db8::7");
        check("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
        for garbage in ["unknown", "", "198.51.100.1 ,", "\u{e9}"] {
            check("10.0.0.1", &[garbage], "10.0.0.1");
        }
        check("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2");
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let of = |text: &str| bucket(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::7"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::7"), of("2001:db8:1:3::7"));
        assert_ne!(of("198.51.100.1"), of("198.51.100.2"));
    }
}
