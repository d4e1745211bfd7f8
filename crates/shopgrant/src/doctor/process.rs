//! What the system lets a process of this user have.

use rustix::process::{Resource, getrlimit};

use super::Finding;

/// Every connection of a client, of an endpoint and of the database is a file.
const FEW: u64 = 1024;

pub(super) fn examine() -> Finding {
    judge(getrlimit(Resource::Nofile).current)
}

fn judge(limit: Option<u64>) -> Finding {
    const CHECK: &str = "open files";
    match limit {
        Some(limit) if limit < FEW => Finding::warn(
            CHECK,
            format!("a process may open {limit}"),
            "connections are refused when they are used up; raise it by `ulimit -n` or LimitNOFILE",
        ),
        Some(limit) => Finding::ok(CHECK, format!("a process may open {limit}")),
        None => Finding::ok(CHECK, "a process may open any number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn less_than_a_thousand_files_are_few() {
        let verdict = |limit| judge(limit).verdict;
        assert_eq!(verdict(Some(1023)), Verdict::Warn);
        assert_eq!(verdict(Some(1024)), Verdict::Ok);
        assert_eq!(verdict(None), Verdict::Ok);
    }
}
