//! The alerts that operators are given ask for metrics that exist.

use regex::Regex;

use super::{files, read, root};

/// What Prometheus' text format and our own gauges of age put behind the name of a metric.
const ENDINGS: [&str; 7] = [
    "_bucket", "_info", "_total", "_seconds", "_bytes", "_age", "_oldest",
];

/// Whether a name in the sources becomes this one in the page of `/metrics`.
fn is_exported(sources: &str, metric: &str) -> bool {
    let mut name = metric;
    loop {
        if sources.contains(&format!("\"{name}\"")) {
            return true;
        }
        match ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) {
            Some(shorter) => name = shorter,
            None => return false,
        }
    }
}

#[test]
fn every_metric_in_the_operators_manual_is_exported() {
    let root = root();
    let manual = read(&root.join("docs/operations.md"));
    let sources: String = files(&root.join("crates"), ".rs")
        .iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "src"))
        .map(|path| read(path))
        .collect();
    let metric = Regex::new(r"\bshopgrant_([a-z_]+)").unwrap();
    let mut names: Vec<_> = metric
        .captures_iter(&manual)
        .map(|found| found.extract::<1>().1[0])
        // The name of the database in an example is none.
        .filter(|name| *name != "restored")
        .collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 10, "{names:?}");
    let unknown: Vec<_> = names
        .into_iter()
        .filter(|name| !is_exported(&sources, name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
