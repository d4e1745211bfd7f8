//! An operator of a Cafe24 mall opens the app: who it is decides whether anything is offered, and in which of
//! the mall's shops decides what.

use std::time::Duration;

use broker::{ConfigurePlatformApp, Operator};
use domain::OperatorScopes;
use sandbox::{Fault, MallOperator, Rule, Step};
use serde_json::{Value, json};

use crate::harness::{Answer, CAFE24, Institution, Store, TestApp};
use crate::launches::{assert_leads_nowhere, assert_nothing_waits, assert_over, processing};

on_both!(
    a_chief_s_confirmed_launch_goes_on_to_the_mall,
    only_a_chief_is_offered_anything,
    what_a_sub_operator_may_use_is_resolved_and_kept_with_the_launch,
    the_shop_that_is_opened_decides_what_is_offered,
    a_launch_waits_for_nobody_s_guess,
    the_page_follows_the_language_of_the_mall,
    the_name_of_a_person_is_cleaned_shown_and_forgotten,
    a_mall_s_launch_is_used_once_while_it_is_fresh,
    what_no_mall_signed_leads_nowhere,
    an_institution_s_own_app_has_its_own_tree,
);

/// The example of <https://developer.cafe24.com/guide/front/develop?guide_no=97&language=us>.
pub(crate) const EXAMPLE: &str = r#"{
"MENU_LIST":{
"Q&A":{
"code":"Mabc1"
},
"Statistics":{
"code":"Mabc2",
"sub":{
"Daily analysis":{
"code":"Mabc3"
},
"Weekly analysis":{
"code":"Mabc4",
"sub":{
"Week 1":{
"code":"Mabc5"
},
"Week 2":{
"code":"Mabc6"
}
}
}
}
}
},
"FUNCTION_LIST":{
"Use period":{
"code":"Fabc1"
},
"View refund amount":{
"code":"Fabc2"
}
}
}"#;

/// Whose pages are in the language of these tests.
fn chief() -> MallOperator {
    MallOperator {
        lang: Some("en_US".to_owned()),
        ..MallOperator::default()
    }
}

fn of_type(user_type: &str) -> MallOperator {
    MallOperator {
        user_type: Some(user_type.to_owned()),
        ..chief()
    }
}

impl TestApp {
    fn mall_launch(&self, operator: &MallOperator) -> String {
        self.mall_launch_to(&CAFE24.launch_path(), CAFE24.client_id, operator)
    }

    fn mall_launch_to(&self, path: &str, client_id: &str, operator: &MallOperator) -> String {
        // The platform dates in seconds, so that two launches of a second are one to us.
        self.advance(Duration::from_secs(1));
        let app_url = format!("{}{path}", self.base_url);
        let mall = "demomall".parse().unwrap();
        self.sandbox
            .launch_by(operator, &mall, Some(client_id), &app_url)
            .unwrap()
    }

    async fn visit_mall(&self, operator: &MallOperator) -> Answer {
        self.visit(&self.mall_launch(operator)).await
    }

    async fn launches(&self, condition: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM launches WHERE {condition}");
        self.database.number(sql).await
    }
}

/// A store of the mall that waits for this shop, and its link.
async fn waiting(alpha: &Institution, seller_id: &str) -> (Store, String) {
    let store = alpha.store(&CAFE24, "demomall").await;
    let fields = store.with(json!({"auth_type": "URL", "seller_id": seller_id}));
    let data = alpha.data("store/auth", &fields).await;
    (store, data["auth_url"].as_str().unwrap().to_owned())
}

fn assert_not_theirs(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
    let title = "<h1>Only the chief operator can connect this shop</h1>";
    assert!(answer.text.contains(title), "{what}: {}", answer.text);
    assert!(!answer.text.contains("<form"), "{what}: {}", answer.text);
    assert_eq!(answer.header("set-cookie"), None, "{what}");
}

