//! Every page that a seller can come to, and its picture in `docs/pages`.
//!
//! `UPDATE_PAGES=1 cargo test … --test it browser::pages` takes the pictures anew. No test looks at their pixels:
//! fonts differ from machine to machine.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::LANGUAGES;
use super::stage::{Stage, launched_app, store_id_of};
use crate::harness::{CAFE24, Database, GENSTORE, MULTIVENDE, PlatformCase, TestDatabase};
use crate::process::{Serve, Settings};

/// Reasons that no seller's visit brings about, by the name of the link that tells them.
const TOLD_LATER: [(&str, &str); 5] = [
    ("misconfigured", "PLATFORM_APP_MISCONFIGURED"),
    ("interrupted", "INTERRUPTED"),
    ("connection_expired", "AUTH_EXPIRED"),
    ("connection_withdrawn", "AUTH_REVOKED"),
    ("app_removed", "APP_UNINSTALLED"),
];

/// What the shops honour that are asked for a key.
const KEY: (&str, &str) = ("ck_garden", "cs_garden");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_light_legible_and_shown_in_the_documents() {
    let mut story = Story {
        stage: Stage::set().await,
        links: json!({}),
        shops: json!({}),
    };
    story.write().await;
    let mut languages = Vec::new();
    for (locale, language) in LANGUAGES {
        if language != "en" {
            let links = story.links_in(language).await;
            languages.push(json!({"locale": locale, "language": language, "links": links}));
        }
    }
    let busy = story.busy().await;
    let hasty = story.hasty().await;
    let (broken, emptied) = story.broken().await;

    let is_updated = std::env::var_os("UPDATE_PAGES").is_some();
    if is_updated {
        for old in pictures() {
            fs::remove_file(album().join(format!("{old}.png"))).unwrap();
        }
    }
    let job = json!({
        "links": story.links,
        "shops": story.shops,
        "key": {"api_key": KEY.0, "api_secret": KEY.1},
        "languages": languages,
        "processes": {"busy": busy.url(""), "hasty": hasty.url(""), "broken": broken.url("")},
        "app": launched_app(),
        "album": is_updated.then(album),
    });
    let mut shown = story.stage.tell("pages.mjs", job).await;
    shown.sort();
    assert_eq!(
        pictures(),
        shown,
        "docs/pages is behind; mend it with UPDATE_PAGES=1, as its README.md says"
    );
    let index = fs::read_to_string(album().join("README.md")).expect("the index");
    for name in shown {
        assert!(index.contains(&format!("({name}.png)")), "{name}");
    }

    for process in [busy, hasty, broken] {
        process.stop().await;
    }
    emptied.delete().await;
    story.stage.clear().await;
}

/// What pages are shown of: by the name that the way to a page has for it, the link and the shop.
struct Story {
    stage: Stage,
    links: Value,
    shops: Value,
}

impl Story {
    /// A shop with a label of its own, as sellers might call theirs.
    fn shop(&mut self, name: &str) -> String {
        let number = self.shops.as_object().map_or(0, Map::len);
        let shop = format!("garden-shop-{}", number + 1);
        self.shops[name] = shop.clone().into();
        shop
    }

    async fn ask(&mut self, case: &PlatformCase, name: &str) {
        let shop = self.shop(name);
        self.links[name] = self.stage.ask(case, &shop).await.into();
    }

