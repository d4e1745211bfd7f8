use serde_json::{Value, json};

use super::*;

/// Every scope of Multivende's list, and whether a seller may choose resources for it.
/// <https://help.multivende.com/hc/es-419/articles/13698734687501>
const MULTIVENDE: [(&str, bool); 21] = [
    ("read:products", false),
    ("write:products", false),
    ("read:stocks", true),
    ("write:stocks", true),
    ("read:prices", true),
    ("write:prices", true),
    ("read:checkouts", true),
    ("write:checkouts", true),
    ("manage:checkouts", false),
    ("read:product_links", true),
    ("write:product_links", true),
    ("manage:product_links", false),
    ("read:warehouses", true),
    ("write:warehouses", true),
    ("manage:warehouses", false),
    ("read:clients", false),
    ("write:clients", false),
    ("manage:clients", false),
    ("read:couriers", true),
    ("write:couriers", true),
    ("read:channels", true),
];

const NORTH: &str = "0b6f2a3e-7a51-4c0e-9d54-1f2f5a0c1234";
const SOUTH: &str = "0b6f2a3e-7a51-4c0e-9d54-1f2f5a0c5678";

fn required(texts: &[&str]) -> Vec<RequiredScope> {
    texts.iter().map(|text| RequiredScope::read(text)).collect()
}

fn list(ids: &[&str]) -> ScopeGrant {
    ScopeGrant::List(ids.iter().map(|&id| id.to_owned()).collect())
}

fn granted(value: &Value) -> GrantedScopes {
    GrantedScopes::read(value).unwrap()
}

/// What `name` reaches, asked for as the one thing that is required.
fn reach(granted: &GrantedScopes, name: &str) -> ScopeGrant {
    let scopes = Scopes::assess(granted, &required(&[name]), WriteScope::StandsAlone);
    let scope = scopes.iter().find(|scope| scope.required).unwrap();
    scope.grant.clone()
}

fn is_missing(granted: &GrantedScopes, text: &str) -> bool {
    let required = required(&[text]);
    granted
        .missing(&required, WriteScope::StandsAlone)
        .next()
        .is_some()
}

#[test]
fn an_object_grants_all_some_or_nothing() {
    for (object, grant) in [
        (json!({"all": true}), ScopeGrant::All),
        (
            json!({"all": false, NORTH: true, SOUTH: false}),
            list(&[NORTH]),
        ),
        (
            json!({"all": false, NORTH: true, SOUTH: true}),
            list(&[NORTH, SOUTH]),
        ),
        (json!({"all": false}), ScopeGrant::None),
        (json!({"all": false, NORTH: false}), ScopeGrant::None),
        (json!({"all": true, NORTH: false}), ScopeGrant::All),
        (json!({"all": true, NORTH: true}), ScopeGrant::All),
        (json!({NORTH: true}), list(&[NORTH])),
        (json!({}), ScopeGrant::None),
    ] {
        let granted = granted(&json!({"read:stocks": object}));
        assert_eq!(reach(&granted, "read:stocks"), grant, "{object}");
        let is_none = grant == ScopeGrant::None;
        assert_eq!(is_missing(&granted, "read:stocks"), is_none, "{object}");
        let is_all = grant == ScopeGrant::All;
        assert_eq!(is_missing(&granted, "read:stocks=all"), !is_all, "{object}");
    }
    assert!(is_missing(&granted(&json!({})), "read:stocks"));
}

#[test]
fn every_scope_of_multivendes_list_is_granted_by_its_own_key() {
    for (scope, per_resource) in MULTIVENDE {
        let all = granted(&json!({scope: {"all": true}}));
        let none = granted(&json!({scope: {"all": false}}));
        assert_eq!(reach(&all, scope), ScopeGrant::All);
        assert_eq!(reach(&none, scope), ScopeGrant::None);
        if per_resource {
            let some = granted(&json!({scope: {"all": false, NORTH: true}}));
            assert_eq!(reach(&some, scope), list(&[NORTH]));
        }
        for (other, _) in MULTIVENDE {
            let (action, resource) = other.split_once(':').unwrap();
            let is_managed = scope == format!("manage:{resource}");
            let is_granted = other == scope || (is_managed && action != "manage");
            assert_eq!(is_missing(&all, other), !is_granted, "{scope} for {other}");
            assert!(is_missing(&none, other), "{scope} for {other}");
        }
    }
}

#[test]
fn managing_is_all_of_reading_and_writing_beside_what_these_grant() {
    let both = granted(&json!({
        "manage:warehouses": {"all": true},
        "read:warehouses": {"all": false, NORTH: true},
    }));
    for name in ["read:warehouses", "write:warehouses=all"] {
        assert_eq!(reach(&both, name), ScopeGrant::All, "{name}");
    }
    let nothing = granted(&json!({
        "manage:warehouses": {"all": false},
        "read:warehouses": {"all": false, NORTH: true},
    }));
    assert_eq!(reach(&nothing, "read:warehouses"), list(&[NORTH]));
    assert_eq!(reach(&nothing, "write:warehouses"), ScopeGrant::None);
    let apart = granted(&json!({
        "read:clients": {"all": true},
        "write:clients": {"all": true},
    }));
    assert!(is_missing(&apart, "manage:clients"));
}

#[test]
fn managing_a_list_is_no_more_than_that_list() {
    let told = granted(&json!({"manage:warehouses": {"all": false, NORTH: true, SOUTH: false}}));
    for name in ["manage:warehouses", "read:warehouses", "write:warehouses"] {
        assert_eq!(reach(&told, name), list(&[NORTH]), "{name}");
        assert!(is_missing(&told, &format!("{name}=all")), "{name}");
    }
    let beside = granted(&json!({
        "manage:warehouses": {"all": false, NORTH: true},
        "read:warehouses": {"all": false, SOUTH: true},
    }));
    assert_eq!(reach(&beside, "read:warehouses"), list(&[NORTH, SOUTH]));
    assert_eq!(reach(&beside, "write:warehouses"), list(&[NORTH]));
    assert_eq!(reach(&beside, "manage:warehouses"), list(&[NORTH]));
}

