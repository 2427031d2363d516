//! [`Folder`]: the folder a turn works in, and nothing outside it.
//!
//! Everything goes through one directory handle that resolves `..` and symlinks below itself and refuses to leave,
//! also when the tree changes between two steps. Only regular files and folders are touched: a pipe could hang
//! whoever opens it, and a device could do anything.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions, OpenOptionsExt};
use transom_plugin_api::sabotage::sabotaged;

use crate::problem::Problem;

/// An open folder. Its methods take paths as the model wrote them: relative to it, or absolute and inside it.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
    path: PathBuf,
}

/// Something that exists in the folder.
struct Found {
    /// Leads there from the folder's handle.
    path: PathBuf,
    metadata: Metadata,
}

/// Where a search begins: something that exists, by the path that leads there from the folder's handle without a symlink.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
}

/// A regular file, opened for reading.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) metadata: Metadata,
}

/// Where a file is, or will be: a name in a folder of its own, with no symlink left to follow.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dir: Dir,
    pub(crate) name: OsString,
    /// Of the file that stands there; nothing when the name is free.
    pub(crate) metadata: Option<Metadata>,
}

impl Folder {
    /// Opens the folder at `path`, which is absolute.
    pub(crate) fn open(path: &str) -> Result<Self, Problem> {
        if !Path::new(path).is_absolute() {
            return Err(Problem::new(format!("the turn's folder `{path}` is not an absolute path")));
        }
        match Dir::open_ambient_dir(path, ambient_authority()) {
            Ok(dir) => Ok(Self { dir, path: path.into() }),
            Err(error) => Err(Problem::at(path, "opened as the turn's folder", &error)),
        }
    }

    /// Opens a regular file for reading, without ever waiting for anybody to write to it.
    pub(crate) fn open_file(&self, asked: &str) -> Result<OpenFile, Problem> {
        let found = self.find(asked)?;
        // Looked at before it is opened, because opening a device may set something off …
        regular(asked, &found.metadata)?;
        let open = open_without_waiting(&self.dir, &found.path)
            .map_err(|error| Problem::at(asked, "read", &error))?;
        // … and again once it is open, because it may have been replaced in between.
        regular(asked, &open.metadata)?;
        Ok(open)
    }

    /// Where a search of what is asked for begins.
    pub(crate) fn start(&self, asked: &str) -> Result<Start, Problem> {
        let found = self.find(asked)?;
        let real =
            self.dir.canonicalize(&found.path).map_err(|error| Problem::at(asked, "located", &error))?;
        let path = real.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        Ok(Start { path, is_folder: found.metadata.is_dir() })
    }

    /// Opens a folder that a walk has found.
    pub(crate) fn dir_at(&self, path: &Path) -> io::Result<Dir> {
        if sabotaged("search-by-path") {
            return Dir::open_ambient_dir(self.path.join(path), ambient_authority());
        }
        self.dir.open_dir(or_here(path))
    }

    /// Opens a regular file that a walk has found.
    pub(crate) fn file_at(&self, path: &Path) -> io::Result<OpenFile> {
        regular_file(&self.dir, path)
    }

    /// Opens a folder for listing.
    pub(crate) fn open_dir(&self, asked: &str) -> Result<Dir, Problem> {
        let found = self.find(asked)?;
        if !found.metadata.is_dir() {
            return Err(Problem::new(format!("`{asked}` is not a folder; `read_file` shows a file")));
        }
        self.dir.open_dir(&found.path).map_err(|error| Problem::at(asked, "opened", &error))
    }

    /// Where the file that is asked for is, or would be made. Missing parents are made when `make_parents` says so.
    pub(crate) fn place(&self, asked: &str, make_parents: bool) -> Result<Place, Problem> {
        match self.look(asked)? {
            Some(found) => self.place_of(asked, found),
            None => self.free_place(asked, make_parents),
        }
    }