async fn a_chief_s_confirmed_launch_goes_on_to_the_mall(app: &TestApp) {
    let alpha = app.institution("Alpha Pay").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let store = alpha.store(&CAFE24, "demomall").await;
    let given = alpha.link(&store).await;
    let offer = app.offer(&app.mall_launch(&chief())).await;
    for named in [
        "<strong><bdi>Alpha Pay</bdi></strong>",
        "<strong><bdi>demomall</bdi></strong>",
        "<strong><bdi>대표 관리자</bdi></strong> (<bdi>chief</bdi>)",
    ] {
        assert!(offer.page.contains(named), "{named}: {}", offer.page);
    }
    assert_eq!(app.launches("operator_role = 'CHIEF'").await, 1);
    assert_eq!(app.launches("operator_permissions IS NULL").await, 1);

    let confirmed = app.confirm(&CAFE24, &offer).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.text);
    let auth_url = confirmed.header("location").unwrap();
    assert!(auth_url.contains("/cafe24/demomall/api/v2/oauth/authorize?response_type=code&"));
    assert_ne!(CAFE24.state_of(auth_url), CAFE24.state_of(&given));
    let callback = app.approve(&given).await;
    assert_leads_nowhere(&app.visit(&callback).await, "the older link");

    let callback = app.approve(auth_url).await;
    let shown = app.visit(&callback).await;
    let location = shown.header("location").expect("a redirect");
    let event = app.told(&alpha, &endpoint, &store, Some(location)).await;
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["shop_identity"], "demomall");
}

/// Whether anything waits for the shop is nothing that the others learn.
async fn only_a_chief_is_offered_anything(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let nobody = MallOperator {
        user_type: None,
        ..chief()
    };
    let others = [
        ("a sub-operator", "SUB_OPERATOR", of_type("A")),
        ("a supplier", "SUPPLIER", of_type("S")),
        ("another type", "OTHER", of_type("X")),
        ("no type", "OTHER", nobody),
    ];
    let mut before = Vec::new();
    for (what, _, operator) in &others {
        let answer = app.visit_mall(operator).await;
        assert_not_theirs(&answer, what);
        before.push(answer.page());
    }
    let (store, _) = waiting(&alpha, "demomall").await;
    for ((what, role, operator), before) in others.iter().zip(before) {
        let answer = app.visit_mall(operator).await;
        assert_not_theirs(&answer, what);
        assert_eq!(answer.page(), before, "{what}");
        let kept = format!("operator_role = '{role}' AND status = 'UNANSWERED'");
        assert!(app.launches(&kept).await > 0, "{what}");
    }
    assert_eq!(app.launches("authorization_id IS NOT NULL").await, 0);
    processing(app, &alpha, &store).await;
    app.offer(&app.mall_launch(&chief())).await;
}

async fn what_a_sub_operator_may_use_is_resolved_and_kept_with_the_launch(app: &TestApp) {
    let granted = json!({
        "MENU_AUTH": {"Mabc1": "T", "Mabc6": "T", "Mabc2": "F", "Fabc1": "T", "Mzzz9": "T"},
        "FUNCTION_AUTH": {"Fabc2": "T"},
    });
    let sub_operator = MallOperator {
        auth_config: Some(granted.clone()),
        ..of_type("A")
    };
    // Without a tree, no code is known.
    assert_not_theirs(&app.visit_mall(&sub_operator).await, "without a tree");
    let unknown = json!({"menus": [], "functions": [], "unknown": ["Fabc1", "Mabc1", "Mabc6", "Mzzz9", "Fabc2"]});
    let count = async |value: &Value| {
        app.launches(&format!("operator_permissions = '{value}'"))
            .await
    };
    assert_eq!(count(&unknown).await, 1);

    let configuration = ConfigurePlatformApp {
        operator_scopes: Some(OperatorScopes::parse(EXAMPLE).unwrap()),
        ..CAFE24.configuration(app.sandbox_address)
    };
    let broker = &app.process.broker;
    let configured = broker.configure_platform_app(&Operator, configuration);
    configured.await.unwrap();
    assert_not_theirs(&app.visit_mall(&sub_operator).await, "with a tree");
    let resolved = json!({
        "menus": [
            {"code": "Mabc1", "place": ["Q&A"]},
            {"code": "Mabc6", "place": ["Statistics", "Weekly analysis", "Week 2"]},
        ],
        "functions": [{"code": "Fabc2", "place": ["View refund amount"]}],
        "unknown": ["Fabc1", "Mzzz9"],
    });
    assert_eq!(count(&resolved).await, 1);

    // They are the sub-operators' alone.
    for user_type in ["P", "S"] {
        let other = MallOperator {
            auth_config: Some(granted.clone()),
            ..of_type(user_type)
        };
        app.visit_mall(&other).await;
    }
    assert_eq!(app.launches("operator_permissions IS NOT NULL").await, 2);
}

