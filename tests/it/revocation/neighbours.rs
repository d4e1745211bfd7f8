//! Two institutions have a store for the same shop, and live on what the other gives up.

use broker::Uniqueness;

use super::{
    authorized, authorized_behind, claims, configure, gate_before, given_up, unbind, waiting,
};
use crate::harness::{CAFE24, GENSTORE, Setup, TestApp};

on_both!(with apart:
    what_another_store_lives_on_is_not_given_up,
    a_neighbour_that_nobody_can_read_is_spared,
    a_grant_that_the_end_has_hit_is_found_at_once,
);

fn apart() -> Setup {
    Setup {
        change_options: |options| options.uniqueness = Uniqueness::Institution,
        ..Setup::default()
    }
}

/// Genstore gives both the same token.
async fn what_another_store_lives_on_is_not_given_up(app: &TestApp) {
    configure(app).await;
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let first = authorized(app, &alpha, &GENSTORE).await;
    let second = authorized(app, &beta, &GENSTORE).await;
    app.settle().await;
    unbind(&alpha, &first).await;
    app.settle().await;
    assert_eq!(given_up(app), [""; 0]);
    assert_eq!((claims(app).await, waiting(app).await), (1, 0));
    assert_eq!(beta.status(&second).await.0, "SUCCESS");
    unbind(&beta, &second).await;
    app.settle().await;
    assert_eq!(given_up(app), ["uninstalled"]);
}

async fn a_neighbour_that_nobody_can_read_is_spared(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let first = authorized(app, &alpha, &CAFE24).await;
    authorized(app, &beta, &CAFE24).await;
    app.settle().await;
    unbind(&alpha, &first).await;
    let spoilt = "UPDATE grants SET credential = refresh_token WHERE credential IS NOT NULL";
    app.database.execute(spoilt).await;
    app.settle().await;
    assert_eq!(given_up(app), [""; 0]);
    assert_eq!((claims(app).await, waiting(app).await), (1, 0));
}

/// It was made between the look for others and the end of the app's installation.
async fn a_grant_that_the_end_has_hit_is_found_at_once(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let mut end = gate_before(app, &GENSTORE, &["read_orders", "write_apps"]).await;
    let first = authorized_behind(app, &alpha, &end).await;
    end.arrival().await;
    unbind(&alpha, &first).await;
    let other = app.another_process().await;
    let broker = other.broker.clone();
    let step = app
        .tasks
        .spawn(async move { broker.revocation_step().await.unwrap() });
    end.arrival().await;
    configure(app).await;
    let second = authorized(app, &beta, &GENSTORE).await;
    assert_eq!(beta.status(&second).await.0, "SUCCESS");
    end.let_one_through();
    step.await.unwrap();
    assert_eq!(given_up(app), ["uninstalled"]);
    app.settle().await;
    let revoked = ("FAILED".to_owned(), "AUTH_REVOKED".to_owned());
    assert_eq!(beta.status(&second).await, revoked);
    assert_eq!((claims(app).await, waiting(app).await), (0, 0));
    other.stop().await;
}
