//! Compares a descriptor with this host, before the file is opened as a library.
//!
//! Opening runs the file's constructors, so whatever can refuse a plugin refuses it here. What cannot change what
//! crosses between plugin and host (the compiler, the version of the plugin API) is not compared.

use std::fmt;

use transom_plugin_api::abi::ABI_REVISION;
use transom_plugin_api::capability::{KNOWN, is_capability};
use transom_plugin_api::sabotage::sabotaged;

use crate::{Contents, Descriptor, PanicStrategy};

/// The target triple this host was built for.
pub const TARGET: &str = env!("TRANSOM_TARGET");

/// The longest id, in bytes.
const LONGEST_ID: usize = 64;

/// The most ports a plugin may have: what is checked at a point grows with the square of those who are at it.
const MOST_PORTS: usize = 1024;

/// Why this host cannot load a plugin that describes itself well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Its id has not the form of one.
    Id {
        /// The id.
        id: String,
    },
    /// It speaks another revision of the ABI.
    Abi {
        /// The plugin.
        id: String,
        /// Its revision.
        found: u32,
    },
    /// It was built for another target.
    Target {
        /// The plugin.
        id: String,
        /// Its target.
        found: String,
    },
    /// A panic in it would end the host.
    Aborts {
        /// The plugin.
        id: String,
    },
    /// It asks for something that this host cannot grant.
    Capability {
        /// The plugin.
        id: String,
        /// What it asks for.
        found: String,
    },
    /// It touches more points than anything sensible would, and comparing them would take hours.
    TooManyPorts {
        /// The plugin.
        id: String,
        /// How many.
        found: usize,
    },
    /// Its file is an executable or an object file.
    NotShared {
        /// The plugin.
        id: String,
    },
    /// Its file does not export its entry.
    NoEntry {
        /// The plugin.
        id: String,
        /// The symbol that is missing.
        symbol: String,
    },
    /// Its file describes it more than once.
    Twice {
        /// The plugin.
        id: String,
    },
    /// The file holds other plugins than the one that was asked for.
    Absent {
        /// The plugin that was asked for.
        id: String,
        /// The plugins that are there.
        found: Vec<String>,
    },
}

impl Mismatch {
    /// The plugin that cannot be loaded.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Id { id }
            | Self::Abi { id, .. }
            | Self::Target { id, .. }
            | Self::Aborts { id }
            | Self::Capability { id, .. }
            | Self::TooManyPorts { id, .. }
            | Self::NotShared { id }
            | Self::NoEntry { id, .. }
            | Self::Twice { id }
            | Self::Absent { id, .. } => id,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Id { .. } => format!("use lower-case words joined by `-`, at most {LONGEST_ID} characters"),
            Self::Abi { found, .. } if *found > ABI_REVISION => {
                "update the host, or use an older plugin".into()
            }
            Self::Abi { .. } => "build the plugin again with the plugin API of this host".into(),
            Self::Target { .. } => format!("build it with `cargo build --target {TARGET}`"),
            Self::Aborts { .. } => "remove `panic = \"abort\"` from its profile and build it again".into(),
            Self::Capability { .. } => {
                format!("this host knows {KNOWN}: update it, or use an older plugin")
            }
            Self::TooManyPorts { .. } => "use names at one point, or split it into several plugins".into(),
            Self::NotShared { .. } | Self::NoEntry { .. } => {
                "build the crate that exports it with `crate-type = [\"cdylib\", \"rlib\"]`".into()
            }
            Self::Twice { .. } => "export each plugin once".into(),
            Self::Absent { .. } => "correct the id, or the path of the file".into(),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An id is shown before it is known to be one.
        let id = self.id().escape_debug();
        match self {
            Self::Id { .. } => write!(f, "plugin `{id}` has an invalid id"),
            Self::Abi { found, .. } => write!(
                f,
                "plugin `{id}` was built with ABI revision {found}, but this host speaks revision {ABI_REVISION}"
            ),
            Self::Target { found, .. } => {
                write!(
                    f,
                    "plugin `{id}` was built for `{}`, but this host for `{TARGET}`",
                    found.escape_debug()
                )
            }
            Self::Aborts { .. } => {
                write!(f, "plugin `{id}` was built so that its panics end the whole process")
            }
            Self::Capability { found, .. } => {
                write!(
                    f,
                    "plugin `{id}` asks for the capability `{}`, which there is not",
                    found.escape_debug()
                )
            }
            Self::TooManyPorts { found, .. } => {
                write!(f, "plugin `{id}` has {found} ports, expected at most {MOST_PORTS}")
            }
            Self::NotShared { .. } => write!(f, "the file of plugin `{id}` is not a shared library"),
            Self::NoEntry { symbol, .. } => {
                let symbol = symbol.escape_debug();
                write!(f, "the file of plugin `{id}` does not export its entry, symbol `{symbol}`")
            }
            Self::Twice { .. } => write!(f, "the file describes plugin `{id}` more than once"),
            Self::Absent { found, .. } => {
                let found: Vec<_> = found.iter().map(|id| format!("`{}`", id.escape_debug())).collect();
                write!(f, "the file does not hold plugin `{id}`, but {}", found.join(", "))
            }
        }
    }
}

