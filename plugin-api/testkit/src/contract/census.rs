//! [`Census`]: the threads and open files of this process.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long one looks away before one counts again: the kernel tells nobody that a thread has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What a process has open, each with a name for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Census(Vec<String>);

impl Census {
    /// Counts now.
    pub(super) fn now() -> Self {
        let mut open = threads();
        open.extend(files());
        Self(open)
    }

    /// What is open now and was not open before; `before` loses nothing by it.
    fn beyond(&self, before: &Self) -> Vec<String> {
        let mut left = before.0.clone();
        let is_new = |one: &&String| match left.iter().position(|known| known == *one) {
            Some(place) => {
                left.swap_remove(place);
                false
            }
            None => true,
        };
        self.0.iter().filter(is_new).cloned().collect()
    }
}

/// What is open beyond `before` even when it had some time to go.
pub(super) fn left_behind(before: &Census, patience: Duration) -> Vec<String> {
    soon_empty(patience, || Census::now().beyond(before))
}

/// The threads of plugins' starts that have not ended although they had some time. To be asked where they are made: until
/// a thread has begun it has the name of the one that made it.
pub(super) fn unfinished_starts(patience: Duration) -> Vec<String> {
    let own = fs::read_to_string("/proc/thread-self/comm").map(|name| told(&name)).unwrap_or_default();
    let of_a_start = |name: &String| name.starts_with("the thread `start-");
    soon_empty(patience, || {
        let (mut unfinished, others): (Vec<_>, Vec<_>) = threads().into_iter().partition(of_a_start);
        unfinished.extend(others.into_iter().filter(|name| *name == own).skip(1));
        unfinished
    })
}

/// What `look` finds, once it finds nothing or the time for that is over.
pub(super) fn soon_empty(patience: Duration, look: impl Fn() -> Vec<String>) -> Vec<String> {
    let until = Instant::now() + patience;
    loop {
        let found = look();
        if found.is_empty() || Instant::now() > until {
            return found;
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

fn threads() -> Vec<String> {
    let names = entries("/proc/self/task")
        .into_iter()
        .filter_map(|thread| fs::read_to_string(thread.join("comm")).ok());
    names.map(|name| told(&name)).collect()
}

fn told(name: &str) -> String {
    format!("the thread `{}`", name.trim_end())
}

fn files() -> Vec<String> {
    // The list of the open files is itself open while it is read, and closed when the links are looked at.
    let links = entries("/proc/self/fd").into_iter().filter_map(|file| fs::read_link(file).ok());
    links.map(|link| format!("the open file `{}`", link.display())).collect()
}

/// What stands in a folder; the folder itself is closed again, which it is not while one of its `DirEntry`s lives.
fn entries(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_told_once_for_each_time_it_is_there() {
        let census = |names: &[&str]| Census(names.iter().map(ToString::to_string).collect());
        let before = census(&["worker", "log", "worker"]);
        assert_eq!(before.beyond(&before), [""; 0]);
        assert_eq!(census(&["worker"]).beyond(&before), [""; 0]);
        assert_eq!(census(&["worker", "worker", "worker", "log"]).beyond(&before), ["worker"]);
    }

    /// The list of open files takes the lowest number that is free, so here not the last one.
    #[test]
    fn the_counting_does_not_count_its_own_list() {
        let holes: Vec<_> = (0..8).map(|_| tempfile::tempfile().expect("a file")).collect();
        let _above = tempfile::tempfile().expect("a file");
        drop(holes);
        let own = format!("the open file `/proc/{}/fd`", std::process::id());
        // A test beside this one may be counting too, each time only for a moment.
        let counted = || files().into_iter().filter(|one| *one == own).collect();
        let counted = soon_empty(Duration::from_secs(5), counted);
        assert_eq!(counted, [""; 0]);
    }

    #[test]
    fn an_open_file_and_a_thread_are_counted() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let thread =
            std::thread::Builder::new().name("counted".into()).spawn(move || receiver.recv().is_err());
        let of_path = |one: &&String| one.contains(&file.path().display().to_string());
        let of_thread = |one: &&String| *one == "the thread `counted`";
        let counted = || Census::now().0;
        // A thread names itself when it has begun.
        let missing =
            || if counted().iter().any(|one| of_thread(&one)) { vec![] } else { vec![String::new()] };
        assert_eq!(soon_empty(Duration::from_secs(20), missing), [""; 0]);
        assert_eq!(counted().iter().filter(of_path).count(), 1);
        drop(sender);
        thread.expect("made").join().expect("ended");
    }
}
