//! The rules of the house, which no compiler knows: who may use whom, where things are written, and that
//! the documents say what the program does.

mod alerts;
mod dependencies;
mod documents;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the package lies in the workspace")
        .to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `directory` with this ending, in order; what tools put there is left out.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of ours") {
            let path = entry.expect("an entry of it").path();
            let name = path.file_name().expect("it has a name").to_string_lossy();
            if path.is_dir() {
                if !["target", "node_modules"].contains(&&*name) && !name.starts_with('.') {
                    waiting.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
