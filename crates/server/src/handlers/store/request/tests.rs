use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::body::read_body;
use crate::handlers::contract;

#[test]
fn the_fields_are_as_documented() {
    contract::check::<CreateStoreRequest>();
    contract::check::<UpdateStoreRequest>();
    contract::check::<StartAuthorizationRequest>();
    contract::check::<AuthInfo>();
    contract::check::<QueryStoreRequest>();
    contract::check::<ListStoresRequest>();
    contract::check::<UnbindStoreRequest>();
}

fn read<R, C>(body: &Value) -> Result<C, String>
where
    R: serde::de::DeserializeOwned + Validate,
    C: TryFrom<R>,
    ApiError: From<C::Error>,
{
    read_body::<R>(Some("application/json"), body.to_string().as_bytes())
        .and_then(|request| Ok(C::try_from(request)?))
        .map_err(|error| error.message.into_owned())
}

/// What `store/auth` makes of the fields: the credential, or what is wrong.
fn credential(fields: &Value) -> Result<String, String> {
    let mut body = json!({"client_id": "cl", "store_id": "st"});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let command = read::<StartAuthorizationRequest, StartAuthorization>(&body)?;
    Ok(match command.means {
        Means::Url => "none".to_owned(),
        Means::Key(Credential::Token { token }) => token.expose_secret().to_owned(),
        Means::Key(Credential::KeyPair {
            api_key,
            api_secret,
        }) => {
            format!("{} {}", api_key.expose_secret(), api_secret.expose_secret())
        }
        Means::KeyByLink => "by link".to_owned(),
        Means::Key(Credential::AccessToken { .. }) => "an access token".to_owned(),
    })
}

#[test]
fn the_credential_fits_the_auth_type() {
    let either = "auth_info takes either token, or api_key and api_secret";
    for (fields, expected) in [
        (json!({"auth_type": "URL"}), Ok("none")),
        (json!({"auth_type": "URL", "auth_info": {}}), Ok("none")),
        (
            json!({"auth_type": "URL", "auth_info": {"token": ""}}),
            Ok("none"),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": {"token": "t"}}),
            Ok("t"),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": {"api_key": "k", "api_secret": "s"}}),
            Ok("k s"),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": {"token": null, "api_key": "k", "api_secret": "s"}}),
            Ok("k s"),
        ),
        (
            json!({"auth_type": "URL", "auth_info": {"token": "t"}}),
            Err("auth_info must be empty when auth_type is URL"),
        ),
        (json!({"auth_type": "KEY"}), Ok("by link")),
        (
            json!({"auth_type": "KEY", "auth_info": {"token": ""}}),
            Ok("by link"),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": {"api_key": "k"}}),
            Err(either),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": {"api_secret": "s"}}),
            Err(either),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": {"token": "t", "api_key": "k", "api_secret": "s"}}),
            Err(either),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": {"password": "p"}}),
            Err("unknown field auth_info.password"),
        ),
        (
            json!({"auth_type": "KEY", "auth_info": "t"}),
            Err("auth_info must be an object"),
        ),
        (
            json!({"auth_type": "url"}),
            Err("auth_type must be URL or KEY"),
        ),
        (json!({"auth_type": ""}), Err("auth_type can't be empty")),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(credential(&fields), expected, "{fields}");
    }
}

#[test]
fn a_store_has_a_platform_that_is_there() {
    let create = |platform: &str| {
        let body = json!({"client_id": "cl", "platform": platform, "store_url": "u", "name": "n", "category": "c"});
        read::<CreateStoreRequest, CreateStore>(&body).map(|command| command.platform)
    };
    assert_eq!(create("SHOPLINE_EU"), Ok(Platform::ShoplineEu));
    for unknown in ["ANAZON_NA", "shopline"] {
        assert_eq!(create(unknown), Err("platform is not supported".to_owned()));
    }
}

#[test]
fn extra_info_is_json_text() {
    let update = |extra_info: Value| {
        let body = json!({"client_id": "cl", "store_id": "st", "extra_info": extra_info});
        read::<UpdateStoreRequest, UpdateStore>(&body).map(|command| command.extra_info)
    };
    for text in ["{}", "[1]", "null", r#"{"a":"line\nbreak"}"#] {
        assert_eq!(update(json!(text)), Ok(Some(text.to_owned())));
    }
    assert_eq!(update(json!("")), Ok(None));
    for text in ["warehouse north", "{", "{} {}"] {
        assert_eq!(
            update(json!(text)),
            Err("extra_info must be JSON text".to_owned())
        );
    }
    assert_eq!(
        update(json!({})),
        Err("extra_info must be a string".to_owned())
    );
}

#[test]
fn a_list_is_filtered_by_what_there_is() {
    let list = |fields: Value| read::<ListStoresRequest, ListStores>(&fields);
    let all = list(json!({})).unwrap();
    assert_eq!(
        (all.platform, all.auth_status, all.limit),
        (None, None, 100)
    );
    let some = list(json!({"platform": "SHOPIFY", "auth_status": "FAILED", "limit": 1}));
    let some = some.unwrap();
    assert_eq!(
        (some.platform, some.auth_status, some.limit),
        (Some(Platform::Shopify), Some(AuthStatus::Failed), 1)
    );
    assert_eq!(
        list(json!({"auth_status": "LOST"})).err().as_deref(),
        Some("auth_status must be one of UNAUTHORIZED, PROCESSING, SUCCESS, FAILED")
    );
    assert_eq!(
        list(json!({"platform": "SHOP"})).err().as_deref(),
        Some("platform is not supported")
    );
}

#[test]
fn a_query_waits_as_long_as_it_says() {
    let body =
        json!({"client_id": "cl", "store_id": "st", "wait_seconds": 30, "after_sequence": 0});
    let query = read::<QueryStoreRequest, QueryStore>(&body).unwrap();
    assert_eq!((query.wait.as_secs(), query.after_sequence), (30, Some(0)));
}
