//! Opening a plugin's file as a library, once everything about it has been checked.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use sha2::{Digest, Sha256};
use transom_kernel::while_loading;
use transom_plugin_api::abi::ABI_REVISION;
use transom_plugin_api::abi::plugin_table::{PluginTableRef, open_symbol};

use crate::{images, symbol_of};

/// Keeps the image mapped whatever anybody closes: thread-locals and `'static` data make unloading unsound.
const RTLD_NODELETE: i32 = 0x1000;

/// A plugin that has been opened.
#[derive(Clone)]
pub struct Loaded {
    /// Its entry.
    pub table: PluginTableRef,
    /// The private copy it was opened from.
    pub image: PathBuf,
}

/// Why a file could not be opened as a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The plugin.
    pub id: String,
    /// What happened, on one line.
    pub problem: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}` cannot be loaded: {}", self.id, self.problem)
    }
}

impl std::error::Error for LoadError {}

/// Opens the plugin `id` from the bytes of its file, through a private copy in `images`.
///
/// The copy has a name that this process never used before: the dynamic linker recognises files by name, and would hand
/// out an image it has already. Constructors in the file run here, so everything that can be refused was refused before.
///
/// # Errors
/// When the copy cannot be written, the linker refuses it, or the tables behind its entry are others than this host's.
pub fn load(bytes: &[u8], id: &str, images: &Path) -> Result<Loaded, LoadError> {
    while_loading(id, || open(bytes, id, images))
}

fn open(bytes: &[u8], id: &str, images: &Path) -> Result<Loaded, LoadError> {
    let failed = |problem: String| LoadError { id: id.to_owned(), problem };
    let image = private_copy(bytes, id, images)
        .map_err(|error| failed(format!("no copy could be made in `{}`: {error}", images.display())))?;
    // SAFETY: running the constructors of a plugin that the operator named is what loading means; the bytes are those
    // whose descriptor was checked.
    let library = unsafe { Library::open(Some(&image), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) };
    let library = library.map_err(|error| failed(one_line(&error.to_string())))?;
    let symbol = symbol_of(id);
    // SAFETY: only the address is taken; what lies there is checked next.
    let address = unsafe { library.get::<*const ()>(symbol.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|error| failed(one_line(&error.to_string())))?;
    images::note(id, &image);
    // Nothing is ever unmapped: the handle is given up, not closed.
    std::mem::forget(library);
    // SAFETY: the address is that of the plugin's exported header, and the image stays mapped.
    let table = unsafe { open_symbol(address) }.map_err(|error| failed(other_tables(&error)))?;
    Ok(Loaded { table, image })
}

fn private_copy(bytes: &[u8], id: &str, images: &Path) -> std::io::Result<PathBuf> {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
    let image = images.join(format!("{id}-{generation}-{}.so", sha256_of(bytes)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&image)?;
    file.write_all(bytes)?;
    Ok(image)
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
}
