//! Plugins are replaced from their file again and again while eight threads use them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use transom_kernel::ReloadTerms;

use super::burden::Burden;
use super::ledger::{EMITTERS, Ledger};
use super::stage::{Mark, PLUGINS, Stage, UserPorts};

/// Each thread calls both plugins after so many marks.
const BATCH: u64 = 64;

/// How far a thread may be ahead of what was heard of it: all of them together fit into a mailbox.
const AHEAD: u64 = 1024;

/// Reloads before memory is measured, in which whatever is made once is made.
const FIRST: u32 = 4;

/// What a reload may cost beside the plugin's file, in KiB.
const MOST: u64 = 1024;

/// How long a thread or a file may take to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whoever uses the plugins.
struct Load {
    over: AtomicBool,
    /// Calls so far, and the longest in nanoseconds, by plugin.
    calls: [AtomicU64; PLUGINS.len()],
    longest: [AtomicU64; PLUGINS.len()],
    ledger: Arc<Ledger>,
    user: UserPorts,
}

impl Load {
    fn of(user: UserPorts) -> Arc<Self> {
        let ledger = Arc::<Ledger>::default();
        let entered = Arc::clone(&ledger);
        user.echoed.inline(move |echo, _| entered.enter(echo)).expect("it is attached");
        let counters = || [const { AtomicU64::new(0) }; PLUGINS.len()];
        Arc::new(Self { over: false.into(), calls: counters(), longest: counters(), ledger, user })
    }

    /// Says marks and calls until it is over; answers how many marks.
    fn work(&self, emitter: usize, runtime: &Handle) -> u64 {
        let said = if emitter < EMITTERS / 2 { &self.user.now } else { &self.user.later };
        let mut number = 0;
        while !self.over.load(Ordering::Relaxed) {
            for _ in 0..BATCH {
                number += 1;
                said.emit(&Mark { emitter: emitter as u64, number });
            }
            (0..PLUGINS.len()).for_each(|plugin| self.call(plugin, number, runtime));
            self.ledger.wait_for(emitter, number.saturating_sub(AHEAD));
        }
        self.ledger.wait_for(emitter, number);
        number
    }

    fn call(&self, plugin: usize, number: u64, runtime: &Handle) {
        let began = Instant::now();
        let answer = runtime.block_on(self.user.ask.call_named(PLUGINS[plugin], number));
        assert_eq!(answer, Ok(number), "no call fails");
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.longest[plugin].fetch_max(nanos, Ordering::Relaxed);
        self.calls[plugin].fetch_add(1, Ordering::Relaxed);
    }

    fn calls(&self) -> [u64; PLUGINS.len()] {
        self.calls.each_ref().map(|calls| calls.load(Ordering::Relaxed))
    }

    /// Waits until every plugin was called again, so that no generation is skipped.
    async fn until_called_again(&self, threads: &[JoinHandle<u64>]) {
        let before = self.calls();
        while self.calls().iter().zip(before).any(|(now, before)| *now <= before) {
            assert!(
                !threads.iter().any(JoinHandle::is_finished),
                "a thread has ended: {:?}",
                self.ledger.flaw()
            );
            tokio::task::yield_now().await;
        }
    }
}

fn reloads() -> u32 {
    let given = std::env::var("TRANSOM_RELOADS").ok();
    given.map_or(20, |given| given.parse().expect("TRANSOM_RELOADS is a number"))
}

/// Replaces one plugin after the other; answers the longest that a call waited at a gate.
async fn replace(stage: &Stage, load: &Load, threads: &[JoinHandle<u64>], times: u32) -> Duration {
    let mut longest = Duration::ZERO;
    for nth in 0..times {
        let next = stage.plugin(PLUGINS[nth as usize % PLUGINS.len()]);
        let report = stage.kernel.reload(vec![next], &ReloadTerms::default()).await.expect("it is replaced");
        let reloaded = &report.reloaded[0];
        assert_eq!(reloaded.cut_off, None, "{reloaded:?}");
        longest = longest.max(reloaded.longest_wait.unwrap_or_default());
        load.until_called_again(threads).await;
        assert_eq!(load.ledger.flaw(), None, "after reload {nth}");
    }
    longest
}

fn tell(times: u32, load: &Load, waited: Duration, before: &Burden, after: &Burden) {
    let longest = load.longest.each_ref().map(|nanos| Duration::from_nanos(nanos.load(Ordering::Relaxed)));
    println!("{times} reloads under load, {:?} calls of {PLUGINS:?}", load.calls());
    println!("longest wait at the gate of `keeper`: {waited:?}; longest calls: {longest:?}");
    println!("before: all but the images {}; images {}", before.rest, before.images);
    println!("after:  all but the images {}; images {}", after.rest, after.images);
    let each = |after: u64, before: u64| (after as f64 - before as f64) / f64::from(times.max(1));
    println!(
        "a reload: {:.0} KiB beside the images, {:.0} KiB of images, {:.0} KiB of them shared",
        each(after.rest.resident, before.rest.resident),
        each(after.images.resident, before.images.resident),
        each(after.images.shared, before.images.shared)
    );
}

/// Waits until there are no more threads and files than at the start.
async fn until_back_to(start: &Burden, stage: &Stage) {
    let until = Instant::now() + PATIENCE;
    loop {
        let now = Burden::now(&stage.images());
        if now.threads <= start.threads && now.files <= start.files {
            return;
        }
        assert!(Instant::now() < until, "there is more than at the start, {start:?}: {now:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_replaced_from_their_file_while_eight_threads_use_them_and_nothing_is_lost_or_left() {
    let (stage, user) = Stage::new().await;
    let load = Load::of(user);
    let start = Burden::now(&stage.images());
    let ready = Arc::new(Barrier::new(EMITTERS + 1));
    let working = |emitter| {
        let (load, ready, runtime) = (Arc::clone(&load), Arc::clone(&ready), Handle::current());
        std::thread::spawn(move || {
            ready.wait();
            load.work(emitter, &runtime)
        })
    };
    let threads: Vec<_> = (0..EMITTERS).map(working).collect();
    ready.wait();

    replace(&stage, &load, &threads, FIRST).await;
    let before = Burden::now(&stage.images());
    let times = reloads();
    let waited = replace(&stage, &load, &threads, times).await;
    let after = Burden::now(&stage.images());

    load.over.store(true, Ordering::Relaxed);
    // They wait for their last marks, so they are joined where no task of the kernel's has to run.
    let join = || threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum::<u64>();
    let marks = tokio::task::block_in_place(join);
    assert_eq!(load.ledger.flaw(), None);
    tell(times, &load, waited, &before, &after);
    println!("{marks} marks, each heard once by both, in order");
    let more = after.rest.resident.saturating_sub(before.rest.resident);
    assert!(more <= MOST * u64::from(times), "{more} KiB beside the images in {times} reloads");
    until_back_to(&start, &stage).await;
    let report = stage.kernel.stop(PATIENCE).await;
    assert!(report.cut_off.is_empty(), "{report:?}");
}
