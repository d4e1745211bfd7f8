//! The closed list of codes that an institution branches on.

use std::fmt::Write;

use actix_web::http::StatusCode;
use domain::Actor;

/// Declares the codes. One row is a variant; its doc comment is the sentence of the docs page. Between the
/// brackets stand the messages that the code comes with, the standard one first.
macro_rules! error_codes {
    ($($(#[doc = $docs:literal])+ $name:ident = $number:literal, $status:ident, [$($message:literal),+], $who:expr;)+) => {
        /// A code of the answer's envelope. The numbers are PingPong's
        /// (<https://open.pingpongx.com/docs/developer/guide/api-access/error_codes/> and the pages of its
        /// store and user calls); 413 and 415 are ours, in the manner of its gateway codes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $docs])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of the docs page.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code's name in the OpenAPI document.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            pub const fn number(self) -> u32 {
                match self { $(Self::$name => $number),+ }
            }

            /// The HTTP status of an answer with this code: business codes answer 200, gateway codes
            /// their own number.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// The messages that this code comes with, the standard one first. A message may carry more
            /// than is written here; clients branch on the number.
            pub const fn messages(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($message),+]),+ }
            }

            /// Whose move it is after such an answer; nobody's after a success.
            pub const fn who(self) -> Option<Actor> {
                match self { $(Self::$name => $who),+ }
            }

            /// One sentence for whoever got this code.
            pub fn docs(self) -> &'static str {
                match self { $(Self::$name => concat!($($docs),+).trim_start()),+ }
            }
        }
    };
}

error_codes! {
    /// The call did what it says.
    Success = 200, OK, ["SUCCESS"], None;
    /// The app's id and secret, the token or the signature was not accepted; the message says which, and for a signature what it lacks.
    Unauthorized = 401, UNAUTHORIZED, ["invalid token", "invalid client", "invalid signature", "signature expired", "nonce already used"], Some(Actor::Institution);
    /// The caller's address, or the call itself, is not permitted for this institution; ask the operator.
    Forbidden = 403, FORBIDDEN, ["Forbidden"], Some(Actor::Operator);
    /// There is no such path.
    NotFound = 404, NOT_FOUND, ["Not Found"], Some(Actor::Institution);
    /// Every call is a POST.
    MethodNotAllowed = 405, METHOD_NOT_ALLOWED, ["Method Not Allowed"], Some(Actor::Institution);
    /// The body is larger than any valid one.
    PayloadTooLarge = 413, PAYLOAD_TOO_LARGE, ["Payload Too Large"], Some(Actor::Institution);
    /// The body is not declared as `application/json`.
    UnsupportedMediaType = 415, UNSUPPORTED_MEDIA_TYPE, ["Unsupported Media Type"], Some(Actor::Institution);
    /// Too many calls; send the same call again after the seconds in `Retry-After`, signed anew, with the same `Idempotency-Key`.
    TooManyRequests = 429, TOO_MANY_REQUESTS, ["Too Many Requests"], Some(Actor::Institution);
    /// The fault is on our side; give the `x-request-id` to the operator.
    SystemError = 900_000, INTERNAL_SERVER_ERROR, ["system error"], Some(Actor::Operator);
    /// A field is missing, unknown or not as it should be; the message names it.
    IllegalParam = 900_002, OK, ["illegal param"], Some(Actor::Institution);
    /// Another store holds this shop or this credential; unbind that one, or use another.
    AlreadyClaimed = 900_003, OK, ["seller id already authorized", "auth info already authorized"], Some(Actor::Institution);
    /// The store is authorized, and its authorization is in good health, so there is nothing to do.
    RepeatAuthorized = 900_004, OK, ["repeat authorized"], Some(Actor::Institution);
    /// The `partner_user_id` was registered before with other details.
    UserAlreadyExist = 910_000, OK, ["user already exist"], Some(Actor::Institution);
    /// No client of this institution has this `client_id`.
    UserNotExist = 910_001, OK, ["user not exist"], Some(Actor::Institution);
    /// No store of this client and institution has this `store_id`, or it was unbound.
    StoreNotExist = 940_002, OK, ["store not exist"], Some(Actor::Institution);
}

impl Code {
    /// The standard message.
    pub const fn message(self) -> &'static str {
        self.messages()[0]
    }
}

/// The table of the docs page, in Markdown, with a line break at its end.
pub fn table_markdown() -> String {
    let mut table =
        String::from("| code | message | HTTP | who acts | meaning |\n|---|---|---|---|---|\n");
    for code in Code::ALL {
        let who = match code.who() {
            Some(Actor::Seller) => "seller",
            Some(Actor::Institution) => "institution",
            Some(Actor::Operator) => "operator",
            Some(Actor::Platform) => "platform",
            None => "–",
        };
        writeln!(
            table,
            "| {} | {} | {} | {who} | {} |",
            code.number(),
            code.messages().join(" / "),
            code.status().as_u16(),
            code.docs(),
        )
        .expect("a String takes whatever is written to it");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_used_once() {
        let mut numbers: Vec<_> = Code::ALL.iter().map(|code| code.number()).collect();
        assert!(numbers.is_sorted(), "the docs list them in order");
        numbers.dedup();
        assert_eq!(numbers.len(), Code::ALL.len());
    }

    #[test]
    fn gateway_codes_answer_their_own_status_and_business_codes_200() {
        for &code in Code::ALL {
            let expected = match code.number() {
                900_000 => 500,
                number @ 0..1000 => number,
                _ => 200,
            };
            assert_eq!(u32::from(code.status().as_u16()), expected, "{code:?}");
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_code() {
        let table = table_markdown();
        assert_eq!(table.lines().count(), Code::ALL.len() + 2);
        assert!(table.contains(
            "| 940002 | store not exist | 200 | institution | No store of this client and institution \
             has this `store_id`, or it was unbound. |\n"
        ));
        assert!(table.contains(
            "| 900003 | seller id already authorized / auth info already authorized | 200 |"
        ));
    }
}
