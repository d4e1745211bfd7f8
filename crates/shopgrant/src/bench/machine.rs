//! The machine on which figures were taken, without which they say nothing.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Instant;

use serde::Serialize;

use crate::bench::statistics::median;

/// Writes from which the median is taken.
const FLUSHES: usize = 100;
/// A page of a database.
const PAGE: [u8; 4096] = [0x5a; 4096];

#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) kernel: String,
}

impl Machine {
    pub(super) fn look() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.map_or_else(|_| "not known".to_owned(), |text| text.trim().to_owned()),
        }
    }
}

/// Milliseconds that the disk below `directory` takes to keep a page for good: the median of a hundred
/// writes with `fdatasync`.
pub(super) fn flush_ms(directory: &Path) -> io::Result<f64> {
    let path = directory.join("flush.probe");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let began = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(path)?;
    Ok(median(&times).unwrap_or_default())
}
