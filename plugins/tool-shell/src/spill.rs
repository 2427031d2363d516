//! [`Spill`]: where all of an output is that is too long for an answer.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use transom_plugin_api::sabotage::sabotaged;

/// Files that are kept; the oldest go first.
const FILES: usize = 32;
/// How long a file is kept at most.
const AGE: Duration = Duration::from_hours(7 * 24);

/// The folder with such files.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    /// Bytes that a file may have, without the line that says so.
    most: u64,
}

impl Shelf {
    /// Makes the folder, for its owner only.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn at(folder: PathBuf, most: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder, most })
    }

    /// Removes what is too old, and the oldest of what is too much with `more` files to come. What cannot be removed stays.
    pub(crate) fn tidy(&self, more: usize, now: SystemTime) {
        let mut files = self.files();
        files.sort_by_key(|(_, changed)| std::cmp::Reverse(*changed));
        let is_old = |changed: &SystemTime| now.duration_since(*changed).is_ok_and(|age| age > AGE);
        let too_many = files
            .iter()
            .enumerate()
            .filter(|(place, (_, changed))| *place + more >= FILES || is_old(changed));
        for (_, (path, _)) in too_many {
            if !sabotaged("keep-spills-for-ever") {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn files(&self) -> Vec<(PathBuf, SystemTime)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.path(), entry.metadata().ok()?.modified().ok()?))
        });
        files.collect()
    }

    fn new_file(&self, name: &str) -> io::Result<(File, PathBuf)> {
        self.tidy(1, SystemTime::now());
        let path = self.folder.join(format!("{name}.txt"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((file, path))
    }
}

/// The file of one output, made when there is something to write.
#[derive(Debug)]
pub(crate) struct Spill {
    shelf: Shelf,
    name: String,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Unused,
    Open { file: File, path: PathBuf, bytes: u64 },
    Full { path: PathBuf },
    Failed { reason: String },
}

/// Where an output is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// Nowhere: nothing was written.
    Nowhere,
    /// All of it is here.
    All(&'a Path),
    /// So many bytes of it are here.
    Beginning(&'a Path, u64),
    /// It could not be written.
    Failed(&'a str),
}

impl Spill {
    pub(crate) fn on(shelf: Shelf, name: String) -> Self {
        Self { shelf, name, stage: Stage::Unused }
    }

    pub(crate) fn is_unused(&self) -> bool {
        matches!(self.stage, Stage::Unused)
    }

    /// Writes `text` behind what was written before, as far as it may.
    pub(crate) fn write(&mut self, text: &str) {
        if let Err(error) = self.try_write(text) {
            tracing::warn!("an output is not kept: {error}");
            self.stage = Stage::Failed { reason: error.to_string() };
        }
    }

    fn try_write(&mut self, text: &str) -> io::Result<()> {
        if self.is_unused() {
            let (file, path) = self.shelf.new_file(&self.name)?;
            self.stage = Stage::Open { file, path, bytes: 0 };
        }
        let Stage::Open { file, path, bytes } = &mut self.stage else { return Ok(()) };
        let most = if sabotaged("spill-without-end") { u64::MAX } else { self.shelf.most };
        let room = usize::try_from(most - *bytes).unwrap_or(usize::MAX);
        let (fits, rest) = text.split_at(text.floor_char_boundary(room));
        file.write_all(fits.as_bytes())?;
        *bytes += fits.len() as u64;
        if !rest.is_empty() {
            writeln!(file, "\n[the output goes on; this file ends here, at its limit of {most} bytes]")?;
            self.stage = Stage::Full { path: std::mem::take(path) };
        }
        Ok(())
    }

    pub(crate) fn place(&self) -> Place<'_> {
        match &self.stage {
            Stage::Unused => Place::Nowhere,
            Stage::Open { path, .. } => Place::All(path),
            Stage::Full { path } => Place::Beginning(path, self.shelf.most),
            Stage::Failed { reason } => Place::Failed(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn shelf(folder: &tempfile::TempDir, most: u64) -> Shelf {
        Shelf::at(folder.path().join("output"), most).expect("the folder is made")
    }

    #[test]
    fn only_the_owner_may_read_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spill = Spill::on(shelf(&folder, 100), "a".into());
        assert_eq!(spill.place(), Place::Nowhere);
        spill.write("hello\n");
        let Place::All(path) = spill.place() else { panic!("it is written: {spill:?}") };
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        assert_eq!(fs::read_to_string(path).expect("text"), "hello\n");
    }

    #[test]
    fn it_ends_at_its_limit_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spill = Spill::on(shelf(&folder, 10), "a".into());
        for _ in 0..100 {
            spill.write("€€");
        }
        let Place::Beginning(path, 10) = spill.place() else { panic!("it is full: {spill:?}") };
        assert_eq!(
            fs::read_to_string(path).expect("text"),
            "€€€\n[the output goes on; this file ends here, at its limit of 10 bytes]\n"
        );
    }

    #[test]
    fn the_oldest_files_go_when_there_are_too_many_and_all_that_are_too_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let (shelf, now) = (shelf(&folder, 100), SystemTime::now());
        for age in 0..2 * FILES as u64 {
            let (file, _) = shelf.new_file(&format!("{age:03}")).expect("it is made");
            file.set_modified(now - Duration::from_secs(60 * age)).expect("it has an age");
        }
        let mut spill = Spill::on(shelf.clone(), "new".into());
        spill.write("a");
        let names = || {
            let mut names: Vec<_> = shelf.files().into_iter().map(|(path, _)| path).collect();
            names.sort();
            names.into_iter().map(|path| path.file_stem().expect("a name").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names().len(), FILES);
        assert!(names().contains(&"new".into()) && names().contains(&"000".into()), "{:?}", names());
        shelf.tidy(0, now + AGE - Duration::from_secs(30));
        assert_eq!(names(), ["000", "new"]);
    }

    #[test]
    fn a_folder_that_is_gone_is_told_and_stops_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spill = Spill::on(shelf(&folder, 10), "a".into());
        fs::remove_dir_all(folder.path().join("output")).expect("removed");
        spill.write("a");
        spill.write("b");
        assert!(
            matches!(spill.place(), Place::Failed(reason) if reason.contains("No such file")),
            "{spill:?}"
        );
    }
}
