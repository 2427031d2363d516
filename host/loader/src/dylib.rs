//! Opening a plugin's file as a library, once everything about it has been checked.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use sha2::{Digest, Sha256};
use transom_kernel::while_loading;
use transom_plugin_api::abi::ABI_REVISION;
use transom_plugin_api::abi::plugin_table::{PluginTableRef, open_symbol};
use transom_plugin_api::sabotage::sabotaged;

use crate::sealed::{Link, mapping_of, memory_of};
use crate::{images, symbol_of};

/// Keeps the image mapped whatever anybody closes: thread-locals and `'static` data make unloading unsound.
const RTLD_NODELETE: i32 = 0x1000;

/// What a plugin is opened from. Either way it is exactly the bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A private copy of its file, which only this user can change.
    Copy,
    /// Sealed memory, which nobody can change. It holds the whole file, for as long as the process runs.
    Sealed {
        /// Whether a private copy will do where the system has no such memory, or lets no code run from it.
        or_copy: bool,
    },
}

/// A plugin that has been opened.
#[derive(Clone)]
pub struct Loaded {
    /// Its entry.
    pub table: PluginTableRef,
    /// The name it was opened by, which this process never uses again. Of a private copy it is the file; of sealed
    /// memory nothing is left there.
    pub image: PathBuf,
    /// What it is called in `/proc/self/maps`.
    pub mapping: PathBuf,
    /// Whether it was opened from sealed memory.
    pub sealed: bool,
    /// Why it was not, on one line, where that was asked for.
    pub unsealed: Option<String>,
}

/// Why a file could not be opened as a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The plugin.
    pub id: String,
    /// What happened, on one line.
    pub problem: String,
    /// What a person can do about it.
    pub help: Option<&'static str>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}` cannot be loaded: {}", self.id, self.problem)
    }
}

impl std::error::Error for LoadError {}

/// Opens the plugin `id` from the bytes of its file, through a private copy in `images`.
/// [`PluginFile::load`](crate::PluginFile::load) knows another way.
///
/// The copy has a name that this process never used before: the dynamic linker recognises files by name, and would hand
/// out an image it has already. Constructors in the file run here, so everything that can be refused was refused before.
///
/// # Errors
/// When the copy cannot be written, the linker refuses it, or the tables behind its entry are others than this host's.
pub fn load(bytes: &[u8], id: &str, images: &Path) -> Result<Loaded, LoadError> {
    Request::of(bytes, &sha256_of(bytes), id, images, Opening::Copy).load()
}

/// What is to be opened, and how.
pub(crate) struct Request<'a> {
    pub(crate) bytes: &'a [u8],
    /// Of those bytes, in hexadecimal.
    pub(crate) sha256: &'a str,
    pub(crate) id: &'a str,
    pub(crate) images: &'a Path,
    pub(crate) opening: Opening,
    /// Makes sealed memory; a test has one that fails.
    memory: fn(&str, &[u8]) -> io::Result<OwnedFd>,
}

/// A library that is open.
struct Opened {
    library: Library,
    image: PathBuf,
    mapping: PathBuf,
}

impl<'a> Request<'a> {
    pub(crate) fn of(
        bytes: &'a [u8],
        sha256: &'a str,
        id: &'a str,
        images: &'a Path,
        opening: Opening,
    ) -> Self {
        Self { bytes, sha256, id, images, opening, memory: memory_of }
    }

    pub(crate) fn load(&self) -> Result<Loaded, LoadError> {
        while_loading(self.id, || self.open())
    }

    fn open(&self) -> Result<Loaded, LoadError> {
        let number = next_number();
        let unsealed = match self.opening {
            Opening::Copy => None,
            Opening::Sealed { or_copy } => match self.open_in_memory(number) {
                Ok(opened) => return self.enter(opened, true, None),
                Err(problem) if or_copy => Some(problem),
                Err(problem) => {
                    let help = "mount `/proc` and allow `memfd_create` (`vm.memfd_noexec` below 2), or allow a private copy";
                    let problem = format!("it cannot be opened from sealed memory: {problem}");
                    return Err(LoadError { help: Some(help), ..self.failed(problem) });
                }
            },
        };
        let opened = self.open_a_copy(number).map_err(|problem| self.failed(problem))?;
        self.enter(opened, false, unsealed)
    }

    fn open_in_memory(&self, number: u64) -> Result<Opened, String> {
        let name = format!("transom-{}-{number}", self.id);
        let memory = (self.memory)(&name, self.bytes).map_err(|error| error.to_string())?;
        let file = if sabotaged("reuse-the-name") {
            "sealed.so".to_owned()
        } else {
            format!("{}-{number}-sealed.so", self.id)
        };
        let link = Link::to(&memory, self.images.join(file)).map_err(|error| error.to_string())?;
        let library = library_at(&link.path)?;
        Ok(Opened { library, image: link.path.clone(), mapping: mapping_of(&name) })
    }

