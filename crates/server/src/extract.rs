//! Who is calling and what they ask for. What a handler takes as its argument is what was checked before
//! it: in this order 413, 415, token, signature, rate, nonce, fields.

mod address;
mod authorization;
mod gateway;
mod idempotency;
mod payload;
mod visitor;

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use broker::Caller;
use bytes::Bytes;
use domain::Institution;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use url::form_urlencoded;
use validator::Validate;

use crate::api_error::ApiError;
pub(crate) use gateway::Gateway;
use gateway::{Admitted, Body};
pub(crate) use visitor::Visitor;

/// A call that changes nothing. Its signature must have a nonce, which stays unspent.
pub(crate) struct Reading<R, C = R> {
    pub(crate) institution: Institution,
    /// What the fields `R` mean.
    pub(crate) command: C,
    fields: PhantomData<fn() -> R>,
}

/// A call that changes something. Its nonce is spent by the use case, together with the change, or right
/// here where its fields are wrong.
pub(crate) struct Changing<R, C = R> {
    pub(crate) caller: Caller,
    /// What the fields `R` mean.
    pub(crate) command: C,
    fields: PhantomData<fn() -> R>,
}

/// A call that changes something, and that answers once more what it answered before when it comes again
/// with the same `Idempotency-Key`.
pub(crate) struct Repeatable<R, C = R> {
    pub(crate) caller: Caller,
    /// What the fields `R` mean.
    pub(crate) command: C,
    fields: PhantomData<fn() -> R>,
}

/// The call of somebody whom nobody knows yet.
pub(crate) struct Unsigned<R> {
    pub(crate) body: R,
}

/// The request of a platform, which signs the bytes of its body: nothing is known of it but its size.
pub(crate) struct Told {
    /// Names and values of the headers that are text.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// What a form of ours sent. The address of its browser is counted by the [`Visitor`], which handlers take before.
pub(crate) struct SentForm {
    body: Bytes,
}

impl SentForm {
    /// The first field of that name.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(&self.body);
        let (_, value) = fields.find(|(field, _)| field == name)?;
        Some(value.into_owned())
    }
}

impl<R, C> FromRequest for Reading<R, C>
where
    R: DeserializeOwned + Validate + 'static,
    C: TryFrom<R> + 'static,
    ApiError: From<C::Error>,
{
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let gateway = Gateway::of(&request)?;
            let body = gateway.receive(&request, payload).await?;
            let Admitted { institution, .. } = gateway.admit(&request, &body).await?;
            let command = understand(&body)?;
            Ok(Self {
                institution,
                command,
                fields: PhantomData,
            })
        }
        .boxed_local()
    }
}

impl<R, C> FromRequest for Changing<R, C>
where
    R: DeserializeOwned + Validate + 'static,
    C: TryFrom<R> + 'static,
    ApiError: From<C::Error>,
{
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let (caller, command) = receive_change::<R, C>(request, payload, Key::Ignored).await?;
            Ok(Self {
                caller,
                command,
                fields: PhantomData,
            })
        }
        .boxed_local()
    }
}

impl<R, C> FromRequest for Repeatable<R, C>
where
    R: DeserializeOwned + Validate + 'static,
    C: TryFrom<R> + 'static,
    ApiError: From<C::Error>,
{
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let (caller, command) = receive_change::<R, C>(request, payload, Key::Kept).await?;
            Ok(Self {
                caller,
                command,
                fields: PhantomData,
            })
        }
        .boxed_local()
    }
}

impl<R: DeserializeOwned + Validate + 'static> FromRequest for Unsigned<R> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let gateway = Gateway::of(&request)?;
            let body = gateway.receive(&request, payload).await?;
            gateway
                .limit_address(&request)
                .map_err(ApiError::too_many_requests)?;
            Ok(Self { body: body.read()? })
        }
        .boxed_local()
    }
}

impl FromRequest for Told {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let gateway = Gateway::of(&request)?;
            gateway
                .limit_address(&request)
                .map_err(ApiError::too_many_requests)?;
            let body = gateway.receive_bytes(&request, payload).await?;
            let headers = request
                .headers()
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.to_string(), value.to_str().ok()?.to_owned()))
                })
                .collect();
            Ok(Self { headers, body })
        }
        .boxed_local()
    }
}

impl FromRequest for SentForm {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        async move {
            let gateway = Gateway::of(&request)?;
            let body = gateway.receive_bytes(&request, payload).await?;
            Ok(Self { body })
        }
        .boxed_local()
    }
}

/// What an `Idempotency-Key` means to a call.
enum Key {
    Kept,
    /// It may be sent all the same, since a client may add it to everything.
    Ignored,
}

async fn receive_change<R, C>(
    request: HttpRequest,
    payload: Payload,
    key: Key,
) -> Result<(Caller, C), ApiError>
where
    R: DeserializeOwned + Validate,
    C: TryFrom<R>,
    ApiError: From<C::Error>,
{
    let gateway = Gateway::of(&request)?;
    let body = gateway.receive(&request, payload).await?;
    let Admitted { institution, nonce } = gateway.admit(&request, &body).await?;
    let mut caller = Caller {
        institution,
        nonce,
        idempotency: None,
    };
    let idempotency = match key {
        Key::Kept => idempotency::read(request.headers(), &body.bytes),
        Key::Ignored => Ok(None),
    };
    match idempotency.and_then(|idempotency| Ok((idempotency, understand(&body)?))) {
        Ok((idempotency, command)) => {
            caller.idempotency = idempotency;
            Ok((caller, command))
        }
        // No use case will see this call, and it must not come a second time all the same.
        Err(error) => {
            gateway.broker().spend_nonce(&caller).await?;
            Err(error)
        }
    }
}

fn understand<R, C>(body: &Body) -> Result<C, ApiError>
where
    R: DeserializeOwned + Validate,
    C: TryFrom<R>,
    ApiError: From<C::Error>,
{
    Ok(C::try_from(body.read::<R>()?)?)
}