#[test]
fn flat_scopes_in_every_form_grant_all() {
    let expected = GrantedScopes::flat(["read_orders", "write_orders"]);
    for value in [
        json!("read_orders,write_orders"),
        json!("write_orders, read_orders"),
        json!("[read_orders,write_orders]"),
        json!(" [read_orders, write_orders] "),
        json!("read_orders,,write_orders,"),
        json!(["read_orders", "write_orders"]),
    ] {
        assert_eq!(GrantedScopes::read(&value).unwrap(), expected, "{value}");
    }
    assert_eq!(reach(&expected, "read_orders=all"), ScopeGrant::All);
    for value in [json!(""), json!("[]"), json!([]), json!({})] {
        assert_eq!(granted(&value).iter().count(), 0, "{value}");
    }
}

#[test]
fn a_name_is_the_same_scope_in_each_spelling() {
    for (name, scope) in [
        ("read_orders", "read:orders"),
        ("read:orders", "read:orders"),
        ("mall.read_order", "read:order"),
        ("mall.write_salesreport", "write:salesreport"),
        ("write:product_links", "write:product_links"),
        ("write_product_links", "write:product_links"),
        ("manage:clients", "manage:clients"),
        ("offline", "offline"),
        ("readonly", "readonly"),
        ("read_", "read_"),
        ("mall.offline", "mall.offline"),
        ("unauthenticated_read_orders", "unauthenticated_read_orders"),
    ] {
        let scopes = Scopes::assess(
            &GrantedScopes::flat([name]),
            &required(&[name]),
            WriteScope::StandsAlone,
        );
        let seen: Vec<_> = scopes
            .iter()
            .map(|seen| (seen.scope.as_str(), seen.name.as_str()))
            .collect();
        assert_eq!(seen, [(scope, name)]);
    }
}

#[test]
fn two_spellings_of_one_scope_are_one_with_what_both_grant() {
    let both = granted(&json!({
        "read:stocks": {"all": false, NORTH: true},
        "read_stocks": {"all": false, SOUTH: true},
    }));
    let scopes = Scopes::assess(&both, &[], WriteScope::StandsAlone);
    assert_eq!(scopes.iter().count(), 1);
    assert_eq!(reach(&both, "read_stocks"), list(&[NORTH, SOUTH]));
}

#[test]
fn what_is_in_no_known_form_is_refused() {
    for value in [
        json!(null),
        json!(true),
        json!(7),
        json!([1]),
        json!({"read:stocks": true}),
        json!({"read:stocks": ["all"]}),
        json!({"read:stocks": {"all": "yes"}}),
        json!({"read:stocks": {"all": false, NORTH: 1}}),
    ] {
        assert_eq!(
            GrantedScopes::read(&value),
            Err(UnreadableScopes),
            "{value}"
        );
    }
}

#[test]
fn granted_required_and_missing_stand_side_by_side_in_order() {
    let granted = granted(&json!({
        "write:products": {"all": true},
        "read:stocks": {"all": false, SOUTH: true, NORTH: true},
        "read:prices": {"all": false},
    }));
    let required = required(&["read:stocks", "read:customers", "read:prices"]);
    let scopes = Scopes::assess(&granted, &required, WriteScope::StandsAlone);
    let entry = |scope: &str, grant: &str, ids: Value, required: bool| json!({"scope": scope, "name": scope, "grant": grant, "ids": ids, "required": required});
    assert_eq!(
        json!(scopes),
        json!([
            entry("read:customers", "none", json!([]), true),
            entry("read:prices", "none", json!([]), true),
            entry("read:stocks", "list", json!([NORTH, SOUTH]), true),
            entry("write:products", "all", json!([]), false),
        ])
    );
    let missing = granted.missing(&required, WriteScope::StandsAlone);
    assert_eq!(
        missing.collect::<Vec<_>>(),
        ["read:customers", "read:prices"]
    );
}

#[test]
fn write_covers_read_only_where_the_platform_says_so() {
    let granted = GrantedScopes::flat(["write_orders"]);
    let required = required(&["read_orders"]);
    let missing = |write| granted.missing(&required, write).collect::<Vec<_>>();
    assert_eq!(missing(WriteScope::CoversRead), [""; 0]);
    assert_eq!(missing(WriteScope::StandsAlone), ["read_orders"]);
    let scopes = Scopes::assess(&granted, &required, WriteScope::CoversRead);
    assert!(scopes.iter().all(|scope| scope.grant == ScopeGrant::All));
}

#[test]
fn what_is_stored_is_read_back_and_what_makes_no_sense_is_not() {
    let stored = json!([
        {"scope": "read:orders", "name": "read_orders", "grant": "all", "ids": [], "required": true},
        {"scope": "read:prices", "name": "read:prices", "grant": "list", "ids": [NORTH], "required": false},
        {"scope": "read:products", "name": "read_products", "grant": "none", "ids": [], "required": true},
    ]);
    let scopes: Scopes = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(json!(scopes), stored);
    for (grant, ids) in [
        ("all", json!([NORTH])),
        ("none", json!([NORTH])),
        ("list", json!([])),
        ("some", json!([])),
    ] {
        let stored =
            json!([{"scope": "s", "name": "s", "grant": grant, "ids": ids, "required": true}]);
        assert!(serde_json::from_value::<Scopes>(stored).is_err(), "{grant}");
    }
}
