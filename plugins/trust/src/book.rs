//! [`Book`]: the rule. What the operator has answered, what waits for an answer, and what follows for something that was found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use transom_agent::trust::Trust;
use transom_plugin_api::sabotage::sabotaged;

use crate::subject::Subject;

/// Files that wait for an answer; of more the one that has waited longest is forgotten, until it is found again.
pub(crate) const MOST_WAITING: usize = 200;
/// Answers that are kept.
pub(crate) const MOST_ANSWERS: usize = 10_000;

/// An answer of the operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) trusted: bool,
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
}

/// A content that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) sha256: String,
    /// What it would be used for.
    pub(crate) purpose: String,
    /// Milliseconds since the epoch.
    pub(crate) since: i64,
    /// The content of this file that was shown to a person last.
    pub(crate) listed: Option<String>,
}

impl Waiting {
    /// Whether a person was shown another content of this file than the one that waits.
    pub(crate) fn has_changed(&self) -> bool {
        self.listed.as_ref().is_some_and(|listed| *listed != self.sha256)
    }
}

/// What the operator has said, and what there is to be said something of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// Folders that are trusted with all below them.
    always: Vec<PathBuf>,
    answers: BTreeMap<Subject, Answer>,
    /// By the file, whatever its content.
    waiting: BTreeMap<Subject, Waiting>,
}

/// What came of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) trust: Trust,
    /// Whether it waits for an answer that did not before.
    pub(crate) is_new: bool,
    /// The files that wait since, or do not wait any more.
    pub(crate) changed: Vec<Subject>,
}

impl Book {
    /// One in which nothing was said, for folders that are trusted always.
    pub(crate) fn new(always: Vec<PathBuf>) -> Self {
        Self { always, ..Self::default() }
    }

    /// What the operator says of a content that was found.
    pub(crate) fn look(&mut self, found: &Subject, purpose: &str, now: i64) -> Looked {
        let [_, file, _] = found.and_wider();
        match self.said_of(found) {
            Some(trusted) => {
                // What waited was another content, which is not there any more.
                let changed = self.waiting.remove(&file).map(|_| file).into_iter().collect();
                let trust = if trusted { Trust::Trusted } else { Trust::Refused };
                Looked { trust, is_new: false, changed }
            }
            None => {
                let changed = self.let_wait(file, found, purpose, now);
                Looked { trust: Trust::Unanswered, is_new: !changed.is_empty(), changed }
            }
        }
    }

    fn said_of(&self, found: &Subject) -> Option<bool> {
        let answer = found.and_wider().iter().find_map(|subject| self.answers.get(subject));
        let answer =
            answer.or_else(|| sabotaged("trust-by-name").then(|| self.of_any_content(found)).flatten());
        let is_below = |folder: &PathBuf| Path::new(&found.folder).starts_with(folder);
        answer.map(|answer| answer.trusted).or_else(|| self.always.iter().any(is_below).then_some(true))
    }

    /// What was said of any content of the file: what must not be asked.
    fn of_any_content(&self, found: &Subject) -> Option<&Answer> {
        let [_, file, _] = found.and_wider();
        self.answers.iter().find(|(answered, _)| file.covers(answered)).map(|(_, answer)| answer)
    }

    fn let_wait(&mut self, file: Subject, found: &Subject, purpose: &str, now: i64) -> Vec<Subject> {
        let sha256 = found.sha256.clone().unwrap_or_default();
        let before = self.waiting.get(&file);
        if before.is_some_and(|before| before.sha256 == sha256) {
            return Vec::new();
        }
        let listed = before.and_then(|before| before.listed.clone());
        self.waiting
            .insert(file.clone(), Waiting { sha256, purpose: purpose.to_owned(), since: now, listed });
        let mut changed = vec![file];
        while self.waiting.len() > MOST_WAITING {
            changed.extend(self.forget_the_oldest(&changed[0].clone()));
        }
        changed
    }

    fn forget_the_oldest(&mut self, but: &Subject) -> Option<Subject> {
        let others = self.waiting.iter().filter(|(file, _)| *file != but);
        let oldest = others.min_by_key(|(_, waiting)| waiting.since)?.0.clone();
        self.waiting.remove(&oldest);
        Some(oldest)
    }

    /// What an answer about a subject takes the place of: narrower answers, and what waits for it.
    pub(crate) fn covered(&self, subject: &Subject) -> (Vec<Subject>, Vec<Subject>) {
        let is_narrower = |answered: &&Subject| subject.covers(answered) && *answered != subject;
        let answers = self.answers.keys().filter(is_narrower).cloned().collect();
        let waiting = self.waiting.iter().filter(|(file, waiting)| {
            subject.covers(&Subject { sha256: Some(waiting.sha256.clone()), ..(*file).clone() })
        });
        (answers, waiting.map(|(file, _)| file.clone()).collect())
    }

    /// Whether there is room for one more answer.
    pub(crate) fn has_room(&self, subject: &Subject) -> bool {
        self.answers.len() < MOST_ANSWERS || self.answers.contains_key(subject)
    }

    /// Keeps an answer. What was said of narrower subjects is said anew by it.
    pub(crate) fn answer(&mut self, subject: Subject, answer: Answer) {
        let (narrower, waiting) = self.covered(&subject);
        self.answers.retain(|answered, _| !narrower.contains(answered));
        self.waiting.retain(|file, _| !waiting.contains(file));
        self.answers.insert(subject, answer);
    }

    /// The answers about a subject and everything narrower.
    pub(crate) fn answered_within(&self, subject: &Subject) -> Vec<Subject> {
        self.answers.keys().filter(|answered| subject.covers(answered)).cloned().collect()
    }

    /// Forgets an answer.
    pub(crate) fn forget(&mut self, answered: &Subject) {
        self.answers.remove(answered);
    }

    /// What was kept before is kept again, without anybody being asked.
    pub(crate) fn restore_waiting(&mut self, file: Subject, waiting: Waiting) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.insert(file, waiting);
        }
    }

    /// Remembers that what waits now was shown to a person.
    pub(crate) fn list(&mut self) {
        self.waiting.values_mut().for_each(|waiting| waiting.listed = Some(waiting.sha256.clone()));
    }

    /// What waits, by its files.
    pub(crate) const fn waiting(&self) -> &BTreeMap<Subject, Waiting> {
        &self.waiting
    }

    /// What was answered.
    pub(crate) const fn answers(&self) -> &BTreeMap<Subject, Answer> {
        &self.answers
    }

    /// The folders that are trusted with all below them.
    pub(crate) fn always(&self) -> &[PathBuf] {
        &self.always
    }
}

#[cfg(test)]
mod tests;