async fn the_shop_that_is_opened_decides_what_is_offered(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    waiting(&alpha, "demomall").await;
    waiting(&beta, "demomall/2").await;
    let open = |shop_no: Option<u32>, is_multi_shop: Option<&str>| {
        let operator = MallOperator {
            shop_no,
            is_multi_shop: is_multi_shop.map(str::to_owned),
            ..chief()
        };
        app.mall_launch(&operator)
    };
    for (shop_no, is_multi_shop, institution) in [
        (Some(1), Some("T"), "Alpha"),
        (Some(1), Some("F"), "Alpha"),
        (Some(1), None, "Alpha"),
        (None, Some("T"), "Alpha"),
        (None, None, "Alpha"),
        (Some(2), Some("T"), "Beta"),
    ] {
        let offer = app.offer(&open(shop_no, is_multi_shop)).await;
        let named = format!("<strong><bdi>{institution}</bdi></strong>");
        assert!(offer.page.contains(&named), "{shop_no:?}: {}", offer.page);
    }
    let third = app.visit(&open(Some(3), Some("T"))).await;
    assert_nothing_waits(&third, "a shop that nobody asked for");
    assert!(
        third
            .text
            .contains("<strong><bdi>demomall/3</bdi></strong>")
    );
}

async fn a_launch_waits_for_nobody_s_guess(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    assert_nothing_waits(&app.visit_mall(&chief()).await, "no store");
    let (store, auth_url) = waiting(&alpha, "demomall").await;
    waiting(&alpha, "demomall/1").await;
    assert_nothing_waits(&app.visit_mall(&chief()).await, "two stores");
    let callback = app.approve(&auth_url).await;
    assert_eq!(app.visit(&callback).await.status, 200);
    let success = ("SUCCESS".to_owned(), String::new());
    assert_eq!(alpha.status(&store).await, success);
    let offered = app.offer(&app.mall_launch(&chief())).await;
    assert!(
        offered
            .page
            .contains("<strong><bdi>demomall</bdi></strong>")
    );

    let beta = app.institution("Beta").await;
    let (other, _) = waiting(&beta, "demomall/2").await;
    let second = MallOperator {
        shop_no: Some(2),
        ..chief()
    };
    app.offer(&app.mall_launch(&second)).await;
    beta.data("store/unbind", &other.ids()).await;
    assert_nothing_waits(&app.visit_mall(&second).await, "unbound");
    app.settle().await;
}

async fn the_page_follows_the_language_of_the_mall(app: &TestApp) {
    for (lang, tag) in [
        ("ko_KR", "ko"),
        ("en_US", "en"),
        ("ja_JP", "ja"),
        ("zh_CN", "zh-Hans"),
        ("zh_TW", "zh-Hant"),
        ("pt_PT", "pt"),
        ("es_ES", "es"),
        ("xx_XX", "en"),
    ] {
        let in_language = |user_type: &str| MallOperator {
            lang: Some(lang.to_owned()),
            ..of_type(user_type)
        };
        for user_type in ["P", "A"] {
            let answer = app.visit_mall(&in_language(user_type)).await;
            let html = format!("<html lang=\"{tag}\">");
            assert!(answer.text.contains(&html), "{lang}: {}", answer.text);
        }
    }
}

async fn the_name_of_a_person_is_cleaned_shown_and_forgotten(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    waiting(&alpha, "demomall").await;
    let person = |user_type: &str| MallOperator {
        user_id: Some("operator\u{202e}one\r\n".to_owned()),
        user_name: Some("<script>\u{2066}Chief</script>\u{200f}".to_owned()),
        ..of_type(user_type)
    };
    let shown = "<bdi>&lt;script&gt;Chief&lt;/script&gt;</bdi></strong> (<bdi>operatorone</bdi>)";
    for user_type in ["P", "A", "S"] {
        let answer = app.visit_mall(&person(user_type)).await;
        assert!(answer.text.contains(shown), "{}", answer.text);
    }
    for column in [
        "platform",
        "shop_label",
        "language",
        "status",
        "operator_role",
        "operator_permissions",
    ] {
        let found = format!("LOWER({column}) LIKE '%operatorone%'");
        assert_eq!(app.launches(&found).await, 0, "{column}");
    }
    assert_eq!(app.launches("1 = 1").await, 3);
    app.advance(Duration::from_hours(24));
    app.process.broker.retention_step().await.unwrap();
    assert_eq!(app.launches("1 = 1").await, 0);
    app.settle().await;
    app.receiver.take();
}

