//! Traces, as a collector gets them.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use url::form_urlencoded;

use crate::harness::{Database, Decision, Receiver, SHOPLINE, Webhook};
use crate::process::{Bus, Installation, Serve};

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    let Some(any_value::Value::StringValue(text)) = attribute.value.as_ref()?.value.as_ref() else {
        panic!("{attribute:?}");
    };
    Some(text)
}

/// The spans of a request, after a look at where they are said to be from.
fn spans(request: &Webhook) -> Vec<Span> {
    assert_eq!(request.path, "/v1/traces");
    assert_eq!(request.header("content-type"), "application/x-protobuf");
    let told = ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap();
    let mut spans = Vec::new();
    for resource in told.resource_spans {
        let from = resource.resource.unwrap().attributes;
        assert_eq!(text(&from, "service.name"), Some("shopgrant"));
        assert_eq!(text(&from, "shopgrant.role"), Some("all"));
        for scope in resource.scope_spans {
            spans.extend(scope.spans);
        }
    }
    spans
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_traced_and_no_secret_is_told() {
    let mut installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let collector = Receiver::listen().await;
    let plain = installation.settings.clone();
    installation.settings = plain
        .clone()
        .with("telemetry.otlp_endpoint", &collector.url("/"));

    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Traced Pay").await;
    let client = institution.client(&serve, "seller-1").await;
    let store_url = "https://demo-shop.myshopline.com";
    let store = institution
        .store(&serve, &client, SHOPLINE.code, store_url)
        .await;
    let link = institution.link(&serve, &store).await;
    let seller = &installation.seller;
    let callback = seller.decide(&link, Decision::Approve).await;
    assert_eq!(seller.open(&serve, &callback).await.status, 303);

    // Somebody would like to be traced.
    let stranger = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{stranger}-00f067aa0ba902b7-01");
    let http = &installation.seller.http;
    let asking = |serve: &Serve| {
        let request = http.get(serve.url("/healthz"));
        request.header("traceparent", &traceparent).send()
    };
    let answer = asking(&serve).await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap();
    serve.stop().await;

    let received = collector.take();
    assert!(!received.is_empty());
    let (_, query) = callback.split_once('?').unwrap();
    let of_the_callback = form_urlencoded::parse(query.as_bytes());
    let mut secrets: Vec<String> = of_the_callback
        .filter(|(name, _)| ["code", "state", "customField", "sign"].contains(&name.as_ref()))
        .map(|(_, value)| value.into_owned())
        .collect();
    assert!(secrets.len() >= 3, "{query}");
    secrets.extend([
        institution.secret.clone(),
        institution.token.clone(),
        SHOPLINE.secret.to_owned(),
    ]);
    for secret in secrets {
        for request in &received {
            let found = request
                .body
                .windows(secret.len())
                .any(|bytes| bytes == secret.as_bytes());
            assert!(!found, "{secret}");
        }
    }
    let spans: Vec<Span> = received.iter().flat_map(spans).collect();
    let span = spans
        .iter()
        .find(|span| text(&span.attributes, "request.id") == Some(request_id))
        .unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(span.name, "request");
    // Whoever calls can neither join a trace of ours nor have one made.
    assert!(span.parent_span_id.is_empty());
    assert_ne!(hex::encode(&span.trace_id), stranger);

    installation.settings = plain
        .with("telemetry.otlp_endpoint", &collector.url("/"))
        .with("telemetry.sample_ratio", "0");
    let serve = installation.serve().await;
    asking(&serve).await.unwrap();
    serve.stop().await;
    assert!(collector.take().is_empty());
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_one_warning() {
    let mut installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    installation.settings = installation
        .settings
        .with("telemetry.otlp_endpoint", &format!("http://{address}"));
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Untraced Pay").await;
    assert!(!institution.token.is_empty());
    let told = "traces are lost, since the collector does not take them";
    let said = serve
        .process
        .says("that traces are lost", |output| {
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            log.contains(told).then_some(log)
        })
        .await;
    assert!(said.contains("WARN"), "{said}");
    institution.client(&serve, "seller-1").await;
    // What is left is sent at the end, and fails again.
    let said = serve.stop().await.stderr;
    assert_eq!(said.matches(told).count(), 1, "{said}");
    installation.remove().await;
}
