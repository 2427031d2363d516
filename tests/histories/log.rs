//! What holds of a log, whatever has happened.

use std::collections::{HashMap, HashSet};

use transom_agent::log::{READ, Read};
use transom_agent::message::Chunk;
use transom_plugin_api::Text;
use transom_testkit::Stand;

/// `seq` has no gap, each call has one result, each turn one beginning and one end, and each summary keeps what is there.
pub(crate) async fn check(stand: &Stand, id: &Text) {
    let read = Read { conversation_id: id.clone(), ..Read::default() };
    let chunks = stand.caller(READ).call(read).await.expect("a log can be read").chunks;
    let seqs: Vec<i64> = chunks.iter().map(|stored| stored.seq).collect();
    assert_eq!(seqs, (1..=chunks.len() as i64).collect::<Vec<_>>(), "`{id}` has no gap");
    let messages: HashSet<&Text> = chunks.iter().map(|stored| &stored.message_id).collect();
    let (mut calls, mut turns): (HashMap<Text, i32>, HashMap<Text, (u32, u32)>) = Default::default();
    for stored in &chunks {
        match &stored.chunk {
            Chunk::ToolCall { tool_call_id, .. } => *calls.entry(tool_call_id.clone()).or_default() += 1,
            Chunk::ToolResult { tool_call_id, .. } => *calls.entry(tool_call_id.clone()).or_default() -= 1,
            Chunk::TurnStart { turn_id, .. } => turns.entry(turn_id.clone()).or_default().0 += 1,
            Chunk::TurnEnd { record } => turns.entry(record.turn_id.clone()).or_default().1 += 1,
            Chunk::Compacted { summary } => {
                assert!(messages.contains(&summary.kept_from), "`{id}` keeps what is there");
            }
            _ => {}
        }
    }
    let uneven: Vec<_> = calls.iter().filter(|(_, left)| **left != 0).collect();
    assert!(uneven.is_empty(), "`{id}` has a result for each call: {uneven:?}");
    let odd: Vec<_> = turns.iter().filter(|(_, ends)| **ends != (1, 1)).collect();
    assert!(odd.is_empty(), "each turn of `{id}` begins and ends once: {odd:?}");
}
