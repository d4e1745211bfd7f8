use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::testing::{call, sandbox, script, shop};
use crate::{Dialect, Sandbox};

const DIALECT: Dialect = Dialect::Shopify;
const TOKEN: &str = "shpat_made_up";

fn sandbox_with_token() -> Sandbox {
    let sandbox = sandbox();
    let scopes = vec!["read_orders".to_owned(), "read_products".to_owned()];
    sandbox.register_token(shop("demo"), TOKEN.into(), scopes);
    sandbox
}

fn get(path: &str) -> TestRequest {
    TestRequest::get()
        .uri(&format!("/shopify/demo{path}"))
        .insert_header(("x-shopify-access-token", TOKEN))
}

fn graphql(query: &str) -> TestRequest {
    TestRequest::post()
        .uri("/shopify/demo/admin/api/2026-07/graphql.json")
        .insert_header(("x-shopify-access-token", TOKEN))
        .set_json(json!({"query": query}))
}

#[actix_web::test]
async fn a_registered_token_opens_its_shop_and_no_other() {
    let sandbox = sandbox_with_token();
    let expected = json!({"shop": {
        "id": shop("demo").id(),
        "name": "Demo",
        "domain": "demo.myshopify.com",
        "myshopify_domain": "demo.myshopify.com",
    }});
    let known = call(&sandbox, get("/admin/api/2026-07/shop.json")).await;
    assert_eq!(known.json(), (200, expected));
    let scopes = call(&sandbox, get("/admin/oauth/access_scopes.json")).await;
    let expected =
        json!({"access_scopes": [{"handle": "read_orders"}, {"handle": "read_products"}]});
    assert_eq!(scopes.json(), (200, expected));

    let elsewhere = get("").uri("/shopify/other/admin/api/2026-07/shop.json");
    assert_eq!(call(&sandbox, elsewhere).await.status, 401);
    let wrong =
        get("/admin/api/2026-07/shop.json").insert_header(("x-shopify-access-token", "shpat_x"));
    assert_eq!(call(&sandbox, wrong).await.status, 401);
    let none = TestRequest::get().uri("/shopify/demo/admin/api/2026-07/shop.json");
    assert_eq!(call(&sandbox, none).await.status, 401);
    for version in ["2026-06", "2026", "26-07", "latest"] {
        let path = format!("/admin/api/{version}/shop.json");
        assert_eq!(call(&sandbox, get(&path)).await.status, 404, "{version}");
    }
    sandbox.uninstall(DIALECT, &shop("demo"));
    assert_eq!(
        call(&sandbox, get("/admin/api/2026-07/shop.json"))
            .await
            .status,
        401
    );
}

#[actix_web::test]
async fn graphql_answers_the_fields_that_were_asked_for() {
    let sandbox = sandbox_with_token();
    let gid = format!("gid://shopify/Shop/{}", shop("demo").id());
    for (query, expected) in [
        (
            "{ shop { id name myshopifyDomain } }",
            json!({"data": {"shop": {"id": gid, "name": "Demo", "myshopifyDomain": "demo.myshopify.com"}}}),
        ),
        (
            "query Who{shop{\n  name\n}}",
            json!({"data": {"shop": {"name": "Demo"}}}),
        ),
        (
            "{ shop { myshopify_domain } }",
            json!({"errors": [{"message": "Field 'myshopify_domain' doesn't exist on type 'Shop'"}]}),
        ),
        (
            "{ orders { id } }",
            json!({"errors": [{"message": "syntax error"}]}),
        ),
    ] {
        assert_eq!(call(&sandbox, graphql(query)).await.json(), (200, expected));
    }
    let wrong = graphql("{ shop { id } }").insert_header(("x-shopify-access-token", "shpat_x"));
    assert_eq!(call(&sandbox, wrong).await.status, 401);
}

#[actix_web::test]
async fn faults_at_the_probe() {
    let sandbox = sandbox_with_token();
    for (fault, status) in [
        (r#""deny""#, 401),
        (r#""server_error""#, 503),
        (r#""too_many_requests""#, 429),
        (r#""garbage""#, 200),
        (r#""ok_with_error""#, 200),
        (r#"{"wrong_shop":"other"}"#, 200),
    ] {
        for request in [
            get("/admin/api/2026-07/shop.json"),
            graphql("{ shop { myshopifyDomain } }"),
        ] {
            script(&sandbox, DIALECT, "probe", fault);
            let answer = call(&sandbox, request).await;
            assert_eq!(answer.status, status, "{fault}");
            assert!(!answer.body.contains("demo.myshopify.com"), "{fault}");
        }
    }
    script(&sandbox, DIALECT, "probe", r#"{"fewer_scopes":[]}"#);
    let (_, scopes): (_, Value) = call(&sandbox, get("/admin/oauth/access_scopes.json"))
        .await
        .json();
    assert_eq!(scopes, json!({"access_scopes": []}));
}
