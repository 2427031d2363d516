//! Ends that are counted for good, and streams that are told one by one.

use transom_agent::stream::{StreamEnd, StreamEnded};
use transom_agent::turn::EndReason;

use super::super::ends::OWN;
use super::scripts::*;
use super::*;

fn ended(conversation: &str, reason: StreamEnd) -> StreamEnded {
    StreamEnded {
        conversation_id: conversation.into(),
        transport: "sse".into(),
        reason,
        frames: 3,
        bytes: 90,
        since: 0,
    }
}

async fn streams(store: &Store, limit: u32) -> serde_json::Value {
    let told = store.ended_streams(Lately { since: 0, limit }).await.expect("told");
    serde_json::to_value(told).expect("encodes")
}

async fn turns(store: &Store) -> serde_json::Value {
    let told = store.ended_lately(Lately { since: 0, limit: 10 }).await.expect("told");
    serde_json::to_value(told).expect("encodes")
}

#[tokio::test]
async fn streams_stay_counted_by_reason_and_the_last_are_told_newest_first() {
    let folder = folder();
    let store = open(folder.path());
    for id in ["c", "d"] {
        store.append(beginning(id, "t", 1)).await.expect("it begins");
    }
    assert_eq!(streams(&store, 9).await["total"], serde_json::json!({"since": null, "counts": {}}));
    for reason in [StreamEnd::Finished, StreamEnd::ClientGone, StreamEnd::Finished] {
        store.stream_ended(ended("c", reason));
    }
    assert_eq!(
        streams(&store, 9).await["total"]["counts"],
        serde_json::json!({}),
        "they are written together"
    );
    store.keep_stream_ends().await;
    store.stream_ended(ended("d", StreamEnd::Idle));
    store.close().await;
    let store = open(folder.path());
    let told = streams(&store, 2).await;
    let counts = serde_json::json!({"client-gone": 1, "finished": 2, "idle": 1});
    assert_eq!((&told["counts"], &told["total"]["counts"]), (&counts, &counts));
    let all = streams(&store, 9).await;
    assert_eq!(
        (all["streams"].as_array().map(Vec::len), &told["total"]["since"]),
        (Some(4), &all["streams"][3]["endedAt"])
    );
    let [last, before] = &told["streams"].as_array().expect("a list")[..] else { panic!("two: {told}") };
    assert_eq!((&last["reason"], &last["conversationId"]), (&"idle".into(), &"d".into()));
    assert_eq!(
        (&before["reason"], &before["frames"], &before["bytes"]),
        (&"finished".into(), &3.into(), &90.into())
    );
}

#[tokio::test]
async fn five_hundred_are_told_one_by_one_and_all_of_them_are_counted() {
    let folder = folder();
    let store = open(folder.path());
    for number in 0..1_203 {
        store.stream_ended(StreamEnded { frames: number, ..ended("c", StreamEnd::Finished) });
        if number % 100 == 0 || number == 1_202 {
            store.keep_stream_ends().await;
        }
    }
    let told = streams(&store, 500).await;
    let known = told["streams"].as_array().expect("a list");
    assert_eq!((known.len(), &told["total"]["counts"]["finished"]), (500, &1_203.into()));
    let frames: Vec<_> = known.iter().filter_map(|stream| stream["frames"].as_u64()).collect();
    let expected: Vec<u64> = (703..1_203).rev().collect();
    assert_eq!(frames, expected);
}

#[tokio::test]
async fn a_deleted_conversation_is_told_of_no_more_and_stays_counted() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    store.append(ending("c", "t", 3, EndReason::Stop)).await.expect("it ends");
    store.append(beginning("d", "u", 1)).await.expect("it begins");
    for id in ["c", "d"] {
        store.stream_ended(ended(id, StreamEnd::Finished));
    }
    store.keep_stream_ends().await;
    // Somebody may have written there what is no JSON.
    let torn = "INSERT INTO storage (plugin, key, value) VALUES (?1, 'last-streams/499', 'torn')";
    let connection = Connection::open(folder.path().join("conversations.db")).expect("a file");
    connection.execute(torn, [OWN]).expect("written");
    // This one is heard before, and that one some time after.
    store.stream_ended(ended("c", StreamEnd::Finished));
    store.delete("c").await.expect("deleted");
    store.stream_ended(ended("c", StreamEnd::Idle));
    store.keep_stream_ends().await;
    let told = streams(&store, 9).await;
    let whose = told["streams"].as_array().expect("a list").iter().map(|stream| &stream["conversationId"]);
    assert_eq!(whose.collect::<Vec<_>>(), ["", "", "d"]);
    assert_eq!(told["total"]["counts"], serde_json::json!({"finished": 3, "idle": 1}));
    let told = turns(&store).await;
    assert_eq!(
        (&told["counts"], &told["total"]["counts"]),
        (&serde_json::json!({}), &serde_json::json!({"stop": 1}))
    );
}

#[tokio::test]
async fn a_turn_is_counted_once_with_its_reason_and_a_copy_of_it_is_not() {
    let folder = folder();
    let store = open(folder.path());
    store.append(beginning("c", "t", 1)).await.expect("it begins");
    for _ in 0..2 {
        store
            .append(ending("c", "t", 3, EndReason::Stop))
            .await
            .expect("it ends, however often that is said");
    }
    let copy = Fork { from: "c".into(), to: "e".into(), at_seq: Maybe::None };
    store.fork(copy).await.expect("copied");
    store.append(beginning("d", "u", 1)).await.expect("it begins");
    store.repair(Repair::default()).await.expect("repaired");
    store.close().await;
    let store = open(folder.path());
    let told = turns(&store).await;
    assert_eq!(told["total"]["counts"], serde_json::json!({"lost": 1, "stop": 1}));
    assert!(told["total"]["since"].is_i64());
    assert_well(&store).await;
}
