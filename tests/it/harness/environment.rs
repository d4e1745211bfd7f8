//! What the tests are told by whoever runs them.

/// A variable that `tests/services` sets.
pub(crate) fn variable(name: &str) -> String {
    read(name).unwrap_or_else(|| {
        panic!("{name} is not set: run `tests/run`, or `eval \"$(tests/services up)\"`")
    })
}

/// How much a test repeats: what `tests/run` has time for, or as much as was promised, if
/// `SHOPGRANT_TEST_LONG` is `1`.
pub(crate) fn moderate_or_long<T>(moderate: T, long: T) -> T {
    if read("SHOPGRANT_TEST_LONG").is_some_and(|value| value == "1") {
        long
    } else {
        moderate
    }
}

/// The number in a variable, for a test that chose one by chance and shall repeat its choice.
pub(crate) fn number(name: &str) -> Option<u64> {
    let text = read(name)?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "what the services are called and how much time there is depends on who runs the tests"
)]
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
