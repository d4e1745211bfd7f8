//! A seller opens the app on the platform, and what waits for the shop goes on when the seller says so.

use std::time::Duration;

use broker::{ConfigurePlatformApp, Operator};
use sandbox::{AppRegistration, Fault, Rule, Step};
use serde_json::json;

use crate::harness::{
    Answer, GENSTORE, HeldAnswer, Institution, PlatformCase, SHOPLINE, SHOPLINE_EU, TestApp,
};

on_both!(
    a_confirmed_launch_goes_on_to_the_platform,
    a_launch_alone_changes_nothing,
    a_launch_is_used_once,
    what_no_platform_signed_leads_nowhere,
    a_stranger_s_browser_confirms_nothing,
    an_offer_is_taken_up_once_and_in_time,
    nothing_is_bound_by_guessing,
    an_institution_s_own_app_is_launched_on_its_own_path,
    a_shop_that_is_connected_already_is_told_so,
    an_own_app_s_launch_tells_nothing_of_other_apps,
    what_was_confirmed_can_be_loaded_again,
    the_second_of_two_clicks_leads_to_what_the_first_one_does,
    a_confirmation_is_as_large_as_any_body_and_no_larger,
);

/// What the page asked, and what the browser got with it.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) launch: String,
    pub(crate) token: String,
    /// Name and value.
    cookie: String,
    pub(crate) page: String,
}

impl TestApp {
    fn launch_to(&self, case: &PlatformCase, shop: &str, path: &str, client_id: &str) -> String {
        let app_url = format!("{}{path}", self.base_url);
        let shop = shop.parse().unwrap();
        self.sandbox
            .launch(case.dialect, &shop, Some(client_id), &app_url)
            .unwrap()
    }

    fn launch(&self, case: &PlatformCase, shop: &str) -> String {
        self.launch_to(case, shop, &case.launch_path(), case.client_id)
    }

    pub(crate) async fn offer(&self, url: &str) -> Offer {
        let answer = self.visit(url).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let cookie = answer.header("set-cookie").expect("a cookie");
        for attribute in [
            "; HttpOnly",
            "; SameSite=Strict",
            "; Path=/",
            "; Max-Age=600",
        ] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        Offer {
            launch: field(&answer.text, "launch"),
            token: field(&answer.text, "token"),
            cookie: cookie.split(';').next().unwrap().to_owned(),
            page: answer.text,
        }
    }

    pub(crate) async fn confirm(&self, case: &PlatformCase, offer: &Offer) -> Answer {
        let form = format!("launch={}&token={}", offer.launch, offer.token);
        self.send_confirmation(case, offer, form).await
    }

    async fn send_confirmation(&self, case: &PlatformCase, offer: &Offer, form: String) -> Answer {
        let request = self
            .http
            .post(format!("{}{}/confirm", self.base_url, case.launch_path()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &offer.cookie)
            .body(form);
        Answer::of(request.send().await.unwrap()).await
    }
}

fn field(page: &str, name: &str) -> String {
    let before = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&before).expect("the field is there");
    rest.split('"').next().unwrap().to_owned()
}

pub(crate) fn assert_leads_nowhere(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text);
    let title = "<h1>This link does not work</h1>";
    assert!(answer.text.contains(title), "{what}: {}", answer.text);
    assert_eq!(answer.header("set-cookie"), None, "{what}");
}

/// It was signed by the platform, or is the browser's own, and does not count any more.
pub(crate) fn assert_over(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 410, "{what}: {}", answer.text);
    let title = "<h1>Please open the app again</h1>";
    assert!(answer.text.contains(title), "{what}: {}", answer.text);
    assert!(!answer.text.contains("<form"), "{what}: {}", answer.text);
    assert_eq!(answer.header("set-cookie"), None, "{what}");
}

pub(crate) fn assert_nothing_waits(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
    let title = "<h1>Nothing is waiting for this shop</h1>";
    assert!(answer.text.contains(title), "{what}: {}", answer.text);
    assert_eq!(answer.header("set-cookie"), None, "{what}");
}

pub(crate) async fn processing(app: &TestApp, alpha: &Institution, store: &crate::harness::Store) {
    app.settle().await;
    let expected = ("PROCESSING".to_owned(), String::new());
    assert_eq!(alpha.status(store).await, expected);
}

