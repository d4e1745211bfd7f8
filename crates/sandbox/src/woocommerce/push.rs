//! The page on which a shop's manager lets an app have a key, and the key on its
//! way to the app.
//!
//! As in `class-wc-auth.php` of <https://github.com/woocommerce/woocommerce>:
//! all five parameters are mandatory, the key is sent before the browser is,
//! and an answer other than HTTP 200 costs the key its life. There the manager
//! follows a link to deny; here one form does both, as on the other pages of
//! the sandbox. Keys go to plain http on this machine too, which a shop on the
//! internet refuses.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use maud::html;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use url::{Host, Url, form_urlencoded};

use crate::call_log::noted;
use crate::consent::{document, html as page_of};
use crate::{KeyPermission, Sandbox, Shop};

/// How long an app has to answer.
const TIMEOUT: Duration = Duration::from_mins(1);

pub(super) async fn page(shop: web::Path<Shop>, request: HttpRequest) -> HttpResponse {
    let asked = match Asked::read(request.query_string()) {
        Ok(asked) => asked,
        Err(reason) => return refusal(reason),
    };
    let title = format!("{} would like to connect to your store", asked.app_name);
    // The form has no action: it goes to the URL of the page, query included.
    let body = html! {
        h1 { (title) }
        p { "This will give " strong { (asked.app_name) } " " (asked.scope.words()) " access to "
            strong { (shop.name()) } " (" (shop.label()) ")." }
        form method="post" {
            button name="decision" value="approve" { "Approve" }
            button.plain name="decision" value="deny" { "No, thanks" }
        }
        p.small { "This is a sandbox: no real shop is behind it." }
    };
    page_of(
        HttpResponse::Ok(),
        &document(&title, &body),
        "authorize page shown",
    )
}

pub(super) async fn decide(
    sandbox: web::Data<Sandbox>,
    shop: web::Path<Shop>,
    request: HttpRequest,
    form: Bytes,
) -> HttpResponse {
    let asked = match Asked::read(request.query_string()) {
        Ok(asked) => asked,
        Err(reason) => return refusal(reason),
    };
    let decision = form_urlencoded::parse(&form).find(|(key, _)| key == "decision");
    match decision.as_ref().map(|(_, value)| value.as_ref()) {
        Some("approve") => {}
        Some("deny") => return asked.send_back("0", "denied"),
        _ => return refusal("The form must say decision=approve or decision=deny."),
    }
    let key = NewKey {
        id: u32::from_str_radix(&sandbox.random_hex::<4>(), 16).unwrap_or_default(),
        key: format!("ck_{}", sandbox.random_hex::<20>()),
        secret: format!("cs_{}", sandbox.random_hex::<20>()),
    };
    let secret = key.secret.as_str().into();
    sandbox.register_key(shop.clone(), &key.key, secret, asked.scope.permission());
    if asked.push(&key).await == Some(StatusCode::OK.as_u16()) {
        return asked.send_back("1", "approved");
    }
    sandbox.state().registry.remove_key(&shop, &key.key);
    let title = "Error";
    let body = html! {
        h1 { (title) }
        p { "The app did not take the key. Nothing was connected." }
    };
    page_of(
        HttpResponse::Unauthorized(),
        &document(title, &body),
        "the key was not taken",
    )
}

/// A key that was just made.
struct NewKey {
    id: u32,
    key: String,
    secret: String,
}

/// What an app asks a shop for.
struct Asked {
    app_name: String,
    scope: KeyScope,
    user_id: String,
    return_url: Url,
    callback_url: Url,
}

#[derive(Clone, Copy)]
enum KeyScope {
    Read,
    Write,
    ReadWrite,
}

impl KeyScope {
    fn read(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "read_write" => Some(Self::ReadWrite),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read_write",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::ReadWrite => "Read/Write",
        }
    }

    fn permission(self) -> KeyPermission {
        match self {
            Self::Read => KeyPermission::Read,
            Self::Write => KeyPermission::Write,
            Self::ReadWrite => KeyPermission::ReadWrite,
        }
    }
}

impl Asked {
    fn read(query: &str) -> Result<Self, &'static str> {
        let find = |name: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(key, value)| key == name && !value.is_empty())
                .map(|(_, value)| value.into_owned())
        };
        let app_name = find("app_name").ok_or("Missing parameter app_name")?;
        let user_id = find("user_id").ok_or("Missing parameter user_id")?;
        let return_url = find("return_url").ok_or("Missing parameter return_url")?;
        let callback_url = find("callback_url").ok_or("Missing parameter callback_url")?;
        let scope = find("scope").ok_or("Missing parameter scope")?;
        let callback_url: Url = callback_url
            .parse()
            .map_err(|_| "The callback_url is not a valid URL")?;
        if callback_url.scheme() != "https" && !is_of_this_machine(&callback_url) {
            return Err("The callback_url needs to be over SSL");
        }
        Ok(Self {
            app_name,
            scope: KeyScope::read(&scope).ok_or("Invalid scope")?,
            user_id,
            return_url: return_url
                .parse()
                .map_err(|_| "The return_url is not a valid URL")?,
            callback_url,
        })
    }

    /// What the app answers; `None` if it does not.
    async fn push(&self, key: &NewKey) -> Option<u16> {
        let body = json!({
            "key_id": key.id,
            "user_id": self.user_id,
            "consumer_key": key.key,
            "consumer_secret": key.secret,
            "key_permissions": self.scope.name(),
        });
        let request = http_client()
            .ok()?
            .post(self.callback_url.clone())
            .header(CONTENT_TYPE, "application/json;charset=UTF-8")
            .body(body.to_string());
        Some(request.send().await.ok()?.status().as_u16())
    }

    fn send_back(&self, success: &str, outcome: &'static str) -> HttpResponse {
        let mut url = self.return_url.clone();
        url.query_pairs_mut()
            .append_pair("success", success)
            .append_pair("user_id", &self.user_id);
        let response = HttpResponse::SeeOther()
            .insert_header((LOCATION, url.as_str()))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish();
        noted(response, outcome)
    }
}

fn is_of_this_machine(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

#[expect(
    clippy::disallowed_methods,
    reason = "the other side of the wire: a shop sends its key wherever its manager allows"
)]
fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Losing the race to another installer is as good as winning it.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
}

fn refusal(reason: &str) -> HttpResponse {
    let title = "Error";
    let body = html! {
        h1 { (title) }
        p { (reason) }
    };
    let status = HttpResponseBuilder::new(StatusCode::UNAUTHORIZED);
    page_of(
        status,
        &document(title, &body),
        "refused: authorize request",
    )
}
