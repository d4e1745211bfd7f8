//! The program is killed when it has saved a key and not yet answered whoever brought it, or came back for it: a
//! pasted key is proven all the same, a pushed one when the browser that clicked is back; each once, and bringing
//! it again changes nothing.

use std::os::unix::process::ExitStatusExt;

use sandbox::KeyPermission;
use serde_json::json;
use url::Url;

use crate::harness::{Answer, Database};
use crate::process::{Address, Bus, Endpoint, Installation, Institution, PUBLIC_URL, Store};

/// How a key comes, and at which of its steps the program is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Pasted,
    Pushed,
    /// It was pushed before, and the browser is back.
    Returned,
}

/// A key on its way.
struct Key {
    path: String,
    body: String,
    /// Where the browser of a pushed one comes back to, with its cookie.
    back: Option<(String, String)>,
}

macro_rules! on_both_databases {
    ($($name:ident: $way:ident;)*) => {
        on_both_databases!(sqlite: Sqlite => $($name: $way;)*);
        on_both_databases!(postgres: Postgres => $($name: $way;)*);
    };
    ($module:ident: $database:ident => $($name:ident: $way:ident;)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::check(crate::harness::Database::$database, super::Way::$way).await;
                }
            )*
        }
    };
}

on_both_databases! {
    killed_when_a_pasted_key_is_saved: Pasted;
    killed_when_a_pushed_key_is_saved: Pushed;
    killed_when_the_browser_is_back_for_a_pushed_key: Returned;
}

/// A store whose seller has a link.
struct Scene {
    installation: Installation,
    institution: Institution,
    endpoint: Endpoint,
    store: Store,
    /// The link's path.
    link: String,
}

async fn check(database: Database, way: Way) {
    let scene = Scene::set(database).await;
    let before = scene.installation.serve().await;
    let key = scene.key_by(&before, way).await;
    if way == Way::Returned {
        let sent = scene.hand_in(&before, &key).await.unwrap();
        assert_eq!(sent.status, 200);
    }
    before.stop().await;
    let settings = scene.installation.settings.clone();
    let doomed = settings
        .with_variable("SHOPGRANT_CRASH_POINT", "key_taken")
        .serve()
        .await;
    let answer = match way {
        Way::Pasted | Way::Pushed => scene.hand_in(&doomed, &key).await,
        Way::Returned => scene.come_back(&doomed, &key).await,
    };
    assert!(answer.is_none(), "it lives");
    let status = doomed.process.end().await;
    assert_eq!(
        status.signal(),
        Some(9),
        "{status}: was it built with `--features crash-points`?"
    );

    let serve = scene.installation.serve().await;
    if way == Way::Pushed {
        let again = scene.hand_in(&serve, &key).await.unwrap();
        assert_eq!(again.status, 200);
        assert_eq!(scene.proofs(), 0, "the browser is not back");
        let shown = scene.come_back(&serve, &key).await.unwrap();
        assert_eq!(shown.status, 200, "{}", shown.text);
    }
    let webhook = scene.installation.receiver.next().await;
    let event = webhook.verified(&scene.endpoint.secret);
    assert_eq!(event["type"], "store.auth.succeeded");
    let snapshot = scene.institution.query_after(&serve, &scene.store, 0).await;
    let told = (&snapshot["auth_status"], &snapshot["sequence"]);
    assert_eq!(told, (&json!("SUCCESS"), &json!(1)));
    for _ in 0..2 {
        let again = scene.hand_in(&serve, &key).await.unwrap();
        let expected = match way {
            Way::Pasted => (303, Some(scene.link.as_str())),
            Way::Pushed | Way::Returned => (200, None),
        };
        assert_eq!((again.status, again.header("location")), expected);
    }
    assert_eq!(scene.proofs(), 1);
    // Beside the endpoint's test event.
    assert_eq!(scene.institution.events(&serve, 2).await.len(), 2);
    serve.stop().await;
    scene.installation.remove().await;
}

impl Scene {
    async fn set(database: Database) -> Self {
        let installation = Installation::new(database, Bus::InProcess).await;
        let shop = "demo-shop".parse().unwrap();
        let permission = KeyPermission::Read;
        installation
            .sandbox
            .register_key(shop, "ck_demo", "cs_demo".into(), permission);
        let serve = installation.serve().await;
        let institution = installation.institution(&serve, "Crash Pay").await;
        serve.stop().await;
        let hosted = [
            "institution",
            "set",
            &institution.app_id,
            "--links",
            "hosted",
            "--json",
        ];
        installation.settings.json(&hosted).await;
        let serve = installation.serve().await;
        let client = institution.client(&serve, "seller-1").await;
        let url = format!("http://{}/woocommerce/demo-shop", installation.platforms);
        let store = institution
            .store(&serve, &client, "WOOCOMMERCE", &url)
            .await;
        let endpoint = institution
            .endpoint(&serve, &installation.receiver.url("/hook"))
            .await;
        let test = installation.receiver.next().await;
        assert_eq!(test.verified(&endpoint.secret)["type"], "endpoint.test");
        let fields = store.with(json!({"auth_type": "KEY"}));
        let data = institution.data(&serve, "store/auth", &fields).await;
        let link = data["auth_url"].as_str().unwrap();
        let link = link.strip_prefix(PUBLIC_URL).unwrap().to_owned();
        serve.stop().await;
        Self {
            installation,
            institution,
            endpoint,
            store,
            link,
        }
    }

    async fn key_by(&self, serve: &Address, way: Way) -> Key {
        if way == Way::Pasted {
            return Key {
                path: format!("{}/key", self.link),
                body: "api_key=ck_demo&api_secret=cs_demo".to_owned(),
                back: None,
            };
        }
        let request = self.post(serve, &format!("{}/continue", self.link), "");
        let gone = Answer::of(request.send().await.unwrap()).await;
        let page = Url::parse(gone.header("location").unwrap()).unwrap();
        let state = page.query_pairs().find(|(name, _)| name == "user_id");
        let state = state.unwrap().1;
        let body = json!({
            "user_id": state,
            "consumer_key": "ck_demo",
            "consumer_secret": "cs_demo",
        });
        let cookie = gone.header("set-cookie").unwrap().split(';').next();
        let back = format!("/v1/auth/woocommerce/return?success=1&user_id={state}");
        Key {
            path: "/v1/auth/woocommerce/keys".to_owned(),
            body: body.to_string(),
            back: Some((back, cookie.unwrap().to_owned())),
        }
    }

    /// `None` if nobody lives to answer.
    async fn hand_in(&self, serve: &Address, key: &Key) -> Option<Answer> {
        let request = self.post(serve, &key.path, &key.body);
        Answer::try_of(request.send().await.ok()?).await
    }

    /// What the browser that clicked sees. `None` if nobody lives to answer.
    async fn come_back(&self, serve: &Address, key: &Key) -> Option<Answer> {
        let (path, cookie) = key.back.as_ref().expect("a pushed key");
        let http = &self.installation.seller.http;
        let request = http.get(serve.url(path)).header("cookie", cookie);
        Answer::try_of(request.send().await.ok()?).await
    }

    fn post(&self, serve: &Address, path: &str, body: &str) -> reqwest::RequestBuilder {
        let http = &self.installation.seller.http;
        http.post(serve.url(path)).body(body.to_owned())
    }

    fn proofs(&self) -> usize {
        let calls = self.installation.sandbox.calls();
        let proofs = calls
            .iter()
            .filter(|call| call.path.ends_with("/system_status"));
        proofs.count()
    }
}
