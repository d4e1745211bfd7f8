//! What stands between the network and the handlers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{HttpMessage, HttpRequest, web};
use broker::{Authenticated, Broker};
use bytes::Bytes;
use domain::{Institution, InstitutionId};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;
use validator::Validate;

use super::{address, authorization, payload};
use crate::api_error::ApiError;
use crate::app::ServerOptions;
use crate::body::{read_body, require_json};
use crate::measure::{Limited, Measures};
use crate::rate::{Now, RateLimit};
use crate::signature::{self, ReceivedSignature, SignatureError, SignedRequest};

/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// The broker, and the checks before it.
pub(crate) struct Gateway {
    broker: Broker,
    public_url: Url,
    institutions: RateLimit<InstitutionId>,
    addresses: RateLimit<IpAddr>,
    trusted_proxies: Vec<IpNet>,
    max_body_bytes: usize,
    measures: Measures,
}

/// A body as it came, declared as JSON.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    content_type: Option<String>,
}

impl Body {
    pub(super) fn read<R: DeserializeOwned + Validate>(&self) -> Result<R, ApiError> {
        read_body(self.content_type.as_deref(), &self.bytes)
    }
}

/// Whose signature was verified.
pub(super) struct Admitted {
    pub(super) institution: Institution,
    pub(super) nonce: String,
}

impl Gateway {
    pub(crate) fn new(broker: Broker, options: ServerOptions, measures: Measures) -> Self {
        let clock = broker.clone();
        let now: Now = Arc::new(move || clock.now());
        let per_institution = options.rate.per_institution;
        let per_address = options.rate.per_address;
        Self {
            broker,
            public_url: options.public_url,
            institutions: RateLimit::new(
                per_institution.per_second,
                per_institution.burst,
                Arc::clone(&now),
            ),
            addresses: RateLimit::new(per_address.per_second, per_address.burst, now),
            trusted_proxies: options.trusted_proxies,
            max_body_bytes: options.max_body_bytes,
            measures,
        }
    }

    /// Fails only in an application that was built without a gateway.
    pub(super) fn of(request: &HttpRequest) -> Result<web::Data<Self>, ApiError> {
        let gateway = request.app_data::<web::Data<Self>>();
        gateway.cloned().ok_or(ApiError::system_error())
    }

    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    /// 413 and 415.
    pub(super) async fn receive(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Body, ApiError> {
        let bytes = self.receive_bytes(request, payload).await?;
        let content_type = read_content_type(request.headers());
        require_json(content_type.as_deref(), &bytes)?;
        Ok(Body {
            bytes,
            content_type,
        })
    }

    /// 413 alone.
    pub(super) async fn receive_bytes(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Bytes, ApiError> {
        payload::read(request.headers(), payload, self.max_body_bytes, BODY_LIMIT).await
    }

    /// Whether browsers reach us by https alone.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// What stands before our paths in the browsers' eyes, without a slash at its end.
    pub(crate) fn base_path(&self) -> &str {
        self.public_url.path().trim_end_matches('/')
    }

    /// Where a form of ours comes from, as browsers write it.
    pub(crate) fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// Token, signature and rate.
    pub(super) async fn admit(
        &self,
        request: &HttpRequest,
        body: &Body,
    ) -> Result<Admitted, ApiError> {
        let Some(token) = authorization::read_token(request.headers()) else {
            return Err(ApiError::invalid_token());
        };
        let Authenticated {
            institution,
            secrets,
        } = self.broker.authenticate(token).await?;
        request.extensions_mut().insert(institution.app_id.clone());

        let signed = SignedRequest {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query(),
            public_url: &self.public_url,
            headers: request.headers(),
            body: &body.bytes,
        };
        let mut checked = self.check_signature(&signed, &institution, &secrets);
        if let Err(SignatureError::Mismatch) = checked {
            let known = self.broker.authenticate_afresh(token).await?;
            checked = self.check_signature(&signed, &known.institution, &known.secrets);
        }
        let received = checked.inspect_err(|error| self.measures.signature_refused(error))?;

        if let Err(wait) = self.institutions.check(&institution.id) {
            self.measures.limited(Limited::Institution);
            return Err(ApiError::too_many_requests(wait));
        }
        Ok(Admitted {
            institution,
            nonce: received.nonce,
        })
    }

    fn check_signature(
        &self,
        signed: &SignedRequest<'_>,
        institution: &Institution,
        secrets: &[SecretString],
    ) -> Result<ReceivedSignature, SignatureError> {
        let received = signature::parse(signed, institution.app_id.as_str())?;
        if !signature::verify(&received, secrets) {
            return Err(SignatureError::Mismatch);
        }
        received.check_window(self.broker.now())?;
        Ok(received)
    }

    /// Counts the request for its client's address, or tells how long to wait.
    pub(super) fn limit_address(&self, request: &HttpRequest) -> Result<(), Duration> {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let client = address::of_client(peer, request.headers(), &self.trusted_proxies);
        self.addresses
            .check(&address::bucket(client))
            .inspect_err(|_| self.measures.limited(Limited::Address))
    }
}

/// A type that is no text is a type that nobody takes.
fn read_content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    Some(value.to_str().unwrap_or_default().to_owned())
}
