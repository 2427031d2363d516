//! A person is asked before a command runs: it runs once where that is allowed and not at all where it is not, also over a kill.

use serde_json::json;

use super::berth::{Berth, Question, script_of};
use crate::guards::Guards;
use crate::journal::note;
use crate::log::Log;
use crate::random::Random;

/// The file that has a line for each time that the command ran.
const MARKS: &str = "marks.txt";

/// How turns end here: a kill may lose one that was about to end.
const ENDS: [&str; 2] = ["stop", "lost"];

/// A turn that waits for a person.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    berth: Berth<'a>,
    question: Question,
}

/// How a person answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    allows: bool,
    /// By `transom answer`, not over HTTP.
    by_program: bool,
}

/// What has become of the host meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Whole,
    /// It was killed between the question and the answer.
    KilledBefore,
    /// It was killed behind the answer.
    KilledBehind,
}

impl Answer {
    /// Over HTTP.
    pub(super) const YES: Self = Self { allows: true, by_program: false };

    pub(super) const fn of(random: &mut Random) -> Self {
        Self { allows: random.below(3) > 0, by_program: random.below(2) == 0 }
    }
}

/// The turn, which nobody listens to any more.
pub(super) async fn is_asked(berth: Berth<'_>) -> Result<Asked<'_>, String> {
    let command = json!({ "command": format!("echo aye >> {MARKS}; sleep 0.3") });
    drop(berth.begin(&script_of("run_shell", &command)).await?);
    let question = berth.question().await?;
    Ok(Asked { berth, question })
}

/// From the question to the end, with nothing in between.
pub(super) async fn is_asked_and_answered(berth: Berth<'_>, answer: Answer) -> Result<Guards, String> {
    let asked = is_asked(berth).await?;
    asked.is_answered(answer).await?;
    asked.has_ended(answer, Fate::Whole).await
}

impl Asked<'_> {
    pub(super) async fn is_answered(&self, answer: Answer) -> Result<(), String> {
        let Self { berth, question } = self;
        let choice = if answer.allows { &question.allow } else { &question.deny };
        if answer.by_program {
            berth.ship.operator.told(&["answer", &berth.conversation, choice]).await?;
            berth.ship.ledger.answer(&berth.conversation, &question.id, choice);
        } else {
            berth.answer(question, choice).await?;
        }
        note(&format!("somebody answers for a command of {}: {choice}", berth.conversation));
        Ok(())
    }

    /// Waits for the end of the turn, and judges what has run.
    pub(super) async fn has_ended(&self, answer: Answer, fate: Fate) -> Result<Guards, String> {
        let log = self.berth.log_at_rest().await?;
        let ran = self.berth.lines(MARKS).len();
        let mut seen = judged(&log, ran, answer, fate);
        seen.by_program = answer.by_program.into();
        (seen.allowed, seen.denied) = (answer.allows.into(), (!answer.allows).into());
        (seen.waited, seen.cut_off) =
            ((fate == Fate::KilledBefore).into(), (fate == Fate::KilledBehind).into());
        (seen.ran, seen.twice) = ((ran > 0).into(), (ran > 1).into());
        Ok(seen)
    }
}

fn judged(log: &Log, ran: usize, answer: Answer, fate: Fate) -> Guards {
    let mut seen = Guards::default();
    let is_right = match (answer.allows, fate) {
        (false, _) => ran == 0,
        (true, Fate::KilledBehind) => ran <= 1,
        (true, _) => ran == 1,
    };
    seen.judge(is_right, || format!("a command ran {ran} times in {} ({answer:?}, {fate:?})", log.id));
    let faults = log.faults();
    seen.judge(faults.is_empty(), || faults.join("; "));
    let results: Vec<_> = log.of_type("tool-result").collect();
    let is_told = match &results[..] {
        // What was told to have run has run.
        [result] if result["isError"] == false => answer.allows && ran == 1,
        [_] => !answer.allows || fate == Fate::KilledBehind,
        _ => false,
    };
    seen.judge(is_told, || {
        format!("a command ran {ran} times ({answer:?}, {fate:?}) and was told as {results:?}")
    });
    let reasons = log.reasons();
    let known = ENDS[..if fate == Fate::KilledBehind { 2 } else { 1 }].to_vec();
    let is_ended =
        reasons.values().sum::<u64>() == 1 && reasons.keys().all(|reason| known.contains(&reason.as_str()));
    seen.judge(is_ended, || format!("a turn of {} ended as {reasons:?} ({answer:?}, {fate:?})", log.id));
    seen
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn log(result: &Value) -> Log {
        let entry = |seq: u64, chunk: Value| json!({ "seq": seq, "position": seq, "role": "assistant", "turnId": "t", "chunk": chunk });
        let entries = vec![
            entry(1, json!({ "type": "turn-start", "turnId": "t" })),
            entry(2, json!({ "type": "tool-call", "toolCallId": "1" })),
            entry(3, result.clone()),
            entry(4, json!({ "type": "turn-end", "record": { "turnId": "t", "reason": "stop" } })),
        ];
        Log { id: "c".to_owned(), entries, ..Log::default() }
    }

    #[track_caller]
    fn check(allows: bool, fate: Fate, ran: usize, is_error: bool, broken: usize) {
        let result = json!({ "type": "tool-result", "toolCallId": "1", "isError": is_error });
        let seen = judged(&log(&result), ran, Answer { allows, by_program: false }, fate);
        assert_eq!(seen.judgement.broken.len(), broken, "{:?}", seen.judgement.broken);
    }

    #[test]
    fn a_command_that_is_allowed_ran_once_and_one_that_is_denied_did_not() {
        check(true, Fate::Whole, 1, false, 0);
        check(true, Fate::KilledBefore, 1, false, 0);
        check(false, Fate::Whole, 0, true, 0);
        check(true, Fate::Whole, 2, false, 2);
        check(true, Fate::KilledBefore, 0, true, 2);
        check(false, Fate::KilledBefore, 1, true, 1);
    }

    #[test]
    fn a_command_behind_whose_answer_the_host_was_killed_ran_once_at_most_and_is_not_told_to_have_run_when_it_has_not()
     {
        check(true, Fate::KilledBehind, 0, true, 0);
        check(true, Fate::KilledBehind, 1, true, 0);
        check(true, Fate::KilledBehind, 1, false, 0);
        check(true, Fate::KilledBehind, 2, true, 1);
        check(true, Fate::KilledBehind, 0, false, 1);
    }

    #[test]
    fn a_call_without_a_result_is_seen() {
        let seen = judged(&log(&json!({ "type": "text" })), 1, Answer::YES, Fate::KilledBehind);
        assert_eq!(seen.judgement.broken.len(), 2, "{:?}", seen.judgement.broken);
    }
}
