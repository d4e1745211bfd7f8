//! The page on which a merchant signs in and chooses what each scope covers.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html as markup};
use url::{Url, form_urlencoded};

use super::random_uuid;
use super::scopes::{Choice, Reach, reach, resources};
use crate::call_log::noted;
use crate::consent::{Refusal, document, html};
use crate::registry::Code;
use crate::script::{Fault, Step, act_out};
use crate::{AppRegistration, Dialect, Sandbox, Shop};

/// Who is signed in, as long as nobody was told to be.
const USUAL_MERCHANT: &str = "demo-shop";

pub(super) async fn show(sandbox: web::Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    match ConsentRequest::read(&sandbox, request.query_string()) {
        Ok(request) => html(HttpResponse::Ok(), &page(&request), "consent page shown"),
        Err(refusal) => refusal.page(),
    }
}

/// Takes the merchant's decision: `decision=approve` or `decision=deny`, `merchant` by name or by id, and for
/// each scope `all`, `none`, or `list` with the ids of resources under `resource:` and the scope's name.
/// Without a merchant it is who is signed in, and a scope that is left out is for `all`.
pub(super) async fn decide(
    sandbox: web::Data<Sandbox>,
    request: HttpRequest,
    form: web::Bytes,
) -> HttpResponse {
    let request = match ConsentRequest::read(&sandbox, request.query_string()) {
        Ok(request) => request,
        Err(refusal) => return refusal.page(),
    };
    let form: Vec<(String, String)> = form_urlencoded::parse(&form).into_owned().collect();
    let decision = match Decision::read(&request, &form) {
        Ok(decision) => decision,
        Err(refusal) => return refusal.page(),
    };
    let fault = sandbox.take_fault(Dialect::Multivende, &decision.merchant, Step::Consent);
    act_out(fault, |fault| settle(&sandbox, &request, &decision, fault)).await
}

/// An authorize URL that the platform accepts.
struct ConsentRequest {
    signed_in: String,
    app: AppRegistration,
    scopes: Vec<String>,
    redirect_uri: Url,
    state: Option<String>,
}

impl ConsentRequest {
    fn read(sandbox: &Sandbox, query: &str) -> Result<Self, Refusal> {
        let asked: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let find = |name: &str| {
            let (_, value) = asked.iter().find(|(key, _)| key == name)?;
            Some(value.as_ref())
        };
        let app = find("client_id")
            .and_then(|id| {
                let state = sandbox.state();
                state.registry.find_app(Dialect::Multivende, id).cloned()
            })
            .ok_or(Refusal("The app is unknown."))?;
        let redirect_uri = find("redirect_uri").unwrap_or_default();
        if !app.allows(redirect_uri) {
            return Err(Refusal("The app may not send you there."));
        }
        let redirect_uri =
            Url::parse(redirect_uri).map_err(|_| Refusal("The app may not send you there."))?;
        if find("response_type") != Some("code") {
            return Err(Refusal("The kind of grant is not supported."));
        }
        // How several are joined is documented nowhere, so either way is taken.
        let scopes: Vec<String> = find("scope")
            .unwrap_or_default()
            .split([',', ' '])
            .map(str::to_owned)
            .collect();
        if scopes.iter().any(|scope| reach(scope).is_none()) {
            return Err(Refusal("There is no such scope."));
        }
        let signed_in = sandbox.state().merchant.as_ref().map(ToString::to_string);
        Ok(ConsentRequest {
            signed_in: signed_in.unwrap_or_else(|| USUAL_MERCHANT.to_owned()),
            app,
            scopes,
            redirect_uri,
            state: find("state").map(str::to_owned),
        })
    }
}

struct Decision {
    is_approved: bool,
    merchant: Shop,
    granted: Vec<String>,
}

