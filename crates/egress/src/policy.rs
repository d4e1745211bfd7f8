//! What may be dialled: the judgement of a URL before, and of addresses after, its name is resolved.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, ParseError, Url};

use crate::address::{is_metadata, is_public};

/// What the operator opens and limits. The default opens nothing beyond the public internet.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Networks that are opened although they are not public, for development. Inside of them plain
    /// http and every port are allowed too. An IPv4 network does not cover the IPv6 forms of its
    /// addresses, so that `localhost` usually wants both `127.0.0.0/8` and `::1/128`. The metadata
    /// services of clouds stay closed even where a network listed here covers them.
    pub allow: Vec<IpNet>,
    /// Ports that https may use on public addresses.
    pub ports: BTreeSet<u16>,
    /// How long one dial may take, with name resolution and the TLS handshake.
    pub connect_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            ports: BTreeSet::from([443, 8443]),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// Why a URL may not be called, in words for the person who supplied it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    #[error("the URL must be absolute and well formed")]
    NotAbsolute,
    #[error("the scheme must be https")]
    Scheme,
    #[error("the URL must not contain a user name or a password")]
    Userinfo,
    #[error("the host must be a DNS name without a trailing dot, or an address")]
    Host,
    #[error("the port is not one of the allowed ports")]
    Port,
    #[error("the host must not be a private or reserved address")]
    Address,
}

/// Which addresses a call may use, decided by the scheme and the port of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public addresses and allowed ones: https on a listed port.
    Open,
    /// Allowed ones alone: plain http, or a port that is not listed.
    Confined,
}

/// Why the addresses behind a name were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressRefused {
    #[error("the name leads to a private or reserved address")]
    Forbidden,
    #[error("the name leads to an address that is not opened for plain http or unlisted ports")]
    NotAllowed,
}

enum Standing {
    Allowed,
    Public,
    Forbidden,
}

impl Policy {
    /// The URL as it will be dialled, if nothing about it can be refused yet.
    pub(crate) fn parse(&self, url: &str) -> Result<Url, UrlRefused> {
        let url = Url::parse(url).map_err(refused_by_parser)?;
        self.reach(&url)?;
        Ok(url)
    }

    /// Which addresses this URL may lead to; an address literal is judged here for good, because no
    /// resolver will see it.
    pub(crate) fn reach(&self, url: &Url) -> Result<Reach, UrlRefused> {
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(UrlRefused::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefused::Userinfo);
        }
        let literal = match url.host() {
            Some(Host::Domain(name)) if is_plain_name(name) => None,
            Some(Host::Domain(_)) | None => return Err(UrlRefused::Host),
            Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
        };
        if !is_read_alike(url) {
            return Err(UrlRefused::NotAbsolute);
        }

        let closed_to_public = if is_plain {
            Some(UrlRefused::Scheme)
        } else if url
            .port_or_known_default()
            .is_some_and(|port| self.ports.contains(&port))
        {
            None
        } else {
            Some(UrlRefused::Port)
        };
        let reach = match closed_to_public {
            None => Reach::Open,
            Some(_) => Reach::Confined,
        };
        match (
            literal.map(|address| self.standing(address)),
            closed_to_public,
        ) {
            (Some(Standing::Forbidden), _) => Err(UrlRefused::Address),
            (Some(Standing::Public), Some(refused)) => Err(refused),
            // With nothing allowed, the name need not be resolved to know the answer.
            (None, Some(refused)) if self.allow.is_empty() => Err(refused),
            (Some(Standing::Public | Standing::Allowed) | None, _) => Ok(reach),
        }
    }

    /// Refuses the whole answer of a resolver when one of its addresses is out of reach: which of them
    /// is dialled would otherwise be the choice of whoever runs the name server.
    pub(crate) fn vet(&self, reach: Reach, answer: &[SocketAddr]) -> Result<(), AddressRefused> {
        for address in answer {
            match (self.standing(address.ip()), reach) {
                (Standing::Forbidden, _) => return Err(AddressRefused::Forbidden),
                (Standing::Public, Reach::Confined) => return Err(AddressRefused::NotAllowed),
                (Standing::Public, Reach::Open) | (Standing::Allowed, _) => {}
            }
        }
        Ok(())
    }

    fn standing(&self, address: IpAddr) -> Standing {
        if is_metadata(address) {
            return Standing::Forbidden;
        }
        if self.allow.iter().any(|net| net.contains(&address)) {
            return Standing::Allowed;
        }
        if is_public(address) {
            return Standing::Public;
        }
        Standing::Forbidden
    }
}

/// The URL standard lets more through than a DNS name has (`a..b`, `{x}`, `a,b`), and resolvers differ
/// in what they make of it.
fn is_plain_name(name: &str) -> bool {
    name.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// We judge what `url` reads, the connector dials what `http` reads from the same text; where the two
/// differ there is a way around the judgement. An over-long URL fails here too.
fn is_read_alike(url: &Url) -> bool {
    let Ok(uri) = url.as_str().parse::<http::Uri>() else {
        return false;
    };
    uri.scheme_str() == Some(url.scheme())
        && uri.host() == url.host_str()
        && uri.port_u16() == url.port()
}

fn refused_by_parser(error: ParseError) -> UrlRefused {
    if error == ParseError::RelativeUrlWithoutBase || error == ParseError::Overflow {
        return UrlRefused::NotAbsolute;
    }
    if error == ParseError::InvalidPort {
        return UrlRefused::Port;
    }
    UrlRefused::Host
}

#[cfg(test)]
mod tests;
