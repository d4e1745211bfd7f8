//! Which addresses are public, and which belong to a cloud's metadata service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What is not on the public internet, by the registry at
/// <https://www.iana.org/assignments/iana-ipv4-special-registry/>. The few entries that the registry
/// calls globally reachable are left open, except the retired 6to4 relays.
const RESERVED_V4: [Ipv4Net; 15] = [
    v4_net([0, 0, 0, 0], 8),
    v4_net([10, 0, 0, 0], 8),
    v4_net([100, 64, 0, 0], 10),
    v4_net([127, 0, 0, 0], 8),
    v4_net([169, 254, 0, 0], 16),
    v4_net([172, 16, 0, 0], 12),
    v4_net([192, 0, 0, 0], 24),
    v4_net([192, 0, 2, 0], 24),
    v4_net([192, 88, 99, 0], 24),
    v4_net([192, 168, 0, 0], 16),
    v4_net([198, 18, 0, 0], 15),
    v4_net([198, 51, 100, 0], 24),
    v4_net([203, 0, 113, 0], 24),
    v4_net([224, 0, 0, 0], 4),
    v4_net([240, 0, 0, 0], 4),
];

/// The only block from which IPv6 unicast addresses are given out so far, see
/// <https://www.iana.org/assignments/ipv6-address-space/>. Everything outside of it is refused without
/// being listed: loopback, unspecified, IPv4-mapped and IPv4-compatible, both NAT64 prefixes, discard,
/// unique local, link-local, site-local and multicast.
const GLOBAL_UNICAST_V6: Ipv6Net = v6_net([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What is special inside that block, by the registry at
/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>: protocol assignments (Teredo,
/// benchmarking, ORCHID), documentation, and 6to4.
const RESERVED_V6: [Ipv6Net; 4] = [
    v6_net([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6_net([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32),
    v6_net([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6_net([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Where clouds answer their own machines with credentials. The /24s are AWS's, shared by Google, Azure,
/// Oracle and most others for the machine's own metadata and by container platforms for the task's; then
/// Tencent, Scaleway, Alibaba, Oracle Classic, and Azure's wire server, which has a public address.
const METADATA_V4: [Ipv4Net; 7] = [
    v4_net([169, 254, 169, 0], 24),
    v4_net([169, 254, 170, 0], 24),
    v4_net([169, 254, 0, 23], 32),
    v4_net([169, 254, 42, 42], 32),
    v4_net([100, 100, 100, 200], 32),
    v4_net([192, 0, 0, 192], 32),
    v4_net([168, 63, 129, 16], 32),
];

/// The same for IPv6: AWS, Google, Scaleway.
const METADATA_V6: [Ipv6Net; 3] = [
    v6_net([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32),
    v6_net([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128),
    v6_net([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128),
];

/// Prefixes whose last 32 bits are an IPv4 address: compatible, mapped, and the NAT64 ones.
const EMBEDDING_V6: [Ipv6Net; 4] = [
    v6_net([0, 0, 0, 0, 0, 0, 0, 0], 96),
    v6_net([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
    v6_net([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
    v6_net([0x0064, 0xff9b, 0x0001, 0, 0, 0, 0, 0], 48),
];

/// Whether a stranger's URL may lead there: a unicast address of the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !RESERVED_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => {
            GLOBAL_UNICAST_V6.contains(&v6) && !RESERVED_V6.iter().any(|net| net.contains(&v6))
        }
    }
}

/// Whether a cloud's metadata service answers there, in whatever form the address is written.
///
/// This is the one place that looks through an embedded IPv4 address: an operator who opens a whole
/// transition prefix must not open the metadata service with it.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_metadata_v4(v4),
        IpAddr::V6(v6) => {
            METADATA_V6.iter().any(|net| net.contains(&v6))
                || embedded_v4(v6).is_some_and(is_metadata_v4)
        }
    }
}

fn is_metadata_v4(address: Ipv4Addr) -> bool {
    METADATA_V4.iter().any(|net| net.contains(&address))
}

fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    if address.segments()[0] == 0x2002 {
        return Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5]));
    }
    let embeds = EMBEDDING_V6.iter().any(|net| net.contains(&address));
    embeds.then(|| Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]))
}

const fn v4_net(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix)
}

const fn v6_net(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(address: &str) -> IpAddr {
        address
            .parse()
            .unwrap_or_else(|_| panic!("not an address: {address}"))
    }

    #[test]
    fn both_ends_of_every_reserved_range_are_not_public() {
        let ranges = [
            ["0.0.0.0", "0.255.255.255"],
            ["10.0.0.0", "10.255.255.255"],
            ["100.64.0.0", "100.127.255.255"],
            ["127.0.0.0", "127.255.255.255"],
            ["169.254.0.0", "169.254.255.255"],
            ["172.16.0.0", "172.31.255.255"],
            ["192.0.0.0", "192.0.0.255"],
            ["192.0.2.0", "192.0.2.255"],
            ["192.88.99.0", "192.88.99.255"],
            ["192.168.0.0", "192.168.255.255"],
            ["198.18.0.0", "198.19.255.255"],
            ["198.51.100.0", "198.51.100.255"],
            ["203.0.113.0", "203.0.113.255"],
            ["224.0.0.0", "239.255.255.255"],
            ["240.0.0.0", "255.255.255.255"],
            ["::", "::1"],
            ["::8.8.8.8", "::127.0.0.1"],
            ["::ffff:0.0.0.0", "::ffff:255.255.255.255"],
            ["64:ff9b::", "64:ff9b::ffff:ffff"],
            ["64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
            ["100::", "100::ffff:ffff:ffff:ffff"],
            ["2001::", "2001::ffff:ffff:ffff:ffff:ffff:ffff"],
            ["2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"],
            ["2001:10::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            ["ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        ];
        for address in ranges.as_flattened() {
            assert!(!is_public(parsed(address)), "{address}");
        }
    }

    #[test]
    fn the_neighbours_of_the_reserved_ranges_are_public() {
        let neighbours = [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
            "2001:4860:4860::8888",
            "2003::",
            "2606:4700::1111",
            "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff:1000::",
        ];
        for address in neighbours {
            assert!(is_public(parsed(address)), "{address}");
        }
    }

    #[test]
    fn metadata_is_recognised_in_every_form() {
        let services = [
            "169.254.169.254",
            "169.254.169.253",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.0.23",
            "169.254.42.42",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:42::42",
            "::169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ];
        for address in services {
            assert!(is_metadata(parsed(address)), "{address}");
        }
        for address in [
            "127.0.0.1",
            "169.254.1.1",
            "10.0.0.1",
            "::1",
            "fd00::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_metadata(parsed(address)), "{address}");
        }
    }
}
