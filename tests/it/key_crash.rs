//! The program is killed when it has saved a key and not yet answered whoever brought it: the key is proven all
//! the same, and once, and bringing it again changes nothing.

use std::os::unix::process::ExitStatusExt;

use sandbox::KeyPermission;
use serde_json::json;
use url::Url;

use crate::harness::{Answer, Database};
use crate::process::{Address, Bus, Endpoint, Installation, Institution, PUBLIC_URL, Store};

/// How a key comes.
#[derive(Clone, Copy)]
enum Way {
    Pasted,
    Pushed,
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
    let settings = scene.installation.settings.clone();
    let doomed = settings
        .with_variable("SHOPGRANT_CRASH_POINT", "key_taken")
        .serve()
        .await;
    let (path, body) = scene.key_by(&doomed, way).await;
    assert!(
        scene.send(&doomed, &path, &body).await.is_none(),
        "it lives"
    );
    let status = doomed.process.end().await;
    assert_eq!(
        status.signal(),
        Some(9),
        "{status}: was it built with `--features crash-points`?"
    );

    let serve = scene.installation.serve().await;
    let webhook = scene.installation.receiver.next().await;
    let event = webhook.verified(&scene.endpoint.secret);
    assert_eq!(event["type"], "store.auth.succeeded");
    let snapshot = scene.institution.query_after(&serve, &scene.store, 0).await;
    let told = (&snapshot["auth_status"], &snapshot["sequence"]);
    assert_eq!(told, (&json!("SUCCESS"), &json!(1)));
    for _ in 0..2 {
        let again = scene.send(&serve, &path, &body).await.unwrap();
        let expected = match way {
            Way::Pasted => (303, Some(scene.link.as_str())),
            Way::Pushed => (200, None),
        };
        assert_eq!((again.status, again.header("location")), expected);
    }
    let calls = scene.installation.sandbox.calls();
    let proofs = calls
        .iter()
        .filter(|call| call.path.ends_with("/system_status"));
    assert_eq!(proofs.count(), 1);
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

    /// Where the key goes, and as what.
    async fn key_by(&self, serve: &Address, way: Way) -> (String, String) {
        match way {
            Way::Pasted => (
                format!("{}/key", self.link),
                "api_key=ck_demo&api_secret=cs_demo".to_owned(),
            ),
            Way::Pushed => {
                let gone = self
                    .send(serve, &format!("{}/continue", self.link), "")
                    .await;
                let gone = gone.expect("the shop's page");
                let page = Url::parse(gone.header("location").unwrap()).unwrap();
                let state = page.query_pairs().find(|(name, _)| name == "user_id");
                let body = json!({
                    "user_id": state.unwrap().1,
                    "consumer_key": "ck_demo",
                    "consumer_secret": "cs_demo",
                });
                ("/v1/auth/woocommerce/keys".to_owned(), body.to_string())
            }
        }
    }

    /// `None` if nobody lives to answer.
    async fn send(&self, serve: &Address, path: &str, body: &str) -> Option<Answer> {
        let http = &self.installation.seller.http;
        let request = http.post(serve.url(path)).body(body.to_owned());
        Answer::try_of(request.send().await.ok()?).await
    }
}
