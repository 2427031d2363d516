//! [`Findings`]: what is found when everything is compared with everything else.

use std::collections::BTreeMap;

use crate::book::Book;
use crate::log::Log;
use crate::scene::Evening;
use crate::ship::Ship;
use crate::viewers::{Kind, Viewer};

/// What was found over a night.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) conversations: u64,
    /// Turns by how they ended.
    pub(crate) turns: BTreeMap<String, u64>,
    pub(crate) frames: BTreeMap<Kind, u64>,
    /// Viewers that were told so when the end of a turn could not be stored yet.
    pub(crate) warnings: u64,
    /// Frames and texts that a viewer lacks in the end, or has otherwise, gaps on the way, and what was
    /// taken back although no crash may.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) disordered: u64,
    pub(crate) viewers: u64,
    /// Viewers that know what the log says, and nothing else.
    pub(crate) agreeing: u64,
    pub(crate) same_frames: u64,
    pub(crate) same_bytes: u64,
    /// What did not hold, one line each.
    pub(crate) broken: Vec<String>,
}

/// Lines that are told of what does not hold.
const MOST_BROKEN: usize = 20;

/// How long a line about what does not hold may be, in characters.
const LONGEST: usize = 300;

/// How turns may end. A kill loses them; a disk that is full, or a plugin that is gone, is an error.
const REASONS: [&str; 3] = ["stop", "lost", "error"];

impl Findings {
    /// Looks at everything that an evening has left.
    ///
    /// # Errors
    /// When the host does not answer.
    pub(crate) async fn examine(&mut self, ship: &Ship, evening: &Evening) -> Result<(), String> {
        let logs = self.logs(ship, &evening.conversations).await?;
        for log in logs.values() {
            let truth = replay(ship, log).await?;
            self.conversations += 1;
            self.examine_log(log, &truth);
            for viewer in evening.viewers.iter().filter(|viewer| viewer.conversation == log.id) {
                self.examine_viewer(viewer, &truth);
            }
        }
        self.settle(ship, &logs);
        Ok(())
    }

    /// Compares everything that was ever acknowledged with everything that is there.
    ///
    /// # Errors
    /// When the host does not answer.
    pub(crate) async fn settle_all(&mut self, ship: &Ship) -> Result<crate::ledger::Settlement, String> {
        let logs = self.logs(ship, &ship.ledger.conversations()).await?;
        Ok(self.settle(ship, &logs))
    }

    async fn logs(&self, ship: &Ship, conversations: &[String]) -> Result<BTreeMap<String, Log>, String> {
        let mut logs = BTreeMap::new();
        for id in conversations {
            logs.insert(id.clone(), Log::of(&ship.client, id).await?);
        }
        Ok(logs)
    }

    fn examine_log(&mut self, log: &Log, truth: &Book) {
        for (reason, count) in log.reasons() {
            if !REASONS.contains(&reason.as_str()) {
                self.breaks(format!("{}: a turn ended as {reason}", log.id));
            }
            *self.turns.entry(reason).or_default() += count;
        }
        for fault in log.faults().into_iter().chain(log.differences_from(truth)) {
            self.breaks(fault);
        }
    }

    fn examine_viewer(&mut self, viewer: &Viewer, truth: &Book) {
        let book = viewer.book();
        let (found, tally) = (book.compare(truth), &book.tally);
        self.viewers += 1;
        *self.frames.entry(viewer.kind).or_default() += tally.frames;
        self.lost += found.differences.len() as u64 + tally.gaps + tally.revoked;
        self.warnings += tally.warnings;
        self.doubled += tally.doubled;
        self.disordered += tally.disordered;
        self.same_frames += found.same_frames;
        self.same_bytes += found.same_bytes;
        if found.differences.is_empty() && tally.remarks.is_empty() {
            self.agreeing += 1;
        }
        for what in found.differences.iter().chain(&tally.remarks) {
            self.breaks(format!("{} of {}: {what}", viewer.kind.name(), viewer.conversation));
        }
    }

    fn settle(&mut self, ship: &Ship, logs: &BTreeMap<String, Log>) -> crate::ledger::Settlement {
        let settled = ship.ledger.settle(logs);
        let kinds = [
            ("acknowledged and lost", &settled.lost),
            ("acknowledged and there twice", &settled.twice),
            ("refused and there all the same", &settled.refused_and_there),
        ];
        for (what, found) in kinds {
            for one in found {
                self.breaks(format!("{what}: {one}"));
            }
        }
        settled
    }

    /// Notes what does not hold; once, and not without end.
    pub(crate) fn breaks(&mut self, what: String) {
        let what: String = what.chars().take(LONGEST).collect();
        if self.broken.len() < MOST_BROKEN && !self.broken.contains(&what) {
            self.broken.push(what);
        }
    }
}

/// A conversation as somebody is shown it who comes now.
async fn replay(ship: &Ship, log: &Log) -> Result<Book, String> {
    let mut book = Book::default();
    let mut lines = ship.client.events(&log.id, "0:0:0").await?;
    while book.cursor().position < log.latest_position {
        let frame = lines.frame().await?.ok_or_else(|| format!("{} cannot be read to its end", log.id))?;
        book.take(&frame);
    }
    Ok(book)
}
