//! [`PluginFile`]: a plugin's file, read once, so that what was checked is what is loaded.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use transom_plugin_api::sabotage::sabotaged;

use crate::dylib::{Request, sha256_of};
use crate::{
    Contents, Flaw, KeyId, LoadError, Loaded, Opening, ReadError, Signature, SignatureFlaw, TrustedKey,
};

/// A plugin's file in memory.
#[derive(Clone)]
pub struct PluginFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// All of it: what is hashed, checked and loaded are these bytes, whatever happens to the file.
    pub bytes: Vec<u8>,
    /// What is in it.
    pub contents: Contents,
    sha256: OnceLock<String>,
}

impl PluginFile {
    /// The most that is read of a file, in bytes: 1 GiB. A file beyond it is a mistake, not a plugin.
    pub const LIMIT: u64 = 1 << 30;

    /// SHA-256 of the bytes, in hexadecimal; worked out when it is first asked for.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| sha256_of(&self.bytes))
    }

    /// Reads the file and what it says of itself. Runs none of its code.
    ///
    /// # Errors
    /// When the file cannot be read or is not a plugin's.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let flawed = |flaw| ReadError { path: path.to_owned(), flaw };
        let bytes = bytes_of(path).map_err(flawed)?;
        let contents = Contents::of(&bytes).map_err(flawed)?;
        Ok(Self { path: path.to_owned(), bytes, contents, sha256: OnceLock::new() })
    }

    /// Whose signature stands beside the file, if it is one of these bytes with one of `keys`.
    ///
    /// # Errors
    /// When there is none, or it says nothing for these bytes.
    pub fn signed_by(&self, keys: &[TrustedKey]) -> Result<KeyId, SignatureFlaw> {
        Signature::beside(&self.path)?.verify(&self.bytes, keys)
    }

    /// Opens its plugin `id` from these bytes, by a name in `images` that this process never used before. Constructors in
    /// the file run here, so everything that can be refused was refused before.
    ///
    /// # Errors
    /// When what it is to be opened from cannot be made, the linker refuses it, or the tables behind its entry are others
    /// than this host's.
    pub fn load(&self, id: &str, images: &Path, opening: Opening) -> Result<Loaded, LoadError> {
        if sabotaged("load-the-file-again") {
            let bytes = fs::read(&self.path).unwrap_or_default();
            return Request::of(&bytes, self.sha256(), id, images, opening).load();
        }
        Request::of(&self.bytes, self.sha256(), id, images, opening).load()
    }
}

impl fmt::Debug for PluginFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PluginFile");
        shown
            .field("path", &self.path)
            .field("bytes", &self.bytes.len())
            .field("contents", &self.contents)
            .finish()
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Flaw> {
    // Asked before opening, because opening a pipe waits for its other end.
    let metadata = fs::metadata(path).map_err(flaw_of)?;
    if !metadata.is_file() {
        return Err(Flaw::NotAFile);
    }
    let too_large = |bytes| Flaw::TooLarge { bytes, limit: PluginFile::LIMIT };
    if metadata.len() > PluginFile::LIMIT {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a file that grows meanwhile is noticed.
    File::open(path)
        .and_then(|file| file.take(PluginFile::LIMIT + 1).read_to_end(&mut bytes))
        .map_err(flaw_of)?;
    let found = bytes.len() as u64;
    if found > PluginFile::LIMIT { Err(too_large(found)) } else { Ok(bytes) }
}

fn flaw_of(error: io::Error) -> Flaw {
    match error.kind() {
        io::ErrorKind::NotFound => Flaw::NotFound,
        kind => Flaw::Unreadable { kind },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plugin_file;

    #[test]
    fn a_plugin_file_is_kept_with_its_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("libparrot.so");
        fs::write(&path, plugin_file(&["parrot"])).expect("the file is written");
        let file = PluginFile::read(&path).expect("it is a plugin");
        assert_eq!(file.bytes, plugin_file(&["parrot"]));
        assert_eq!(file.contents.descriptors[0].id, "parrot");
        assert_eq!(file.sha256(), sha256_of(&file.bytes));
    }

    #[test]
    fn a_missing_file_is_told_by_its_path() {
        let error = PluginFile::read(Path::new("/nowhere/libparrot.so")).expect_err("it is missing");
        assert_eq!(error.to_string(), "plugin file `/nowhere/libparrot.so` does not exist");
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = PluginFile::read(folder.path()).expect_err("it is a folder");
        assert_eq!(error.flaw, Flaw::NotAFile);
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("huge.so");
        File::create(&path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
        let error = PluginFile::read(&path).expect_err("it is too large");
        assert_eq!(error.flaw, Flaw::TooLarge { bytes: 1 << 40, limit: PluginFile::LIMIT });
    }
}
