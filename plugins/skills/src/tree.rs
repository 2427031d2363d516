//! [`Tree`]: one folder of skills, and nothing outside it.
//!
//! Everything goes through one directory handle, which resolves symlinks below itself and refuses to leave.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions, OpenOptionsExt};
use transom_plugin_api::sabotage::sabotaged;

use crate::catalogue::{SKILL_BYTES, too_long};
use crate::front_matter::HEAD_BYTES;

/// An open folder of skills.
#[derive(Debug)]
pub(crate) struct Tree {
    dir: Dir,
    path: PathBuf,
}

impl Tree {
    /// Opens a folder that the operator named; nothing when it does not exist.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        Self::existing(Dir::open_ambient_dir(path, ambient_authority()), path)
    }

    /// Opens a folder below the one a turn works in; nothing when it does not exist or leads out of it, because what stands in a
    /// working folder is not the operator's word. In the second case `leads_out` is told.
    pub(crate) fn open_below(
        cwd: &Path,
        folder: &Path,
        leads_out: impl FnOnce(),
    ) -> io::Result<Option<Self>> {
        if sabotaged("follow-skills-anywhere") {
            return Self::open(&cwd.join(folder));
        }
        let dir = Dir::open_ambient_dir(cwd, ambient_authority()).and_then(|cwd| cwd.open_dir(folder));
        match dir {
            // So says `cap-std`; what the system itself denies has a number.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() =>
            {
                leads_out();
                Ok(None)
            }
            opened => Self::existing(opened, &cwd.join(folder)),
        }
    }

    fn existing(dir: io::Result<Dir>, path: &Path) -> io::Result<Option<Self>> {
        match dir {
            Ok(dir) => Ok(Some(Self { dir, path: path.to_owned() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io::Error::new(error.kind(), format!("folder `{}`: {error}", path.display()))),
        }
    }

    /// Where it is, for people and models.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself. What is asked of it stays inside.
    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The whole text of a skill.
    pub(crate) fn read(&self, path: &str) -> io::Result<String> {
        let bytes = self.bytes(path, SKILL_BYTES + 1)?;
        if bytes.len() as u64 > SKILL_BYTES {
            let size = self.dir.metadata(path).map_or(bytes.len() as u64, |metadata| metadata.len());
            return Err(io::Error::other(too_long(size)));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
    }

    /// The beginning of the text of a skill, or why it cannot be read.
    pub(crate) fn head(&self, path: &str) -> Result<String, String> {
        // Room for a byte order mark, which does not count, and for a character that is cut.
        let most = HEAD_BYTES as u64 + 8;
        let mut bytes = self.bytes(path, most).map_err(|error| format!("it cannot be read: {error}"))?;
        if let Err(error) = str::from_utf8(&bytes) {
            if error.error_len().is_some() || (bytes.len() as u64) < most {
                return Err("it is not UTF-8".to_owned());
            }
            bytes.truncate(error.valid_up_to());
        }
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
    }

    fn bytes(&self, path: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_file(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens a regular file, looked at before and after: a pipe put there meanwhile must not hang anybody.
    fn open_file(&self, path: &str) -> io::Result<File> {
        let regular = |metadata: Metadata| match metadata.is_file() {
            true => Ok(()),
            false => Err(io::Error::other("it is not a regular file")),
        };
        regular(self.dir.metadata(path)?)?;
        let mut options = OpenOptions::new();
        let file = self.dir.open_with(path, options.read(true).custom_flags(libc::O_NONBLOCK))?;
        regular(file.metadata()?)?;
        Ok(file)
    }
}

#[cfg(test)]
pub(crate) mod tests;