    fn open_a_copy(&self, number: u64) -> Result<Opened, String> {
        let image = self.images.join(format!("{}-{number}-{}.so", self.id, self.sha256));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(&image)
            .and_then(|mut file| file.write_all(self.bytes));
        written.map_err(|error| format!("no copy could be made in `{}`: {error}", self.images.display()))?;
        Ok(Opened { library: library_at(&image)?, mapping: image.clone(), image })
    }

    fn enter(&self, opened: Opened, sealed: bool, unsealed: Option<String>) -> Result<Loaded, LoadError> {
        let Opened { library, image, mapping } = opened;
        let symbol = symbol_of(self.id);
        // SAFETY: only the address is taken; what lies there is checked next.
        let address = unsafe { library.get::<*const ()>(symbol.as_bytes()) }
            .map(|symbol| *symbol)
            .map_err(|error| self.failed(one_line(&error.to_string())))?;
        images::note(self.id, &image);
        // Nothing is ever unmapped: the handle is given up, not closed.
        std::mem::forget(library);
        // SAFETY: the address is that of the plugin's exported header, and the image stays mapped.
        let table = unsafe { open_symbol(address) }.map_err(|error| self.failed(other_tables(&error)))?;
        Ok(Loaded { table, image, mapping, sealed, unsealed })
    }

    fn failed(&self, problem: String) -> LoadError {
        LoadError { id: self.id.to_owned(), problem, help: None }
    }
}

/// Never the same twice in one process.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn library_at(path: &Path) -> Result<Library, String> {
    // SAFETY: running the constructors of a plugin that the operator named is what loading means; the bytes are those
    // whose descriptor was checked.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) };
    library.map_err(|error| one_line(&error.to_string()))
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The layout errors of tables run over hundreds of lines, of which the last says what is wrong.
fn other_tables(error: &str) -> String {
    let last = error.lines().filter_map(|line| line.trim().strip_prefix("Error:")).next_back();
    let what = last.map_or_else(String::new, |what| format!(" ({what})"));
    format!(
        "its tables of functions are others than this host's{what}, although both call it ABI revision {ABI_REVISION}\n  \
         help: build the plugin again with the plugin API of this host"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PluginFile;

    #[test]
    fn tables_that_differ_are_told_in_two_lines() {
        let long = "Compared <this>:\n  fields\n\n0 error(s).\n\nError:too many fields\nExpected:\n    3\nFound:\n    2\n";
        let expected = format!(
            "its tables of functions are others than this host's (too many fields), although both call it ABI revision \
             {ABI_REVISION}\n  help: build the plugin again with the plugin API of this host"
        );
        assert_eq!(other_tables(long), expected);
        assert_eq!(other_tables("no word of it").lines().count(), 2);
    }

    /// A system that lets no code run from memory.
    fn refuse(_name: &str, _bytes: &[u8]) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn loaded_without_memory(or_copy: bool) -> (Result<Loaded, LoadError>, usize) {
        let program = std::env::current_exe().expect("a test knows its program");
        let file = PluginFile::read(&program.with_file_name("libtransom_unruly.so")).expect("it was built");
        let folder = tempfile::tempdir().expect("a folder");
        let opening = Opening::Sealed { or_copy };
        let request = Request {
            memory: refuse,
            ..Request::of(&file.bytes, file.sha256(), "unruly", folder.path(), opening)
        };
        (request.load(), std::fs::read_dir(folder.path()).expect("it is there").count())
    }

    #[test]
    fn where_memory_cannot_be_sealed_a_private_copy_is_opened_and_says_why() {
        let (loaded, files) = loaded_without_memory(true);
        let loaded = loaded.map_err(|error| error.to_string()).expect("it is opened");
        assert_eq!((loaded.sealed, files), (false, 1));
        assert_eq!(loaded.unsealed.as_deref(), Some("permission denied"));
        assert_eq!(loaded.mapping, loaded.image);
    }

    #[test]
    fn where_memory_cannot_be_sealed_and_nothing_else_will_do_nothing_is_opened() {
        let (loaded, files) = loaded_without_memory(false);
        let error = loaded.err().expect("it is refused");
        let expected =
            "plugin `unruly` cannot be loaded: it cannot be opened from sealed memory: permission denied";
        assert_eq!((error.to_string().as_str(), files), (expected, 0));
        assert!(error.help.is_some_and(|help| help.contains("memfd_create")), "{error:?}");
    }
}
