//! What is read from the environment and is no setting of `default.toml`.

/// Names the point at which a process with the feature `crash-points` kills itself.
#[cfg(feature = "crash-points")]
pub(crate) fn crash_point() -> Option<String> {
    read("SHOPGRANT_CRASH_POINT")
}

/// What `RUST_LOG` says; empty if it is not set.
pub(crate) fn log_directives() -> String {
    read("RUST_LOG").unwrap_or_default()
}

/// The variables in which a proxy for outgoing calls is usually named, as far as they are set.
pub(crate) fn proxy_variables() -> Vec<&'static str> {
    const NAMES: [&str; 6] = [
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "https_proxy",
        "http_proxy",
        "all_proxy",
    ];
    let is_set = |name: &&str| read(name).is_some_and(|value| !value.is_empty());
    NAMES.into_iter().filter(is_set).collect()
}

/// What is no Unicode is read as far as it is.
fn read(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}