async fn a_confirmed_launch_goes_on_to_the_platform(app: &TestApp) {
    let alpha = app.institution("Alpha Pay").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    for case in [SHOPLINE, GENSTORE, SHOPLINE_EU] {
        let shop = format!("{}-shop", case.code.to_lowercase().replace('_', "-"));
        let client_id = alpha.client(&format!("seller of {shop}")).await;
        let store = alpha
            .create(&client_id, case.code, &case.store_url(&shop))
            .await;
        let given = alpha.link(&store).await;
        let offer = app.offer(&app.launch(&case, &shop)).await;
        for named in [
            "Alpha Pay",
            &format!("seller of {shop}"),
            &shop,
            "Demo Shop",
        ] {
            let named = format!("<strong><bdi>{named}</bdi></strong>");
            assert!(offer.page.contains(&named), "{named}: {}", offer.page);
        }

        let confirmed = app.confirm(&case, &offer).await;
        assert_eq!(confirmed.status, 303, "{}", confirmed.text);
        let auth_url = confirmed.header("location").unwrap();
        let (origin, _) = given.split_once(&shop).unwrap();
        assert!(auth_url.starts_with(origin), "{auth_url}");
        assert_ne!(case.state_of(auth_url), case.state_of(&given));

        // The link that was given before is dead: its state is nobody's.
        let callback = app.approve(&given).await;
        assert_leads_nowhere(&app.visit(&callback).await, "the older link");
        processing(app, &alpha, &store).await;

        let callback = app.approve(auth_url).await;
        let shown = app.visit(&callback).await;
        let location = shown.header("location").expect("a redirect");
        let event = app.told(&alpha, &endpoint, &store, Some(location)).await;
        assert_eq!(event["type"], "store.auth.succeeded");
        assert_eq!(event["data"]["shop_identity"], case.identity(&shop));
    }
}

async fn a_launch_alone_changes_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let given = alpha.link(&store).await;
    let before = alpha.query(&store).await;
    app.offer(&app.launch(&SHOPLINE, "demo-shop")).await;
    app.settle().await;
    assert_eq!(alpha.query(&store).await, before);
    let callback = app.approve(&given).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    let success = ("SUCCESS".to_owned(), String::new());
    assert_eq!(alpha.status(&store).await, success);
}

async fn a_launch_is_used_once(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for (case, signature) in [(SHOPLINE, "sign"), (GENSTORE, "hmac")] {
        let store = alpha.store(&case, "demo-shop").await;
        alpha.link(&store).await;
        let url = app.launch(&case, "demo-shop");
        let offer = app.offer(&url).await;
        let (before, query) = url.split_once('?').unwrap();
        let mut reversed: Vec<&str> = query.split('&').collect();
        reversed.reverse();
        let (signed, hex) = url.split_once(&format!("{signature}=")).unwrap();
        for again in [
            url.clone(),
            format!("{url}&"),
            format!("{before}?{}", reversed.join("&")),
            format!("{signed}{signature}={}", hex.to_uppercase()),
        ] {
            assert_over(&app.visit(&again).await, &again);
        }
        assert_eq!(app.confirm(&case, &offer).await.status, 303);
        // It is remembered for as long as its signature counts.
        app.advance(Duration::from_mins(9));
        app.process.broker.retention_step().await.unwrap();
        assert_over(&app.visit(&url).await, "nine minutes later");
    }
}

async fn what_no_platform_signed_leads_nowhere(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for case in [SHOPLINE, GENSTORE] {
        let store = alpha.store(&case, "demo-shop").await;
        let given = alpha.link(&store).await;
        let right = app.launch(&case, "demo-shop");
        let mut wrong = Vec::new();
        for fault in [Fault::Forged, Fault::DuplicatedKey] {
            let rule = Rule {
                dialect: case.dialect,
                shop: None,
                step: Step::Launch,
                fault,
                sticky: false,
            };
            app.sandbox.script(rule).unwrap();
            wrong.push(app.launch(&case, "demo-shop"));
        }
        let path = case.launch_path();
        let callback = app.approve(&given).await;
        wrong.extend([
            // A callback is signed alike, and is no launch.
            callback.replace(&case.callback_path(), &path),
            right.replace("demo-shop", "demo-shap"),
            format!("{right}&lang=en"),
            format!("{}{path}", app.base_url),
            format!("{}{path}?%zz&&=&a=%ff", app.base_url),
            right.replace(&path, "/v1/auth/woocommerce/launch"),
            right.replace(&path, "/v1/auth/shopline_eu/launch"),
            right.replace(&path, "/v1/auth/SHOPLINE/launch"),
            right.replace("/launch", "/papp_1/launch"),
        ]);
        for url in &wrong {
            assert_leads_nowhere(&app.visit(url).await, url);
        }
        assert_eq!(
            app.database.number("SELECT COUNT(*) FROM launches").await,
            0
        );
        app.advance(Duration::from_secs(601));
        assert_over(&app.visit(&right).await, "it is old now");
        let forged = format!("{right}0");
        assert_leads_nowhere(&app.visit(&forged).await, "old and forged");
        processing(app, &alpha, &store).await;
    }
}

