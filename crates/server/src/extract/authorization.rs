//! The access token in the `Authorization` header.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

/// PingPong's clients send the token alone, everybody else's say `Bearer` before it
/// (RFC 6750, <https://www.rfc-editor.org/rfc/rfc6750>). Two headers are none.
pub(super) fn read_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let value = value.to_str().ok()?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        Some(_) => return None,
        None => value,
    };
    (!token.is_empty() && !token.contains(' ')).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_alone_or_as_a_bearer() {
        for (sent, token) in [
            (&["t0k-e_n"][..], Some("t0k-e_n")),
            (&["Bearer t0k-e_n"], Some("t0k-e_n")),
            (&["bearer  t0k-e_n "], Some("t0k-e_n")),
            (&["Basic t0k-e_n"], None),
            (&["t0k e_n"], None),
            (&["Bearer t0k e_n"], None),
            // A token of that name, which nobody has.
            (&["Bearer "], Some("Bearer")),
            (&[""], None),
            (&["é"], None),
            (&["t0k-e_n", "t0k-e_n"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in sent {
                headers.append(AUTHORIZATION, value.as_bytes().try_into().unwrap());
            }
            assert_eq!(read_token(&headers), token, "{sent:?}");
        }
    }
}