    fn place_of(&self, asked: &str, found: Found) -> Result<Place, Problem> {
        regular(asked, &found.metadata)?;
        let unopened = |error| Problem::at(asked, "located", &error);
        // The file itself is replaced, not the symlink that leads to it.
        let real = self.dir.canonicalize(&found.path).map_err(unopened)?;
        let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(Problem::new(format!("`{asked}` does not name a file")));
        };
        let dir = self.dir.open_dir(or_here(parent)).map_err(unopened)?;
        Ok(Place { dir, name: name.to_owned(), metadata: Some(found.metadata) })
    }

    fn free_place(&self, asked: &str, make_parents: bool) -> Result<Place, Problem> {
        let relative = self.relative(asked)?;
        let (Some(parent), Some(name)) = (relative.parent(), relative.file_name()) else {
            return Err(Problem::new(format!("`{asked}` does not name a file")));
        };
        if asked.ends_with(['/', '.']) && !asked.ends_with(&*name.to_string_lossy()) {
            return Err(Problem::new(format!("`{asked}` names a folder, expected a file")));
        }
        let parent = or_here(parent);
        if make_parents {
            self.dir
                .create_dir_all(parent)
                .map_err(|error| self.problem(asked, "given its folders", &error))?;
        }
        let shown = parent.to_string_lossy();
        let Some(found) = self.look(&shown)? else {
            return Err(Problem::new(format!(
                "the folder `{shown}` does not exist; for a new file `createParents` makes it"
            )));
        };
        let dir = self.dir.open_dir(&found.path).map_err(|error| Problem::at(&shown, "opened", &error))?;
        if dir.symlink_metadata(name).is_ok() {
            return Err(Problem::new(format!("`{asked}` is a symlink that leads nowhere")));
        }
        Ok(Place { dir, name: name.to_owned(), metadata: None })
    }

    fn find(&self, asked: &str) -> Result<Found, Problem> {
        self.look(asked)?.ok_or_else(|| Problem::new(format!("`{asked}` does not exist")))
    }

    /// What stands at a path, symlinks followed; nothing when nothing does.
    fn look(&self, asked: &str) -> Result<Option<Found>, Problem> {
        let path = self.relative(asked)?;
        match self.dir.metadata(&path) {
            Ok(metadata) => Ok(Some(Found { path, metadata })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if is_escape(&error) => self.look_behind_absolute_links(asked, &path),
            Err(error) => Err(Problem::at(asked, "found", &error)),
        }
    }

    /// The handle takes every symlink with an absolute target for an escape, also one that leads back inside. The
    /// real path is only a hint: what it names is looked up through the handle again.
    fn look_behind_absolute_links(&self, asked: &str, path: &Path) -> Result<Option<Found>, Problem> {
        let real = self.path.join(path).canonicalize();
        let inside = real.as_ref().ok().and_then(|real| real.strip_prefix(&self.path).ok());
        let path = or_here(inside.ok_or_else(|| self.escape(asked))?).to_owned();
        let metadata = self.dir.metadata(&path).map_err(|error| self.problem(asked, "found", &error))?;
        Ok(Some(Found { path, metadata }))
    }

    /// The path from the folder's handle, nothing resolved yet.
    fn relative(&self, asked: &str) -> Result<PathBuf, Problem> {
        if asked.is_empty() {
            return Err(Problem::new("`path` is empty"));
        }
        let path = Path::new(asked);
        if !path.is_absolute() {
            return Ok(path.to_owned());
        }
        path.strip_prefix(&self.path).map(|inside| or_here(inside).to_owned()).map_err(|_| self.escape(asked))
    }

    fn problem(&self, asked: &str, what: &str, error: &io::Error) -> Problem {
        if is_escape(error) { self.escape(asked) } else { Problem::at(asked, what, error) }
    }

    fn escape(&self, asked: &str) -> Problem {
        let folder = self.path.display();
        Problem::new(format!(
            "`{asked}` leads out of `{folder}`, the folder this turn works in; stay inside it"
        ))
    }
}

/// Opens what stands in `dir` at `path` if it is a regular file, and no symlink to one.
pub(crate) fn regular_file(dir: &Dir, path: &Path) -> io::Result<OpenFile> {
    let other = || io::Error::other("it is no regular file");
    if !dir.symlink_metadata(path)?.is_file() {
        return Err(other());
    }
    let open = open_without_waiting(dir, path)?;
    if open.metadata.is_file() { Ok(open) } else { Err(other()) }
}

fn open_without_waiting(dir: &Dir, path: &Path) -> io::Result<OpenFile> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = dir.open_with(path, &options)?;
    let metadata = file.metadata()?;
    Ok(OpenFile { file, metadata })
}

fn regular(asked: &str, metadata: &Metadata) -> Result<(), Problem> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(Problem::new(format!("`{asked}` is a folder; `list_dir` shows what is in it")))
    } else {
        Err(Problem::new(format!("`{asked}` is a pipe, a socket or a device, expected a regular file")))
    }
}

fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

// The handle's own refusal carries no number of the system's; a real lack of permission does.
fn is_escape(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

#[cfg(test)]
mod tests;
