//! Files of hooks as they lie on the disk: small regular ones, and inside of their folder where they belong to one.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};

/// Bytes of a file.
pub(crate) const LARGEST: u64 = 256 << 10;
/// So that a pipe that takes a file's place hangs nobody.
const FLAGS: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// There is no such file.
    Missing,
    /// There is something that is not read, for this reason.
    Unfit(String),
    /// What the file says.
    Said(Vec<u8>),
}

/// A file that an operator names. Asks the disk.
pub(crate) fn named(path: &Path) -> Sight {
    let opened = File::options().read(true).custom_flags(FLAGS).open(path);
    sight(opened.and_then(read))
}

/// A file of a folder, which no link leads out of. Asks the disk.
pub(crate) fn below(folder: &Path, name: &str) -> Sight {
    let opened = Dir::open_ambient_dir(folder, ambient_authority()).and_then(|dir| {
        let mut options = OpenOptions::new();
        dir.open_with(name, options.read(true).custom_flags(FLAGS))
    });
    sight(opened.and_then(|file| read(file.into_std())))
}

fn read(file: File) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it has more than {LARGEST} bytes")));
    }
    Ok(bytes)
}

fn sight(read: io::Result<Vec<u8>>) -> Sight {
    match read {
        Ok(bytes) => Sight::Said(bytes),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Sight::Missing
        }
        Err(error) => Sight::Unfit(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_small_regular_files_inside_of_the_folder_are_read() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("f");
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("well"), "{}").expect("written");
        fs::write(folder.join("huge"), vec![b' '; (LARGEST + 1) as usize]).expect("written");
        fs::write(place.path().join("outside"), "{}").expect("written");
        symlink("../outside", folder.join("out")).expect("made");
        symlink("well", folder.join("in")).expect("made");
        for name in ["well", "in"] {
            assert_eq!(below(&folder, name), Sight::Said(b"{}".to_vec()), "{name}");
        }
        for name in ["huge", "out", "../outside", "."] {
            assert!(matches!(below(&folder, name), Sight::Unfit(_)), "{name}: {:?}", below(&folder, name));
        }
        for name in ["missing", "missing/too", "well/below"] {
            assert_eq!(below(&folder, name), Sight::Missing, "{name}");
        }
        assert_eq!(below(&place.path().join("gone"), "well"), Sight::Missing);
        assert!(matches!(named(&folder), Sight::Unfit(_)));
        assert_eq!(
            named(&folder.join("out")),
            Sight::Said(b"{}".to_vec()),
            "an operator may link where they like"
        );
    }
}