async fn a_mall_s_launch_is_used_once_while_it_is_fresh(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    waiting(&alpha, "demomall").await;
    let url = app.mall_launch(&chief());
    app.offer(&url).await;
    let (before, query) = url.split_once('?').unwrap();
    let mut reversed: Vec<&str> = query.split('&').collect();
    reversed.reverse();
    let (signed, hmac) = url.split_once("hmac=").unwrap();
    for again in [
        url.clone(),
        format!("{url}&"),
        format!("{before}?{}", reversed.join("&")),
        format!("{signed}hmac={}", hmac.replace("%3D", "=")),
        format!(
            "{signed}hmac={}",
            hmac.replace("%2B", "+").replace("%2F", "/")
        ),
    ] {
        assert_over(&app.visit(&again).await, &again);
    }
    let late = app.mall_launch(&chief());
    app.advance(Duration::from_mins(10));
    app.offer(&late).await;
    let too_late = app.mall_launch(&chief());
    app.advance(Duration::from_secs(601));
    assert_over(&app.visit(&too_late).await, "too late");
}

async fn what_no_mall_signed_leads_nowhere(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let (store, _) = waiting(&alpha, "demomall").await;
    let mut wrong = Vec::new();
    for fault in [Fault::Forged, Fault::DuplicatedKey] {
        let rule = Rule {
            dialect: CAFE24.dialect,
            shop: None,
            step: Step::Launch,
            fault,
            sticky: false,
        };
        app.sandbox.script(rule).unwrap();
        wrong.push(app.mall_launch(&chief()));
    }
    let right = app.mall_launch(&chief());
    let sub_operator = app.mall_launch(&of_type("A"));
    let path = CAFE24.launch_path();
    wrong.extend([
        sub_operator.replace("user_type=A", "user_type=P"),
        right.replace("demomall", "demomalt"),
        right.replace("shop_no=1", "shop_no=2"),
        right.replace("%20", "+"),
        right.replace("hmac=", "HMAC="),
        format!("{right}&user_type=P"),
        format!("{right}&more=1"),
        format!("{}{path}", app.base_url),
        right.replace(&path, "/v1/auth/shopline/launch"),
        right.replace(&path, "/v1/auth/genstore/launch"),
    ]);
    for url in &wrong {
        assert_leads_nowhere(&app.visit(url).await, url);
    }
    assert_eq!(app.launches("1 = 1").await, 0);
    processing(app, &alpha, &store).await;
    app.offer(&right).await;
}

async fn an_institution_s_own_app_has_its_own_tree(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let own = ConfigurePlatformApp {
        client_id: "alpha-app".to_owned(),
        secret: Some("the secret of alpha's own app".into()),
        institution: Some(alpha.app_id.clone()),
        operator_scopes: Some(OperatorScopes::parse(EXAMPLE).unwrap()),
        ..CAFE24.configuration(app.sandbox_address)
    };
    let broker = &app.process.broker;
    let configured = broker.configure_platform_app(&Operator, own).await.unwrap();
    app.sandbox.register_app(sandbox::AppRegistration {
        client_id: "alpha-app".to_owned(),
        client_secret: "the secret of alpha's own app".into(),
        ..CAFE24.registration(configured.callback_url.clone().unwrap())
    });
    let path = format!("/v1/auth/cafe24/{}/launch", configured.app.id);
    let sub_operator = MallOperator {
        auth_config: Some(json!({"MENU_AUTH": {"Mabc1": "T"}})),
        ..of_type("A")
    };
    let url = app.mall_launch_to(&path, "alpha-app", &sub_operator);
    let shared = url.replace(&path, &CAFE24.launch_path());
    assert_leads_nowhere(&app.visit(&shared).await, "the shared app's path");
    assert_not_theirs(&app.visit(&url).await, "a sub-operator");
    let known = "operator_permissions LIKE '%\"place\":[\"Q&A\"]%'";
    assert_eq!(app.launches(known).await, 1);

    let told = configured.operator_scopes_url.expect("it has a tree");
    let answer = app.visit(&told).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, EXAMPLE));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let shared = format!("{}/v1/auth/cafe24/operator-scopes", app.base_url);
    assert_eq!(
        app.visit(&shared).await.status,
        404,
        "the shared app has none"
    );
    let elsewhere = told.replace("/cafe24/", "/genstore/");
    assert_eq!(app.visit(&elsewhere).await.status, 404);
}
