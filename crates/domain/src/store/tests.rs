use uuid::Uuid;

use super::*;
use crate::grant::ScopeCoverage;
use crate::platform::IdentityRealm;
use crate::scope::{GrantedScopes, RequiredScope, Scopes, WriteScope};
use crate::shop::ShopIdentity;

const FIRST: AuthorizationId = AuthorizationId::new(Uuid::from_u128(11));
const SECOND: AuthorizationId = AuthorizationId::new(Uuid::from_u128(12));

fn store(state: StoreState) -> Store {
    Store {
        id: StoreId::new(Uuid::from_u128(1)),
        institution: InstitutionId::new(Uuid::from_u128(2)),
        client: ClientId::new(Uuid::from_u128(3)),
        platform: Platform::Genstore,
        store_url: "https://demo.genmystore.com".to_owned(),
        name: "Demo".to_owned(),
        category: "General".to_owned(),
        extra_info: None,
        seller_id: None,
        auth_type: None,
        state,
        sequence: 4,
        revision: 9,
        created_at: DateTime::UNIX_EPOCH,
    }
}

fn authorized(grant: u128) -> Authorized {
    Authorized {
        grant: GrantId::new(Uuid::from_u128(grant)),
        shop: ShopIdentity::new(IdentityRealm::Genstore, "7"),
        scopes: Scopes::default(),
        coverage: ScopeCoverage::Complete,
        authorized_at: DateTime::UNIX_EPOCH,
        expires_at: None,
        renewal: Renewal::Good,
        reauthorize_by: None,
        reauthorization: None,
    }
}

fn renewed(expires_at: Option<DateTime<Utc>>) -> Renewed {
    Renewed {
        expires_at,
        scopes: AssessedScopes {
            scopes: Scopes::default(),
            coverage: ScopeCoverage::Complete,
        },
    }
}

#[test]
fn a_start_is_a_change_and_an_end_is_an_event() {
    let begun = store(StoreState::Unauthorized)
        .begin(FIRST, AuthType::Url, None)
        .unwrap();
    assert_eq!(
        (begun.status(), begun.sequence, begun.revision),
        (AuthStatus::Processing, 4, 10)
    );
    let done = begun
        .succeed(FIRST, AuthType::Url, authorized(1), Some("demo"))
        .unwrap();
    assert_eq!(
        (done.status(), done.sequence, done.revision),
        (AuthStatus::Success, 5, 11)
    );
    assert_eq!(done.seller_id.as_deref(), Some("demo"));
}

#[test]
fn what_the_institution_asked_for_is_not_replaced_by_the_proven_label() {
    let asked = Some("Demo".to_owned());
    let begun = store(StoreState::Unauthorized)
        .begin(FIRST, AuthType::Url, asked)
        .unwrap();
    let done = begun
        .succeed(FIRST, AuthType::Url, authorized(1), Some("demo"))
        .unwrap();
    assert_eq!(done.seller_id.as_deref(), Some("Demo"));
}

#[test]
fn a_superseded_attempt_can_end_nothing() {
    let begun = store(StoreState::Processing {
        authorization: FIRST,
    })
    .begin(SECOND, AuthType::Url, None)
    .unwrap();
    let stale = TransitionError::NotTheCurrentAttempt;
    assert_eq!(
        begun
            .clone()
            .succeed(FIRST, AuthType::Url, authorized(1), None),
        Err(stale)
    );
    assert_eq!(
        begun.clone().fail(FIRST, FailReason::UserDenied),
        Err(stale)
    );
    assert!(begun.fail(SECOND, FailReason::UserDenied).is_ok());
}

#[test]
fn an_authorized_store_starts_nothing_and_loses_only_its_own_grant() {
    let done = store(StoreState::Success(authorized(1)));
    assert_eq!(
        done.clone().begin(FIRST, AuthType::Url, None),
        Err(TransitionError::AlreadyAuthorized)
    );
    let other = GrantId::new(Uuid::from_u128(2));
    assert_eq!(
        done.clone().lose_grant(other, FailReason::AuthExpired),
        Err(TransitionError::NotTheCurrentGrant)
    );
    let own = GrantId::new(Uuid::from_u128(1));
    let lost = done.lose_grant(own, FailReason::AuthExpired).unwrap();
    assert_eq!(
        (lost.status(), lost.fail_reason()),
        (AuthStatus::Failed, Some(FailReason::AuthExpired))
    );
}

#[test]
fn a_grant_is_renewed_worsens_and_comes_to_its_end() {
    let grant = GrantId::new(Uuid::from_u128(1));
    let by = DateTime::from_timestamp(100, 0).unwrap();
    let of = |store: &Store| {
        let authorized = store.authorized_by(grant).unwrap();
        (
            authorized.health(),
            authorized.reauthorize_by,
            store.sequence,
            store.revision,
        )
    };
    let done = store(StoreState::Success(authorized(1)));
    let failing = done
        .clone()
        .worsen(grant, Renewal::Failing)
        .unwrap()
        .unwrap();
    assert_eq!(of(&failing), (Health::RefreshFailing, None, 4, 10));
    let again = failing.clone().worsen(grant, Renewal::Failing);
    assert_eq!(again, Ok(None));
    let ending = failing.expire_soon(grant, by).unwrap();
    assert_eq!(of(&ending), (Health::Expiring, Some(by), 5, 11));
    let failing = ending.clone().worsen(grant, Renewal::Failing);
    assert_eq!(failing, Ok(None), "it ends soon all the same");
    let alive = ending.renew(grant, renewed(Some(by))).unwrap();
    assert_eq!(of(&alive), (Health::Healthy, None, 5, 12));
    assert_eq!(
        alive.authorized_by(grant).unwrap().expires_at,
        Some(by),
        "the end moved"
    );

    let other = GrantId::new(Uuid::from_u128(2));
    let stale = TransitionError::NotTheCurrentGrant;
    assert_eq!(done.clone().renew(other, renewed(None)), Err(stale));
    assert_eq!(done.clone().worsen(other, Renewal::Uncertain), Err(stale));
    assert_eq!(done.expire_soon(other, by), Err(stale));
}