impl Decision {
    fn read(request: &ConsentRequest, form: &[(String, String)]) -> Result<Self, Refusal> {
        let find = |name: &str| {
            let found = form.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let is_approved = match find("decision") {
            Some("approve") => true,
            Some("deny") => false,
            _ => {
                return Err(Refusal(
                    "The form must say decision=approve or decision=deny.",
                ));
            }
        };
        let merchant: Shop = find("merchant")
            .unwrap_or(&request.signed_in)
            .parse()
            .map_err(|_| Refusal("There is no such merchant."))?;
        let mut granted = Vec::new();
        for scope in &request.scopes {
            let choice = match find(scope).unwrap_or("all") {
                "all" => Choice::All,
                "none" => Choice::None,
                "list" if reach(scope) == Some(Reach::ByResource) => {
                    let name = format!("resource:{scope}");
                    let known = resources(&merchant, scope);
                    let mut chosen: Vec<String> = form
                        .iter()
                        .filter(|(key, value)| *key == name && known.contains(value))
                        .map(|(_, value)| value.clone())
                        .collect();
                    if chosen.is_empty() {
                        chosen.extend(known.into_iter().next());
                    }
                    Choice::Some(chosen)
                }
                _ => return Err(Refusal("A scope can be for all, a list or none.")),
            };
            granted.push(choice.text(scope));
        }
        Ok(Decision {
            is_approved,
            merchant,
            granted,
        })
    }
}

/// The redirect names nobody, and is signed by nobody.
fn settle(
    sandbox: &Sandbox,
    request: &ConsentRequest,
    decision: &Decision,
    fault: Option<&Fault>,
) -> HttpResponse {
    let is_approved = decision.is_approved && fault != Some(&Fault::Deny);
    let mut callback = request.redirect_uri.clone();
    if is_approved {
        let value = format!("ac-{}", random_uuid(sandbox));
        callback.query_pairs_mut().append_pair("code", &value);
        let code = Code {
            dialect: Dialect::Multivende,
            client_id: request.app.client_id.clone(),
            asked_at: decision.merchant.clone(),
            shop: Fault::answering(fault, &decision.merchant).clone(),
            scopes: Fault::narrow(fault, &decision.granted),
            issued_at: sandbox.now(),
            used: fault == Some(&Fault::CodeAlreadyUsed),
        };
        sandbox.state().registry.insert_code(value, code);
    } else {
        callback
            .query_pairs_mut()
            .append_pair("error", "access_denied");
    }
    if let Some(state) = &request.state
        && fault != Some(&Fault::DropState)
    {
        callback.query_pairs_mut().append_pair("state", state);
    }
    let response = HttpResponse::SeeOther()
        .insert_header((LOCATION, callback.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish();
    let outcome = if is_approved { "approved" } else { "denied" };
    noted(response, outcome)
}

fn page(request: &ConsentRequest) -> Markup {
    let app = &request.app.name;
    let title = format!("Allow {app}?");
    // The resources on the page are those of who is signed in; another's are known by their ids alone.
    let merchant = request.signed_in.parse::<Shop>();
    let body = markup! {
        h1 { (title) }
        p { strong { (app) } " asks for access to your Multivende account." }
        form method="post" {
            p { label { "Merchant " input name="merchant" value=(request.signed_in); } }
            @for scope in &request.scopes {
                fieldset {
                    legend { code { (scope) } }
                    label { input type="radio" name=(scope) value="all" checked; " all" }
                    @if reach(scope) == Some(Reach::ByResource) {
                        label { input type="radio" name=(scope) value="list"; " only these:" }
                        @if let Ok(merchant) = &merchant {
                            @for id in resources(merchant, scope) {
                                label {
                                    input type="checkbox" name={ "resource:" (scope) } value=(id);
                                    " " code { (id) }
                                }
                            }
                        }
                    }
                    label { input type="radio" name=(scope) value="none"; " none" }
                }
            }
            button name="decision" value="approve" { "Approve" }
            button.plain name="decision" value="deny" { "Deny" }
        }
        p.small { "This is a sandbox: no real account is behind it." }
    };
    document(&title, &body)
}
