//! [`Ledger`]: everything that the host has acknowledged to anybody, to be compared with what it has in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::log::Log;

/// How a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// It began a turn, and its author watched.
    Spoken,
    /// It waited for a turn of its own, where one ran.
    Queued,
    /// It was for the turn that ran.
    Steering,
}

/// What was acknowledged, and what was refused. Shared by everybody who sends.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pages: Mutex<Pages>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Pages {
    acknowledged: Vec<Message>,
    refused: Vec<Message>,
    answers: Vec<Answer>,
}

#[derive(Clone, Debug)]
struct Message {
    conversation: String,
    /// Words that stand nowhere else.
    words: String,
    manner: Manner,
}

#[derive(Clone, Debug)]
struct Answer {
    conversation: String,
    question: String,
    choice: String,
}

/// Where everything is that was acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settlement {
    pub(crate) acknowledged: BTreeMap<Manner, u64>,
    pub(crate) answers: u64,
    pub(crate) in_log: u64,
    pub(crate) waiting: u64,
    pub(crate) refused: u64,
    /// Messages that were refused and stand in a log all the same.
    pub(crate) refused_and_there: Vec<String>,
    /// What is nowhere.
    pub(crate) lost: Vec<String>,
    /// What is there more than once.
    pub(crate) twice: Vec<String>,
}

impl Ledger {
    /// Words that stand nowhere else.
    pub(crate) fn words(&self, conversation: &str) -> String {
        format!("entry-{}-of-{conversation}.", self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn acknowledge(&self, conversation: &str, words: &str, manner: Manner) {
        self.pages().acknowledged.push(message(conversation, words, manner));
    }

    /// The host said that it did not take this.
    pub(crate) fn refuse(&self, conversation: &str, words: &str, manner: Manner) {
        self.pages().refused.push(message(conversation, words, manner));
    }

    pub(crate) fn answer(&self, conversation: &str, question: &str, choice: &str) {
        let [conversation, question, choice] = [conversation, question, choice].map(str::to_owned);
        self.pages().answers.push(Answer { conversation, question, choice });
    }

    /// How many were acknowledged and refused so far.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let pages = self.pages();
        (pages.acknowledged.len(), pages.refused.len())
    }

    /// The conversations that it has anything of.
    pub(crate) fn conversations(&self) -> Vec<String> {
        let pages = self.pages();
        let mut found: Vec<_> =
            pages.acknowledged.iter().map(|message| message.conversation.clone()).collect();
        found.extend(pages.answers.iter().map(|answer| answer.conversation.clone()));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Compares what it has of these conversations with their logs, and with what waits in front of them.
    pub(crate) fn settle(&self, logs: &BTreeMap<String, Log>) -> Settlement {
        let pages = self.pages();
        let mut found = Settlement::default();
        for message in &pages.acknowledged {
            let Some(log) = logs.get(&message.conversation) else { continue };
            *found.acknowledged.entry(message.manner).or_default() += 1;
            found.file(message, log);
        }
        for answer in &pages.answers {
            let Some(log) = logs.get(&answer.conversation) else { continue };
            found.answers += 1;
            found.count(answer.times_in(log), 0, &format!("the answer `{}` in {}", answer.choice, log.id));
        }
        for message in &pages.refused {
            let Some(log) = logs.get(&message.conversation) else { continue };
            found.refused += 1;
            if log.times_said(&message.words) + log.times_waiting(&message.words) > 0 {
                found.refused_and_there.push(message.words.clone());
            }
        }
        found
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(conversation: &str, words: &str, manner: Manner) -> Message {
    Message { conversation: conversation.to_owned(), words: words.to_owned(), manner }
}

impl Answer {
    fn times_in(&self, log: &Log) -> usize {
        let is_it = |entry: &&Value| {
            let chunk = &entry["chunk"];
            chunk["type"] == "answer"
                && chunk["questionId"] == self.question.as_str()
                && chunk["choice"] == self.choice.as_str()
        };
        log.entries.iter().filter(is_it).count()
    }
}

impl Settlement {
    fn file(&mut self, message: &Message, log: &Log) {
        let (said, waits) = (log.times_said(&message.words), log.times_waiting(&message.words));
        self.count(said, waits, &format!("{:?} `{}`", message.manner, message.words));
    }

    fn count(&mut self, in_log: usize, waiting: usize, what: &str) {
        match (in_log, waiting) {
            (1, 0) => self.in_log += 1,
            (0, 1) => self.waiting += 1,
            (0, 0) => self.lost.push(what.to_owned()),
            _ => self.twice.push(format!("{what}: {in_log} in the log, {waiting} waiting")),
        }
    }

    /// All that was acknowledged.
    pub(crate) fn total(&self) -> u64 {
        self.acknowledged.values().sum::<u64>() + self.answers
    }

    pub(crate) fn document(&self) -> Value {
        let of = |manner| self.acknowledged.get(&manner).copied().unwrap_or_default();
        json!({
            "spoken": of(Manner::Spoken),
            "queued": of(Manner::Queued),
            "steering": of(Manner::Steering),
            "answers": self.answers,
            "total": self.total(),
            "inLog": self.in_log,
            "waiting": self.waiting,
            "lost": self.lost.len(),
            "twice": self.twice.len(),
            "refused": self.refused,
            "refusedAndThere": self.refused_and_there.len(),
        })
    }
}

#[cfg(test)]
mod tests;
