//! `shopgrant demo --auto`, which compares redirect, webhook, feed and query by itself, and the link of the demo in
//! which a person plays the seller.

use crate::harness::{Answer, Database, TestDatabase};
use crate::process::{Settings, VirtualHost, http_client};

const URL_STEPS: [&str; 9] = [
    "the seller approves",
    "the seller denies",
    "another shop consents",
    "a scope is not granted",
    "the link is superseded",
    "the callback comes again",
    "the store is authorized already",
    "a second store with the same shop",
    "the same shop at another's store",
];

const BOTH_SITES_STEPS: [&str; 2] = ["the seller approves", "the same shop on the other site"];

const KEY_STEPS: [&str; 9] = [
    "the key is right",
    "the key is wrong",
    "the key may not read",
    "the seller pastes the key",
    "the key is another shop's",
    "the platform is down, then up",
    "the store is authorized already",
    "a second store with the same key",
    "the same key at another's store",
];

const HOSTED_STEPS: [&str; 8] = [
    "every resource is granted",
    "some resources are granted",
    "no resource is granted",
    "no state comes back",
    "another browser finishes",
    "another merchant consents",
    "the seller declines on the page",
    "a week goes by",
];

/// What the platforms begin, what happens to grants that work, and what is handed out.
const SHOPLINE_STEPS: [&str; 9] = [
    "a hosted link is followed",
    "its address is sent to another",
    "a hosted link is declined",
    "the app is opened on the platform",
    "the app is removed there",
    "its access token is fetched",
    "a grant that lives on is made",
    "a week goes by",
    "the seller takes it back there",
];

const GENSTORE_STEPS: [&str; 10] = [
    "the app is opened on the platform",
    "the app is removed there",
    "its access token is fetched",
    "a session authorizes the store",
    "a session's user gets a token",
    "a code is pushed and confirmed",
    "a grant with all scopes is made",
    "a scope is taken away",
    "the ready link is followed",
    "the store is unbound",
];

const CAFE24_STEPS: [&str; 12] = [
    "the app is opened on the platform",
    "the app is removed there",
    "its access token is fetched",
    "a sub-operator opens the app",
    "a supplier opens the app",
    "a grant for a time is made",
    "the mall's time is over",
    "a grant to be given up is made",
    "the store is unbound",
    "a grant that lives on is made",
    "a week goes by",
    "the seller takes it back there",
];

async fn check(arguments: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::none(directory.path());
    let arguments = [&["demo", "--auto"], arguments].concat();
    let demo = settings.start(&arguments);
    let expected = expected_lines();
    // How long all of it takes is the machine's affair; every step has its time.
    for number in 0..expected.len() {
        demo.line(number).await;
    }
    let printed = demo.finish().await.succeeded();
    assert!(!printed.contains("FAIL"), "{printed}");
    for line in expected {
        assert_eq!(printed.matches(&line).count(), 1, "{line}\n{printed}");
    }
}

/// How the line of each step begins.
fn expected_lines() -> Vec<String> {
    // WooCommerce names no shop, so that no key there can be another's; its shops send keys by themselves.
    let woocommerce = KEY_STEPS
        .iter()
        .filter(|step| !step.contains("another shop's"))
        .chain(&["the shop pushes the key"])
        .copied();
    let steps = [
        (
            "SHOPLINE",
            "URL",
            [&URL_STEPS[..], &SHOPLINE_STEPS].concat(),
        ),
        (
            "GENSTORE",
            "URL",
            [&URL_STEPS[..], &GENSTORE_STEPS].concat(),
        ),
        ("CAFE24", "URL", [&URL_STEPS[..], &CAFE24_STEPS].concat()),
        ("MULTIVENDE", "URL", HOSTED_STEPS.to_vec()),
        ("SHOPLINE_EU", "URL", BOTH_SITES_STEPS.to_vec()),
        ("SHOPIFY", "KEY", KEY_STEPS.to_vec()),
        ("WOOCOMMERCE", "KEY", woocommerce.collect()),
    ];
    steps
        .into_iter()
        .flat_map(|(platform, auth_type, steps)| {
            steps
                .into_iter()
                .map(move |step| format!("ok    {platform:<11}  {auth_type}  {step:<35}  "))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_that_it_prints_opens_the_page_that_asks() {
    let directory = tempfile::tempdir().unwrap();
    let demo = Settings::none(directory.path()).start(&["demo"]);
    let link = demo
        .says("a hosted link", |output| {
            let printed = String::from_utf8_lossy(&output.stdout);
            let (whole, _) = printed.rsplit_once('\n')?;
            let link = whole.lines().find(|line| line.contains("/go/"))?;
            Some(link.trim().to_owned())
        })
        .await;
    let page = Answer::of(http_client().get(&link).send().await.unwrap()).await;
    assert_eq!(page.status, 200, "{link}: {}", page.text);
    let (_, token) = link.rsplit_once('/').unwrap();
    let form = format!("<form method=\"post\" action=\"/go/{token}/continue\">");
    assert!(page.text.contains(&form), "{}", page.text);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_plays_every_flow_with_nothing_prepared() {
    check(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_plays_every_flow_on_postgres_and_rabbitmq() {
    let database = TestDatabase::create(Database::Postgres).await;
    let host = VirtualHost::create().await;
    check(&["--database-url", &database.url, "--amqp-url", &host.url]).await;
    host.delete().await;
    database.delete().await;
}
