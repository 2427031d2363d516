//! Commands that do what commands should not, each under the real keeper.
//!
//! Nothing of a command may be left when its course is over: all of its processes carry the name of the run in their environment,
//! and those that put it away carry a word of the test's in their command line.

use std::fs;
use std::io::PipeWriter;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::environment::Allowed;
use crate::spill::{Shelf, Spill};
use crate::stray;

/// How long a test waits for a fact.
const BOUND: Duration = Duration::from_secs(10);

/// A folder, and what is run in it.
struct Scene {
    folder: tempfile::TempDir,
    grace: Duration,
    kill_after: Duration,
    patience: Duration,
    most: usize,
}

/// What was seen of a command.
struct Seen {
    outcome: Outcome,
    text: String,
    shown: Vec<(Stream, String)>,
    run: String,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let grace = Duration::from_millis(100);
        Self { folder, grace, kill_after: Duration::from_millis(200), patience: BOUND, most: 10_000 }
    }

    fn order(&self, command: &str) -> Order {
        Order {
            shell: "/bin/sh".into(),
            command: command.into(),
            folder: self.folder.path().into(),
            environment: Allowed::with(Vec::new()).expect("nothing").of(std::env::vars_os()),
            run: uuid::Uuid::new_v4().to_string(),
            grace: self.grace,
            kill_after: self.kill_after,
            patience: self.patience,
        }
    }

    fn run_order(&self, order: &Order, bell: PipeReader) -> Result<Seen, String> {
        let shelf = Shelf::at(self.folder.path().join("output"), 2 << 30).expect("a shelf");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let shows = Arc::clone(&shown);
        let show =
            move |stream, text: &str| shows.lock().expect("nobody panics").push((stream, text.to_owned()));
        let mut output = Output::new(self.most, Spill::on(shelf, order.run.clone()), Box::new(show));
        let program = Program::load().expect("a program");
        let outcome = Course::begin(&program, order, bell, &mut output)?.finish()?;
        let text = output.end();
        let shown = std::mem::take(&mut *shown.lock().expect("nobody panics"));
        Ok(Seen { outcome, text, shown, run: order.run.clone() })
    }

    /// Runs a command to its end.
    fn run(&self, command: &str) -> Seen {
        let (hearer, _bell) = bell();
        let seen = self.run_order(&self.order(command), hearer).expect("it is run");
        seen.is_alone();
        seen
    }

    /// Runs a command until the file `ready` is there, and then does something to the bell.
    fn run_until_ready(&self, command: &str, then: impl FnOnce(PipeWriter) + Send + 'static) -> Seen {
        let (hearer, bell) = bell();
        let ready = self.folder.path().join("ready");
        let ringer = thread::spawn(move || {
            until(|| ready.exists());
            then(bell);
        });
        let seen = self.run_order(&self.order(command), hearer).expect("it is run");
        ringer.join().expect("it was ready");
        seen.is_alone();
        seen
    }
}

impl Seen {
    /// Nothing of the run is left.
    fn is_alone(&self) {
        assert_eq!(stray::of(&self.run), []);
    }

    fn check(&self, status: Option<i32>, text: &str) {
        assert_eq!((self.outcome.status, self.text.as_str()), (status, text), "{:?}", self.outcome);
        assert!(!self.outcome.is_stubborn, "{:?}", self.outcome);
    }
}

fn bell() -> (PipeReader, PipeWriter) {
    std::io::pipe().expect("a pipe")
}

/// Rings, and stays until nobody hears it any more.
fn ring(mut bell: PipeWriter) {
    use std::io::Write;
    bell.write_all(&[1]).expect("somebody hears it");
}

