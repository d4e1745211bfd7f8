//! Schemas for the OpenAPI document alone: of what the use cases answer, which know nothing of documents,
//! and of what all calls have in common. Tests hold them against the real thing.
#![expect(
    dead_code,
    clippy::large_enum_variant,
    clippy::struct_field_names,
    reason = "read by the OpenAPI document and built by nobody"
)]
#![expect(unused_qualifications, reason = "the derive writes them")]

use std::iter;

use domain::endpoint::EndpointStatus;
use domain::{AuthStatus, AuthType, EventType, FailReason, Health, Platform};
use utoipa::openapi::schema::{ArrayBuilder, Type};
use utoipa::openapi::{Array, Object, ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::code::Code;
use crate::handlers::token::TokenResponse;

/// Answered with HTTP 200: what was asked for, or a business code.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Answer<T: ToSchema> {
    Success(Success<T>),
    Failure(Failure),
}

/// Answered with HTTP 200 by `token/get` alone.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum TokenAnswer<'a> {
    Token(TokenResponse<'a>),
    Failure(Failure),
}

/// The call did what it says.
#[derive(ToSchema)]
pub(crate) struct Success<T: ToSchema> {
    #[schema(minimum = 200, maximum = 200, example = 200)]
    code: u32,
    #[schema(example = "SUCCESS")]
    message: String,
    data: T,
}

/// The call changed nothing.
#[derive(ToSchema)]
pub(crate) struct Failure {
    #[schema(schema_with = failure_code)]
    code: u32,
    /// What to fix.
    #[schema(example = "store_id can't be empty")]
    message: String,
    data: Null,
}

/// No data.
pub(crate) struct Null;

impl PartialSchema for Null {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Null).into()
    }
}

impl ToSchema for Null {}

/// What makes a call count once although it is sent twice.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyKey {
    /// The same key with the same body is answered once more what it was answered before, for 24 hours;
    /// with another body it is 900002. Must be covered by the signature.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "order-1024-create",
        nullable = false
    )]
    key: Option<String>,
}

/// The HTTP message signature (RFC 9421) that every call but `token/get` carries. The examples are those of
/// the document's worked example.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct SignedHeaders {
    /// The SHA-256 of the exact body (RFC 9530).
    #[param(
        rename = "Content-Digest",
        example = "sha-256=:+ap9kmo7WrcVT3EuYylqgJuonPE+d0h3YlYvBjNicpw=:"
    )]
    content_digest: String,
    /// What is covered, in your order, with the time and a nonce.
    #[param(
        rename = "Signature-Input",
        example = "sig=(\"@method\" \"@path\" \"content-digest\" \"authorization\");created=1795284000;nonce=\"8f0c2b6e5d1a\";keyid=\"app_3f6b0d6c2a914e587d20c1b4\";alg=\"hmac-sha256\""
    )]
    signature_input: String,
    /// HMAC-SHA256 over the signature base, with the bytes of the `app_secret` as the key.
    #[param(
        rename = "Signature",
        example = "sig=:jI0ZFNUcXxxw6sitfag1W3qTJhjBlX9QX7GR8DMxoOU=:"
    )]
    signature: String,
}

/// A store at one moment. A field that does not apply is absent.
#[derive(ToSchema)]
pub(crate) struct Snapshot {
    #[schema(example = "cl_0192f0c1000070008000000000000001")]
    client_id: String,
    #[schema(example = "st_0192f0c1000070008000000000000002")]
    store_id: String,
    #[schema(schema_with = platform)]
    platform: String,
    #[schema(example = "Demo Shop")]
    name: String,
    #[schema(format = "uri", example = "https://demo.myshopline.com")]
    store_url: String,
    #[schema(example = "General Categories")]
    category: String,
    /// What was asked for in `store/auth`; where nothing was, the label that the platform proved.
    #[schema(nullable = false, example = "demo")]
    seller_id: Option<String>,
    /// The platform's own id of the shop that consented; while SUCCESS.
    #[schema(nullable = false, example = "demo")]
    shop_identity: Option<String>,
    #[schema(schema_with = auth_type, required = false)]
    auth_type: Option<String>,
    #[schema(schema_with = auth_status)]
    auth_status: String,
    #[schema(schema_with = fail_reason_or_empty)]
    auth_fail_reason: String,
    /// What was granted and what is required, sorted; while SUCCESS.
    #[schema(nullable = false)]
    scopes: Option<Vec<Scope>>,
    /// While SUCCESS.
    #[schema(
        nullable = false,
        format = "date-time",
        example = "2026-11-21T18:00:00.000Z"
    )]
    authorized_at: Option<String>,
    /// When the grant ends, where it has an end; while SUCCESS.
    #[schema(
        nullable = false,
        format = "date-time",
        example = "2026-11-22T04:00:00.000Z"
    )]
    expires_at: Option<String>,
    /// The end that no renewal moves, where there is one to tell: by then the seller has to authorize again.
    /// While SUCCESS.
    #[schema(
        nullable = false,
        format = "date-time",
        example = "2027-11-21T18:00:00.000Z"
    )]
    reauthorize_by: Option<String>,
    #[schema(schema_with = health, required = false)]
    health: Option<String>,
    /// An attempt beside the grant; while SUCCESS, and if there was one.
    #[schema(required = false)]
    reauthorization: Option<Reauthorization>,
    /// Grows by one with every event of the store; 0 before the first.
    #[schema(minimum = 0, example = 1)]
    sequence: i64,
    /// Grows by one with every change of the store.
    #[schema(minimum = 0, example = 2)]
    revision: i64,
    #[schema(schema_with = record_status)]
    status: String,
}

