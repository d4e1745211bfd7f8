//! Where things are written, and what is written nowhere.

use std::path::Path;

use super::{files, read, root};

const LONGEST_FILE: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] = [
    "common", "helpers", "manager", "misc", "models", "services", "types", "util", "utils",
];

fn sources() -> impl Iterator<Item = (String, String)> {
    let root = root();
    let directories = ["crates", "migrations", "tests"];
    let paths = directories.map(|directory| files(&root.join(directory), ".rs"));
    paths.into_iter().flatten().map(move |path| {
        let name = path.strip_prefix(&root).expect("it lies there").display();
        (name.to_string(), read(&path))
    })
}

/// A test that waits, or that is left out, or a line that is to be written later. Each stands here in two
/// parts, so that this file passes.
#[test]
fn nothing_is_left_open() {
    let forbidden = [
        ("to", "do!("),
        ("unimpl", "emented!("),
        ("db", "g!("),
        ("#[ig", "nore"),
        ("thread::sl", "eep("),
        ("tokio::time::sl", "eep("),
        ("FIX", "ME"),
    ];
    for (name, text) in sources() {
        for (one, two) in forbidden {
            assert!(!text.contains(&format!("{one}{two}")), "{name}: {one}{two}");
        }
    }
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = sources()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn modules_are_named_after_what_they_hold() {
    for (name, _) in sources() {
        let path = Path::new(&name);
        assert!(
            !path.ends_with("mod.rs"),
            "{name}: foo.rs stands beside foo/"
        );
        let parts = path.with_extension("");
        for part in parts.iter().filter_map(|part| part.to_str()) {
            assert!(!EMPTY_NAMES.contains(&part), "{name}");
        }
    }
}

/// A future that cannot change its thread is a surprise to whoever spawns it. actix-web's cannot by
/// design, so its two crates are exempt.
#[test]
fn futures_are_send() {
    let root = root();
    for (name, text) in sources() {
        let path = Path::new(&name);
        let is_top = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        let is_exempt = ["crates/server", "crates/sandbox"]
            .iter()
            .any(|exempt| path.starts_with(exempt));
        if is_top && !is_exempt {
            assert!(text.contains("#![warn(clippy::future_not_send)]"), "{name}");
        }
    }
    assert!(root.join("crates/server/src/lib.rs").exists());
}

/// What actix-web would read by itself has other limits than those that are promised, and none in time.
#[test]
fn bodies_are_read_by_the_gateway_alone() {
    let readers = ["Bytes", "Form", "Json", "Payload"].map(|reader| format!("web::{reader}"));
    for (name, text) in sources() {
        if !name.starts_with("crates/server/src/handlers") {
            continue;
        }
        for reader in &readers {
            assert!(!text.contains(reader), "{name}: {reader}");
        }
    }
}

/// The image is built with the toolchain of everybody else.
#[test]
fn one_toolchain_builds_everything() {
    let toolchain = read(&root().join("rust-toolchain.toml"));
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'))
        .expect("it names a channel");
    let dockerfile = read(&root().join("Dockerfile"));
    assert!(
        dockerfile.contains(&format!("FROM rust:{channel}-")),
        "{channel}"
    );
}
