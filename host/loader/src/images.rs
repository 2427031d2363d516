//! Where the images of loaded plugins lie in memory.
//!
//! Tells whose code an address belongs to, without a lock: for those who find a thread of the plugin's own in trouble.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use transom_kernel::Roll;

/// The plugin whose image `address` lies in. It neither waits nor allocates, so that a handler of signals may ask.
#[must_use]
pub fn plugin_at(address: usize) -> Option<&'static str> {
    IMAGES.iter().find(|image| image.range.contains(&address)).map(|image| image.plugin.as_str())
}

static IMAGES: Roll<Image> = Roll::new();

struct Image {
    plugin: String,
    range: Range<usize>,
}

/// Notes where the image that was opened from `path` lies.
pub(crate) fn note(plugin: &str, path: &Path) {
    let mut search = Search { path, found: None };
    // SAFETY: `look` keeps the contract of the function's callback, and `search` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    if let Some(range) = search.found {
        IMAGES.push(Image { plugin: plugin.to_owned(), range });
    }
}

struct Search<'a> {
    path: &'a Path,
    found: Option<Range<usize>>,
}

unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: the linker lends a whole description of one image; `search` is what `note` has handed over.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
    // SAFETY: an image's name is a C string, which lives as long as the description.
    let name = unsafe { CStr::from_ptr(info.dlpi_name) };
    let is_it = Path::new(OsStr::from_bytes(name.to_bytes())) == search.path;
    if is_it {
        search.found = Some(range_of(info));
    }
    c_int::from(is_it)
}

/// From the first to the last byte that is mapped of an image.
fn range_of(info: &libc::dl_phdr_info) -> Range<usize> {
    // SAFETY: the linker describes its own table.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let mapped = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let ends = mapped.map(|header| {
        let begin = (info.dlpi_addr + header.p_vaddr) as usize;
        (begin, begin + header.p_memsz as usize)
    });
    let (begin, end) =
        ends.fold((usize::MAX, 0), |(first, last), (begin, end)| (first.min(begin), last.max(end)));
    begin..end.max(begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The image of the C library, by the name that the linker has for it.
    fn c_library() -> &'static Path {
        let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: the address is a function's, and the place is free.
        let is_found = unsafe { libc::dladdr(libc::abs as *const c_void, found.as_mut_ptr()) } != 0;
        assert!(is_found, "the C library is loaded");
        // SAFETY: the linker says that it wrote the description; its names live as long as the image.
        let name = unsafe { CStr::from_ptr(found.assume_init().dli_fname) };
        Path::new(OsStr::from_bytes(name.to_bytes()))
    }

    #[test]
    fn an_address_belongs_to_the_image_that_holds_it() {
        note("parrot", c_library());
        assert_eq!(plugin_at(libc::abs as *const () as usize), Some("parrot"));
        assert_eq!(plugin_at(plugin_at as *const () as usize), None, "this program is no plugin");
        assert_eq!((plugin_at(0), plugin_at(usize::MAX)), (None, None));
    }

    #[test]
    fn a_file_that_is_not_open_has_no_image() {
        note("ghost", Path::new("/nowhere/libghost.so"));
        assert_eq!(IMAGES.iter().filter(|image| image.plugin == "ghost").count(), 0);
    }
}