async fn a_stranger_s_browser_confirms_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&store).await;
    let offer = app.offer(&app.launch(&SHOPLINE, "demo-shop")).await;
    // The same shop is opened once more, a moment later, in another browser.
    app.advance(Duration::from_millis(1));
    let other = app.offer(&app.launch(&SHOPLINE, "demo-shop")).await;
    let (name, _) = offer.cookie.split_once('=').unwrap();
    let (_, value) = other.cookie.split_once('=').unwrap();
    let mixed = [
        ("no cookie", &offer.launch, &offer.token, String::new()),
        (
            "another's cookie",
            &offer.launch,
            &offer.token,
            other.cookie.clone(),
        ),
        (
            "another's value",
            &offer.launch,
            &offer.token,
            format!("{name}={value}"),
        ),
        (
            "another's token",
            &offer.launch,
            &other.token,
            offer.cookie.clone(),
        ),
        (
            "another's launch",
            &other.launch,
            &offer.token,
            offer.cookie.clone(),
        ),
        (
            "no token",
            &offer.launch,
            &String::new(),
            offer.cookie.clone(),
        ),
    ];
    for (what, launch, token, cookie) in mixed {
        let forged = Offer {
            launch: launch.clone(),
            token: token.clone(),
            cookie,
            page: String::new(),
        };
        assert_leads_nowhere(&app.confirm(&SHOPLINE, &forged).await, what);
    }
    assert_leads_nowhere(&app.confirm(&SHOPLINE_EU, &offer).await, "another platform");
    let nothing = Answer::of(
        app.http
            .post(format!(
                "{}{}/confirm",
                app.base_url,
                SHOPLINE.launch_path()
            ))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_leads_nowhere(&nothing, "no form");
    processing(app, &alpha, &store).await;

    assert_eq!(app.confirm(&SHOPLINE, &offer).await.status, 303);
}

async fn an_offer_is_taken_up_once_and_in_time(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    alpha.link(&store).await;

    let offer = app.offer(&app.launch(&GENSTORE, "demo-shop")).await;
    assert_eq!(app.confirm(&GENSTORE, &offer).await.status, 303);
    assert_over(&app.confirm(&GENSTORE, &offer).await, "a second time");

    app.advance(Duration::from_millis(1));
    let late = app.offer(&app.launch(&GENSTORE, "demo-shop")).await;
    app.advance(Duration::from_mins(10));
    assert_over(&app.confirm(&GENSTORE, &late).await, "too late");

    let superseded = app.offer(&app.launch(&GENSTORE, "demo-shop")).await;
    alpha.link(&store).await;
    assert_over(&app.confirm(&GENSTORE, &superseded).await, "superseded");

    app.advance(Duration::from_millis(1));
    let unbound = app.offer(&app.launch(&GENSTORE, "demo-shop")).await;
    alpha.data("store/unbind", &store.ids()).await;
    assert_over(&app.confirm(&GENSTORE, &unbound).await, "unbound");
}

async fn nothing_is_bound_by_guessing(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let open = async |case: &PlatformCase, what: &str| {
        app.advance(Duration::from_millis(1));
        let answer = app.visit(&app.launch(case, "demo-shop")).await;
        assert_nothing_waits(&answer, what);
    };
    open(&SHOPLINE, "no store").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    open(&SHOPLINE, "a store that nobody asked for").await;
    let another = alpha.store(&SHOPLINE, "another-shop").await;
    alpha.link(&another).await;
    open(&SHOPLINE, "another shop").await;
    let site = alpha.store(&SHOPLINE_EU, "demo-shop").await;
    alpha.link(&site).await;
    open(&SHOPLINE, "the other site's app").await;

    alpha.link(&store).await;
    let rival = beta.store(&SHOPLINE, "demo-shop").await;
    beta.link(&rival).await;
    open(&SHOPLINE, "two institutions").await;
    beta.data("store/unbind", &rival.ids()).await;
    let twin = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&twin).await;
    open(&SHOPLINE, "two stores").await;
    alpha.data("store/unbind", &twin.ids()).await;
    app.advance(Duration::from_millis(1));
    app.offer(&app.launch(&SHOPLINE, "demo-shop")).await;
    processing(app, &alpha, &store).await;
}

