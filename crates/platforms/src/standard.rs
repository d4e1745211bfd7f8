//! The authorization code grant with other words: what most platforms speak.

mod authorize;
mod callback;
mod events;
mod launch;
mod probe;
mod token;

pub(crate) use authorize::url as authorize_url;
pub(crate) use callback::read_answer;
pub(crate) use token::{granted_fields, read_end, read_scopes, sign_headers};

use domain::{NamedShop, PlatformEventKind, ProvenShop};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::Value;

use crate::adapter::{App, PlatformAdapter};
use crate::call::read_json;
use crate::code_flow::{AuthorizeRequest, Callback, CallbackError, CodeFlow, ExchangeRequest};
use crate::events::{EventNotVerified, EventProof, EventRequest, PlatformEvent, PlatformEvents};
use crate::facts::PlatformFacts;
use crate::failure::PlatformFailure;
use crate::granted_scopes::ScopeReader;
use crate::launch::{Launch, LaunchError, LaunchedShop};
use crate::probe::{Liveness, Probe, ProbeRequest};
use crate::proof::Proof;
use crate::refresh::Refresh;
use crate::revoke::Revoke;
use crate::session::SessionExchange;
use crate::signature::QuerySignature;

/// A platform whose dialect is told by its words alone.
pub(crate) struct StandardCodeFlow {
    pub(crate) facts: &'static PlatformFacts,
    pub(crate) descriptor: &'static CodeFlowDescriptor,
    /// How its tokens are renewed, where they are.
    pub(crate) refresh: Option<&'static dyn Refresh>,
    /// How the scopes of its tokens are read again, where they are.
    pub(crate) scope_reader: Option<&'static dyn ScopeReader>,
    /// How its tokens are given up, where they can be.
    pub(crate) revoke: Option<&'static dyn Revoke>,
    /// What it begins by itself, where that is in words of this kind.
    pub(crate) initiated: Option<&'static InitiatedWords>,
    /// How session tokens are exchanged, where there are any.
    pub(crate) session: Option<&'static dyn SessionExchange>,
}

/// The words of what the platform begins: launches, events, and the probe that an event calls for.
#[derive(Debug)]
pub(crate) struct InitiatedWords {
    /// A launch has the callback's words; this is its parameter for the seller's language.
    pub(crate) language: Option<&'static str>,
    pub(crate) events: EventWords,
    pub(crate) probe: ProbeWords,
}

/// The headers of an event, and how its body is read.
#[derive(Debug)]
pub(crate) struct EventWords {
    /// HMAC-SHA256 of the raw body, in hex or in base64.
    pub(crate) signature: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) shop_domain: &'static str,
    /// `None` where events have no id.
    pub(crate) id: Option<&'static str>,
    /// What a topic asks for that is not one of the compliance topics.
    pub(crate) kind: fn(&str, &Value) -> PlatformEventKind,
    /// The shop that a body names.
    pub(crate) shop: fn(&PlatformFacts, &Value) -> Option<NamedShop>,
    /// The code that a body brings, where any does.
    pub(crate) code: Option<ReadCode>,
}

/// Reads the code that a body brings, behind the client id that it is for.
pub(crate) type ReadCode = fn(&Value) -> Option<(&str, &str)>;

/// The cheapest GET that presents an access token.
#[derive(Debug)]
pub(crate) struct ProbeWords {
    pub(crate) path: &'static str,
    pub(crate) header: &'static str,
    /// What stands before the token, with its space.
    pub(crate) scheme: &'static str,
}

/// The words of a dialect.
#[derive(Debug)]
pub(crate) struct CodeFlowDescriptor {
    /// The platform's host with `{shop}` for the label.
    pub(crate) host: &'static str,
    pub(crate) authorize: AuthorizePage,
    pub(crate) callback: CallbackWords,
    pub(crate) signature: QuerySignature,
    pub(crate) token_call: TokenCall,
    pub(crate) token_answer: TokenAnswer,
}

/// The page on which the seller consents.
#[derive(Debug)]
pub(crate) struct AuthorizePage {
    /// Everything between the host and the query. Where the page is routed by its fragment, the query
    /// comes after that, so the path ends with it.
    pub(crate) path: &'static str,
    /// In the order in which the platform's own examples have them.
    pub(crate) parameters: &'static [(&'static str, AuthorizeValue)],
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum AuthorizeValue {
    Literal(&'static str),
    ClientId,
    /// Joined by commas.
    Scopes,
    RedirectUri,
    State,
}

/// What a callback's parameters are called. `code` and `error` are so everywhere.
#[derive(Debug)]
pub(crate) struct CallbackWords {
    /// Our own id, where the callback repeats it.
    pub(crate) client_id: Option<&'static str>,
    pub(crate) shop: &'static str,
    /// The shop's stable number, where the callback names it.
    pub(crate) shop_id: Option<&'static str>,
    pub(crate) state: &'static str,
    pub(crate) timestamp: &'static str,
}

/// The call that exchanges a code: a POST of a flat JSON object.
#[derive(Debug)]
pub(crate) struct TokenCall {
    pub(crate) path: &'static str,
    pub(crate) body: &'static [(&'static str, TokenValue)],
    pub(crate) client_proof: ClientProof,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenValue {
    Literal(&'static str),
    ClientId,
    ClientSecret,
    Code,
}

/// How the call proves that it is ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ClientProof {
    /// The secret is one of the body's fields.
    SecretInBody,
    /// The headers `appkey`, `timestamp` in milliseconds, and `sign` over the body and the timestamp.
    SignedHeaders,
}

