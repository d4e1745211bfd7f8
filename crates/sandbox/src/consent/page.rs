//! The pages themselves: small, for a phone, and without JavaScript, but for
//! the one that exists because of it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ConsentRequest;

pub(super) fn consent(request: &ConsentRequest) -> Markup {
    let app = &request.app.name;
    let title = format!("Allow {app}?");
    // The form has no action: it goes to the URL of the page, query included.
    let body = html! {
        h1 { (title) }
        p { strong { (app) } " asks for access to the shop "
            strong { (request.shop.name()) } " (" (request.shop.label()) ")." }
        ul { @for scope in &request.scopes { li { code { (scope) } } } }
        form method="post" {
            button name="decision" value="approve" { "Approve" }
            button.plain name="decision" value="deny" { "Deny" }
        }
        p.small { "This is a sandbox: no real shop is behind it." }
    };
    document(&title, &body)
}

pub(super) fn refusal(reason: &str) -> Markup {
    let body = html! {
        h1 { "This link does not work" }
        p { (reason) }
    };
    document("This link does not work", &body)
}

/// What SHOPLINE's authorize URL shows, until its script has read the query
/// behind the `#` and gone to the consent page.
pub(crate) fn hash_route() -> Markup {
    const SCRIPT: &str = "\
        const route = '#/oauth/authorize?';\
        if (location.hash.startsWith(route)) {\
            const page = location.pathname.replace(/\\/$/, '');\
            location.replace(page + '/consent?' + location.hash.slice(route.length));\
        } else {\
            document.getElementById('note').textContent = 'This link does not work.';\
        }";
    let body = html! {
        p #note { "One moment…" }
        noscript { p { "This platform's links need JavaScript." } }
        script { (PreEscaped(SCRIPT)) }
    };
    document("Authorize", &body)
}

pub(crate) fn document(title: &str, body: &Markup) -> Markup {
    const STYLE: &str = "\
        body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}\
        button{display:block;width:100%;padding:.8rem;margin:.6rem 0;font:inherit;border-radius:.5rem;\
        border:1px solid #164;background:#164;color:#fff}\
        .plain{background:none;color:inherit;border-color:currentColor}.small{font-size:.9rem}\
        code,strong{overflow-wrap:anywhere}";
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    }
}
