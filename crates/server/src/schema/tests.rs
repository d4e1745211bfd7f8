use chrono::DateTime;
use domain::store::{Authorized, StoreState};
use domain::{
    GrantedScopes, IdentityRealm, Reauthorization, Renewal, ScopeCoverage, Scopes, ShopIdentity,
    Store, WriteScope,
};
use serde_json::Value;

use super::*;

fn store(state: StoreState) -> Store {
    Store {
        id: "st_00000000000000000000000000000001".parse().unwrap(),
        institution: "inst_00000000000000000000000000000002".parse().unwrap(),
        client: "cl_00000000000000000000000000000003".parse().unwrap(),
        platform: Platform::Shopline,
        store_url: "https://demo.myshopline.com".to_owned(),
        name: "Demo".to_owned(),
        category: "General".to_owned(),
        extra_info: None,
        seller_id: None,
        auth_type: None,
        state,
        sequence: 0,
        revision: 1,
        created_at: DateTime::UNIX_EPOCH,
    }
}

fn authorized() -> Store {
    let granted = GrantedScopes::flat(["read_orders"]);
    let state = StoreState::Success(Authorized {
        grant: "grant_00000000000000000000000000000004".parse().unwrap(),
        shop: ShopIdentity::new(IdentityRealm::Shopline, "demo"),
        scopes: Scopes::assess(&granted, &[], WriteScope::StandsAlone),
        authorized_at: DateTime::UNIX_EPOCH,
        expires_at: Some(DateTime::UNIX_EPOCH),
        coverage: ScopeCoverage::Complete,
        renewal: Renewal::Failing,
        reauthorize_by: Some(DateTime::UNIX_EPOCH),
        reauthorization: Some(Reauthorization::Failed {
            reason: FailReason::UserDenied,
        }),
    });
    Store {
        seller_id: Some("demo".to_owned()),
        auth_type: Some(AuthType::Url),
        ..store(state)
    }
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

fn required(schema: &Value) -> Vec<&str> {
    let names = schema["required"].as_array().unwrap();
    let mut names: Vec<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_snapshot_is_as_it_is_described() {
    let schema = serde_json::to_value(Snapshot::schema()).unwrap();
    let full = serde_json::to_value(broker::Snapshot::of(&authorized())).unwrap();
    assert_eq!(keys(&schema["properties"]), keys(&full));
    let least = store(StoreState::Unauthorized);
    let least = serde_json::to_value(broker::Snapshot::of(&least)).unwrap();
    assert_eq!(required(&schema), keys(&least));
    for (key, value) in full.as_object().unwrap() {
        if let Some(words) = schema["properties"][key]["enum"].as_array() {
            assert!(words.contains(value), "{key}: {value}");
        }
    }
}

#[test]
fn a_scope_is_as_it_is_described() {
    let schema = serde_json::to_value(Scope::schema()).unwrap();
    let full = serde_json::to_value(broker::Snapshot::of(&authorized())).unwrap();
    assert_eq!(keys(&schema["properties"]), keys(&full["scopes"][0]));
    assert_eq!(required(&schema), keys(&full["scopes"][0]));
}

#[test]
fn a_failure_names_each_code_but_success() {
    let schema = serde_json::to_value(Failure::schema()).unwrap();
    let codes = schema["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(codes.len(), Code::ALL.len() - 1);
    assert!(!codes.contains(&Value::from(200)));
}
