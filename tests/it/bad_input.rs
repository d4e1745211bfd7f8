//! What a call does with every wrong field: 900002, with a message that names it, and no change.

mod meaning;
mod table;

use serde_json::{Value, json};

use crate::harness::{Answer, Institution, TestApp, refused};
use table::{CallCase, Field, Kind, cases};

on_both!(
    every_wrong_field_is_named,
    every_body_that_is_no_object_is_refused,
);

/// Characters that no string may have: C0, DEL and C1.
const CONTROLS: [char; 5] = ['\0', '\n', '\u{1f}', '\u{7f}', '\u{85}'];

async fn send(institution: &Institution, call: &CallCase, body: String) -> Answer {
    if call.is_signed {
        return institution
            .send(&institution.signing(call.call, body))
            .await;
    }
    let headers = vec![("content-type", "application/json".to_owned())];
    institution
        .post(&format!("/v1/{}", call.call), headers, body.into_bytes())
        .await
}

fn with(fields: &Value, path: &str, value: Value) -> Value {
    let mut fields = fields.clone();
    let pointer = format!("/{}", path.replace('.', "/"));
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    fields.pointer_mut(parent).unwrap()[name] = value;
    fields
}

fn without(fields: &Value, path: &str) -> Value {
    let mut fields = fields.clone();
    let pointer = format!("/{}", path.replace('.', "/"));
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    fields
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name);
    fields
}

/// A text of so many characters, which has nothing wrong about it but, perhaps, its length.
fn text(field: &Field, characters: usize) -> String {
    match field.name {
        "email" => {
            let local = "a".repeat(64);
            let host = "b".repeat(characters - local.len() - "@.example".len());
            format!("{local}@{host}.example")
        }
        "extra_info" => format!("\"{}\"", "é".repeat(characters - 2)),
        _ => "é".repeat(characters),
    }
}

/// The wrong values of a field, each with what is said about it.
fn wrong_values(field: &Field) -> Vec<(Value, String)> {
    let name = field.name;
    let empty = format!("{name} can't be empty");
    let must_be = |what: &str| format!("{name} must be {what}");
    let mut wrong = Vec::new();
    if field.is_mandatory {
        wrong.extend([(json!(null), empty.clone()), (json!(""), empty)]);
    }
    match field.kind {
        Kind::Text { most } => {
            for value in [
                json!(7),
                json!(1.5),
                json!(["x"]),
                json!({"x": 1}),
                json!(true),
            ] {
                wrong.push((value, must_be("a string")));
            }
            for control in CONTROLS {
                let value = format!("a{control}b");
                wrong.push((value.into(), format!("{name} contains a control character")));
            }
            if let Some(most) = most {
                let too_long = text(field, most + 1);
                wrong.push((
                    too_long.into(),
                    must_be(&format!("at most {most} characters")),
                ));
            }
        }
        Kind::Integer { least, most } => {
            for value in [
                json!("7"),
                json!(1.5),
                json!([7]),
                json!({"x": 7}),
                json!(true),
            ] {
                wrong.push((value, must_be("an integer")));
            }
            let range = match most {
                Some(most) => must_be(&format!("between {least} and {most}")),
                None => must_be(&format!("at least {least}")),
            };
            wrong.push((json!(least - 1), range.clone()));
            wrong.push((json!(i64::MIN), range.clone()));
            if let Some(most) = most {
                wrong.extend([(json!(most + 1), range.clone()), (json!(i64::MAX), range)]);
            }
            wrong.push((json!(u64::MAX), format!("{name} is not valid")));
        }
        Kind::Object => {
            for value in [json!(7), json!("x"), json!(["x"]), json!(true)] {
                wrong.push((value, must_be("an object")));
            }
            wrong.push((
                json!({"surprise": 1}),
                format!("unknown field {name}.surprise"),
            ));
        }
        Kind::List => {
            for value in [json!(7), json!("x"), json!({"x": 1}), json!(true)] {
                wrong.push((value, must_be("a list")));
            }
            wrong.push((json!([7]), format!("{name}[0] must be a string")));
            wrong.push((json!([""]), format!("{name}[0] can't be empty")));
            wrong.push((
                json!(["a\u{7f}"]),
                format!("{name}[0] contains a control character"),
            ));
        }
    }
    wrong
}

