//! The file that a copy becomes: where it may be, under which name it is written, and how it gets its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

/// Names that are tried for what is not complete yet; each that is taken is of a copy that was killed.
const MOST_NAMES: usize = 1_000;

/// A place for a copy.
pub(crate) struct Target {
    path: PathBuf,
    folder: PathBuf,
    replace: bool,
}

impl Target {
    /// Looks whether a copy may be at `path`. Nothing may be in the `own` folder of the store: a copy that took the place of
    /// its file, or lay beside it under the name of its log, would destroy it.
    pub(crate) fn at(path: &str, replace: bool, own: &Path) -> Result<Self, CallError> {
        let given = Path::new(path);
        let (Some(name), Some(folder)) = (given.file_name(), given.parent().filter(|_| given.is_absolute()))
        else {
            let message = format!("`{path}` cannot be a backup: expected the absolute path of a file");
            return Err(CallError::invalid_input(message));
        };
        let folder = folder.canonicalize().map_err(|error| {
            let folder = folder.display();
            CallError::invalid_input(format!("the folder `{folder}` cannot be used: {error}; make it first"))
        })?;
        if own.canonicalize().is_ok_and(|own| own == folder) {
            let message =
                format!("`{path}` lies in the folder that is to be backed up; choose another folder");
            return Err(CallError::invalid_input(message));
        }
        let target = Self { path: folder.join(name), folder, replace };
        target.check_free()?;
        Ok(target)
    }

    fn check_free(&self) -> Result<(), CallError> {
        match self.path.symlink_metadata() {
            Ok(found) if !found.is_file() => {
                let path = self.path.display();
                Err(CallError::invalid_input(format!("`{path}` is no regular file, and is left as it is")))
            }
            Ok(_) if !self.replace && !sabotaged("write-over-a-backup") => Err(self.taken()),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.unwritten(&error)),
            _ => Ok(()),
        }
    }

    fn taken(&self) -> CallError {
        CallError::conflict(format!("`{}` is there already, and is left as it is", self.path.display()))
    }

    /// What is told when it cannot be written.
    pub(crate) fn unwritten(&self, error: &dyn std::fmt::Display) -> CallError {
        let path = self.path.display();
        CallError::unavailable(format!("the backup `{path}` cannot be written: {error}"))
    }

    /// Makes an empty file beside it, for the owner only.
    pub(crate) fn begin(&self) -> Result<Unfinished, CallError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let process = std::process::id();
        for number in 0..MOST_NAMES {
            let path = self.folder.join(format!("{name}.{process}-{number}.unfinished"));
            let mut options = OpenOptions::new();
            match options.read(true).write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok(Unfinished { path, file }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.unwritten(&error)),
            }
        }
        Err(self.unwritten(&"too many files beside it end in `.unfinished`; delete them"))
    }

    /// Makes what is complete durable, and gives it its name.
    pub(crate) fn complete(&self, unfinished: Unfinished) -> Result<(), CallError> {
        let named = (|| {
            unfinished.file.sync_all()?;
            if self.replace || sabotaged("write-over-a-backup") {
                fs::rename(&unfinished.path, &self.path)
            } else {
                name_unless_taken(&unfinished.path, &self.path)
            }?;
            File::open(&self.folder)?.sync_all()
        })();
        named.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => self.taken(),
            _ => self.unwritten(&error),
        })
    }
}

/// A second name writes over nothing, which a rename does. The first one goes with the [`Unfinished`].
fn name_unless_taken(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // A file system without second names: the moment between the look and the rename has to be lived with.
        Err(error) if error.kind() != ErrorKind::AlreadyExists && to.symlink_metadata().is_err() => {
            fs::rename(from, to)
        }
        linked => linked,
    }
}

/// A file that is being written, and is removed unless it was given its name.
pub(crate) struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !sabotaged("keep-half-a-copy") {
            // It is gone already where it was renamed.
            let _ = fs::remove_file(&self.path);
        }
    }
}
