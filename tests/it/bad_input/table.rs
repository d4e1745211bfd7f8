//! Every call with every field that it takes.

use serde_json::{Value, json};

use crate::harness::{Institution, SHOPLINE, TestApp};

/// What a field takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text { most: Option<usize> },
    Integer { least: i64, most: Option<i64> },
    Object,
    List,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Where it stands, with a dot between the levels.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_mandatory: bool,
}

/// A call that is right as it stands.
#[derive(Clone, Debug)]
pub(super) struct CallCase {
    pub(super) call: &'static str,
    pub(super) is_signed: bool,
    pub(super) valid: Value,
    pub(super) fields: Vec<Field>,
}

const fn mandatory(name: &'static str, most: usize) -> Field {
    let kind = Kind::Text { most: Some(most) };
    Field {
        name,
        kind,
        is_mandatory: true,
    }
}

const fn optional(name: &'static str, most: usize) -> Field {
    Field {
        is_mandatory: false,
        ..mandatory(name, most)
    }
}

/// One of a closed list, so that a length means nothing.
const fn word(name: &'static str, is_mandatory: bool) -> Field {
    Field {
        name,
        kind: Kind::Text { most: None },
        is_mandatory,
    }
}

const fn integer(name: &'static str, least: i64, most: Option<i64>) -> Field {
    Field {
        name,
        kind: Kind::Integer { least, most },
        is_mandatory: false,
    }
}

const fn composed(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_mandatory: false,
    }
}

const CLIENT: Field = mandatory("client_id", 64);
const STORE: Field = mandatory("store_id", 64);

/// The calls in an order in which each is right when its turn comes.
pub(super) async fn cases(app: &TestApp, alpha: &Institution) -> Vec<CallCase> {
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let shopify = alpha
        .create(
            &store.client_id,
            "SHOPIFY",
            "https://demo-shop.myshopify.com",
        )
        .await;
    let store_url = format!("http://{}/woocommerce/demo-shop", app.sandbox_address);
    let woocommerce = alpha
        .create(&store.client_id, "WOOCOMMERCE", &store_url)
        .await;
    let endpoint = alpha.endpoint(app, "/alpha", &["endpoint.test"]).await;
    let case = |call, valid, fields: &[Field]| CallCase {
        call,
        is_signed: true,
        valid,
        fields: fields.to_vec(),
    };
    let token = json!({
        "app_id": alpha.app_id, "app_secret": alpha.secret, "grant_type": "client_credentials",
    });
    let token_fields = [
        mandatory("app_id", 64),
        mandatory("app_secret", 255),
        word("grant_type", true),
    ];
    let client = json!({
        "partner_user_id": "table", "email": "seller@shop.example", "name": "Seller",
    });
    let create = json!({
        "client_id": store.client_id, "platform": "SHOPLINE", "name": "Demo", "category": "Shoes",
        "store_url": "https://demo-shop.myshopline.com", "extra_info": "{}",
    });
    let details = [
        CLIENT,
        word("platform", true),
        mandatory("store_url", 255),
        mandatory("name", 255),
        mandatory("category", 64),
        optional("extra_info", 2048),
    ];
    let update = store.with(json!({"name": "Demo"}));
    let updates = [
        CLIENT,
        STORE,
        optional("store_url", 256),
        optional("name", 256),
        optional("category", 64),
        optional("extra_info", 2048),
    ];
    let by_url = [
        CLIENT,
        STORE,
        optional("seller_id", 64),
        word("auth_type", true),
        composed("auth_info", Kind::Object),
        optional("redirect_url", 255),
    ];
    let by_token = [
        composed("auth_info", Kind::Object),
        optional("auth_info.token", 2048),
    ];
    let by_key = [
        optional("auth_info.api_key", 2048),
        optional("auth_info.api_secret", 2048),
    ];
    let asked = json!({"auth_type": "URL", "redirect_url": "https://pay.example/"});
    let key = json!({"auth_type": "KEY", "auth_info": {"token": "t"}});
    let pair = json!({"auth_type": "KEY", "auth_info": {"api_key": "k", "api_secret": "s"}});
    let wait = integer("wait_seconds", 0, Some(30));
    let limit = integer("limit", 1, Some(100));
    let hook = json!({
        "url": endpoint.url, "event_types": ["endpoint.disabled"], "description": "one more",
    });
    let hook_fields = [
        mandatory("url", 2048),
        composed("event_types", Kind::List),
        optional("description", 255),
    ];
    let list = [
        optional("client_id", 64),
        word("platform", false),
        word("auth_status", false),
        optional("cursor", 255),
        limit,
    ];
    let this_endpoint = json!({"endpoint_id": endpoint.id});
    let unsigned = CallCase {
        is_signed: false,
        ..case("token/get", token, &token_fields)
    };
    vec![
        unsigned,
        case(
            "client/register",
            client,
            &[
                mandatory("partner_user_id", 64),
                optional("email", 128),
                optional("name", 255),
            ],
        ),
        case("store/create", create, &details),
        case("store/update", update, &updates),
        case(
            "store/query",
            store.ids(),
            &[CLIENT, STORE, wait, integer("after_sequence", 0, None)],
        ),
        case("store/list", json!({}), &list),
        case("platform/list", json!({}), &[]),
        case(
            "event/list",
            json!({}),
            &[optional("after", 255), limit, wait],
        ),
        case("webhook/list", json!({}), &[]),
        case(
            "webhook/test",
            this_endpoint.clone(),
            &[mandatory("endpoint_id", 64)],
        ),
        case("webhook/create", hook, &hook_fields),
        case(
            "webhook/delete",
            this_endpoint,
            &[mandatory("endpoint_id", 64)],
        ),
        case("store/auth", store.with(asked), &by_url),
        case("store/auth", shopify.with(key), &by_token),
        case("store/auth", woocommerce.with(pair), &by_key),
        case("store/unbind", store.ids(), &[CLIENT, STORE]),
    ]
}
