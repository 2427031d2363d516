//! Where the control socket is, also in a folder whose path is longer than the address of a socket may be.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use transom_plugin_api::sabotage::sabotaged;

const FILE: &str = "control.sock";

/// Bytes that the address of a socket has for its path, the zero behind it among them.
const ADDRESS: usize = 108;

/// The socket's path as a person is told it.
pub(super) fn path_in(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Makes the socket in a data folder that this process holds.
///
/// # Errors
/// When it cannot be made there.
pub(crate) fn bind(data: &Path) -> io::Result<UnixListener> {
    let path = path_in(data);
    // What an earlier process left behind is nobody's: the folder is ours.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = at(data, |path| UnixListener::bind(path))?;
    if !sabotaged("let-everybody-ask") {
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Reaches whoever answers there.
pub(super) fn connect(data: &Path) -> io::Result<UnixStream> {
    at(data, |path| UnixStream::connect(path))
}

/// Does something with a path of the socket that an address has room for.
fn at<T>(data: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = path_in(data);
    if path.as_os_str().len() < ADDRESS || sabotaged("leave-long-paths-without-a-socket") {
        return with(&path);
    }
    // While a folder is open, the system has a short name for it.
    let folder = File::open(data)?;
    with(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_be_longer_than_an_address() {
        let folder = tempfile::tempdir().expect("a folder");
        for length in [1, 60, 120, 250] {
            let data = folder.path().join("d".repeat(length));
            std::fs::create_dir(&data).expect("a new folder");
            let none = connect(&data).expect_err("nobody is there yet");
            assert_eq!(none.kind(), io::ErrorKind::NotFound);
            let listener = bind(&data).expect("it can be made");
            listener.set_nonblocking(false).expect("it is a socket");
            let _asking = connect(&data).expect("somebody listens");
            listener.accept().expect("it was reached");
            assert!(path_in(&data).exists(), "it lies where it is looked for");
        }
    }
}
