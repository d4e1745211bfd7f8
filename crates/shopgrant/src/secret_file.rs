//! Secrets that are handed over as files, so that they stand in no process list and no shell history.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// The file holds no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFileError {
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is empty", path.display())]
    Empty { path: PathBuf },
}

/// The secret in the file, without the newline that editors put at its end.
pub(crate) fn read(path: &Path) -> Result<SecretString, SecretFileError> {
    let text = fs::read_to_string(path).map_err(|source| SecretFileError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(SecretFileError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(secret.into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_last_newline_is_no_part_of_the_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        for (text, secret) in [
            ("s3cret\n", "s3cret"),
            ("s3cret\r\n", "s3cret"),
            (" s ", " s "),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap().expose_secret(), secret);
        }
        fs::write(&path, "\n").unwrap();
        assert!(matches!(read(&path), Err(SecretFileError::Empty { .. })));
        let missing = directory.path().join("missing");
        assert!(matches!(
            read(&missing),
            Err(SecretFileError::Unreadable { .. })
        ));
    }
}