/// How the answer to the exchange is read.
#[derive(Debug)]
pub(crate) struct TokenAnswer {
    pub(crate) shape: AnswerShape,
    pub(crate) access_token: &'static str,
    /// Scopes joined by commas.
    pub(crate) scope: &'static str,
    pub(crate) end: TokenEnd,
    /// The shop that answered, which must be the callback's.
    pub(crate) proven_shop:
        fn(&PlatformFacts, &Value, &ExchangeRequest<'_>) -> Result<ProvenShop, PlatformFailure>,
    /// What an answer means that is JSON and grants nothing.
    pub(crate) refusal: fn(StatusCode, &Value) -> PlatformFailure,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum AnswerShape {
    /// The HTTP status says whether it is a grant, and the fields lie on top.
    Plain,
    /// `{"code":200,"data":{…}}`: the HTTP status alone says nothing, since refusals come with 200 too.
    CodeAndData,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenEnd {
    Never,
    /// The field that tells the end; without it, the `exp` of a token that is a JWT, and else the
    /// lifetime that the platform documents.
    Field(&'static str),
}

impl PlatformAdapter for StandardCodeFlow {
    fn facts(&self) -> &'static PlatformFacts {
        self.facts
    }

    fn code_flow(&self) -> Option<&dyn CodeFlow> {
        Some(self)
    }

    fn refresh(&self) -> Option<&dyn Refresh> {
        self.refresh.map(|refresh| refresh as &dyn Refresh)
    }

    fn scope_reader(&self) -> Option<&dyn ScopeReader> {
        self.scope_reader.map(|reader| reader as &dyn ScopeReader)
    }

    fn revoke(&self) -> Option<&dyn Revoke> {
        self.revoke.map(|revoke| revoke as &dyn Revoke)
    }

    fn probe(&self) -> Option<&dyn Probe> {
        self.initiated.map(|words| &words.probe as &dyn Probe)
    }

    fn launch(&self) -> Option<&dyn Launch> {
        self.initiated.map(|_| self as &dyn Launch)
    }

    fn session(&self) -> Option<&dyn SessionExchange> {
        self.session.map(|session| session as &dyn SessionExchange)
    }

    fn events(&self) -> Option<&dyn PlatformEvents> {
        self.initiated.map(|_| self as &dyn PlatformEvents)
    }
}

impl Launch for StandardCodeFlow {
    fn read_launch(&self, raw_query: &str, app: &App) -> Result<LaunchedShop, LaunchError> {
        let initiated = self.initiated.ok_or(LaunchError::Malformed)?;
        launch::read(self.facts, self.descriptor, initiated, raw_query, app)
    }

    fn names_operators(&self) -> bool {
        false
    }
}

impl PlatformEvents for StandardCodeFlow {
    fn read_event(
        &self,
        request: &EventRequest<'_>,
        app: &App,
    ) -> Result<PlatformEvent, EventNotVerified> {
        let initiated = self.initiated.ok_or(EventNotVerified)?;
        events::read(self.facts, initiated, request, app)
    }

    fn proof(&self) -> EventProof {
        EventProof::AppSecret
    }
}

impl Probe for ProbeWords {
    fn probe<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ProbeRequest<'a>,
    ) -> BoxFuture<'a, Liveness> {
        probe::probe(self, egress, request).boxed()
    }
}

impl CodeFlow for StandardCodeFlow {
    fn authorize_url(&self, request: &AuthorizeRequest<'_>) -> String {
        authorize::url(self.descriptor.host, &self.descriptor.authorize, request)
    }

    fn read_callback(&self, raw_query: &str, app: &App) -> Result<Callback, CallbackError> {
        callback::read(self.facts, self.descriptor, raw_query, app)
    }

    fn exchange<'a>(
        &'a self,
        egress: &'a egress::Client,
        request: ExchangeRequest<'a>,
    ) -> BoxFuture<'a, Result<Proof, PlatformFailure>> {
        async move {
            let call = self.token_call(&request)?;
            let answer = call.send(egress, request.timeout).await?;
            let body = read_json(&answer.body)?;
            self.read_token_answer(&request, answer.status, &body)
        }
        .boxed()
    }
}
