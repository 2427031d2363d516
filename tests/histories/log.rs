//! What holds of a log, whatever has happened.

use std::collections::{HashMap, HashSet};

use transom_agent::log::{READ, Read, StoredChunk};
use transom_agent::message::Chunk;
use transom_agent::turn::EndReason;
use transom_plugin_api::Text;
use transom_testkit::Stand;

use crate::model::{Model, STEER};

/// The log of a conversation.
pub(crate) struct Log {
    id: Text,
    chunks: Vec<StoredChunk>,
}

/// What became of the calls that a person was to be asked about.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) asked: u32,
    pub(crate) allowed: u32,
    pub(crate) denied: u32,
    pub(crate) ran: u32,
}

/// A question, and its answer.
struct Question<'a> {
    choices: &'a [Text],
    allowing: u32,
    /// With its place in the log.
    answer: Option<(i64, &'a Text)>,
}

impl Question<'_> {
    /// Whether the call may run; `None` when nobody has answered.
    fn allows(&self) -> Option<bool> {
        let (_, choice) = self.answer?;
        let place = self.choices.iter().position(|other| other == choice);
        Some(place.is_some_and(|place| place < self.allowing as usize))
    }
}

impl Log {
    pub(crate) async fn of(stand: &Stand, id: &Text) -> Self {
        let read = Read { conversation_id: id.clone(), ..Read::default() };
        let chunks = stand.caller(READ).call(read).await.expect("a log can be read").chunks;
        Self { id: id.clone(), chunks: chunks.iter().cloned().collect() }
    }

    /// The place of its last entry.
    pub(crate) fn latest(&self) -> i64 {
        self.chunks.last().map_or(0, |stored| stored.seq)
    }

    /// `seq` has no gap, each call has one result, each turn one beginning and one end, and each summary keeps what is there.
    pub(crate) fn check_whole(&self) {
        let (id, chunks) = (&self.id, &self.chunks);
        let seqs: Vec<i64> = chunks.iter().map(|stored| stored.seq).collect();
        assert_eq!(seqs, (1..=chunks.len() as i64).collect::<Vec<_>>(), "`{id}` has no gap");
        let messages: HashSet<&Text> = chunks.iter().map(|stored| &stored.message_id).collect();
        let (mut calls, mut turns): (HashMap<Text, i32>, HashMap<Text, (u32, u32)>) = Default::default();
        for stored in chunks {
            match &stored.chunk {
                Chunk::ToolCall { tool_call_id, .. } => *calls.entry(tool_call_id.clone()).or_default() += 1,
                Chunk::ToolResult { tool_call_id, .. } => {
                    *calls.entry(tool_call_id.clone()).or_default() -= 1;
                }
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

    /// What nobody has allowed has not run. What somebody has allowed has run once, unless its turn was stopped; where everything
    /// was started anew behind `torn` in the middle of its turn, at most once.
    pub(crate) fn check_answers(&self, model: &Model, torn: Option<i64>) -> Tally {
        let (questions, ends) = (self.questions(), self.ends());
        let torn_turn = torn.and_then(|seq| self.last_turn_before(seq));
        let mut tally = Tally::default();
        for stored in &self.chunks {
            let Chunk::ToolCall { tool_call_id, tool_name, .. } = &stored.chunk else { continue };
            if *tool_name != STEER {
                continue;
            }
            let (runs, question) = (model.runs_of(tool_call_id), questions.get(tool_call_id));
            let allows = question.and_then(Question::allows);
            tally.note(question.is_some(), allows, runs);
            let turn = stored.turn_id.as_ref().expect("a call is of a turn");
            let is_stopped = matches!(ends.get(turn), Some(EndReason::Aborted));
            let was_answered =
                |seq| question.and_then(|question| question.answer).is_some_and(|(at, _)| at <= seq);
            let is_torn = torn_turn == Some(turn) && torn.is_some_and(was_answered);
            let least = u32::from(allows == Some(true) && !is_stopped && !is_torn);
            let most = u32::from(allows == Some(true));
            let fits = (least..=most).contains(&runs);
            assert!(fits, "`{tool_call_id}` of `{}`: {allows:?}, {runs} runs, {:?}", self.id, ends.get(turn));
        }
        tally
    }

    /// By the calls that they are about. Each has one answer at most.
    fn questions(&self) -> HashMap<&Text, Question<'_>> {
        let (mut questions, mut answers) = (HashMap::new(), HashMap::new());
        for stored in &self.chunks {
            if let Chunk::Answer { question_id, choice, .. } = &stored.chunk {
                let before = answers.insert(question_id, (stored.seq, choice));
                assert_eq!(before, None, "question `{question_id}` has one answer");
            }
        }
        for stored in &self.chunks {
            if let Chunk::Question { question_id, tool_call_id, choices, allowing, .. } = &stored.chunk {
                let call = tool_call_id.as_ref().expect("every question is about a call");
                let answer = answers.remove(question_id);
                let question = Question { choices, allowing: (*allowing).max(1), answer };
                assert!(questions.insert(call, question).is_none(), "`{call}` is asked about once");
            }
        }
        assert!(answers.is_empty(), "`{}` answers what was asked: {answers:?}", self.id);
        questions
    }

    fn ends(&self) -> HashMap<&Text, &EndReason> {
        let ends = self.chunks.iter().filter_map(|stored| match &stored.chunk {
            Chunk::TurnEnd { record } => Some((&record.turn_id, &record.reason)),
            _ => None,
        });
        ends.collect()
    }

    fn last_turn_before(&self, seq: i64) -> Option<&Text> {
        let before = self.chunks.iter().rev().filter(|stored| stored.seq <= seq);
        let mut turns = before.filter_map(|stored| match &stored.chunk {
            Chunk::TurnStart { turn_id, .. } => Some(turn_id),
            _ => None,
        });
        turns.next()
    }
}

impl Tally {
    fn note(&mut self, is_asked: bool, allows: Option<bool>, runs: u32) {
        self.asked += u32::from(is_asked);
        self.allowed += u32::from(allows == Some(true));
        self.denied += u32::from(allows == Some(false));
        self.ran += runs;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.ran += other.ran;
    }
}
