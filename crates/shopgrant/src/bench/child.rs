//! Processes of this same program, which end with this one.

use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStderr, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::command::Failure;
use crate::output;

/// How long a process may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that is ready. It is killed when this is dropped.
pub(super) struct Child {
    process: tokio::process::Child,
    pub(super) pid: u32,
    /// Where it says that it listens.
    pub(super) address: SocketAddr,
    /// The line in which it said so.
    pub(super) ready_line: String,
    /// From its start to that line.
    pub(super) ready_after: Duration,
    log: JoinSet<()>,
}

impl Child {
    /// Starts the program with these variables and no others, and waits until it listens.
    pub(super) async fn start(
        arguments: &[&str],
        directory: &Path,
        environment: &[(String, String)],
    ) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().cloned())
            .current_dir(directory)
            // A peer ends with its input; `serve` reads none.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let began = Instant::now();
        let mut process = command.spawn()?;
        let pid = process.id().ok_or("a process ended at once")?;
        let stderr = process.stderr.take().ok_or("a process has no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let ready = timeout(PATIENCE, wait_until_ready(&mut lines)).await;
        let ready = ready.map_err(|_| "a process did not get ready in time")?;
        let (address, ready_line) = ready?;
        let ready_after = began.elapsed();
        let mut log = JoinSet::new();
        log.spawn(repeat(lines));
        Ok(Self {
            process,
            pid,
            address,
            ready_line,
            ready_after,
            log,
        })
    }

    /// Asks the process to end, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // It may have ended by itself, which its status will tell.
            kill_process(pid, Signal::TERM).ok();
        }
        let Ok(status) = timeout(PATIENCE, self.process.wait()).await else {
            self.process.kill().await?;
            return Err("a process did not end when it was asked to".into());
        };
        while self.log.join_next().await.is_some() {}
        let status = status?;
        if !status.success() {
            return Err(format!("a process failed: {status}").into());
        }
        Ok(())
    }
}

async fn wait_until_ready(
    lines: &mut Lines<BufReader<ChildStderr>>,
) -> Result<(SocketAddr, String), Failure> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = address_behind(&line, "listening on http://") {
            return Ok((address, line));
        }
        said.push(line);
    }
    Err(format!("a process ended before it was ready: {}", said.join("; ")).into())
}

/// What a process says later on is for the person at the terminal.
async fn repeat(mut lines: Lines<BufReader<ChildStderr>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        output::remark(line.trim_start_matches("shopgrant: "));
    }
}

/// The socket address that follows `mark`.
pub(super) fn address_behind(line: &str, mark: &str) -> Option<SocketAddr> {
    let (_, behind) = line.split_once(mark)?;
    let end = behind.find(|c: char| c == ',' || c.is_whitespace());
    behind[..end.unwrap_or(behind.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_a_line() {
        let line = "shopgrant: listening on http://127.0.0.1:80, platforms on http://127.0.0.1:81";
        let found = |mark| address_behind(line, mark).map(|address| address.port());
        assert_eq!(found("listening on http://"), Some(80));
        assert_eq!(found("platforms on http://"), Some(81));
        assert_eq!(found("nothing on http://"), None);
    }
}
