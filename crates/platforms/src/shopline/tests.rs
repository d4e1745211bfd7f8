use chrono::{DateTime, Utc};

use super::*;
use crate::adapter::App;
use crate::code_flow::{Callback, CallbackError, CodeFlow};

mod callback;
mod refresh;
mod token;

/// The key of the published vectors:
/// <https://github.com/shoplineos/shopline-sdk-go/blob/main/client/sign_test.go>
const PUBLISHED_KEY: &str = "LDLLJJLflja2039203flaflaLLFLE";
const SECRET: &str = "sl_test_secret_0001";
const NOW_MILLIS: i64 = 1_700_000_000_000;

fn app() -> App {
    App {
        client_id: "ak_0001".to_owned(),
        secrets: vec!["sl_newer_secret".into(), SECRET.into()],
        scopes: vec!["read_orders".to_owned(), "read_products".to_owned()],
        host: None,
        event_key: None,
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(NOW_MILLIS).unwrap()
}

fn read(query: &str) -> Result<Callback, CallbackError> {
    SHOPLINE.read_callback(query, &app())
}

fn callback() -> Callback {
    let query = "code=c0de123&handle=demo-shop&customField=n0nce-7f3a&appkey=ak_0001\
        &timestamp=1700000000000\
        &sign=110795be1524c84d05c95eef41ba757eacdf9712050e344f6669d9a8109e771d";
    read(query).unwrap()
}
