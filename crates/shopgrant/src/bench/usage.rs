//! CPU and memory of processes, as Linux tells them below /proc. Where there is no /proc, nothing is known.

use std::fs;
use std::time::Duration;

/// CPU times of a process, in clock ticks, out of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of the process itself.
    own: u64,
    /// The same of its children that have ended and were waited for.
    ended_children: u64,
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) resident: u64,
    /// The highest that it ever was.
    pub(super) peak: u64,
}

/// CPU time that a process has used so far.
pub(super) fn cpu_of(pid: u32) -> Option<Duration> {
    Some(time(read_stat(pid)?.own))
}

/// CPU time of a process and of all its children, ended ones included: how PostgreSQL is built.
pub(super) fn cpu_of_family(pid: u32) -> Option<Duration> {
    let parent = read_stat(pid)?;
    let mut ticks = parent.own + parent.ended_children;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let child = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        // A child that has ended since the directory was read is counted by its parent next time.
        if let Some(stat) = child.and_then(read_stat)
            && stat.parent == pid
        {
            ticks += stat.own;
        }
    }
    Some(time(ticks))
}

pub(super) fn memory_of(pid: u32) -> Option<Memory> {
    parse_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// The parent of a process, if the process goes by this name.
pub(super) fn parent_of(pid: u32, name: &str) -> Option<u32> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    if comm.trim_end() != name {
        return None;
    }
    Some(read_stat(pid)?.parent)
}

fn read_stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The fields are counted from behind the name, which may hold spaces and parentheses:
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, behind) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |index: usize| -> Option<u64> { fields.get(index)?.parse().ok() };
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        ended_children: ticks(13)? + ticks(14)?,
    })
}

fn parse_status(text: &str) -> Option<Memory> {
    let bytes = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    };
    Some(Memory {
        resident: bytes("VmRSS:")?,
        peak: bytes("VmHWM:")?,
    })
}

fn time(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_micros(ticks * 1_000_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let text = "42 (a ) b) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 9 0 100 1 2";
        let expected = Stat {
            parent: 7,
            own: 33,
            ended_children: 77,
        };
        assert_eq!(parse_stat(text), Some(expected));
        assert_eq!(parse_stat("42 (a) S 7"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let expected = Memory {
            resident: 1024 * 1024,
            peak: 2048 * 1024,
        };
        assert_eq!(parse_status(text), Some(expected));
        assert_eq!(parse_status("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_is_known() {
        let pid = std::process::id();
        assert!(cpu_of(pid).is_some());
        assert!(memory_of(pid).unwrap().resident > 0);
    }
}