async fn an_institution_s_own_app_is_launched_on_its_own_path(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = ConfigurePlatformApp {
        client_id: "alpha-app".to_owned(),
        secret: Some("the secret of alpha's own app".into()),
        institution: Some(alpha.app_id.clone()),
        ..SHOPLINE.configuration(app.sandbox_address)
    };
    let configured = app
        .process
        .broker
        .configure_platform_app(&Operator, own)
        .await
        .unwrap();
    app.sandbox.register_app(AppRegistration {
        client_id: "alpha-app".to_owned(),
        client_secret: "the secret of alpha's own app".into(),
        ..SHOPLINE.registration(configured.callback_url.clone().unwrap())
    });
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&store).await;

    let shared = app.visit(&app.launch(&SHOPLINE, "demo-shop")).await;
    assert_nothing_waits(&shared, "the shared app");
    let path = format!("/v1/auth/shopline/{}/launch", configured.app.id);
    let url = app.launch_to(&SHOPLINE, "demo-shop", &path, "alpha-app");
    let elsewhere = url.replace(&path, &SHOPLINE.launch_path());
    assert_leads_nowhere(&app.visit(&elsewhere).await, "the shared app's path");
    let offer = app.offer(&url).await;
    let confirmed = app.confirm(&SHOPLINE, &offer).await;
    let auth_url = confirmed.header("location").expect("a redirect");
    let callback = app.approve(auth_url).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    let snapshot = alpha.data("store/query", &store.with(json!({}))).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");
}

fn assert_connected(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
    let title = "<h1>This shop is already connected</h1>";
    assert!(answer.text.contains(title), "{what}: {}", answer.text);
    // Whose customer the shop is, whoever opened the app need not know.
    for told in ["Alpha", "seller-n-", "Demo Shop", "<form"] {
        assert!(!answer.text.contains(told), "{what}: {}", answer.text);
    }
    assert_eq!(answer.header("set-cookie"), None, "{what}");
}

async fn a_shop_that_is_connected_already_is_told_so(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for case in [SHOPLINE, GENSTORE] {
        let store = alpha.store(&case, "demo-shop").await;
        let callback = app.approve(&alpha.link(&store).await).await;
        assert_eq!(app.visit(&callback).await.status, 303);
        let open = async |shop: &str| {
            app.advance(Duration::from_millis(1));
            app.visit(&app.launch(&case, shop)).await
        };
        assert_connected(&open("demo-shop").await, case.code);
        assert_nothing_waits(&open("another-shop").await, "another shop");
        // What waits goes first.
        let rival = app.institution("Rival").await;
        let wanted = rival.store(&case, "demo-shop").await;
        rival.link(&wanted).await;
        app.advance(Duration::from_millis(1));
        let offer = app.offer(&app.launch(&case, "demo-shop")).await;
        assert!(offer.page.contains("Rival"), "{}", offer.page);
        rival.data("store/unbind", &wanted.ids()).await;
        assert_connected(&open("demo-shop").await, "it waits no more");
        alpha.data("store/unbind", &store.ids()).await;
        assert_nothing_waits(&open("demo-shop").await, "it is given up");
    }
    app.settle().await;
    app.receiver.take();
}

/// Whoever has an app's secret can sign launches of any shop.
async fn an_own_app_s_launch_tells_nothing_of_other_apps(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    assert_eq!(app.visit(&callback).await.status, 303);
    let curious = app.institution("Curious").await;
    let own = ConfigurePlatformApp {
        client_id: "curious-app".to_owned(),
        secret: Some("the secret of the curious one's app".into()),
        institution: Some(curious.app_id.clone()),
        ..SHOPLINE.configuration(app.sandbox_address)
    };
    let broker = &app.process.broker;
    let configured = broker.configure_platform_app(&Operator, own).await.unwrap();
    app.sandbox.register_app(AppRegistration {
        client_id: "curious-app".to_owned(),
        client_secret: "the secret of the curious one's app".into(),
        ..SHOPLINE.registration(configured.callback_url.clone().unwrap())
    });
    let path = format!("/v1/auth/shopline/{}/launch", configured.app.id);
    let url = app.launch_to(&SHOPLINE, "demo-shop", &path, "curious-app");
    assert_nothing_waits(&app.visit(&url).await, "the curious one's app");
    let shared = app.visit(&app.launch(&SHOPLINE, "demo-shop")).await;
    assert_connected(&shared, "the app that connected it");
}

