//! [`Tree`]: one folder of skills, and nothing outside it.
//!
//! Everything goes through one directory handle, which resolves symlinks below itself and refuses to leave.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions, OpenOptionsExt};
use transom_plugin_api::sabotage::sabotaged;

use crate::catalogue::{SKILL_BYTES, too_long};

/// An open folder of skills.
#[derive(Debug)]
pub(crate) struct Tree {
    dir: Dir,
    path: PathBuf,
    /// What it is called in the folder a turn works in; nothing for the operator's own.
    below: Option<String>,
}

impl Tree {
    /// Opens a folder that the operator named; nothing when it does not exist.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        Self::existing(Dir::open_ambient_dir(path, ambient_authority()), path, None)
    }

    /// Opens a folder below the one a turn works in; nothing when it does not exist or leads out of it, because what stands in a
    /// working folder is not the operator's word. In the second case `leads_out` is told.
    pub(crate) fn open_below(
        cwd: &Path,
        folder: &Path,
        leads_out: impl FnOnce(),
    ) -> io::Result<Option<Self>> {
        let (path, below) = (cwd.join(folder), Some(folder.display().to_string()));
        if sabotaged("follow-skills-anywhere") {
            return Self::existing(Dir::open_ambient_dir(&path, ambient_authority()), &path, below);
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
            opened => Self::existing(opened, &path, below),
        }
    }

    fn existing(dir: io::Result<Dir>, path: &Path, below: Option<String>) -> io::Result<Option<Self>> {
        match dir {
            Ok(dir) => Ok(Some(Self { dir, path: path.to_owned(), below })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io::Error::new(error.kind(), format!("folder `{}`: {error}", path.display()))),
        }
    }

    /// Where it is, for people and models.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called in the folder a turn works in, where it stands by nobody's word; nothing for the operator's own.
    pub(crate) fn below(&self) -> Option<&str> {
        self.below.as_deref()
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
            return Err(io::Error::new(io::ErrorKind::InvalidData, too_long(size)));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
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