    async fn write(&mut self) {
        for name in [
            "hosted",
            "connected",
            "declined",
            "another_shop",
            "permission_missing",
            "platform_refused",
            "platform_silent",
            "not_answered_yet",
            "forwarded",
            "late",
        ] {
            self.ask(&GENSTORE, name).await;
        }
        for name in ["any_shop", "several_one", "several_two"] {
            self.ask(&MULTIVENDE, name).await;
        }
        for name in ["key", "key_unfit", "key_checked", "key_refused"] {
            let shop = self.shop(name);
            self.links[name] = self.stage.ask_for_key(&shop, KEY).await.into();
        }
        let shop = self.shop("token");
        self.links["token"] = self.stage.ask_for_token(&shop).await.into();
        for (name, reason) in TOLD_LATER {
            let shop = self.shop(name);
            self.links[name] = self.stage.fail(&GENSTORE, &shop, reason).await.into();
        }
        let shop = self.shop("replaced");
        self.links["replaced"] = self.replaced(&shop).await.into();
        self.ask(&GENSTORE, "connected_elsewhere").await;
        let shop = self.shops["connected_elsewhere"].as_str().unwrap();
        self.stage.claim_elsewhere(&GENSTORE, shop).await;
        self.ask_beside_a_grant().await;

        for (name, mall) in [
            ("waiting_mall", "gardenmall"),
            ("connected_mall", "bloommall"),
            ("empty_mall", "somemall"),
        ] {
            self.shops[name] = mall.into();
        }
        self.stage.ask(&CAFE24, "gardenmall").await;
        self.stage.authorize(&CAFE24, "bloommall").await;
    }

    /// A link that a newer one has replaced.
    async fn replaced(&mut self, shop: &str) -> String {
        let link = self.stage.ask(&GENSTORE, shop).await;
        self.stage.ask_again(&self.stage.stores[shop]).await;
        link
    }

    /// A link for a store that is connected and whose connection is not in good health.
    async fn ask_beside_a_grant(&mut self) {
        let shop = self.shop("still_connected");
        let store = self.stage.authorize(&GENSTORE, &shop).await;
        let sql = format!(
            "UPDATE stores SET health = 'REFRESH_FAILING' WHERE id = ({})",
            store_id_of(&GENSTORE, &shop)
        );
        self.stage.installation.database.execute(sql).await;
        self.links["still_connected"] = self.stage.ask_again(&store).await.into();
    }

    /// Links whose pages are shown in every language.
    async fn links_in(&mut self, language: &str) -> Value {
        let mut links = json!({});
        for name in ["hosted", "connected"] {
            let shop = self.shop(&format!("{name} in {language}"));
            links[name] = self.stage.ask(&GENSTORE, &shop).await.into();
        }
        let shop = self.shop(&format!("replaced in {language}"));
        links["replaced"] = self.replaced(&shop).await.into();
        links
    }

    /// Another process of the same broker.
    fn settings(&self) -> Settings {
        let settings = self.stage.installation.settings.clone();
        settings.with("role", "api")
    }

    /// One that lets nobody visit twice in a second.
    async fn busy(&self) -> Serve {
        let settings = self.settings();
        settings
            .with("rate_limit.per_address.per_second", "1")
            .with("rate_limit.per_address.burst", "1")
            .serve()
            .await
    }

    /// One whose links and clicks are good for a second. Links of its own have expired when they are looked at.
    async fn hasty(&mut self) -> Serve {
        let settings = self
            .settings()
            .with("authorization.hosted_deadline_seconds", "1")
            .with("authorization.direct_deadline_seconds", "1")
            .with("authorization.click_deadline_seconds", "1");
        let hasty = settings.serve().await;
        let shop = self.shop("expired");
        let store = self.stage.store(&GENSTORE, &shop).await;
        self.links["expired"] = self.stage.ask_at(&hasty, &store).await.into();
        let shop = self.shop("unfinished");
        let link = self.stage.ask_directly(&hasty, &GENSTORE, &shop).await;
        self.links["unfinished"] = link.into();
        hasty
    }

    /// One whose database has lost a table.
    async fn broken(&self) -> (Serve, TestDatabase) {
        let database = TestDatabase::create(Database::Sqlite).await;
        let settings = self.settings().with("database_url", &database.url);
        settings.run(&["migrate"]).await.succeeded();
        let lose = "ALTER TABLE hosted_links RENAME TO lost_links";
        database.execute(lose).await;
        (settings.serve().await, database)
    }
}

fn album() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().join("docs/pages")
}

/// The names of the pictures that are there.
fn pictures() -> Vec<String> {
    let entries = fs::read_dir(album()).expect("docs/pages");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".png").map(str::to_owned))
        .collect();
    names.sort();
    names
}
