//! The link to a platform's consent page.

use domain::ShopLabel;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;

use super::{AuthorizePage, AuthorizeValue};
use crate::code_flow::AuthorizeRequest;

/// All but the unreserved characters of RFC 3986. The comma between scopes is encoded like everything
/// else, as in SHOPLINE's own library:
/// <https://github.com/shoplineos/shopline-sdk-go/blob/main/client/oauth.go>
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Put together by hand, because URL builders move a query in front of the fragment.
pub(crate) fn url(host: &str, page: &AuthorizePage, request: &AuthorizeRequest<'_>) -> String {
    let shop = request.shop.map_or("", ShopLabel::host_spelling);
    let mut url = request.app.base_url(host, shop);
    url.push_str(page.path);
    for (index, (name, value)) in page.parameters.iter().enumerate() {
        url.push(if index == 0 { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        let value = match value {
            AuthorizeValue::Literal(text) => (*text).to_owned(),
            AuthorizeValue::ClientId => request.app.client_id.clone(),
            AuthorizeValue::Scopes => request.app.scope_names().join(","),
            AuthorizeValue::RedirectUri => request.redirect_uri.to_owned(),
            AuthorizeValue::State => request.state.expose_secret().to_owned(),
        };
        url.extend(utf8_percent_encode(&value, VALUE));
    }
    url
}