/// An attempt to replace a grant that works. Whatever becomes of it, the store's own status is the grant's.
#[derive(ToSchema)]
pub(crate) struct Reauthorization {
    #[schema(schema_with = reauthorization_status)]
    status: String,
    #[schema(schema_with = fail_reason_or_empty)]
    auth_fail_reason: String,
}

/// What a grant may do.
#[derive(ToSchema)]
pub(crate) struct Scope {
    /// The same for every platform.
    #[schema(example = "read:orders")]
    scope: String,
    /// The platform's own spelling.
    #[schema(example = "read_orders")]
    name: String,
    #[schema(schema_with = scope_grant)]
    grant: String,
    /// With `list`, the resources that the grant is limited to, by the platform's ids; empty elsewhere.
    ids: Vec<String>,
    required: bool,
}

/// What a platform takes.
#[derive(ToSchema)]
pub(crate) struct PlatformListing {
    #[schema(schema_with = platform)]
    code: String,
    #[schema(example = "SHOPLINE")]
    name: String,
    #[schema(schema_with = auth_types)]
    auth_types: Vec<String>,
    #[schema(inline)]
    seller_id: SellerIdListing,
    /// Which fields of `auth_info` a key has; `null` where no key is taken.
    #[schema(required)]
    key_shape: Option<KeyShape>,
    #[schema(inline)]
    store_url: StoreUrlListing,
    /// What is asked of sellers unless the operator configured other scopes.
    #[schema(example = json!(["read_orders"]))]
    scopes: Vec<String>,
    #[schema(inline)]
    lifetimes: LifetimesListing,
}

#[derive(ToSchema)]
pub(crate) struct SellerIdListing {
    /// Where it is not, the shop is taken from `store_url` if that names it.
    required: bool,
    /// `null` on platforms without labels.
    #[schema(required, example = "^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")]
    pattern: Option<String>,
    #[schema(required, example = "demo")]
    example: Option<String>,
}

/// `token`, or `api_key` and `api_secret`.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyShape {
    Token,
    ApiKeySecret,
}

#[derive(ToSchema)]
pub(crate) struct StoreUrlListing {
    /// `null` where any http(s) URL is taken.
    #[schema(required)]
    pattern: Option<String>,
    #[schema(example = "https://demo.myshopline.com")]
    example: String,
}

#[derive(ToSchema)]
pub(crate) struct LifetimesListing {
    /// How long a grant lives; `null` where it has no end.
    #[schema(required, example = 36000)]
    access_seconds: Option<u64>,
}

/// A committed fact. Drop one about a store whose `sequence` is not above the highest that you have seen.
#[derive(ToSchema)]
pub(crate) struct Event {
    /// The same on every channel and attempt.
    #[schema(example = "evt_0192f0c1000070008000000000000004")]
    id: String,
    #[schema(schema_with = event_type)]
    r#type: String,
    #[schema(format = "date-time", example = "2026-11-21T18:00:00.000Z")]
    timestamp: String,
    data: EventData,
}

#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum EventData {
    Store(StoreEventData),
    Endpoint(EndpointEventData),
}