impl std::error::Error for Mismatch {}

/// Whether `id` may be the id of a plugin: lower-case words of letters and digits joined by `-`, at most 64 characters.
#[must_use]
pub fn is_plugin_id(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    id.len() <= LONGEST_ID && id.split('-').all(is_word)
}

/// Everything that keeps this host from running the plugin that `descriptor` describes, whatever way it is attached.
#[must_use]
pub fn check(descriptor: &Descriptor) -> Vec<Mismatch> {
    let id = || descriptor.id.clone();
    let mut found = Vec::new();
    if !is_plugin_id(&descriptor.id) {
        found.push(Mismatch::Id { id: id() });
    }
    if descriptor.abi != ABI_REVISION && !sabotaged("skip-abi-check") {
        found.push(Mismatch::Abi { id: id(), found: descriptor.abi });
    }
    if descriptor.target != TARGET && !sabotaged("skip-target-check") {
        found.push(Mismatch::Target { id: id(), found: descriptor.target.clone() });
    }
    if descriptor.panic == PanicStrategy::Abort {
        found.push(Mismatch::Aborts { id: id() });
    }
    let strange = descriptor.capabilities.iter().filter(|asked| !is_capability(asked));
    found.extend(strange.map(|asked| Mismatch::Capability { id: id(), found: asked.clone() }));
    if descriptor.ports.len() > MOST_PORTS {
        found.push(Mismatch::TooManyPorts { id: id(), found: descriptor.ports.len() });
    }
    found
}

