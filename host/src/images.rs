//! [`Images`]: every plugin file that this process has opened. None is ever closed, so they are counted.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use transom_loader::{Loaded, Opening};

use crate::assembly::Overrides;
use crate::manifest::Manifest;

/// What plugin files are opened from. Where somebody says which bytes may run, nobody is to change them afterwards.
pub(crate) fn opening(manifest: &Manifest, overrides: &Overrides) -> Opening {
    if manifest.host.sealed {
        Opening::Sealed { or_copy: false }
    } else if overrides.locked || manifest.trusted_keys.is_some() {
        Opening::Sealed { or_copy: true }
    } else {
        Opening::Copy
    }
}

/// What was opened, in that order.
#[derive(Debug, Default)]
pub(crate) struct Images(Vec<Image>);

#[derive(Debug)]
struct Image {
    plugin: String,
    /// The name it was opened by.
    path: PathBuf,
    /// What the system calls it where it lists what is mapped.
    mapping: PathBuf,
    /// Whether it was opened from sealed memory.
    sealed: bool,
    /// Bytes of its file.
    bytes: usize,
    /// Whether the generation that runs uses it.
    in_use: bool,
}

impl Images {
    pub(crate) fn opened(&mut self, plugin: &str, loaded: &Loaded, bytes: usize) {
        let Loaded { image, mapping, sealed, .. } = loaded;
        let (path, mapping, sealed) = (image.clone(), mapping.clone(), *sealed);
        self.0.push(Image { plugin: plugin.to_owned(), path, mapping, sealed, bytes, in_use: false });
    }

    /// Notes that the generation that runs now uses the newest image of its plugin, or none.
    pub(crate) fn settle(&mut self, plugin: &str, is_dylib: bool) {
        let mut newest = is_dylib;
        for image in self.0.iter_mut().rev().filter(|image| image.plugin == plugin) {
            image.in_use = std::mem::take(&mut newest);
        }
    }

    /// How many are left over from generations that ended or never started.
    pub(crate) fn left_over(&self) -> usize {
        self.0.iter().filter(|image| !image.in_use).count()
    }

    /// What each takes of the memory, as the system counts it.
    pub(crate) fn document(&self) -> Value {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        let taken = memory_by_path(&maps);
        let image = |image: &Image| {
            let Memory { mapped, resident, shared } =
                taken.get(&*image.mapping.to_string_lossy()).copied().unwrap_or_default();
            json!({
                "plugin": image.plugin,
                "file": image.path.file_name().map(|name| name.to_string_lossy()),
                "inUse": image.in_use,
                "sealed": image.sealed,
                "fileBytes": image.bytes,
                "mappedKiB": mapped,
                "residentKiB": resident,
                "sharedKiB": shared,
            })
        };
        self.0.iter().map(image).collect()
    }
}

/// KiB of the mappings of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Memory {
    mapped: u64,
    resident: u64,
    shared: u64,
}

/// Adds up `/proc/PID/smaps`: a line with addresses and a path begins a mapping, lines like `Rss: 4 kB` belong to it.
fn memory_by_path(maps: &str) -> HashMap<&str, Memory> {
    let mut all: HashMap<&str, Memory> = HashMap::new();
    let mut path = "";
    for line in maps.lines() {
        let Some((key, value)) = line.split_once(':').filter(|(key, _)| !key.contains('-')) else {
            // Addresses, permissions, offset, device and inode come before the path, which may have spaces.
            path = line.find('/').map_or("", |start| &line[start..]);
            continue;
        };
        let kib = value.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
        let memory = all.entry(path).or_default();
        match key {
            "Size" => memory.mapped += kib,
            "Rss" => memory.resident += kib,
            "Shared_Clean" | "Shared_Dirty" => memory.shared += kib,
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mappings_of_a_file_are_added_up() {
        let maps = "\
7f10-7f20 r--p 00000000 fd:01 42                         /data dir/images/a-1.so
Size:                  8 kB
Rss:                   4 kB
Shared_Clean:          4 kB
Shared_Dirty:          0 kB
VmFlags: rd mr mw me
7f20-7f30 rw-p 00000000 00:00 0
Size:                100 kB
Rss:                 100 kB
7f30-7f40 r-xp 00001000 fd:01 42                         /data dir/images/a-1.so
Size:                  4 kB
Rss:                   4 kB
Shared_Clean:          0 kB
";
        let expected = Memory { mapped: 12, resident: 8, shared: 4 };
        assert_eq!(memory_by_path(maps).get("/data dir/images/a-1.so"), Some(&expected));
    }

    fn image(name: &str) -> Image {
        let (plugin, path, mapping) = ("parrot".to_owned(), PathBuf::from(name), PathBuf::from(name));
        Image { plugin, path, mapping, sealed: false, bytes: 0, in_use: false }
    }

    #[test]
    fn what_runs_now_is_the_newest_image_and_the_others_are_left_over() {
        let mut images = Images::default();
        for name in ["one", "two", "three"] {
            images.0.push(image(name));
        }
        images.settle("parrot", true);
        assert_eq!(images.0.iter().map(|image| image.in_use).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(images.left_over(), 2);
        images.settle("parrot", false);
        assert_eq!(images.left_over(), 3);
    }
}