/// Of `store.…`: the snapshot at that commit, and what became of the authorization.
#[derive(ToSchema)]
pub(crate) struct StoreEventData {
    #[serde(flatten)]
    snapshot: Snapshot,
    /// `null` unless the event tells a failure.
    #[schema(required)]
    fail: Option<Fail>,
    /// Where the seller can authorize the shop again, of `store.auth.expiring` and
    /// `store.auth.scopes_changed`; only in events.
    #[schema(
        required = false,
        format = "uri",
        example = "https://grants.pay.example/go/8dJk2mQ5vXw0"
    )]
    reauthorize_url: Option<String>,
    /// Milliseconds since 1970.
    #[schema(example = 1_795_284_000_000_i64)]
    finished: i64,
}

/// Why an authorization failed, whose move it is, and whether the same `store/auth` can end well.
#[derive(ToSchema)]
pub(crate) struct Fail {
    #[schema(schema_with = fail_reason)]
    reason: String,
    #[schema(schema_with = actor)]
    who: String,
    retryable: bool,
}

/// Of `endpoint.…`.
#[derive(ToSchema)]
pub(crate) struct EndpointEventData {
    #[schema(example = "ep_0192f0c1000070008000000000000003")]
    endpoint_id: String,
    #[schema(format = "uri", example = "https://pay.example/hooks/shopgrant")]
    url: String,
    #[schema(schema_with = endpoint_status)]
    status: String,
}

pub(crate) fn platform() -> Object {
    one_of(
        "A platform's code, as in `platform/list`.",
        Platform::ALL.map(Platform::code),
    )
}

pub(crate) fn auth_type() -> Object {
    one_of(
        "URL: the seller clicks a link and consents. KEY: the seller's developer credentials.",
        [AuthType::Url, AuthType::Key].map(AuthType::code),
    )
}

fn auth_types() -> Array {
    ArrayBuilder::new().items(auth_type()).build()
}

pub(crate) fn auth_status() -> Object {
    one_of(
        "Where the store's authorization stands.",
        AuthStatus::ALL.map(AuthStatus::code),
    )
}

pub(crate) fn session_access() -> Object {
    one_of(
        "offline, which it is if nothing is said: the store is authorized. online: a token of the user's own.",
        ["offline", "online"],
    )
}

pub(crate) fn endpoint_status() -> Object {
    one_of(
        "UNVERIFIED until it has answered 2xx; DISABLED after it answered 410.",
        EndpointStatus::ALL.map(EndpointStatus::code),
    )
}

pub(crate) fn event_types() -> Array {
    ArrayBuilder::new()
        .description(Some("What is posted; everything where it is empty."))
        .items(event_type())
        .build()
}

fn event_type() -> Object {
    one_of("What the event tells.", EventType::ALL.map(EventType::code))
}

fn fail_reason() -> Object {
    one_of(
        "Never a platform's own words.",
        FailReason::ALL.map(FailReason::code),
    )
}

pub(crate) fn fail_reason_or_empty() -> Object {
    let reasons = FailReason::ALL.map(FailReason::code);
    one_of("Empty unless FAILED.", iter::once("").chain(reasons))
}

fn actor() -> Object {
    one_of(
        "Whose move it is.",
        ["seller", "institution", "operator", "platform"],
    )
}

fn scope_grant() -> Object {
    one_of(
        "`none`: required, or named by the platform, and not granted.",
        ["all", "list", "none"],
    )
}

fn health() -> Object {
    one_of(
        "How the grant is; while SUCCESS.\n\n\
        `EXPIRING`: it ends at `reauthorize_by`. `SCOPES_MISSING`: it lacks what the platform app \
        requires. `REFRESH_FAILING`: it could not be renewed yet. \
        `UNCERTAIN`: it may have to be authorized again, which shows soon.\n\n\
        With any of these but `HEALTHY`, `store/auth` is taken while SUCCESS.",
        Health::ALL.map(Health::code),
    )
}

fn reauthorization_status() -> Object {
    one_of(
        "PROCESSING: it is under way. FAILED: the last one failed, and the grant is as it was.",
        [AuthStatus::Processing, AuthStatus::Failed].map(AuthStatus::code),
    )
}

fn record_status() -> Object {
    one_of("PingPong's status of the record.", ["NORMAL"])
}

fn failure_code() -> Object {
    let codes = Code::ALL.iter().filter(|&&code| code != Code::Success);
    ObjectBuilder::new()
        .description(Some("One of the table; what a client branches on."))
        .schema_type(Type::Integer)
        .enum_values(Some(codes.map(|code| code.number())))
        .build()
}

fn one_of(description: &str, words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .description(Some(description))
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build()
}

#[cfg(test)]
mod tests;
