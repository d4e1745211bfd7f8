//! The parts of the documents that the program knows better: they are written from it, and this is where
//! they are compared.
//!
//! `UPDATE_DOCS=1 cargo test -p tests house` writes them anew.

use std::fmt::Write;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::delivery::{JITTER, RetrySchedule};
use domain::endpoint::EndpointStatus;
use domain::{Actor, AuthType, EventType, FailReason, Platform};
use hmac::{Hmac, KeyInit, Mac};
use platforms::{AppNeed, KeyShape, adapter};
use sha2::{Digest, Sha256};

use super::dependencies::{ALLOWED, EXCLUSIVE, metadata};
use super::{files, read, root};

/// Two tests write parts of one document.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares what stands between `<!-- NAME -->` and `<!-- /NAME -->` in the document with `expected`.
#[track_caller]
fn check(document: &str, name: &str, expected: &str) {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = root().join("docs").join(document);
    let text = read(&path);
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text
        .split_once(&start)
        .unwrap_or_else(|| panic!("{document} has no {start}"));
    let (found, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("{document} has no {end}"));
    let expected = format!("\n{}\n\n", expected.trim_end());
    if found == expected {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let updated = format!("{before}{start}{expected}{end}{after}");
        fs::write(&path, updated).expect("the document can be written");
        return;
    }
    panic!(
        "docs/{document} is behind the program; mend it with\n  \
         UPDATE_DOCS=1 cargo test -p tests house && git diff docs"
    );
}

fn who(actor: Actor) -> &'static str {
    match actor {
        Actor::Seller => "seller",
        Actor::Institution => "institution",
        Actor::Operator => "operator",
        Actor::Platform => "platform",
    }
}

/// `5 s`, `30 min`, `2 h`: whole units only.
fn words(duration: Duration) -> String {
    match duration.as_secs() {
        secs if secs % 3_600 == 0 => format!("{} h", secs / 3_600),
        secs if secs % 60 == 0 => format!("{} min", secs / 60),
        secs => format!("{secs} s"),
    }
}

#[test]
fn the_codes_are_those_of_the_server() {
    check("errors.md", "codes", &server::code::table_markdown());
}

#[test]
fn the_fail_reasons_are_those_of_the_domain() {
    let mut table =
        String::from("| reason | who acts | retry helps | event |\n|---|---|---|---|\n");
    for reason in FailReason::ALL {
        let retry = if reason.is_retryable() { "yes" } else { "no" };
        writeln!(
            table,
            "| `{reason}` | {} | {retry} | `{}` |",
            who(reason.who()),
            reason.event_type()
        )
        .expect("a String takes whatever is written to it");
    }
    check("errors.md", "fail-reasons", &table);
}

#[test]
fn the_retry_schedule_is_the_default_one() {
    let schedule = RetrySchedule::default();
    let mut table = format!(
        "Each wait is made up to {:.0} % longer or shorter.\n\n\
         | attempt | wait before it | since the first, at most |\n|---|---|---|\n| 1 | – | – |\n",
        JITTER * 100.0
    );
    let mut longest = Duration::ZERO;
    for (index, wait) in schedule.waits().iter().enumerate() {
        longest += wait.mul_f64(1.0 + JITTER);
        let since = match longest.as_secs() {
            secs @ 0..100 => format!("{secs} s"),
            secs @ 100..6_000 => format!("{} min", secs.div_ceil(60)),
            secs => format!("{} h", secs.div_ceil(3_600)),
        };
        writeln!(table, "| {} | {} | {since} |", index + 2, words(*wait))
            .expect("a String takes whatever is written to it");
    }
    check("events.md", "retries", &table);
}

#[test]
fn the_event_types_are_those_of_the_domain() {
    let list: Vec<_> = EventType::ALL
        .iter()
        .map(|event| format!("`{event}`"))
        .collect();
    let statuses: Vec<_> = EndpointStatus::ALL
        .iter()
        .map(|status| format!("`{}`", status.code()))
        .collect();
    let text = format!(
        "The types: {}.\n\nThe statuses of an endpoint: {}.",
        list.join(", "),
        statuses.join(", ")
    );
    check("events.md", "types", &text);
}

#[test]
fn the_platforms_are_those_of_the_adapters() {
    let mut table = String::from(
        "| code | auth types | `seller_id` | `store_url` | key | access lasts | needs an app | default scopes | realm |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for platform in Platform::ALL {
        let facts = adapter(platform).facts();
        let auth_types: Vec<_> = facts
            .auth_types
            .iter()
            .copied()
            .map(AuthType::code)
            .collect();
        let seller_id = facts
            .seller_id
            .map_or("none".to_owned(), |rule| format!("`{}`", rule.example));
        let store_url = match facts.store_url.pattern {
            Some(_) => format!("only `{}`", facts.store_url.example),
            None => format!("any, such as `{}`", facts.store_url.example),
        };
        let key = facts.key_shape.map_or("–".to_owned(), |shape| match shape {
            KeyShape::Token => "`token`".to_owned(),
            KeyShape::KeyPair => "`api_key`, `api_secret`".to_owned(),
        });
        let access = facts
            .lifetimes
            .access
            .map_or("no end known".to_owned(), words);
        let app = match facts.needs_app {
            AppNeed::Always => "yes",
            AppNeed::Never => "no",
        };
        writeln!(
            table,
            "| `{platform}` | {} | {seller_id} | {store_url} | {key} | {access} | {app} | `{}` | `{}` |",
            auth_types.join(", "),
            facts.default_scopes.join(","),
            platform.realm().code()
        )
        .expect("a String takes whatever is written to it");
    }
    check("platforms.md", "platforms", &table);
}

