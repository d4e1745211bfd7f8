//! One test for each row of what the platform documents about its scopes and its token's answer.
//! <https://help.multivende.com/hc/es-419/articles/13698734687501>

use super::*;

const WAREHOUSE: &str = "9c1f2d3e-4a5b-4c6d-8e7f-0a1b2c3d4e5f";

fn asked_for(scope: &str) -> String {
    let app = App {
        scopes: vec![scope.to_owned()],
        ..app(None)
    };
    let link = Multivende.authorize_url(&AuthorizeRequest {
        app: &app,
        shop: None,
        redirect_uri: REDIRECT_URI,
        state: &"s".into(),
    });
    let (_, rest) = link.split_once("&scope=").unwrap();
    rest.split('&').next().unwrap().replace("%3A", ":")
}

fn scopes(object: &Value) -> GrantedScopes {
    read(&granted(object)).ok().unwrap().scopes
}

/// It is asked for by its name, and granted for all.
fn granted_globally(scope: &str) {
    assert_eq!(asked_for(scope), scope);
    let all = scopes(&json!({scope: {"all": true}}));
    let wanted = format!("{scope}=all");
    assert_eq!(missing(&all, scope), [""; 0]);
    assert_eq!(missing(&all, &wanted), [""; 0]);
    assert_eq!(missing(&scopes(&json!({})), scope), [scope]);
}

/// It may also be granted for some, which meets a requirement that does not ask for all, or for none.
fn granted_by_resource(scope: &str) {
    granted_globally(scope);
    let wanted = format!("{scope}=all");
    let some = scopes(&json!({scope: {"all": false, WAREHOUSE: true, MERCHANT: false}}));
    assert_eq!(missing(&some, scope), [""; 0]);
    assert_eq!(missing(&some, &wanted), [scope]);
    let none = scopes(&json!({scope: {"all": false}}));
    assert_eq!(missing(&none, scope), [scope]);
}

/// It covers reading and writing, for all of the resource.
fn manages(resource: &str) {
    let scope = format!("manage:{resource}");
    granted_globally(&scope);
    let managed = scopes(&json!({scope: {"all": true}}));
    for action in ["read", "write"] {
        let wanted = format!("{action}:{resource}=all");
        assert_eq!(missing(&managed, &wanted), [""; 0]);
    }
}

macro_rules! rows {
    ($check:ident: $($name:ident $scope:literal),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                $check($scope);
            }
        )*
    };
}

rows!(granted_globally:
    read_products "read:products",
    write_products "write:products",
    read_clients "read:clients",
    write_clients "write:clients",
);

rows!(granted_by_resource:
    read_stocks "read:stocks",
    write_stocks "write:stocks",
    read_prices "read:prices",
    write_prices "write:prices",
    read_checkouts "read:checkouts",
    write_checkouts "write:checkouts",
    read_product_links "read:product_links",
    write_product_links "write:product_links",
    read_warehouses "read:warehouses",
    write_warehouses "write:warehouses",
    read_couriers "read:couriers",
    write_couriers "write:couriers",
    read_channels "read:channels",
);

rows!(manages:
    manage_checkouts "checkouts",
    manage_product_links "product_links",
    manage_warehouses "warehouses",
    manage_clients "clients",
);

#[test]
fn shipping_labels_need_three_scopes() {
    let labels = ["read:channels", "read:checkouts", "write:checkouts"];
    let all = json!({"read:channels": {"all": true}, "read:checkouts": {"all": true}, "write:checkouts": {"all": true}});
    for scope in labels {
        assert_eq!(missing(&scopes(&all), scope), [""; 0]);
        let mut less = all.clone();
        less[scope] = json!({"all": false});
        assert_eq!(missing(&scopes(&less), scope), [scope], "{scope}");
    }
}

#[test]
fn all_true_is_every_resource() {
    let all = scopes(&json!({"read:stocks": {"all": true}}));
    assert_eq!(missing(&all, "read:stocks=all"), [""; 0]);
}

#[test]
fn all_false_with_ids_is_those_with_true() {
    let object = json!({"read:stocks": {"all": false, MERCHANT: false, WAREHOUSE: true}});
    let some = scopes(&object);
    assert_eq!(missing(&some, "read:stocks"), [""; 0]);
    assert_eq!(missing(&some, "read:stocks=all"), ["read:stocks"]);
    let only_false = scopes(&json!({"read:stocks": {"all": false, MERCHANT: false}}));
    assert_eq!(missing(&only_false, "read:stocks"), ["read:stocks"]);
}

#[test]
fn all_false_alone_is_none_although_the_scope_is_there() {
    let none = scopes(&json!({"read:stocks": {"all": false}}));
    assert_eq!(missing(&none, "read:stocks"), ["read:stocks"]);
}

#[test]
fn a_scope_that_is_absent_is_not_granted() {
    let other = scopes(&json!({"read:prices": {"all": true}}));
    assert_eq!(missing(&other, "read:stocks"), ["read:stocks"]);
}

/// Shown nowhere; taken for all, since an exception is documented nowhere either.
#[test]
fn all_true_with_an_id_that_is_false_is_all() {
    let all = scopes(&json!({"read:stocks": {"all": true, WAREHOUSE: false}}));
    assert_eq!(missing(&all, "read:stocks=all"), [""; 0]);
}

#[test]
fn write_does_not_cover_read() {
    let written = scopes(&json!({"write:stocks": {"all": true}}));
    assert_eq!(missing(&written, "read:stocks"), ["read:stocks"]);
}

#[test]
fn expires_at() {
    let end = |value: Value| {
        let mut answer = everything();
        answer["expiresAt"] = value;
        read(&answer).ok().unwrap().granted.expires_at.unwrap()
    };
    assert_eq!(
        end(json!("2024-10-15T19:57:26.468Z")),
        instant("2024-10-15T19:57:26.468Z")
    );
    // The sample's six hours, where nothing legible stands.
    for illegible in [json!(null), json!(""), json!("soon"), json!({})] {
        assert_eq!(end(illegible), instant("2024-10-15T19:57:26.468Z"));
    }
}

#[test]
fn refresh_token_expires_at() {
    let end = |value: Value| {
        let mut answer = everything();
        answer["refreshTokenExpiresAt"] = value;
        let refresh = read(&answer).ok().unwrap().granted.refresh_token.unwrap();
        refresh.expires_at.unwrap()
    };
    assert_eq!(
        end(json!("2024-10-17T13:57:26.468Z")),
        instant("2024-10-17T13:57:26.468Z")
    );
    assert_eq!(end(json!(null)), instant("2024-10-17T13:57:26.468Z"));
}

#[test]
fn refresh_token() {
    let token = |value: Value| {
        let mut answer = everything();
        answer["refreshToken"] = value;
        let refresh = read(&answer).ok().unwrap().granted.refresh_token;
        refresh.map(|refresh| refresh.token.expose_secret().to_owned())
    };
    let sample = "rt-5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d05";
    assert_eq!(token(json!(sample)).as_deref(), Some(sample));
    assert_eq!(token(json!(null)), None);
}
