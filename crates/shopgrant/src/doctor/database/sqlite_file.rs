//! Where a SQLite file lies.

use std::path::Path;

use rustix::fs::{Access, access, statfs};

use super::CHECK;
use crate::doctor::Finding;

/// The numbers that Linux gives to file systems which another machine serves, whose locks and flushes
/// SQLite cannot rely on: <https://www.sqlite.org/faq.html#q5>.
const NETWORK: [(u64, &str); 6] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
];

/// Looks at a file that is there.
pub(super) fn examine(file: &Path) -> Option<Finding> {
    if access(file, Access::WRITE_OK).is_err() {
        return Some(Finding::fail(
            CHECK,
            format!("{} may not be written by this user", file.display()),
            "give the file to the user of the program",
        ));
    }
    examine_directory(file)
}

/// Looks at the place of a file that is still to be made.
pub(super) fn examine_place(file: &Path) -> Finding {
    examine_directory(file).unwrap_or_else(|| {
        let file = file.display();
        Finding::ok(
            CHECK,
            format!("{file} is not there yet; `serve` creates it"),
        )
    })
}

fn examine_directory(file: &Path) -> Option<Finding> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    // SQLite puts two more files beside it.
    if access(directory, Access::WRITE_OK).is_err() {
        return Some(Finding::fail(
            CHECK,
            format!("the directory of {} may not be written", file.display()),
            "create it, or give it to the user of the program",
        ));
    }
    let kind = statfs(directory).ok()?.f_type;
    let name = network_name(u64::try_from(kind).ok()?)?;
    Some(Finding::warn(
        CHECK,
        format!("{} lies on a network file system ({name})", file.display()),
        "SQLite can lose what it committed there; use a disk of this machine, or PostgreSQL",
    ))
}

fn network_name(kind: u64) -> Option<&'static str> {
    // The field is signed on some systems.
    let kind = kind & 0xffff_ffff;
    let (_, name) = NETWORK.iter().find(|(number, _)| *number == kind)?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn network_file_systems_are_known_by_number() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        // ext4
        assert_eq!(network_name(0xef53), None);
    }

    #[test]
    fn a_file_needs_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shopgrant.db");
        assert_eq!(examine_place(&file).verdict, Verdict::Ok);
        let file = directory.path().join("nowhere/shopgrant.db");
        assert_eq!(examine_place(&file).verdict, Verdict::Fail);
    }
}