async fn the_second_of_two_clicks_leads_to_what_the_first_one_does(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let fields = store.with(json!({"auth_type": "URL"}));
    alpha.data("store/auth", &fields).await;
    let scopes = ["read_orders".to_owned()];
    let shop = "demo-shop".parse().unwrap();
    let event = app.sandbox.push_code(&shop, None, &scopes).unwrap();
    app.tell(&GENSTORE, &event).await;
    let offer = app.offer(&app.launch(&GENSTORE, "demo-shop")).await;
    let place = format!("{}/{}/outcome", GENSTORE.launch_path(), offer.launch);
    let held = HeldAnswer::of(&app.sandbox, GENSTORE.dialect, Step::Token);
    let second_click = async {
        held.reached().await;
        let second = app.confirm(&GENSTORE, &offer).await;
        assert_eq!(second.status, 303, "{}", second.text);
        assert_eq!(second.header("location"), Some(place.as_str()));
        assert_eq!(alpha.status(&store).await.0, "PROCESSING");
        let look = app.http.get(format!("{}{place}", app.base_url));
        let look = look.header("cookie", &offer.cookie).send();
        let (shown, ()) = tokio::join!(look, async { held.release() });
        Answer::of(shown.unwrap()).await
    };
    let (first, shown) = tokio::join!(app.confirm(&GENSTORE, &offer), second_click);
    assert_eq!(first.header("location"), Some(place.as_str()));
    assert_eq!(shown.status, 200, "{}", shown.text);
    let title = "<h1>Your shop is connected</h1>";
    assert!(shown.text.contains(title), "{}", shown.text);
    // Nobody else learns where it leads.
    let mut forged = offer.clone();
    "another".clone_into(&mut forged.token);
    assert_leads_nowhere(&app.confirm(&GENSTORE, &forged).await, "another page");
    app.settle().await;
    app.receiver.take();
}

/// A code that was pushed before is spent by the confirmation, which a reload must not send once more.
async fn what_was_confirmed_can_be_loaded_again(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&GENSTORE, "demo-shop").await;
    let fields = store.with(json!({"auth_type": "URL"}));
    alpha.data("store/auth", &fields).await;
    let scopes = ["read_orders".to_owned()];
    let shop = "demo-shop".parse().unwrap();
    let event = app.sandbox.push_code(&shop, None, &scopes).unwrap();
    app.tell(&GENSTORE, &event).await;
    let offer = app.offer(&app.launch(&GENSTORE, "demo-shop")).await;
    let confirmed = app.confirm(&GENSTORE, &offer).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.text);
    let place = format!("{}/{}/outcome", GENSTORE.launch_path(), offer.launch);
    assert_eq!(confirmed.header("location"), Some(place.as_str()));
    let url = format!("{}{place}", app.base_url);
    let look = async |cookie: &str| {
        let request = app.http.get(&url).header("cookie", cookie);
        Answer::of(request.send().await.unwrap()).await
    };
    let calls = app.sandbox.calls().len();
    for _ in 0..2 {
        let page = look(&offer.cookie).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("<h1>Your shop is connected</h1>"));
        assert!(page.text.contains("Alpha"), "{}", page.text);
    }
    let again = app.confirm(&GENSTORE, &offer).await;
    assert_eq!(again.status, 303, "sent once more: {}", again.text);
    assert_eq!(again.header("location"), Some(place.as_str()));
    assert_eq!(app.sandbox.calls().len(), calls);
    let (name, _) = offer.cookie.split_once('=').unwrap();
    for cookie in ["", &format!("{name}=another")] {
        assert_leads_nowhere(&look(cookie).await, "another browser");
    }
    app.settle().await;
    app.receiver.take();
}

async fn a_confirmation_is_as_large_as_any_body_and_no_larger(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    alpha.link(&store).await;
    let offer = app.offer(&app.launch(&SHOPLINE, "demo-shop")).await;
    let send = async |length: usize| {
        let form = format!("launch={}&token={}&padding=", offer.launch, offer.token);
        let padding = "0".repeat(length - form.len());
        app.send_confirmation(&SHOPLINE, &offer, form + &padding)
            .await
    };
    assert_leads_nowhere(&send(65_537).await, "too large");
    assert_eq!(send(65_536).await.status, 303);
}
