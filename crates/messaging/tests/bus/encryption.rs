//! RabbitMQ behind TLS.

use std::sync::Arc;

use messaging::{ConnectError, EventBus, RabbitBus, RabbitOptions, Refusal};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::{
    message,
    proxy::Proxy,
    rabbit::{BROKER, Installation},
    relay,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority that exists for one test.
fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server at `localhost` that this authority vouches for.
fn server(authority: &Authority) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_server_is_trusted_by_the_authority_that_the_operator_names() {
    let _broker_stays = BROKER.read().await;
    let installation = Installation::new().await;
    let authority = authority();
    let proxy = Proxy::start(Some(server(&authority))).await;

    let bus = RabbitBus::connect(RabbitOptions {
        url: proxy.url("amqps").into(),
        certificate_authorities: Some(authority.pem()),
        ..installation.options()
    })
    .await
    .unwrap();

    relay(&bus, vec![message(1)]).await;
    assert_eq!(installation.take("webhooks").await.data, message(1).body);
    assert_eq!(proxy.accepted(), 1);
    assert_eq!(bus.count_parked().await.unwrap(), 0);
    installation.remove().await;
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let _broker_stays = BROKER.read().await;
    let proxy = Proxy::start(Some(server(&authority()))).await;
    for certificate_authorities in [None, Some(authority().pem())] {
        let refused = RabbitBus::connect(RabbitOptions {
            certificate_authorities,
            ..RabbitOptions::new(proxy.url("amqps").into())
        });
        let error = refused.await.err();
        let Some(ConnectError::Refused(Refusal::Tls { reason })) = error else {
            panic!("{error:?}");
        };
        assert!(reason.starts_with("invalid peer certificate"), "{reason}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_refused() {
    let _broker_stays = BROKER.read().await;
    let proxy = Proxy::start(None).await;
    let refused = RabbitBus::connect(RabbitOptions::new(proxy.url("amqps").into()));
    let error = refused.await.err();
    assert!(
        matches!(error, Some(ConnectError::Refused(Refusal::Tls { .. }))),
        "{error:?}"
    );
}
