//! Reload: one generation in the place of another, while everything else goes on.

mod scene;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use transom_kernel::ReloadTerms;
use transom_plugin_api::hosting::PluginState;
use transom_plugin_api::prelude::*;

use self::scene::{CARRIED, HEAVY, ONE_WELL, Scene, deadline, mill, scene, terms, the_well, well};
use super::support::{Parcel, plugin_to_start};

#[tokio::test]
async fn the_new_generation_answers_links_and_hears_and_knows_what_it_was_handed() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, mut heard, .. } = scene().await;
    assert_eq!(town.ask.call(7).await, Ok("first 7 1".into()));
    let report = kernel.reload(vec![mill("second", "well")], &terms()).await.expect("it is replaced");
    assert_eq!((report.reloaded[0].plugin.as_str(), report.reloaded[0].generation), ("mill", 2));
    assert!(report.reloaded[0].cut_off.is_none(), "{report:?}");
    assert_eq!(town.ask.call(8).await, Ok("second 8 2".into()));
    assert_eq!(town.wrap.apply("x".into()).await, Ok("second(x)".into()));
    town.sent.emit(&Parcel { id: 5, ..Parcel::default() });
    let parcel = heard.recv().await.expect("it is heard");
    assert_eq!((parcel.id, parcel.label.as_str()), (5, "second"));
    let mill = &kernel.plugins()[0];
    assert_eq!((mill.generation, mill.draining, &mill.state), (2, 0, &PluginState::Running));
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_generation_that_does_not_start_leaves_the_old_one_untouched() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, .. } = scene().await;
    for (manner, words) in [
        ("error", "the stone broke"),
        ("panic", "the wheel jammed"),
        ("hang", "did not return within 300 ms"),
    ] {
        let error = kernel.reload(vec![mill("second", manner)], &terms()).await.expect_err("it is refused");
        assert!(error.old_runs && error.reason.contains(words), "{error}");
        assert!(town.ask.call(1).await.expect("it answers").starts_with("first 1"));
        assert_eq!(town.wrap.apply("x".into()).await, Ok("first(x)".into()));
    }
    let error =
        kernel.reload(vec![plugin_to_start("mill", r#"{"label":7}"#, deadline("well"))], &terms()).await;
    assert!(error.expect_err("the settings are wrong").old_runs);
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_next_generation_does_not_hear_before_the_old_one_has_done_what_it_heard() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, mut heard, .. } = scene().await;
    town.sent.emit(&Parcel { id: HEAVY, ..Parcel::default() });
    town.sent.emit(&Parcel { id: 1, ..Parcel::default() });
    let terms = ReloadTerms::default();
    let reloading = kernel.reload(vec![mill("second", "well")], &terms);
    let looking = async {
        while !town.ask.call(1).await.expect("it answers").starts_with("second") {
            tokio::task::yield_now().await;
        }
        // Whoever would read now has had every occasion to.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(heard.try_recv().is_err(), "the old generation is still busy with what came before");
        CARRIED.notify_one();
    };
    let (report, ()) = tokio::join!(reloading, looking);
    assert!(report.expect("it is replaced").reloaded[0].cut_off.is_none());
    for expected in [(HEAVY, "first"), (1, "second")] {
        let parcel = heard.recv().await.expect("it is heard");
        assert_eq!((parcel.id, parcel.label.as_str()), expected);
    }
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_generation_that_does_not_hand_over_is_not_replaced() {
    let _one = ONE_WELL.lock().await;
    for (manner, words) in [
        ("error", "the stone broke"),
        ("panic", "panicked: the wheel jammed"),
        ("hang", "did not say within"),
    ] {
        let Scene { kernel, town, .. } = scene().await;
        let settings = format!(r#"{{"label":"second","hand_over":"{manner}"}}"#);
        kernel
            .reload(vec![plugin_to_start("mill", &settings, deadline("well"))], &terms())
            .await
            .expect("it is replaced");
        let error = kernel.reload(vec![mill("third", "well")], &terms()).await.expect_err("it is refused");
        assert!(error.old_runs && error.reason.contains(words), "{error}");
        assert!(town.ask.call(1).await.expect("it answers").starts_with("second 1"));
        kernel.stop(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn one_of_several_that_does_not_start_keeps_all_of_them() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, .. } = scene().await;
    let unknown = plugin_to_start("pinger", "{}", deadline("well"));
    let error = kernel.reload(vec![mill("second", "well"), unknown], &terms()).await;
    assert!(error.expect_err("it is not there").reason.contains("no such plugin"));
    assert!(town.ask.call(1).await.expect("it answers").starts_with("first 1"));
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_stream_under_way_ends_in_its_generation_or_is_told_that_it_has_retired() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, .. } = scene().await;
    let mut stream = town.count.open(2).expect("it opens");
    assert_eq!(stream.next().await, Some(Ok(0)));
    let terms = terms();
    let reloading = kernel.reload(vec![mill("second", "well")], &terms);
    let reading = async {
        assert_eq!(stream.next().await, Some(Ok(1)));
        stream.next().await
    };
    let (report, last) = tokio::join!(reloading, reading);
    let cut_off = report.expect("it is replaced").reloaded[0].cut_off.clone();
    assert_eq!(cut_off.as_deref(), Some("calls to it were still under way"));
    assert_eq!(last.expect("it ends with an error").map_err(|error| error.kind), Err(CallErrorKind::Retired));
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_plugin_in_quarantine_comes_back_as_a_new_generation() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, .. } = scene().await;
    kernel.quarantine("mill", "a test asked for it").expect("it ran");
    assert_eq!(town.ask.call(1).await.map_err(|error| error.kind), Err(CallErrorKind::NoProvider));
    kernel.reload(vec![mill("second", "well")], &terms()).await.expect("it is replaced");
    assert!(town.ask.call(1).await.expect("it answers").starts_with("second 1"));
    assert_eq!(kernel.plugins()[0].state, PluginState::Running);
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_doubled_or_reordered_while_generations_follow_each_other() {
    const EMITTERS: u64 = 4;
    const RELOADS: u32 = 40;
    /// Events that may be on their way: fewer than a mailbox holds.
    const AHEAD: u64 = 1 << 15;
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, mut heard, count } = scene().await;
    let (town, over) = (Arc::new(town), Arc::new(AtomicBool::new(false)));
    let (sent, called) = (Arc::new(Mutex::new(vec![0_i64; 8])), Arc::new(AtomicU64::new(0)));
    let told = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    for emitter in 0..EMITTERS {
        let (town, over, sent) = (Arc::clone(&town), Arc::clone(&over), Arc::clone(&sent));
        let (count, told) = (Arc::clone(&count), Arc::clone(&told));
        threads.push(std::thread::spawn(move || {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                // A mailbox that is full loses by its terms, which is not what this is about.
                if told.load(Ordering::Relaxed) > count.load(Ordering::Relaxed) + AHEAD {
                    std::thread::yield_now();
                    continue;
                }
                told.fetch_add(2, Ordering::Relaxed);
                number += 1;
                town.sent.emit(&Parcel { id: emitter, weight: number, ..Parcel::default() });
                town.poured.emit(&Parcel { id: EMITTERS + emitter, weight: number, ..Parcel::default() });
                if number % 64 == 0 {
                    std::thread::yield_now();
                }
            }
            let mut sent = sent.lock().expect("nobody panics");
            (sent[emitter as usize], sent[(EMITTERS + emitter) as usize]) = (number, number);
        }));
    }
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (town, over, called) = (Arc::clone(&town), Arc::clone(&over), Arc::clone(&called));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    town.ask.call(1).await.expect("no call fails");
                    town.wrap.apply("x".into()).await.expect("no chain fails");
                    town.draw.call("water".into()).await.expect("no call fails");
                    called.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for nth in 0..RELOADS {
        let next = if nth % 2 == 0 { mill("beside", "well") } else { the_well("well") };
        let before = called.load(Ordering::Relaxed);
        kernel.reload(vec![next], &ReloadTerms::default()).await.expect("it is replaced");
        while called.load(Ordering::Relaxed) == before {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("no emitter panics"));
    for call in calls {
        call.await.expect("no caller panics");
    }
    let sent = sent.lock().expect("nobody panics").clone();
    let mut last = [0_i64; 8];
    while last.as_slice() != sent {
        let next = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await;
        let parcel = next.expect("everything is heard").expect("the kernel runs");
        assert_eq!(parcel.weight, last[parcel.id as usize] + 1, "of emitter {}", parcel.id);
        last[parcel.id as usize] = parcel.weight;
    }
    assert_eq!(well::MOST.load(Ordering::SeqCst), 1, "there was one owner at any time");
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn calls_to_one_that_owns_something_wait_for_its_successor() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, mut heard, .. } = scene().await;
    let held = town.draw.call("hold".into());
    let terms = ReloadTerms::default();
    let reloading = kernel.reload(vec![the_well("well")], &terms);
    let waiting = async {
        // The gates are there once the call finds nobody at work.
        while town.draw.call_within(Duration::from_millis(5), "early".into()).await.is_ok() {
            tokio::task::yield_now().await;
        }
        town.poured.emit(&Parcel { id: 9, ..Parcel::default() });
        let (last, ()) = tokio::join!(town.draw.call("late".into()), async { well::LET_GO.notify_one() });
        last
    };
    let (held, report, late) = tokio::join!(held, reloading, waiting);
    assert_eq!((held, late), (Ok(4), Ok(4)));
    let reloaded = &report.expect("it is replaced").reloaded[0];
    assert!(reloaded.longest_wait.is_some_and(|wait| wait > Duration::ZERO), "{reloaded:?}");
    assert_eq!(heard.recv().await.map(|parcel| parcel.id), Some(9), "what came meanwhile was kept");
    assert_eq!(well::OWNERS.load(Ordering::SeqCst), 1);
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn one_that_owns_something_hears_on_until_its_calls_have_ended() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, mut heard, .. } = scene().await;
    let held = town.draw.call("hold".into());
    let terms = ReloadTerms::default();
    let reloading = kernel.reload(vec![the_well("well")], &terms);
    let hearing = async {
        while town.draw.call_within(Duration::from_millis(5), "early".into()).await.is_ok() {
            tokio::task::yield_now().await;
        }
        town.poured.emit(&Parcel { id: 4, ..Parcel::default() });
        let parcel = tokio::time::timeout(Duration::from_secs(20), heard.recv()).await;
        well::LET_GO.notify_one();
        parcel.expect("it is heard").map(|parcel| parcel.id)
    };
    let (held, report, heard) = tokio::join!(held, reloading, hearing);
    assert_eq!((held, heard), (Ok(4), Some(4)));
    report.expect("what it heard did not wait for the end of the call");
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn one_that_does_not_let_go_is_left_where_it_is() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, mut heard, .. } = scene().await;
    let held = town.draw.call("hold".into());
    let reloading = async {
        let error = kernel.reload(vec![the_well("well")], &terms()).await.expect_err("it is refused");
        assert!(error.old_runs && error.reason.contains("still under way"), "{error}");
        town.poured.emit(&Parcel { id: 3, ..Parcel::default() });
        assert_eq!(town.draw.call("again".into()).await, Ok(5));
        well::LET_GO.notify_one();
    };
    let (held, ()) = tokio::join!(held, reloading);
    assert_eq!(held, Ok(4), "the call that held it up has ended well");
    assert_eq!(heard.recv().await.map(|parcel| parcel.id), Some(3));
    assert_eq!(kernel.plugins()[1].generation, 1);
    assert_eq!(well::MOST.load(Ordering::SeqCst), 1);
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn the_old_owner_is_started_again_when_the_new_one_does_not_start() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, mut heard, .. } = scene().await;
    let error = kernel.reload(vec![the_well("error")], &terms()).await.expect_err("it is refused");
    assert!(error.old_runs && error.reason.contains("the stone broke"), "{error}");
    assert_eq!(town.draw.call("water".into()).await, Ok(5));
    town.poured.emit(&Parcel { id: 2, ..Parcel::default() });
    assert_eq!(heard.recv().await.map(|parcel| parcel.id), Some(2));
    assert_eq!((well::OWNERS.load(Ordering::SeqCst), well::MOST.load(Ordering::SeqCst)), (1, 1));
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_owner_whose_start_does_not_come_back_is_not_followed_by_another() {
    let _one = ONE_WELL.lock().await;
    let Scene { kernel, town, .. } = scene().await;
    let error = kernel.reload(vec![the_well("hang")], &terms()).await.expect_err("it is refused");
    assert!(!error.old_runs && error.reason.contains("did not return within 300 ms"), "{error}");
    let refused = town.draw.call("water".into()).await.map_err(|error| error.kind);
    assert_eq!(refused, Err(CallErrorKind::NoProvider));
    assert_eq!(kernel.plugins()[1].state, PluginState::Disabled);
    kernel.stop(Duration::from_secs(5)).await;
}
