//! SQLite's own file system, which in some folders tells a tape what it does to files, or leaves out what syncs.
//!
//! It becomes the default of the process, and is the usual one for every file that lies elsewhere. Nothing here is ever
//! synced: whose power is cut is what a tape is played back for.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi::{
    self, SQLITE_OK, SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_SUPER_JOURNAL, SQLITE_OPEN_WAL, sqlite3_file,
    sqlite3_io_methods, sqlite3_vfs,
};

use super::tape::{Event, Tape};

/// Files whose folder is synced together with the first sync of the file, as SQLite says of its journals.
const JOURNALS: c_int = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;

/// What is done to the files of a folder is not synced, and told to a tape where there is one, for as long as this lives.
pub(super) struct Watch {
    folder: PathBuf,
}

impl Watch {
    pub(super) fn over(folder: &Path, tape: Option<Arc<Tape>>) -> Self {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(register);
        folders().push((folder.to_owned(), tape));
        Self { folder: folder.to_owned() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        folders().retain(|(folder, _)| *folder != self.folder);
    }
}

type Folders = Vec<(PathBuf, Option<Arc<Tape>>)>;

fn folders() -> MutexGuard<'static, Folders> {
    static FOLDERS: Mutex<Folders> = Mutex::new(Vec::new());
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tape, if there is one, and the name of a file in a folder that is watched.
fn watched(path: &Path) -> Option<(Option<Arc<Tape>>, String)> {
    let folders = folders();
    let (_, tape) = folders.iter().find(|(folder, _)| path.starts_with(folder))?;
    Some((tape.clone(), path.file_name()?.to_str()?.to_owned()))
}

static USUAL: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(std::ptr::null_mut());

fn register() {
    // SAFETY: SQLite makes its default file system before it answers, and keeps it for as long as the process lives. A
    // copy has every method and the data that those look at, which is all that they take from it.
    let own = unsafe {
        let usual = ffi::sqlite3_vfs_find(std::ptr::null());
        assert!(!usual.is_null(), "SQLite has a file system");
        USUAL.store(usual, Ordering::Release);
        Box::leak(Box::new(*usual))
    };
    own.pNext = std::ptr::null_mut();
    own.zName = c"watched".as_ptr();
    own.xOpen = Some(open);
    own.xDelete = Some(delete);
    // SAFETY: it was leaked, so that it lives as long as the process.
    assert_eq!(unsafe { ffi::sqlite3_vfs_register(own, 1) }, SQLITE_OK);
}

/// What an open file's methods point to: some of them are ours.
#[repr(C)]
struct Methods {
    own: sqlite3_io_methods,
    usual: *const sqlite3_io_methods,
    tape: Option<Arc<Tape>>,
    name: String,
}

/// # Safety
/// `file` is open, and was opened by [`open`] in a folder that is watched; its methods are freed by [`close`] only.
unsafe fn methods<'a>(file: *mut sqlite3_file) -> (&'a Methods, &'a sqlite3_io_methods) {
    // SAFETY: then its methods are the first field of `Methods`, and the usual ones are static.
    unsafe {
        let methods = &*(*file).pMethods.cast::<Methods>();
        (methods, &*methods.usual)
    }
}

/// # Safety
/// `name` is null or a text that ends.
unsafe fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    // SAFETY: asked of the caller.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    name.to_str().ok().map(Path::new)
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's, and go on as they are to the method that they are for. The room behind `file` is
    // as large as the usual file system asked for. The methods of a file that was opened are replaced by a copy of them,
    // in front of what `methods` reads, which lives until `close`.
    unsafe {
        let path = path_of(name);
        let watched = path.and_then(watched);
        if let (Some(path), Some((Some(tape), name))) = (path, &watched) {
            tape.opens(path, name, flags & JOURNALS != 0);
        }
        let usual = USUAL.load(Ordering::Acquire);
        let done = (*usual).xOpen.expect("every file system opens")(usual, name, file, flags, out);
        if let (SQLITE_OK, Some((tape, name))) = (done, watched) {
            let usual = (*file).pMethods;
            let methods = Box::new(Methods { own: own(&*usual, tape.is_some()), usual, tape, name });
            (*file).pMethods = Box::into_raw(methods).cast();
        }
        done
    }
}

fn own(usual: &sqlite3_io_methods, has_tape: bool) -> sqlite3_io_methods {
    let mut own = sqlite3_io_methods { xClose: Some(close), xSync: Some(sync), ..*usual };
    if has_tape {
        // The third version adds files that are mapped, whose changes nobody would see.
        own.iVersion = own.iVersion.min(2);
        own.xWrite = Some(write);
        own.xTruncate = Some(truncate);
        own.xDeviceCharacteristics = Some(device_characteristics);
    }
    own
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: an open file is closed once; its methods were made by `open` from a box, and nothing reads them any more.
    unsafe {
        let methods = Box::from_raw((*file).pMethods.cast_mut().cast::<Methods>());
        (*file).pMethods = methods.usual;
        (*methods.usual).xClose.expect("every file closes")(file)
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: the file is one of ours, or it had other methods.
    let (methods, _) = unsafe { methods(file) };
    if let Some(tape) = &methods.tape {
        tape.note(Event::Synced { name: methods.name.clone() });
    }
    SQLITE_OK
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: the file is one of ours, or it had other methods; `from` holds `amount` bytes, as the usual method expects.
    unsafe {
        let (methods, usual) = methods(file);
        let done = usual.xWrite.expect("every file is written")(file, from, amount, offset);
        if let (SQLITE_OK, Some(tape)) = (done, &methods.tape) {
            let length = usize::try_from(amount).expect("not negative");
            let offset = usize::try_from(offset).expect("not negative");
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), length).to_vec();
            tape.note(Event::Written { name: methods.name.clone(), offset, bytes });
        }
        done
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    // SAFETY: the file is one of ours, or it had other methods.
    unsafe {
        let (methods, usual) = methods(file);
        let done = usual.xTruncate.expect("every file is truncated")(file, size);
        if let (SQLITE_OK, Some(tape)) = (done, &methods.tape) {
            let size = usize::try_from(size).expect("not negative");
            tape.note(Event::Truncated { name: methods.name.clone(), size });
        }
        done
    }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the file is one of ours, or it had other methods.
    unsafe {
        let (methods, usual) = methods(file);
        let usual = usual.xDeviceCharacteristics.expect("every file has some")(file);
        if methods.tape.as_ref().is_some_and(|tape| tape.is_of_a_plain_disk()) { 0 } else { usual }
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's, and go on as they are to the method that they are for, but for the sync.
    unsafe {
        let watched = path_of(name).and_then(watched);
        let usual = USUAL.load(Ordering::Acquire);
        let sync = if watched.is_some() { 0 } else { sync_folder };
        let done = (*usual).xDelete.expect("every file system deletes")(usual, name, sync);
        if let (SQLITE_OK, Some((Some(tape), name))) = (done, watched) {
            tape.deletes(Event::Deleted { name, is_synced: sync_folder != 0 });
        }
        done
    }
}
