//! Where a seller's browser may be sent afterwards, and what it is told on the way.

use domain::Institution;
use url::{Host, Url};

use crate::Broker;
use crate::field::FieldError;
use crate::options::PlainHttp;
use crate::outcome::Outcome;

/// What the redirect adds to a `redirect_url`; a URL that has one of them already could be misread.
const PARAMETERS: [&str; 5] = [
    "client_id",
    "store_id",
    "seller_id",
    "auth_status",
    "auth_fail_reason",
];

impl Broker {
    /// A browser is only ever sent to an origin that the operator registered for the institution.
    pub(crate) fn check_redirect_url(
        &self,
        institution: &Institution,
        text: &str,
    ) -> Result<(), FieldError> {
        let refuse = |problem: &'static str| Err(FieldError::new("redirect_url", problem));
        let Ok(url) = Url::parse(text) else {
            return refuse("must be a URL");
        };
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        match (url.scheme(), self.options().plain_http_redirects) {
            ("https", _) => {}
            ("http", PlainHttp::LoopbackOnly) if is_loopback => {}
            _ => return refuse("must start with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not contain a user name or a password");
        }
        if url.fragment().is_some() {
            return refuse("must not have a fragment");
        }
        if url
            .query_pairs()
            .any(|(name, _)| PARAMETERS.contains(&name.as_ref()))
        {
            return refuse("must not have a parameter that the redirect adds");
        }
        if !institution
            .redirect_origins
            .contains(&url.origin().ascii_serialization())
        {
            return refuse("must be at an origin that is registered for you");
        }
        Ok(())
    }
}

/// The institution's page, with the five parameters behind whatever its query has.
pub(crate) fn with_outcome(
    redirect_url: &str,
    outcome: &Outcome,
) -> Result<String, url::ParseError> {
    let mut url = Url::parse(redirect_url)?;
    let values = [
        outcome.client_id.to_string(),
        outcome.store_id.to_string(),
        outcome.seller_id.clone().unwrap_or_default(),
        outcome.auth_status.code().to_owned(),
        outcome
            .fail_reason
            .map(|reason| reason.code().to_owned())
            .unwrap_or_default(),
    ];
    url.query_pairs_mut()
        .extend_pairs(PARAMETERS.iter().zip(values));
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use domain::{AuthStatus, AuthorizationId, ClientId, FailReason, Reference, StoreId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_outcome_stands_behind_the_query_that_was_there() {
        let outcome = Outcome {
            reference: Reference::of(AuthorizationId::new(Uuid::nil())),
            platform_name: "SHOPLINE",
            client_id: ClientId::new(Uuid::from_u128(1)),
            store_id: StoreId::new(Uuid::from_u128(2)),
            seller_id: Some("myshop2023".to_owned()),
            auth_status: AuthStatus::Failed,
            fail_reason: Some(FailReason::UserDenied),
            failed_beside: None,
        };
        let url = with_outcome("https://pay.example/done?order=7", &outcome).unwrap();
        assert_eq!(
            url,
            "https://pay.example/done?order=7&client_id=cl_00000000000000000000000000000001\
             &store_id=st_00000000000000000000000000000002&seller_id=myshop2023\
             &auth_status=FAILED&auth_fail_reason=USER_DENIED"
        );
        let success = Outcome {
            fail_reason: None,
            auth_status: AuthStatus::Success,
            ..outcome
        };
        let url = with_outcome("https://pay.example/", &success).unwrap();
        assert!(
            url.ends_with("&auth_status=SUCCESS&auth_fail_reason="),
            "{url}"
        );
    }
}
