//! Processes that hang, flood, crash, read nothing and leave others behind.

use std::path::Path;

use super::*;

/// Runs a command in a folder; what it is given to read, and how long it may take.
fn ran(folder: &Path, command: &str, input: &[u8], limit: Duration) -> Ended {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let order = Order {
        command: command.to_owned(),
        folder: folder.to_owned(),
        environment: vec![("PATH".into(), path)],
        input: input.to_vec(),
        limit,
    };
    let (hearer, _bell) = io::pipe().unwrap();
    run(&order, &hearer)
}

const LONG: Duration = Duration::from_secs(30);

fn exited(code: i32, out: &str, error: &str) -> Ended {
    Ended::Exited { code, out: out.to_owned(), error: error.to_owned() }
}

/// A command that sleeps for longer than any test, and that no other test has.
fn own_sleep(name: u32) -> String {
    format!("sleep 61.{:07}{name:03}", std::process::id())
}

/// Whether a process of another program has these words on its command line.
fn is_running(words: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap();
    let lines = entries.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.into_iter().any(|line| String::from_utf8_lossy(&line).replace('\0', " ").contains(words))
}

fn is_gone_soon(words: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while is_running(words) && Instant::now() < until {
        std::thread::yield_now();
    }
    !is_running(words)
}

#[test]
fn what_it_reads_prints_and_ends_with_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let large = vec![b'x'; 300_000];
    assert_eq!(ran(folder.path(), "wc -c; echo oh >&2; exit 3", &large, LONG), exited(3, "300000\n", "oh\n"));
    assert_eq!(ran(folder.path(), "kill -SEGV $$", b"{}", LONG), Ended::Killed(11));
    assert_eq!(ran(folder.path(), "cat; cat", b"{}", LONG), exited(0, "{}", ""), "its input has an end");
    assert!(matches!(ran(&folder.path().join("gone"), "true", b"", LONG), Ended::NotRun(_)));
}

#[test]
fn what_a_shell_tells_of_a_signal_is_an_end_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let ended = |command: &str| ran(folder.path(), command, b"{}", LONG);
    assert_eq!(ended("sh -c 'kill -KILL $$'; exit $?"), Ended::Killed(9));
    for (code, signal) in [(129, 1), (192, 64)] {
        assert_eq!(ended(&format!("exit {code}")), Ended::Killed(signal));
    }
    for code in [128, 193] {
        assert_eq!(ended(&format!("exit {code}")), exited(code, "", ""));
    }
}

#[test]
fn a_hook_that_reads_nothing_has_not_failed_by_that() {
    let folder = tempfile::tempdir().unwrap();
    let large = vec![b'x'; 1 << 20];
    assert_eq!(ran(folder.path(), "exec <&-; echo well", &large, LONG), exited(0, "well\n", ""));
    assert_eq!(ran(folder.path(), "head -c 1; exec <&-; exit 2", &large, LONG), exited(2, "x", ""));
}

#[test]
fn a_hook_that_hangs_is_ended_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limit = Duration::from_millis(100);
    assert_eq!(ran(folder.path(), "trap '' TERM; sleep 5", b"{}", limit), Ended::Late(limit));
    assert_eq!(ran(folder.path(), "exec >&- 2>&-; sleep 5", b"{}", limit), Ended::Late(limit));
}

#[test]
fn a_hook_that_is_ended_takes_its_group_along() {
    let folder = tempfile::tempdir().unwrap();
    let (sleep, limit) = (own_sleep(1), Duration::from_millis(100));
    let command = format!("{sleep} & {sleep} & wait");
    assert_eq!(ran(folder.path(), &command, b"{}", limit), Ended::Late(limit));
    assert!(is_gone_soon(&sleep));
}

#[test]
fn what_a_hook_has_left_behind_does_not_keep_it_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    // It holds the pipe, and would make the file when nobody ends it.
    let command = "(sleep 5; touch late) & echo well";
    assert_eq!(ran(folder.path(), command, b"{}", LONG), exited(0, "well\n", ""));
    assert!(!folder.path().join("late").exists());
}

#[test]
fn one_byte_beyond_the_bound_is_a_flood_on_either_output() {
    let folder = tempfile::tempdir().unwrap();
    let print = |count: usize| format!("head -c {count} /dev/zero");
    let Ended::Exited { out, .. } = ran(folder.path(), &print(MOST), b"{}", LONG) else {
        panic!("it is not too much")
    };
    assert_eq!(out.len(), MOST);
    assert_eq!(ran(folder.path(), &print(MOST + 1), b"{}", LONG), Ended::Flooded(MOST));
    assert_eq!(ran(folder.path(), "yes >&2", b"{}", LONG), Ended::Flooded(MOST));
}

#[test]
fn a_hook_for_which_nobody_waits_any_more_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let sleep = own_sleep(2);
    let order = Order {
        command: sleep.clone(),
        folder: folder.path().to_owned(),
        environment: Vec::new(),
        input: Vec::new(),
        limit: LONG,
    };
    let (hearer, bell) = io::pipe().unwrap();
    let running = std::thread::spawn(move || run(&order, &hearer));
    let until = Instant::now() + LONG;
    while !is_running(&sleep) && Instant::now() < until {
        std::thread::yield_now();
    }
    drop(bell);
    assert_eq!(running.join().unwrap(), Ended::Cut);
    assert!(is_gone_soon(&sleep));
}
