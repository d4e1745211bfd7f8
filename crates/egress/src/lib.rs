//! The only way out to an address that a user can influence.
//!
//! **Invariant.** Whatever builds a host name from foreign input goes out through [`Client`]: webhook
//! URLs, platform hosts made from a shop label, a `WooCommerce` `store_url`. Nothing else in the
//! product may dial such a host, and clippy refuses any other HTTP client.
//!
//! What a user chooses is a name; what is dangerous is the address behind it, and that can change
//! between a check and the dial. Therefore the check is part of the dial:
//!
//! - A name is resolved once per dial, every address of the answer is judged, one bad address among
//!   several refuses all, and exactly the judged addresses are handed to the connector.
//! - An address literal never reaches a resolver, so [`Client::send`] judges it in the URL, where the
//!   parser has already turned every notation (`0x7f.1`, `2130706433`, `[::ffff:7f00:1]`) into an address.
//! - Only https on the listed ports goes to public addresses. What lies inside [`Policy::allow`] is
//!   opened for plain http and for every port, and nothing else is.
//! - Redirects are answers, not instructions. System proxies are not consulted, because a proxy would
//!   resolve the name again, out of our sight.
//!
//! Deliberately absent: looking through an IPv4 address that is embedded in an IPv6 one (such forms are
//! refused as they stand), lists of bad host names (a name is judged by where it leads), and an
//! application-level retry (the caller knows what may be sent twice).
#![warn(clippy::future_not_send)]

mod address;
mod client;
mod measure;
mod policy;
mod resolver;

pub use client::{BuildError, Client, EgressError, Oversize, Request, Response};
pub use measure::Purpose;
pub use policy::{Policy, UrlRefused};