#[test]
fn the_settings_are_the_compiled_in_ones() {
    let defaults = read(&root().join("crates/shopgrant/src/default.toml"));
    check(
        "operations.md",
        "settings",
        &format!("```toml\n{defaults}```"),
    );
}

#[test]
fn the_crates_are_those_of_the_workspace() {
    let metadata = metadata();
    let mut table =
        String::from("| crate | what it is for | may use | alone may use |\n|---|---|---|---|\n");
    for (name, allowed) in ALLOWED {
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == name);
        let package = package.unwrap_or_else(|| panic!("there is no crate {name}"));
        let alone: Vec<_> = EXCLUSIVE
            .iter()
            .filter(|(_, users)| *users == [name])
            .map(|(third_party, _)| *third_party)
            .collect();
        let or_none = |list: &[&str]| match list {
            [] => "–".to_owned(),
            list => list.join(", "),
        };
        writeln!(
            table,
            "| {name} | {} | {} | {} |",
            package.description.as_deref().unwrap_or_default(),
            or_none(allowed),
            or_none(&alone)
        )
        .expect("a String takes whatever is written to it");
    }
    check("architecture.md", "crates", &table);
}

/// The code on the page is the code of the sources.
#[test]
fn the_worked_platform_is_the_real_one() {
    const GENSTORE: &str = "crates/platforms/src/genstore.rs";
    for (name, file, first) in [
        (
            "facts",
            GENSTORE,
            "static FACTS: PlatformFacts = PlatformFacts {",
        ),
        (
            "dialect",
            GENSTORE,
            "static DIALECT: CodeFlowDescriptor = CodeFlowDescriptor {",
        ),
        ("proven-shop", GENSTORE, "fn proven_shop("),
        (
            "adapter",
            GENSTORE,
            "pub(crate) static GENSTORE: StandardCodeFlow = StandardCodeFlow {",
        ),
        (
            "initiated",
            "crates/platforms/src/genstore/initiated.rs",
            "pub(super) static WORDS: InitiatedWords = InitiatedWords {",
        ),
        (
            "registry",
            "crates/platforms/src/registry.rs",
            "pub fn adapter(",
        ),
        (
            "abilities",
            "crates/platforms/src/adapter.rs",
            "pub trait PlatformAdapter",
        ),
        (
            "sandbox",
            "crates/sandbox/src/genstore.rs",
            "const WORDS: ConsentWords = ConsentWords {",
        ),
    ] {
        let code = item(&read(&root().join(file)), first);
        let text = format!("[`{file}`](../{file})\n\n```rust\n{code}```");
        check("adding-a-platform.md", name, &text);
    }
}

/// The item that begins with this line, with the comment above it.
fn item(source: &str, first: &str) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let begins = lines.iter().position(|line| line.starts_with(first));
    let begins = begins.unwrap_or_else(|| panic!("there is no {first}"));
    let comment = lines[..begins].iter().rev();
    let above = comment.take_while(|line| line.starts_with("//")).count();
    let rest = &lines[begins..];
    let ends = rest.iter().position(|line| ["}", "};"].contains(line));
    let ends = begins + ends.expect("it ends");
    lines[begins - above..=ends].join("\n") + "\n"
}

/// Whoever computes it by hand must come to what is printed.
#[test]
fn the_worked_example_is_right() {
    let text = read(&root().join("docs/api.md"));
    let block = |start: &str| {
        let (_, rest) = text
            .split_once(&format!("```\n{start}"))
            .expect("the page has it");
        let (rest, _) = rest.split_once("\n```").expect("and it ends");
        format!("{start}{rest}")
    };
    let base = block("\"@method\": POST");
    let call = block("POST /v1/store/query");
    let headers = block("Content-Digest: ");

    let (_, body) = call.split_once("\n\n").expect("the call has a body");
    let digest = BASE64_STANDARD.encode(Sha256::digest(body));
    assert!(
        base.contains(&format!("\"content-digest\": sha-256=:{digest}:\n")),
        "{digest}"
    );
    let mac = Hmac::<Sha256>::new_from_slice(b"an-example-and-no-secret")
        .expect("HMAC takes a key of any length")
        .chain_update(&base);
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let (_, parameters) = base
        .split_once("\"@signature-params\": ")
        .expect("it ends with them");
    assert_eq!(
        headers,
        format!(
            "Content-Digest: sha-256=:{digest}:\nSignature-Input: sig={parameters}\nSignature: sig=:{signature}:"
        )
    );
}

/// A document without its code, in which brackets are no links.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// A link to a file that was moved helps nobody.
#[test]
fn links_lead_somewhere() {
    let root = root();
    let mut documents = files(&root.join("docs"), ".md");
    documents.extend([root.join("README.md"), root.join("CHANGELOG.md")]);
    for document in documents {
        let text = prose(&read(&document));
        let directory = document.parent().expect("it lies somewhere");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            let target = directory.join(path);
            assert!(target.exists(), "{}: {link}", document.display());
        }
    }
}
