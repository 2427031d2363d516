//! [`Burden`]: what this process takes from its machine, as the system counts it.

use std::fmt;
use std::fs;
use std::path::Path;

/// Memory in KiB, threads and open files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Burden {
    /// Of everything but plugin files.
    pub(super) rest: Memory,
    /// Of plugin files.
    pub(super) images: Memory,
    pub(super) threads: usize,
    pub(super) files: usize,
}

/// In KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) resident: u64,
    /// Of the resident, what other mappings share.
    pub(super) shared: u64,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB resident, {} KiB of it shared", self.resident, self.shared)
    }
}

impl Burden {
    /// At this moment, with what is mapped from files in `images` counted apart.
    pub(super) fn now(images: &Path) -> Self {
        let maps = fs::read_to_string("/proc/self/smaps").expect("the system tells");
        let (rest, images) = split(&maps, &images.display().to_string());
        let count = |folder: &str| fs::read_dir(folder).expect("the system tells").count();
        Self { rest, images, threads: count("/proc/self/task"), files: count("/proc/self/fd") }
    }
}

/// A line with addresses and a path begins a mapping; lines like `Rss: 4 kB` belong to it.
fn split(maps: &str, images: &str) -> (Memory, Memory) {
    let (mut rest, mut of_images) = (Memory::default(), Memory::default());
    let mut is_image = false;
    for line in maps.lines() {
        let Some((key, value)) = line.split_once(':').filter(|(key, _)| !key.contains('-')) else {
            is_image = line.find('/').is_some_and(|start| line[start..].starts_with(images));
            continue;
        };
        let kib = value.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        let memory = if is_image { &mut of_images } else { &mut rest };
        match key {
            "Rss" => memory.resident += kib,
            "Shared_Clean" | "Shared_Dirty" => memory.shared += kib,
            _ => {}
        }
    }
    (rest, of_images)
}

#[test]
fn mappings_of_plugin_files_are_counted_apart() {
    let maps = "\
7f10-7f20 r--p 00000000 fd:01 42                         /tmp/a b/keeper-1.so (deleted)
Rss:                   4 kB
Shared_Clean:          3 kB
VmFlags: rd mr mw me
7f20-7f30 rw-p 00000000 00:00 0
Rss:                 100 kB
7f30-7f40 r-xp 00001000 fd:01 42                         /lib/libc.so
Rss:                   8 kB
Shared_Clean:          8 kB
";
    let expected = (Memory { resident: 108, shared: 8 }, Memory { resident: 4, shared: 3 });
    assert_eq!(split(maps, "/tmp/a b"), expected);
}
