//! Tokens, nonces and idempotency keys.

use storage::access_tokens::AccessToken;
use storage::idempotency::{self, IdempotencyKey, Kept};
use storage::sealing::Place;
use storage::{Storage, StorageError, access_tokens, nonces};

use crate::database::{TestDatabase, at_once};
use crate::world::{ALPHA, BETA, at, attempt_id, hash, sealed, settle};

on_both! {
    a_token_comes_out_as_it_went_in,
    a_nonce_is_good_once_per_institution,
    of_many_calls_with_one_nonce_one_finds_it_fresh,
    a_key_remembers_the_first_answer_until_its_end,
    of_many_calls_with_one_key_one_is_first,
    a_first_call_that_rolls_back_reserves_nothing,
}

async fn a_token_comes_out_as_it_went_in(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    settle(&storage).await;
    storage
        .write(async |tx| access_tokens::insert(tx, ALPHA, hash(1), at(60)).await)
        .await
        .unwrap();
    let find = async |number| access_tokens::find(&storage, hash(number)).await.unwrap();
    let token = AccessToken {
        institution: ALPHA,
        expires_at: at(60),
    };
    assert_eq!(find(1).await, Some(token));
    assert_eq!(find(2).await, None);
}

async fn a_nonce_is_good_once_per_institution(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let consume = async |institution, number| {
        storage
            .write(async |tx| nonces::consume(tx, institution, hash(number), at(300)).await)
            .await
    };
    consume(ALPHA, 1).await.expect("it is fresh");
    let again = consume(ALPHA, 1).await;
    assert!(matches!(again, Err(StorageError::NonceUsed)), "{again:?}");
    consume(ALPHA, 2).await.expect("another nonce");
    consume(BETA, 1).await.expect("another institution");
}

async fn of_many_calls_with_one_nonce_one_finds_it_fresh(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let answers = at_once(32, |_| {
        let storage = storage.clone();
        async move {
            storage
                .write(async |tx| nonces::consume(tx, ALPHA, hash(1), at(300)).await)
                .await
        }
    })
    .await;
    let (fresh, used): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(fresh.len(), 1);
    for answer in used {
        assert!(matches!(answer, Err(StorageError::NonceUsed)), "{answer:?}");
    }
}

const CREATE: IdempotencyKey<'static> = IdempotencyKey {
    institution: ALPHA,
    call: "store/create",
    key_hash: [1; 32],
};

/// A call that answers with its own number, as long as nobody has answered before.
async fn call(storage: &Storage, number: u8, now: i64) -> Option<Kept> {
    let place = Place::IdempotentAnswer {
        institution: ALPHA,
        call: "store/create",
        key_hash: &CREATE.key_hash,
    };
    let answer = sealed(place, &number.to_string());
    storage
        .write(async |tx| {
            let kept =
                idempotency::reserve(tx, CREATE, hash(number), at(now), at(now + 60)).await?;
            if kept.is_none() {
                idempotency::keep_answer(tx, CREATE, &answer, Some(attempt_id(7))).await?;
            }
            Ok::<_, StorageError>(kept)
        })
        .await
        .unwrap()
}

async fn a_key_remembers_the_first_answer_until_its_end(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    assert!(call(&storage, 1, 0).await.is_none());
    let kept = call(&storage, 2, 59).await.expect("the first answer");
    assert_eq!(kept.body_hash, hash(1));
    assert_eq!(kept.authorization, Some(attempt_id(7)));
    assert!(kept.answer.is_some());
    assert!(call(&storage, 3, 60).await.is_none());
    storage
        .write(async |tx| idempotency::forget(tx, CREATE).await)
        .await
        .unwrap();
    assert!(call(&storage, 4, 61).await.is_none());

    let elsewhere = [
        IdempotencyKey {
            institution: BETA,
            ..CREATE
        },
        IdempotencyKey {
            call: "store/auth",
            ..CREATE
        },
    ];
    for key in elsewhere {
        let kept = storage
            .write(async |tx| {
                let kept = idempotency::reserve(tx, key, hash(1), at(62), at(90)).await?;
                idempotency::forget(tx, key).await?;
                Ok::<_, StorageError>(kept)
            })
            .await
            .unwrap();
        assert!(kept.is_none(), "{key:?}");
    }
    let kept = call(&storage, 5, 62).await.expect("nobody forgot it");
    assert_eq!(kept.body_hash, hash(4));
}

async fn of_many_calls_with_one_key_one_is_first(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let seen = at_once(16, |number| {
        let storage = storage.clone();
        let number = u8::try_from(number).unwrap();
        async move { (number, call(&storage, number, 0).await) }
    })
    .await;
    let first: Vec<_> = seen.iter().filter(|(_, kept)| kept.is_none()).collect();
    assert_eq!(first.len(), 1);
    let body = hash(first[0].0);
    for (_, kept) in seen.iter().filter(|(_, kept)| kept.is_some()) {
        let kept = kept.as_ref().unwrap();
        assert_eq!(kept.body_hash, body);
        assert!(kept.answer.is_some(), "it waited for the first to end");
    }
}

async fn a_first_call_that_rolls_back_reserves_nothing(database: &TestDatabase) {
    let storage = database.open_migrated().await;
    let failed = storage
        .write(async |tx| {
            idempotency::reserve(tx, CREATE, hash(1), at(0), at(60)).await?;
            Err::<(), _>(StorageError::Unsealable { place: "a test" })
        })
        .await;
    assert!(failed.is_err());
    assert!(call(&storage, 2, 0).await.is_none());
}