const GRANT: GrantId = GrantId::new(Uuid::from_u128(1));

/// A store whose grant could not be renewed yet.
fn failing() -> Store {
    let done = store(StoreState::Success(authorized(1)));
    done.worsen(GRANT, Renewal::Failing).unwrap().unwrap()
}

fn beside(store: &Store) -> Option<Reauthorization> {
    store.authorized_by(GRANT).unwrap().reauthorization
}

#[test]
fn an_attempt_beside_a_grant_that_fails_is_no_event() {
    let before = failing();
    let begun = before
        .clone()
        .begin(FIRST, AuthType::Key, Some("other".to_owned()))
        .unwrap();
    assert_eq!(begun.current_attempt(), Some(FIRST));
    assert_eq!(
        (begun.status(), begun.auth_type, &begun.seller_id),
        (AuthStatus::Success, None, &None)
    );
    let denied = begun.clone().fail(FIRST, FailReason::UserDenied).unwrap();
    let reason = FailReason::UserDenied;
    assert_eq!(beside(&denied), Some(Reauthorization::Failed { reason }));
    assert_eq!(
        (
            denied.fail_reason(),
            denied.current_attempt(),
            denied.sequence
        ),
        (None, None, before.sequence)
    );
    assert_eq!(denied.revision, before.revision + 2);

    let second = begun.begin(SECOND, AuthType::Url, None).unwrap();
    let stale = TransitionError::NotTheCurrentAttempt;
    assert_eq!(second.clone().fail(FIRST, reason), Err(stale));
    let replaced = second
        .succeed(SECOND, AuthType::Url, authorized(2), None)
        .unwrap();
    assert_eq!(replaced.sequence, before.sequence + 1);
    assert_eq!(replaced.auth_type, Some(AuthType::Url));
    assert_eq!(
        replaced.renew(GRANT, renewed(None)),
        Err(TransitionError::NotTheCurrentGrant)
    );
}

#[test]
fn a_link_that_nobody_asked_for_fails_only_where_somebody_followed_it() {
    let offered = failing().offer(GRANT, FIRST).unwrap();
    let over = offered
        .clone()
        .fail(FIRST, FailReason::LinkExpired)
        .unwrap();
    assert_eq!(beside(&over), None);
    let reason = FailReason::UserDenied;
    let denied = offered.clone().fail(FIRST, reason).unwrap();
    assert_eq!(beside(&denied), Some(Reauthorization::Failed { reason }));
    let asked = offered.begin(SECOND, AuthType::Url, None).unwrap();
    let reason = FailReason::LinkExpired;
    let over = asked.fail(SECOND, reason).unwrap();
    assert_eq!(beside(&over), Some(Reauthorization::Failed { reason }));
}

#[test]
fn scopes_are_told_when_they_are_others() {
    let required = RequiredScope::read_all(&["read_orders".to_owned()]);
    let assess = |names: &[&str]| {
        let granted = GrantedScopes::flat(names);
        AssessedScopes::of(&granted, &required, WriteScope::StandsAlone)
    };
    let health = |store: &Store| store.authorized_by(GRANT).unwrap().health();
    let done = store(StoreState::Success(authorized(1)));
    let told = done
        .read_scopes(GRANT, assess(&["read_orders"]))
        .unwrap()
        .unwrap();
    assert_eq!((health(&told), told.sequence), (Health::Healthy, 5));
    let same = told.clone().read_scopes(GRANT, assess(&["read_orders"]));
    assert_eq!(same, Ok(None));
    let narrowed = told
        .read_scopes(GRANT, assess(&["read_products"]))
        .unwrap()
        .unwrap();
    assert_eq!(
        (health(&narrowed), narrowed.sequence),
        (Health::ScopesMissing, 6)
    );
    let stale = GrantId::new(Uuid::from_u128(2));
    assert!(narrowed.clone().read_scopes(stale, assess(&[])).is_err());

    // A renewal that says nothing new of scopes mends nothing about them.
    let known = narrowed.authorized_by(GRANT).unwrap().scopes.granted();
    let scopes = AssessedScopes::of(&known, &required, WriteScope::StandsAlone);
    let expires_at = None;
    let still = narrowed
        .renew(GRANT, Renewed { expires_at, scopes })
        .unwrap();
    assert_eq!((health(&still), still.sequence), (Health::ScopesMissing, 6));
    let widened = still
        .renew(
            GRANT,
            Renewed {
                expires_at,
                scopes: assess(&["read_products", "read_orders"]),
            },
        )
        .unwrap();
    assert_eq!((health(&widened), widened.sequence), (Health::Healthy, 7));
}