async fn every_wrong_field_is_named(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for call in cases(app, &alpha).await {
        let check = async |body: String, message: String| {
            let answer = send(&alpha, &call, body.clone()).await;
            let what = format!("{} {body:.300}", call.call);
            assert_eq!(answer.whole(), refused(900_002, &message), "{what}");
        };
        let before = alpha.data("store/list", &json!({})).await;
        for field in &call.fields {
            if field.is_mandatory {
                let fields = without(&call.valid, field.name);
                check(fields.to_string(), format!("{} can't be empty", field.name)).await;
            }
            for (value, message) in wrong_values(field) {
                check(with(&call.valid, field.name, value).to_string(), message).await;
            }
            if !field.name.contains('.') {
                let valid = call.valid.to_string();
                let (_, rest) = valid.split_at(1);
                let value = call.valid.get(field.name).unwrap_or(&Value::Null);
                // Whatever stands there already, and once more at the beginning.
                let twice = format!(
                    "{{\"{}\":{value},\"{}\":{value},{rest}",
                    field.name, field.name
                );
                let twice = twice.replace(",}", "}");
                check(twice, format!("duplicate field {}", field.name)).await;
            }
        }
        let surprise = with(&call.valid, "surprise", json!("x"));
        check(surprise.to_string(), "unknown field surprise".to_owned()).await;
        let after = alpha.data("store/list", &json!({})).await;
        assert_eq!(after, before, "{} changed something", call.call);
        // The table is about a call that is right but for the one field.
        let answer = send(&alpha, &call, call.valid.to_string()).await;
        assert_eq!(answer.status, 200);
        let (_, body) = answer.whole();
        assert!(
            body["code"] == 200 || body["access_token"].is_string(),
            "{} {body}",
            call.call
        );
        for field in &call.fields {
            if let Kind::Text { most: Some(most) } = field.kind {
                // The longest is no longer too long, whatever else it may be.
                let longest = with(&call.valid, field.name, text(field, most).into());
                let (_, answer) = send(&alpha, &call, longest.to_string()).await.whole();
                let message = answer["message"].as_str().unwrap_or_default();
                assert!(!message.contains("at most"), "{} {message}", call.call);
            }
        }
    }
    app.settle().await;
    let tests = app.receiver.take();
    assert_eq!(tests.len(), 2, "of webhook/test and webhook/create");
}

async fn every_body_that_is_no_object_is_refused(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let deep = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let invalid = |line: usize, column: usize| {
        format!("the body is not valid JSON (line {line}, column {column})")
    };
    let no_object = "the body must be a JSON object".to_owned();
    let too_deep = "the body is nested more than 32 levels deep".to_owned();
    let bodies: Vec<(Vec<u8>, String)> = vec![
        (b"[]".to_vec(), no_object.clone()),
        (b"null".to_vec(), no_object.clone()),
        (b"7".to_vec(), no_object.clone()),
        (b"\"x\"".to_vec(), no_object),
        (b"{".to_vec(), invalid(1, 1)),
        (b"{}}".to_vec(), invalid(1, 3)),
        (b"{\"x\":NaN}".to_vec(), invalid(1, 6)),
        (b"{\"x\":\"\\ud800\"}".to_vec(), invalid(1, 13)),
        (b"{\n\"x\":'y'}".to_vec(), invalid(2, 5)),
        (b"{\"x\":\"\n\"}".to_vec(), invalid(2, 0)),
        (
            b"{\"x\":\"\xff\"}".to_vec(),
            "the body is not UTF-8".to_owned(),
        ),
        (deep(31).into_bytes(), "unknown field x".to_owned()),
        (deep(32).into_bytes(), too_deep.clone()),
        (deep(32_000).into_bytes(), too_deep),
        (
            b"{\"a\\u0000\":1}".to_vec(),
            "the body has a key with a control character".to_owned(),
        ),
        (
            format!("{{\"{}\":1}}", "k".repeat(65)).into_bytes(),
            "the body has a key of more than 64 characters".to_owned(),
        ),
    ];
    for call in cases(app, &alpha).await {
        for (body, message) in &bodies {
            let answer = if call.is_signed {
                alpha.send(&alpha.signing(call.call, body.clone())).await
            } else {
                let headers = vec![("content-type", "application/json".to_owned())];
                alpha
                    .post(&format!("/v1/{}", call.call), headers, body.clone())
                    .await
            };
            let what = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(
                answer.whole(),
                refused(900_002, message),
                "{} {what}",
                call.call
            );
        }
        for content_type in [
            "text/plain",
            "application/json; charset=utf-16",
            "application/x",
            "\u{e9}",
        ] {
            let mut signing = alpha.signing(call.call, call.valid.to_string()).headers();
            content_type.clone_into(&mut signing[0].1);
            let body = call.valid.to_string().into_bytes();
            let answer = alpha
                .post(&format!("/v1/{}", call.call), signing, body)
                .await;
            assert_eq!(
                answer.whole(),
                refused(415, "Unsupported Media Type"),
                "{content_type}"
            );
        }
    }
}
