//! Random histories of conversations that are summed up while they go on, and in which people are asked before a tool acts: the real
//! orchestrator, store and compaction, a model that looks at what it is shown, and answers that come at any time.

#[path = "histories/driver.rs"]
mod driver;
#[path = "histories/log.rs"]
mod log;
#[path = "histories/model.rs"]
mod model;
#[path = "histories/random.rs"]
mod random;

use std::sync::Arc;

use futures_util::future::join_all;
use transom_compaction::Compaction;
use transom_conversation_store::ConversationStore;
use transom_session_orchestrator::SessionOrchestrator;
use transom_testkit::{Stand, json};

use crate::driver::Driver;
use crate::log::{Log, Tally};
use crate::model::Model;
use crate::random::Random;

/// Histories of the usual run; a campaign takes as many as it is told.
const USUAL: u64 = 80;
/// Conversations that go on at the same time, before everything is started anew.
const TOGETHER: u64 = 40;

fn number_of(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |given| given.parse().unwrap_or_else(|_| panic!("`{variable}` is a number")))
}

fn put_on(stand: Stand, model: &Arc<Model>) -> Stand {
    let stand = stand
        .plugin::<ConversationStore>(json!({}))
        .plugin::<SessionOrchestrator>(json!({"default_model": "test/model"}))
        .plugin::<Compaction>(json!({"percent": 60, "keep_tokens": 300}));
    model.put_on(&stand);
    stand
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_conversation_that_is_summed_up_its_log_stays_whole_and_no_call_is_shown_without_its_result()
 {
    let (histories, seed) = (number_of("TRANSOM_CAMPAIGN", USUAL), number_of("TRANSOM_SEED", 1));
    println!("{histories} histories of seed {seed}");
    let (model, mut all) = (Arc::new(Model::default()), Tally::default());
    let mut stand = put_on(Stand::new(), &model);
    for first in (0..histories).step_by(TOGETHER as usize) {
        stand.start().await.expect("they start");
        let numbers: Vec<u64> = (first..(first + TOGETHER).min(histories)).collect();
        let drivers = numbers.iter().map(|number| {
            let driver = Driver::new(&stand, format!("c{number}"), Random::of(seed, *number));
            async move {
                driver.live().await;
                driver
            }
        });
        let drivers = join_all(drivers).await;
        // Half of them are left in the middle of something, and found again behind the restart.
        for driver in drivers.iter().step_by(2) {
            driver.begin_something().await;
        }
        drop(drivers);
        stand = put_on(stand.stop().await.stand(), &model);
        stand.start().await.expect("they start again");
        let tallies = numbers.into_iter().map(|number| {
            let driver = Driver::new(&stand, format!("c{number}"), Random::of(seed ^ 0xff, number));
            let (stand, model) = (&stand, &model);
            async move {
                let left = Log::of(stand, &driver.id).await.latest();
                driver.rest().await;
                driver.speak_once_more().await;
                let log = Log::of(stand, &driver.id).await;
                log.check_whole();
                // The others had come to rest.
                log.check_answers(model, (number - first).is_multiple_of(2).then_some(left))
            }
        });
        join_all(tallies).await.iter().for_each(|tally| all.add(tally));
        stand = put_on(stand.stop().await.stand(), &model);
    }
    assert_eq!(model.all_that_ran(), all.ran as usize, "every call that ran is of a conversation");
    let seen = model.seen();
    assert_eq!(seen.faults, Vec::<String>::new());
    println!(
        "{} requests, {} of them for summaries; {} began with one",
        seen.requests, seen.summaries, seen.began_with_a_summary
    );
    println!(
        "{} questions: {} allowed, {} denied, {} given up; {} calls ran",
        all.asked,
        all.allowed,
        all.denied,
        all.asked - all.allowed - all.denied,
        all.ran
    );
    assert!(seen.summaries * 2 > histories && seen.began_with_a_summary > histories, "{seen:?}");
    assert!(u64::from(all.allowed.min(all.denied)) > histories && u64::from(all.ran) > histories, "{all:?}");
}