fn until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + BOUND;
    while !is_so() {
        assert!(Instant::now() < end, "it was not so within {BOUND:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a process has this word on its command line.
fn is_running(word: &str) -> bool {
    let lines = fs::read_dir("/proc").expect("`/proc` is there").filter_map(|entry| {
        let path = entry.ok()?.path();
        // Not the thread that looks, which has it on its own.
        let id: u32 = path.file_name()?.to_str()?.parse().ok()?;
        (id != std::process::id()).then(|| fs::read(path.join("cmdline")).ok())?
    });
    lines.into_iter().any(|line| line.split(|byte| *byte == 0).any(|part| part == word.as_bytes()))
}

/// A number of seconds to sleep that is nobody else's.
fn own_sleep() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("60.{:07}{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

const EXITED: Option<i32> = Some(0);
const TERMINATED: Option<i32> = Some(15);
const KILLED: Option<i32> = Some(9);

#[test]
fn what_is_printed_comes_with_the_exit_code() {
    let seen = Scene::new().run("echo out; echo err >&2; exit 3");
    assert_eq!(seen.outcome.status, Some(3 << 8));
    assert!(["out\nerr\n", "err\nout\n"].contains(&seen.text.as_str()), "{}", seen.text);
    let shown =
        |of| seen.shown.iter().filter(|(stream, _)| *stream == of).map(|(_, text)| text.as_str()).collect();
    let (out, error): (String, String) = (shown(Stream::Out), shown(Stream::Error));
    assert_eq!((out.as_str(), error.as_str()), ("out\n", "err\n"));
    assert!(!seen.outcome.left && seen.outcome.stop.is_none());
}

#[test]
fn a_shell_that_a_signal_ends_is_told_so() {
    Scene::new().run("echo before; kill -SEGV $$").check(Some(11), "before\n");
}

#[test]
fn a_command_works_in_its_folder_without_input_and_terminal() {
    let scene = Scene::new();
    let seen = scene.run("pwd -P; cat; readlink /proc/self/fd/0; (: </dev/tty) 2>/dev/null || echo none");
    let folder = scene.folder.path().canonicalize().expect("it is there");
    seen.check(EXITED, &format!("{}\n/dev/null\nnone\n", folder.display()));
}

#[test]
fn a_command_inherits_no_file_and_no_signal_that_is_held_back() {
    let leak = fs::File::open("/dev/null").expect("it is there");
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).expect("it is open");
    let seen =
        Scene::new().run("ls /proc/self/fd | tr '\\n' ' '; sed -n 's/^Sig[BI].*:.//p' /proc/self/status");
    drop(leak);
    // The last is the folder that `ls` shows.
    let masks =
        seen.text.strip_prefix("0 1 2 3 ").unwrap_or_else(|| panic!("other files are open: {}", seen.text));
    let held: Vec<u64> = masks.lines().map(|mask| u64::from_str_radix(mask, 16).expect("a mask")).collect();
    // Two that the C library keeps to itself cannot be set free by its means.
    let own = 0b11 << 31;
    assert_eq!(held.iter().map(|mask| mask & !own).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn the_command_leads_a_group_of_its_own() {
    let seen = Scene::new().run("trap '' TERM; kill -TERM 0; cut -d' ' -f5 /proc/$$/stat; echo $$");
    let lines: Vec<&str> = seen.text.lines().collect();
    assert_eq!((lines[0], seen.outcome.status), (lines[1], EXITED));
}

#[test]
fn daemons_are_ended_when_the_shell_is() {
    let (first, second, third) = (own_sleep(), own_sleep(), own_sleep());
    // Forked twice, in sessions of their own, one without the name of the run, one that does not heed SIGTERM.
    let seen = Scene::new().run(&format!(
        "(setsid sleep {first} >/dev/null 2>&1 </dev/null &) ; (env -i setsid sleep {second} >/dev/null 2>&1 &) ; \
         (setsid sh -c 'trap \"\" TERM; : >deaf; sleep {third}; :' >/dev/null 2>&1 &) ; \
         while ! [ -e deaf ]; do sleep 0.01; done; echo done"
    ));
    for sleep in [first, second, third] {
        assert!(!is_running(&sleep), "`sleep {sleep}` is running still");
    }
    seen.check(EXITED, "done\n");
    assert!(seen.outcome.left);
}

#[test]
fn a_child_that_holds_the_pipe_holds_nobody_up() {
    let sleep = own_sleep();
    let seen = Scene::new().run(&format!("sleep {sleep} & echo done"));
    seen.check(EXITED, "done\n");
    assert!(seen.outcome.left && !is_running(&sleep));
}

#[test]
fn a_child_that_soon_ends_by_itself_is_waited_for() {
    let mut scene = Scene::new();
    scene.grace = BOUND;
    let seen = scene.run("{ while kill -0 $$ 2>/dev/null; do :; done; echo late; } & echo early");
    seen.check(EXITED, "early\nlate\n");
    assert!(!seen.outcome.left);
}

#[test]
fn a_command_that_does_not_heed_sigterm_is_killed() {
    let seen =
        Scene::new().run_until_ready("trap '' TERM; echo deaf; : >ready; while :; do sleep 1; done", ring);
    seen.check(KILLED, "deaf\n");
    assert_eq!(seen.outcome.stop, Some(Stop::Over));
}

#[test]
fn a_command_that_heeds_sigterm_may_say_a_last_word() {
    let mut scene = Scene::new();
    scene.kill_after = BOUND;
    let seen =
        scene.run_until_ready("trap 'echo bye; exit 0' TERM; : >ready; while :; do sleep 0.01; done", ring);
    // The shell may tell besides that its `sleep` was ended.
    assert!(seen.text.contains("bye\n"), "{}", seen.text);
    assert_eq!((seen.outcome.status, seen.outcome.stop), (EXITED, Some(Stop::Over)));
}

#[test]
fn a_command_that_is_stopped_is_ended_all_the_same() {
    let mut scene = Scene::new();
    scene.kill_after = BOUND;
    scene.run_until_ready(": >ready; kill -STOP $$", ring).check(TERMINATED, "");
}

#[test]
fn a_command_that_closes_its_output_is_waited_for() {
    let scene = Scene::new();
    let seen = scene.run("echo before; exec >&- 2>&-; sleep 0.05; : >behind; exit 7");
    seen.check(Some(7 << 8), "before\n");
    assert!(scene.folder.path().join("behind").exists());
}

#[test]
fn a_command_that_closes_its_output_is_ended_at_its_limit() {
    let sleep = own_sleep();
    let seen = Scene::new().run_until_ready(&format!("exec >&- 2>&-; : >ready; sleep {sleep}"), ring);
    seen.check(TERMINATED, "");
    assert!(!is_running(&sleep));
}

#[test]
fn everything_is_ended_when_nobody_waits_any_more() {
    let (sleep, daemon) = (own_sleep(), own_sleep());
    let command =
        format!("(env -i setsid sleep {daemon} &); trap '' TERM; : >ready; sleep {sleep}; sleep {sleep}");
    let seen = Scene::new().run_until_ready(&command, drop);
    assert_eq!(seen.outcome.stop, Some(Stop::Unwanted));
    assert!(!is_running(&sleep) && !is_running(&daemon) && !seen.outcome.is_stubborn);
}

#[test]
fn everything_is_ended_when_the_plugin_is_gone_from_one_moment_to_the_next() {
    let (scene, sleep) = (Scene::new(), own_sleep());
    let order = scene.order(&format!("trap '' TERM; (setsid sleep {sleep} &) ; : >ready; sleep {sleep}"));
    let program = Program::load().expect("a program");
    let (keeping, _streams) = Keeping::begin(&program, &order).expect("it is run");
    until(|| scene.folder.path().join("ready").exists() && is_running(&sleep));
    keeping.forget();
    until(|| !is_running(&sleep) && stray::of(&order.run).is_empty());
}

#[test]
fn a_command_that_ends_its_keeper_is_ended_itself() {
    let sleep = own_sleep();
    let seen =
        Scene::new().run(&format!("echo before; (setsid sleep {sleep} &); kill -KILL $PPID; sleep {sleep}"));
    assert_eq!((seen.outcome.status, seen.text.as_str()), (None, "before\n"));
    assert!(!is_running(&sleep));
}

#[test]
fn a_command_that_stops_its_keeper_is_ended_itself_and_that_is_told() {
    let (mut scene, sleep) = (Scene::new(), own_sleep());
    scene.patience = Duration::from_millis(100);
    let seen = scene.run_until_ready(&format!("kill -STOP $PPID; : >ready; sleep {sleep}"), ring);
    assert!(seen.outcome.is_stubborn && !is_running(&sleep), "{:?}", seen.outcome);
}

#[test]
fn a_folder_that_is_gone_is_told() {
    let mut order = Scene::new().order("echo hello");
    order.folder = "/nowhere/at/all".into();
    let refused = Scene::new().run_order(&order, bell().0).err();
    assert_eq!(refused.as_deref(), Some("the turn's folder `/nowhere/at/all` does not exist any more"));
}

#[test]
fn a_shell_that_is_not_there_is_told() {
    let scene = Scene::new();
    let mut order = scene.order("echo hello");
    order.shell = "/nowhere/sh".into();
    let (hearer, _bell) = bell();
    let refused = scene.run_order(&order, hearer).err();
    assert_eq!(
        refused.as_deref(),
        Some("the shell `/nowhere/sh` cannot be run: No such file or directory (os error 2)")
    );
}

#[test]
fn a_code_point_that_is_cut_between_two_writes_is_shown_whole() {
    let command = "printf 'a\\342\\202'; sleep 0.1; printf '\\254b\\377'; sleep 0.1; printf '\\342'";
    let seen = Scene::new().run(command);
    seen.check(EXITED, "a€b\u{fffd}\u{fffd}\n");
    let shown: String = seen.shown.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(shown, "a€b\u{fffd}\u{fffd}");
}

#[test]
fn a_flood_is_kept_in_part_and_written_as_a_whole() {
    flood(8 << 20);
}

/// `cargo test -p transom-tool-shell -- --ignored a_gigabyte` takes some seconds, and a gigabyte of disk.
#[test]
#[ignore = "it writes a gigabyte"]
fn a_gigabyte_is_kept_in_part_and_written_as_a_whole() {
    flood(1 << 30);
}

fn flood(bytes: u64) {
    let scene = Scene::new();
    let seen = scene.run(&format!("yes 0123456789abcde | head -c {bytes}; echo the end"));
    assert_eq!(seen.outcome.status, EXITED);
    assert!(seen.text.len() <= scene.most + 500, "{} bytes in the answer", seen.text.len());
    assert!(seen.text.starts_with("0123456789abcde\n") && seen.text.ends_with("abcde\nthe end\n"));
    let shown: usize = seen.shown.iter().map(|(_, text)| text.len()).sum();
    assert!(shown <= (4 << 20) + 100, "{shown} bytes were shown");
    assert!(seen.shown.iter().all(|(_, text)| text.len() <= 8 << 10), "in pieces that are too long");
    let spilled = scene.folder.path().join("output").join(format!("{}.txt", seen.run));
    assert_eq!(fs::metadata(&spilled).expect("it is written").len(), bytes + "the end\n".len() as u64);
}
