//! Who may use whom. A crate is there to forbid a dependency; this is the list of what is not forbidden.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};

use super::{read, root};

/// Our crates, and which of ours each may use, for its own tests too. `tests` may use all.
pub(super) const ALLOWED: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("egress", &[]),
    ("platforms", &["domain", "egress"]),
    ("migrations", &[]),
    ("storage", &["domain", "migrations"]),
    ("messaging", &[]),
    (
        "broker",
        &["domain", "egress", "messaging", "platforms", "storage"],
    ),
    ("server", &["broker", "domain"]),
    // Not `platforms`: it would share the signing code, and tests would compare us with ourselves.
    ("sandbox", &[]),
    (
        "shopgrant",
        &[
            "broker",
            "domain",
            "egress",
            "messaging",
            "sandbox",
            "server",
            "storage",
        ],
    ),
];

/// Third parties' crates that only some of ours may use outside of tests.
pub(super) const EXCLUSIVE: [(&str, &[&str]); 12] = [
    // `shopgrant` receives webhooks in `listen` and `demo`, as an institution would.
    ("actix-web", &["sandbox", "server", "shopgrant"]),
    ("chacha20poly1305", &["storage"]),
    ("clap", &["shopgrant"]),
    ("config", &["shopgrant"]),
    // Wherever something is signed, verified or sealed.
    (
        "hmac",
        &[
            "broker",
            "platforms",
            "sandbox",
            "server",
            "shopgrant",
            "storage",
        ],
    ),
    ("lapin", &["messaging"]),
    // `shopgrant` plays an institution and a seller, `sandbox` a shop, who may go wherever they like.
    ("reqwest", &["egress", "sandbox", "shopgrant"]),
    ("sea-orm", &["storage"]),
    ("sea-orm-migration", &["migrations", "storage"]),
    ("sqlx", &["storage"]),
    ("utoipa", &["server"]),
    ("validator", &["server"]),
];

/// Second TLS stacks and providers; `deny.toml` says why.
const BANNED: [&str; 6] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "boring",
    "native-tls",
    "openssl",
    "openssl-sys",
];

pub(super) fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .other_options(["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .expect("cargo metadata")
}

fn names(package: &Package) -> Vec<&str> {
    let mut names: Vec<_> = package
        .dependencies
        .iter()
        .map(|dependency| dependency.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn our_crates_use_only_whom_they_may() {
    let metadata = metadata();
    for package in &metadata.packages {
        let name = package.name.as_str();
        if name == "tests" {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{name} is in no row of the table"));
        let ours = ALLOWED.map(|(crate_name, _)| crate_name);
        let forbidden: Vec<_> = names(package)
            .into_iter()
            .filter(|used| ours.contains(used) && !allowed.contains(used))
            .collect();
        assert!(forbidden.is_empty(), "{name} may not use {forbidden:?}");
    }
    assert_eq!(metadata.packages.len(), ALLOWED.len() + 1, "a row too many");
}

#[test]
fn what_only_some_may_use_is_used_by_them_alone() {
    for package in metadata().packages {
        let name = package.name.as_str();
        for dependency in &package.dependencies {
            if name == "tests" || dependency.kind == DependencyKind::Development {
                continue;
            }
            let rule = EXCLUSIVE
                .iter()
                .find(|(third_party, _)| *third_party == dependency.name);
            if let Some((third_party, users)) = rule {
                assert!(users.contains(&name), "{name} may not use {third_party}");
            }
        }
    }
}

/// Two versions of one crate, or of one lint, begin in two places where they are written.
#[test]
fn versions_and_lints_stand_in_the_root_alone() {
    for package in metadata().packages {
        let manifest = read(package.manifest_path.as_std_path());
        let name = &package.name;
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{name}");
        let mut is_dependency = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                is_dependency = line.ends_with("dependencies]");
            } else if is_dependency && line.contains('=') && !line.starts_with('#') {
                let is_inherited =
                    line.ends_with(".workspace = true") || line.contains("{ workspace = true");
                assert!(is_inherited, "{name}: {line}");
            }
        }
    }
}

/// `cargo run -- demo` at the root works as long as there is nothing to choose from.
#[test]
fn there_is_one_program() {
    let metadata = metadata();
    let targets = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets);
    let programs: Vec<_> = targets
        .filter(|target| target.kind.contains(&TargetKind::Bin))
        .map(|target| target.name.as_str())
        .collect();
    assert_eq!(programs, ["shopgrant"]);
}

#[test]
fn there_is_one_tls_stack() {
    let lock = read(&root().join("Cargo.lock"));
    for banned in BANNED {
        assert!(
            !lock.contains(&format!("name = \"{banned}\"\n")),
            "{banned}"
        );
    }
}
