//! [`Footprint`]: what the whole process takes from its machine.
//!
//! All plugins share one process, so whose thread or whose memory it is cannot be told; the sum can.

/// Threads and memory of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// Threads, the host's and those that plugins have made.
    pub(crate) threads: u64,
    /// Memory that is resident, in bytes.
    pub(crate) resident_bytes: u64,
}

impl Footprint {
    /// As the system tells it at this moment; `None` where it does not.
    pub(crate) fn of_this_process() -> Option<Self> {
        Self::read(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    fn read(status: &str) -> Option<Self> {
        let number = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key))?;
            value.split_whitespace().next()?.parse::<u64>().ok()
        };
        // The system counts memory in kB, by which it means 1024 bytes.
        Some(Self { threads: number("Threads:")?, resident_bytes: number("VmRSS:")?.saturating_mul(1024) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_memory_are_read_from_what_the_system_says() {
        let status = "Name:\ttransom\nVmHWM:\t  9000 kB\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(Footprint::read(status), Some(Footprint { threads: 7, resident_bytes: 1234 * 1024 }));
        assert_eq!(Footprint::read("Threads:\tmany\n"), None);
    }

    #[test]
    fn this_process_has_threads_and_memory() {
        let footprint = Footprint::of_this_process().expect("the system tells");
        assert!(footprint.threads >= 1 && footprint.resident_bytes > 0, "{footprint:?}");
    }
}
