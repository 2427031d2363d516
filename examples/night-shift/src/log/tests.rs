//! A log that is damaged is told from one that is not.

use serde_json::json;

use super::*;

fn log() -> Log {
    let entry = |seq: u64, position: u64, role: &str, chunk: Value| json!({ "seq": seq, "position": position, "role": role, "turnId": "t", "chunk": chunk });
    let entries = vec![
        entry(1, 1, "user", json!({ "type": "text", "text": "hello" })),
        entry(2, 2, "system", json!({ "type": "turn-start", "turnId": "t" })),
        entry(3, 3, "assistant", json!({ "type": "tool-call", "toolCallId": "1" })),
        entry(4, 4, "tool", json!({ "type": "tool-result", "toolCallId": "1" })),
        entry(5, 5, "assistant", json!({ "type": "text", "text": "aye" })),
        entry(6, 6, "system", json!({ "type": "turn-end", "record": { "turnId": "t", "reason": "stop" } })),
    ];
    Log { id: "c".to_owned(), entries, latest_position: 7, waiting: String::new() }
}

#[track_caller]
fn check(damage: impl FnOnce(&mut Vec<Value>), expected: &str) {
    let mut log = log();
    damage(&mut log.entries);
    let faults = log.faults();
    assert!(faults.iter().any(|fault| fault.contains(expected)), "{faults:?}");
}

#[test]
fn a_log_in_order_has_no_faults() {
    assert_eq!(log().faults(), [""; 0]);
    assert_eq!(log().reasons(), [("stop".to_owned(), 1)].into());
}

#[test]
fn a_damaged_log_is_told() {
    check(|entries| entries[1]["seq"] = 3.into(), "`seq`");
    check(|entries| entries[4]["position"] = 9.into(), "positions");
    check(|entries| drop(entries.remove(3)), "calls and results");
    check(|entries| drop(entries.pop()), "do not end");
    check(|entries| entries.push(entries[5].clone()), "do not end");
}
