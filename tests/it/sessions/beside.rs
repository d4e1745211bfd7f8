//! A session beside a grant that works and lacks something.

use std::time::Duration;

use super::{EVERYTHING, authorized, entered, mint, offline};
use crate::harness::{TestApp, refused};

on_both!(a_session_mends_a_grant_that_lacks_scopes);

async fn a_session_mends_a_grant_that_lacks_scopes(app: &TestApp) {
    let (mut alpha, endpoint, store) = entered(app).await;
    let token = mint(app, "demo-shop", &EVERYTHING);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, authorized());
    app.told(&alpha, &endpoint, &store, None).await;
    let again = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(again, refused(900_004, "repeat authorized"));

    // The seller takes a scope away, which shows when the scopes are read again.
    mint(app, "demo-shop", &["read_shops", "write_apps"]);
    app.advance(Duration::from_hours(26));
    alpha.renew_token().await;
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["data"]["health"], "SCOPES_MISSING");

    let token = mint(app, "demo-shop", &EVERYTHING);
    let asked = alpha.call("store/session", &offline(&store, &token)).await;
    assert_eq!(asked, authorized());
    let told = app.told(&alpha, &endpoint, &store, None).await;
    assert_eq!(told["type"], "store.auth.succeeded");
    assert_eq!(told["data"]["health"], "HEALTHY");
    let live = "SELECT COUNT(*) FROM grants WHERE status = 'LIVE'";
    assert_eq!(app.database.number(live).await, 1);
}