/// Everything that keeps this host from loading plugin `id` from a file with these contents.
///
/// # Errors
/// All mismatches at once; never an empty list.
pub fn check_file<'a>(contents: &'a Contents, id: &str) -> Result<&'a Descriptor, Vec<Mismatch>> {
    let Some(descriptor) = contents.descriptor(id) else {
        // The linker orders the records as it likes.
        let mut found: Vec<String> =
            contents.descriptors.iter().map(|descriptor| descriptor.id.clone()).collect();
        found.sort();
        return Err(vec![Mismatch::Absent { id: id.to_owned(), found }]);
    };
    let mut found = check(descriptor);
    if contents.descriptors.iter().filter(|other| other.id == id).count() > 1 {
        found.push(Mismatch::Twice { id: id.to_owned() });
    }
    let symbol = descriptor.symbol();
    if !contents.shared {
        found.push(Mismatch::NotShared { id: id.to_owned() });
    } else if !contents.entries.contains(&symbol) {
        found.push(Mismatch::NoEntry { id: id.to_owned(), symbol });
    }
    if found.is_empty() { Ok(descriptor) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Elf, descriptor, plugin_file};

    fn contents(elf: &Elf) -> Contents {
        Contents::of(&elf.bytes()).expect("it is a plugin file")
    }

    fn messages(contents: &Contents, id: &str) -> Vec<String> {
        let found = check_file(contents, id).expect_err("it is refused");
        found.iter().map(|mismatch| format!("{mismatch}\n  help: {}", mismatch.help())).collect()
    }

    #[test]
    fn a_plugin_built_for_this_host_is_accepted() {
        let contents = Contents::of(&plugin_file(&["parrot", "audit"])).expect("it is a plugin file");
        assert_eq!(check_file(&contents, "audit"), Ok(&descriptor("audit")));
    }

    #[test]
    fn all_mismatches_are_told_at_once() {
        let mut contents = contents(&Elf::of(&["parrot"]));
        contents.descriptors[0].abi = ABI_REVISION + 1;
        contents.descriptors[0].target = "aarch64-apple-darwin".into();
        contents.descriptors[0].panic = PanicStrategy::Abort;
        contents.descriptors[0].capabilities.push("gpu".into());
        contents.entries.clear();
        let expected = [
            format!(
                "plugin `parrot` was built with ABI revision {}, but this host speaks revision {ABI_REVISION}\n  help: update the host, or use an older plugin",
                ABI_REVISION + 1
            ),
            format!(
                "plugin `parrot` was built for `aarch64-apple-darwin`, but this host for `{TARGET}`\n  help: build it with `cargo build --target {TARGET}`"
            ),
            "plugin `parrot` was built so that its panics end the whole process\n  help: remove `panic = \"abort\"` from its profile and build it again".into(),
            "plugin `parrot` asks for the capability `gpu`, which there is not\n  help: this host knows `fs`, `net`, `process` and `secrets:NAME`: update it, or use an older plugin".into(),
            "the file of plugin `parrot` does not export its entry, symbol `transom_plugin_parrot`\n  help: build the crate that exports it with `crate-type = [\"cdylib\", \"rlib\"]`".into(),
        ];
        assert_eq!(messages(&contents, "parrot"), expected);
    }

    #[test]
    fn a_plugin_that_is_not_in_the_file_is_told_with_those_that_are() {
        let expected = "the file does not hold plugin `clock`, but `audit`, `parrot`\n  help: correct the id, or the path of the file";
        assert_eq!(messages(&contents(&Elf::of(&["parrot", "audit"])), "clock"), [expected]);
    }

    #[test]
    fn an_executable_is_not_loaded() {
        let executable = contents(&Elf { kind: object::elf::ET_EXEC, ..Elf::of(&["parrot"]) });
        assert_eq!(check_file(&executable, "parrot"), Err(vec![Mismatch::NotShared { id: "parrot".into() }]));
    }

    #[test]
    fn a_plugin_described_twice_is_ambiguous() {
        let twice = contents(&Elf::of(&["parrot", "parrot"]));
        assert_eq!(check_file(&twice, "parrot"), Err(vec![Mismatch::Twice { id: "parrot".into() }]));
    }

    #[test]
    fn a_plugin_with_ports_without_end_is_refused() {
        let mut contents = contents(&Elf::of(&["parrot"]));
        let port = contents.descriptors[0].ports[0].clone();
        contents.descriptors[0].ports = vec![port; MOST_PORTS + 1];
        let expected = Mismatch::TooManyPorts { id: "parrot".into(), found: MOST_PORTS + 1 };
        assert_eq!(check_file(&contents, "parrot"), Err(vec![expected]));
    }

    #[test]
    fn an_id_that_is_none_does_not_reach_the_terminal() {
        let mut contents = contents(&Elf::of(&["parrot"]));
        contents.descriptors[0].id = "\u{1b}[2Jparrot\n".into();
        let told = messages(&contents, "\u{1b}[2Jparrot\n").concat();
        assert!(told.contains(r"plugin `\u{1b}[2Jparrot\n` has an invalid id"), "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn ids_are_words_joined_by_dashes() {
        for good in ["a", "skills", "tools-fs", "s3-2"] {
            assert!(is_plugin_id(good), "{good}");
        }
        for bad in ["", "-", "a-", "-a", "a--b", "A", "a_b", "a b", "ä", "a/b", "..", &"a".repeat(65)] {
            assert!(!is_plugin_id(bad), "{bad}");
        }
    }
}
