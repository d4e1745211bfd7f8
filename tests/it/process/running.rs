//! A process of its own, with everything that it says.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::watch;
use tokio::time::timeout;

/// No process is waited for longer than this.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many bytes of each output a failure shows.
const SHOWN: usize = 8_000;

/// A process that was started; it is killed when this is dropped.
pub(crate) struct Running {
    /// Never another process, as a number could be that is used again.
    process: OwnedFd,
    output: watch::Receiver<Output>,
    end: watch::Receiver<Option<ExitStatus>>,
}

/// What a process has said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// What a process printed that did what it was asked.
    pub(crate) fn succeeded(self) -> String {
        assert!(self.status.success(), "{self:#?}");
        self.stdout
    }

    /// The one line in which a process said why it did not do what it was asked.
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.status.code(), Some(1), "{self:#?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:#?}");
        self.stderr.trim_end().to_owned()
    }
}

impl Running {
    pub(crate) fn start(mut command: Command, input: impl Into<Vec<u8>>) -> Self {
        let input = input.into();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} does not start: {error}",
                    command.get_program().display()
                )
            });
        // Nobody has waited for the child yet, so that the number is still its own.
        let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        let (said, output) = watch::channel(Output::default());
        let (ended, end) = watch::channel(None);
        let (mut stdin, stdout, stderr) = (
            child.stdin.take().unwrap(),
            child.stdout.take().unwrap(),
            child.stderr.take().unwrap(),
        );
        // A process that reads nothing has closed its end.
        thread::spawn(move || stdin.write_all(&input).ok());
        let of_stdout = said.clone();
        let stdout =
            thread::spawn(move || collect(stdout, &of_stdout, |output| &mut output.stdout));
        let stderr = thread::spawn(move || collect(stderr, &said, |output| &mut output.stderr));
        thread::spawn(move || {
            let status = child.wait().unwrap();
            stdout.join().unwrap();
            stderr.join().unwrap();
            ended.send_replace(Some(status));
        });
        Self {
            process,
            output,
            end,
        }
    }

    /// What `find` sees in the output, as soon as it does.
    pub(crate) async fn says<T>(&self, what: &str, find: impl Fn(&Output) -> Option<T>) -> T {
        let mut output = self.output.clone();
        let said = output.wait_for(|output| find(output).is_some());
        let Ok(said) = timeout(PATIENCE, said).await else {
            panic!("waited {PATIENCE:?} for {what}: {}", self.so_far());
        };
        let Ok(output) = said else {
            panic!("it ended and did not say {what}: {}", self.so_far());
        };
        find(&output).unwrap()
    }

    /// The line of stdout with this number, when it is whole.
    pub(crate) async fn line(&self, number: usize) -> String {
        let what = format!("line {number} of its output");
        self.says(&what, |output| {
            let mut lines = output.stdout.split_inclusive(|byte| *byte == b'\n');
            let line = lines.nth(number)?.strip_suffix(b"\n")?;
            Some(String::from_utf8(line.to_vec()).unwrap())
        })
        .await
    }

    /// Asks the process to end, and expects that it does so in good order.
    pub(crate) async fn stop(self) -> Finished {
        self.signal(Signal::TERM);
        let finished = self.finish().await;
        assert!(finished.status.success(), "{finished:#?}");
        finished
    }

    /// Ends the process without a chance to do anything more.
    pub(crate) async fn kill(self) {
        self.signal(Signal::KILL);
        self.end().await;
    }

    fn signal(&self, signal: Signal) {
        // A process that is gone needs no signal.
        pidfd_send_signal(&self.process, signal).ok();
    }

    /// Waits until the process ends.
    pub(crate) async fn end(&self) -> ExitStatus {
        let mut end = self.end.clone();
        let Ok(status) = timeout(PATIENCE, end.wait_for(Option::is_some)).await else {
            panic!("it did not end within {PATIENCE:?}: {}", self.so_far());
        };
        status.unwrap().unwrap()
    }

    /// Waits until the process ends, and returns everything that it said.
    pub(crate) async fn finish(self) -> Finished {
        let status = self.end().await;
        let Output { stdout, stderr } = self.output.borrow().clone();
        Finished {
            status,
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// The ends of what it said.
    fn so_far(&self) -> String {
        let output = self.output.borrow();
        let end = |bytes: &[u8]| {
            let start = bytes.len().saturating_sub(SHOWN);
            String::from_utf8_lossy(&bytes[start..]).into_owned()
        };
        format!("{}\n{}", end(&output.stdout), end(&output.stderr))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn collect(
    mut pipe: impl Read,
    said: &watch::Sender<Output>,
    part: fn(&mut Output) -> &mut Vec<u8>,
) {
    let mut chunk = [0; 8192];
    loop {
        match pipe.read(&mut chunk).unwrap() {
            0 => return,
            length => said.send_modify(|output| part(output).extend_from_slice(&chunk[..length])),
        }
    }
}
