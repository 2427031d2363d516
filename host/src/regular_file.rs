//! A file that is read as a whole, when it is one and has an end.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use transom_plugin_api::sabotage::sabotaged;

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is a folder, a pipe, a device or a socket.
    NotAFile,
    /// It has more bytes than it may.
    TooLong,
    /// The system says no.
    Failed(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The bytes of a file that has at most so many.
///
/// # Errors
/// When it is no regular file, has more, or cannot be read.
pub(crate) fn bytes_of(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    // Asked before opening, because opening a pipe waits for its other end.
    if !fs::metadata(path)?.is_file() && !sabotaged("open-whatever-is-named") {
        return Err(Unread::NotAFile);
    }
    let mut bytes = Vec::new();
    // Some files have no length, so what is read is bounded rather than what is announced.
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(Unread::TooLong) } else { Ok(bytes) }
}
