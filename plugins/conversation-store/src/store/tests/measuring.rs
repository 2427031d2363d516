//! How much room a turn takes in the file.

use transom_agent::provider::Usage;
use transom_agent::turn::{EndReason, TurnRecord};

use super::scripts::entry;
use super::*;

/// The most bytes that a turn of some 1.3 KB of words may take.
const MOST: u64 = 4_096;

/// An id of the length of those that an orchestrator makes.
fn id(number: u64) -> String {
    let high = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let low = high.rotate_left(29) ^ number;
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high & 0xFFFF,
        low & 0xFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

fn usage() -> Usage {
    Usage {
        input_tokens: 4_321,
        output_tokens: 456,
        cache_read_tokens: Maybe::Some(4_096),
        cache_write_tokens: Maybe::None,
    }
}

/// A plain turn, as an orchestrator appends it: 300 bytes of a question, 200 of thoughts, 800 of an answer.
fn turn(number: u64, position: i64) -> [Vec<Entry>; 2] {
    let turn = format!("turn-{}", id(number * 8));
    let step = format!("{turn}#0");
    let record = TurnRecord {
        turn_id: turn.as_str().into(),
        model: "provider/some-model-large".into(),
        reason: EndReason::Stop,
        usage: usage(),
        steps: 1,
        error_class: Maybe::None,
        context_size: Maybe::Some(4_777),
        started_at: 1_700_000_000_000,
        duration_ms: 4_567,
    };
    let start = Chunk::TurnStart {
        turn_id: turn.as_str().into(),
        model: "provider/some-model-large".into(),
        cwd: "/home/somebody/projects/something".into(),
        reasoning_effort: transom_agent::provider::ReasoningEffort::High,
    };
    let words = |bytes: usize| "lorem ipsum ".chars().cycle().take(bytes).collect::<String>();
    let said = [Chunk::Text { text: words(300).into() }];
    let answer = [
        Chunk::Thinking { text: words(200).into(), state: Maybe::None },
        Chunk::Text { text: words(800).into() },
    ];
    let step_id = step.as_str();
    let complete = Chunk::StepComplete {
        step_id: step_id.into(),
        ttft_ms: Maybe::Some(321),
        decode_ms: Maybe::Some(4_000),
        gen_total_ms: 4_321,
    };
    let facts = [Chunk::Usage { step_id: step_id.into(), usage: usage() }, complete];
    let of = |offset: u64| id(number * 8 + offset);
    [
        vec![
            entry(&of(1), Role::User, &turn, position, said),
            entry(&of(2), Role::System, &turn, position + 1, [start]),
        ],
        vec![
            entry(&of(3), Role::Assistant, &turn, position + 2, answer),
            entry(&of(4), Role::System, &turn, position + 4, facts),
            entry(&of(5), Role::System, &turn, position + 6, [Chunk::TurnEnd { record }]),
        ],
    ]
}

/// Bytes of the file for each turn, when so many conversations have so many turns in turn.
async fn bytes_per_turn(conversations: u64, rounds: u64) -> u64 {
    let folder = folder();
    // Times of the length of real ones.
    let store = Store::open(folder.path(), Durability::Normal, || 1_700_000_000_000, |_| ())
        .unwrap_or_else(|error| panic!("{error}"));
    for round in 0..rounds {
        for conversation in 0..conversations {
            for entries in turn(round * conversations + conversation, 1 + 8 * round as i64) {
                let conversation_id = format!("conversation-{conversation}").into();
                let append = Append { conversation_id, entries: entries.into() };
                store.append(append).await.expect("appended");
            }
        }
    }
    store.close().await;
    let size = std::fs::metadata(folder.path().join(database::FILE)).expect("a file").len();
    size / (conversations * rounds)
}

#[tokio::test]
async fn a_turn_takes_no_more_room_than_it_may() {
    for (conversations, rounds) in [(1, 600), (30, 20)] {
        let bytes = bytes_per_turn(conversations, rounds).await;
        println!("{bytes} B for each turn, of {conversations} conversations with {rounds}");
        assert!(bytes <= MOST, "{bytes} B for each turn, expected at most {MOST}");
    }
}
