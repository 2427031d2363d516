//! [`Flaw`]: why a file is no plugin that could be described.

use std::fmt;
use std::io;
use std::path::PathBuf;

use transom_plugin_api::abi::ABI_REVISION;
use transom_plugin_api::describe::{MAGIC, RECORD_HEAD, SECTION};

/// A file that could not be described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// There is no such file.
    NotFound,
    /// It is there and cannot be read.
    Unreadable {
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// It is a folder, a device, a pipe or a socket.
    NotAFile,
    /// It is larger than any plugin.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// It has no bytes.
    Empty,
    /// It does not begin like an ELF file.
    NotElf,
    /// It is an ELF file for another kind of machine.
    WrongMachine {
        /// What it is for.
        found: String,
        /// What this host runs on.
        expected: String,
    },
    /// It begins like an ELF file and then contradicts itself.
    Damaged {
        /// What was found wrong first.
        reason: String,
    },
    /// It is an ELF file without descriptors.
    NoSection,
    /// Its descriptors are longer than any plugin's.
    SaysTooMuch {
        /// The most that is read of them, in bytes.
        limit: u64,
    },
    /// The section ends in the middle of a record.
    TruncatedRecord {
        /// Where in the section the record begins, in bytes.
        offset: usize,
        /// How many bytes the record says it has.
        expected: usize,
        /// How many bytes are there.
        found: usize,
    },
    /// There is something in the section that is no record.
    NotARecord {
        /// Where in the section, in bytes.
        offset: usize,
    },
    /// A record has a form of another version.
    WrongRecordVersion {
        /// The version found.
        found: u8,
    },
    /// A record's descriptor cannot be read.
    BadDescriptor {
        /// Where in the section the record begins, in bytes.
        offset: usize,
        /// What the reader said.
        reason: String,
    },
    /// A descriptor of another ABI revision has a form that this host cannot read.
    ForeignRevision {
        /// The plugin it describes.
        id: String,
        /// The revision it was built with.
        found: u32,
    },
}

impl Flaw {
    /// What a person can do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotFound => "build the plugin, or correct the path",
            Self::Unreadable { .. } => "let the user that runs the host read the file",
            Self::NotAFile => "name the plugin's shared library itself, usually `lib….so`",
            Self::TooLarge { .. } => "build the plugin in release mode, or strip its debug information",
            Self::Empty | Self::Damaged { .. } | Self::TruncatedRecord { .. } => {
                "the file is incomplete: build or copy it again"
            }
            Self::NotElf => "name a shared library built with `crate-type = [\"cdylib\", \"rlib\"]`",
            Self::WrongMachine { .. } => "build the plugin for this machine's target",
            Self::NoSection => {
                "export a plugin with `export_plugin!`, and build with `crate-type = [\"cdylib\", \"rlib\"]`"
            }
            Self::SaysTooMuch { .. } => "split it into several plugins, in files of their own",
            Self::NotARecord { .. } | Self::BadDescriptor { .. } => {
                "build the plugin again with the plugin API of this host"
            }
            Self::WrongRecordVersion { .. } | Self::ForeignRevision { .. } => {
                "update the older of the two: the host, or the plugin"
            }
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("does not exist"),
            Self::Unreadable { kind } => write!(f, "cannot be read: {kind}"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::TooLarge { bytes, limit } => write!(f, "is {bytes} bytes, expected at most {limit}"),
            Self::Empty => f.write_str("is empty"),
            Self::NotElf => f.write_str("is not an ELF file"),
            Self::WrongMachine { found, expected } => {
                write!(f, "is for {found}, but this host runs on {expected}")
            }
            Self::Damaged { reason } => write!(f, "is a damaged ELF file: {}", lower_case(reason)),
            Self::NoSection => write!(f, "has no plugin in it: no section `{SECTION}`"),
            Self::SaysTooMuch { limit } => {
                write!(f, "has descriptors of more than {limit} bytes in section `{SECTION}`")
            }
            Self::TruncatedRecord { offset, expected, found } => write!(
                f,
                "has a cut-off record at byte {offset} of section `{SECTION}`: {found} bytes, expected {expected}"
            ),
            Self::NotARecord { offset } => {
                write!(f, "has something at byte {offset} of section `{SECTION}` that is no plugin's record")
            }
            Self::WrongRecordVersion { found } => {
                let expected = MAGIC[MAGIC.len() - 1];
                write!(f, "has a record of version {found}, but this host reads version {expected}")
            }
            Self::BadDescriptor { offset, reason } => {
                let offset = offset + RECORD_HEAD;
                write!(
                    f,
                    "has a descriptor at byte {offset} of section `{SECTION}` that cannot be read: {}",
                    on_one_line(reason)
                )
            }
            Self::ForeignRevision { id, found } => write!(
                f,
                "holds plugin `{}`, built with ABI revision {found}, but this host speaks revision {ABI_REVISION}",
                id.escape_debug()
            ),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin file `{}` {}", self.path.display(), self.flaw)
    }
}

impl std::error::Error for Flaw {}

impl std::error::Error for ReadError {}

/// The reader repeats what stood in the file: what would move a terminal's cursor is spelled out.
fn on_one_line(text: &str) -> String {
    let spell = |character: char| match character {
        control if control.is_control() => control.escape_default().to_string(),
        other => other.to_string(),
    };
    text.chars().map(spell).collect()
}

fn lower_case(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_what_is_wrong_with_it() {
        let flaw = Flaw::WrongMachine { found: "aarch64".into(), expected: "x86_64".into() };
        let error = ReadError { path: "plugins/libparrot.so".into(), flaw };
        assert_eq!(
            error.to_string(),
            "plugin file `plugins/libparrot.so` is for aarch64, but this host runs on x86_64"
        );
    }

    #[test]
    fn a_cut_off_record_is_told_with_its_place_and_sizes() {
        let flaw = Flaw::TruncatedRecord { offset: 12, expected: 400, found: 20 };
        assert_eq!(
            flaw.to_string(),
            "has a cut-off record at byte 12 of section `.transom`: 20 bytes, expected 400"
        );
    }
}
