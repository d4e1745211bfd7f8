use std::time::Duration;

use lapin::uri::AMQPUri;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use secrecy::SecretString;
use url::Url;

/// How to reach the broker and what to be called there.
#[derive(Clone, Debug)]
pub struct RabbitOptions {
    /// `amqp://` or `amqps://`, with user, password and virtual host.
    pub url: SecretString,
    /// Certificates in PEM of the authorities that are trusted beside those of the system, with
    /// `amqps://`.
    pub certificate_authorities: Option<String>,
    /// Put before every name, so that several installations can share a virtual host; at most 100
    /// bytes, usually none.
    pub prefix: String,
    /// How long one [`EventBus::publish`](crate::EventBus::publish) may take, connecting included.
    pub confirm_within: Duration,
    /// How long a message is kept that cannot be handled, before it is given back and taken anew.
    /// It must be shorter than the time after which the broker closes the channel of a consumer
    /// that does not acknowledge, which is half an hour unless the operator has changed it
    /// (<https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout>).
    pub hold_at_most: Duration,
}

impl RabbitOptions {
    /// No prefix, the system's authorities, five seconds and 25 minutes.
    pub fn new(url: SecretString) -> RabbitOptions {
        RabbitOptions {
            url,
            certificate_authorities: None,
            prefix: String::new(),
            confirm_within: Duration::from_secs(5),
            hold_at_most: Duration::from_mins(25),
        }
    }
}

/// The options name no broker that could ever be reached. The text leaves out what they are,
/// because the URL holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmqpOptions {
    #[error("the AMQP URL cannot be parsed: {0}")]
    Syntax(#[from] url::ParseError),
    #[error("the AMQP URL must begin with amqp:// or amqps://")]
    Scheme,
    #[error("the AMQP URL has a virtual host, a password or a parameter that cannot be read")]
    Part,
    #[error("the prefix of the names in RabbitMQ is longer than 100 bytes")]
    Prefix,
    #[error("the certificate authorities for RabbitMQ hold no certificate in PEM, or a broken one")]
    CertificateAuthorities,
}

pub(super) fn parse_url(text: &str) -> Result<AMQPUri, InvalidAmqpOptions> {
    let url = Url::parse(text)?;
    if !matches!(url.scheme(), "amqp" | "amqps") || url.cannot_be_a_base() {
        return Err(InvalidAmqpOptions::Scheme);
    }
    let mut uri: AMQPUri = text.parse().map_err(|_| InvalidAmqpOptions::Part)?;
    // lapin's parser knows names only and would quietly put `localhost` in place of an address.
    if let Some(url::Host::Ipv6(address)) = url.host() {
        uri.authority.host = address.to_string();
    }
    Ok(uri)
}

pub(super) fn parse_authorities(
    pem: &str,
) -> Result<Vec<CertificateDer<'static>>, InvalidAmqpOptions> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| InvalidAmqpOptions::CertificateAuthorities)?;
    // The connector would silently leave out what it cannot read.
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(certificate.clone())
            .map_err(|_| InvalidAmqpOptions::CertificateAuthorities)?;
    }
    if store.is_empty() {
        return Err(InvalidAmqpOptions::CertificateAuthorities);
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, u16, String), InvalidAmqpOptions> {
        let uri = parse_url(text)?;
        Ok((uri.authority.host, uri.authority.port, uri.vhost))
    }

    #[test]
    fn urls_name_a_host_a_port_and_a_virtual_host() {
        let check = |text, host: &str, port, vhost: &str| {
            assert_eq!(
                parse(text),
                Ok((host.to_owned(), port, vhost.to_owned())),
                "{text}"
            );
        };
        check("amqp://mq.example", "mq.example", 5672, "/");
        check(
            "amqps://u:p@mq.example/shop%2Fgrant",
            "mq.example",
            5671,
            "shop/grant",
        );
        check("amqp://127.0.0.1:5673/%2f", "127.0.0.1", 5673, "/");
        check("amqp://[::1]:5673/%2f", "::1", 5673, "/");
    }

    #[test]
    fn what_cannot_be_parsed_is_refused_without_repeating_it() {
        let check = |text, expected| {
            let error = parse(text).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("geheim"), "{error}");
        };
        check(
            "geheim",
            InvalidAmqpOptions::Syntax(url::ParseError::RelativeUrlWithoutBase),
        );
        check("http://u:geheim@mq.example", InvalidAmqpOptions::Scheme);
        check("amqp:geheim", InvalidAmqpOptions::Scheme);
        check("amqp://u:geheim%ff@mq.example", InvalidAmqpOptions::Part);
        check(
            "amqp://u:geheim@mq.example/?heartbeat=geheim",
            InvalidAmqpOptions::Part,
        );
    }

    #[test]
    fn authorities_are_certificates_or_refused() {
        for text in [
            "",
            "no PEM",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n",
        ] {
            let refused = parse_authorities(text).map(|certificates| certificates.len());
            let expected = Err(InvalidAmqpOptions::CertificateAuthorities);
            assert_eq!(refused, expected, "{text}");
        }
    }
}
