//! A ledger misses what is missing, and sees what is there twice.

use super::*;

fn said(words: &str) -> Value {
    json!({ "role": "user", "chunk": { "type": "text", "text": format!("{words} [[say: aye]]") } })
}

fn settled(entries: Vec<Value>, waiting: &str) -> Settlement {
    let ledger = Ledger::default();
    ledger.acknowledge("c", "entry-1-of-c.", Manner::Spoken);
    ledger.refuse("c", "entry-2-of-c.", Manner::Queued);
    ledger.answer("c", "q", "open it");
    let log = Log { entries, waiting: waiting.to_owned(), ..Log::default() };
    ledger.settle(&[("c".to_owned(), log)].into())
}

#[test]
fn what_was_acknowledged_is_in_the_log_or_waits_or_is_lost() {
    let answer =
        json!({ "role": "system", "chunk": { "type": "answer", "questionId": "q", "choice": "open it" } });
    let well = settled(vec![said("entry-1-of-c."), answer.clone()], "");
    assert_eq!((well.total(), well.in_log, well.waiting, well.lost.len(), well.twice.len()), (2, 2, 0, 0, 0));
    let waits = settled(vec![answer.clone()], "entry-1-of-c.");
    assert_eq!((waits.in_log, waits.waiting, waits.lost.len()), (1, 1, 0));
    let lost = settled(vec![said("entry-11-of-c.")], "");
    assert_eq!((lost.in_log, lost.lost.len()), (0, 2));
}

#[test]
fn what_is_there_twice_or_was_refused_is_seen() {
    let twice = settled(vec![said("entry-1-of-c."), said("entry-1-of-c.")], "");
    assert_eq!((twice.in_log, twice.twice.len()), (0, 1));
    assert_eq!(settled(vec![said("entry-1-of-c.")], "entry-1-of-c.").twice.len(), 1);
    assert_eq!(settled(vec![said("entry-2-of-c.")], "").refused_and_there, ["entry-2-of-c."]);
}
