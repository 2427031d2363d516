//! [`Book`]: what a viewer knows of a conversation, everything it was shown, and forgot when it was told to.

use std::collections::BTreeMap;

use crate::frame::{Cursor, Frame};

/// A viewer's copy of a conversation, by positions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// Frames that are whole.
    whole: BTreeMap<u64, String>,
    /// Texts and thoughts.
    texts: BTreeMap<u64, String>,
    cursor: Cursor,
    /// Behind the last frame that no crash may take back.
    durable: Cursor,
    /// What came.
    pub(crate) tally: Tally,
}

/// What came to a viewer, and what should not have come so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    /// Told that the end of a turn cannot be stored yet.
    pub(crate) warnings: u64,
    /// Shown although it was known.
    pub(crate) doubled: u64,
    /// Shown behind what stands behind it.
    pub(crate) disordered: u64,
    /// Places where something is missing between two frames.
    pub(crate) gaps: u64,
    /// Rewinds that took back more than a crash may.
    pub(crate) revoked: u64,
    /// The first of all these.
    pub(crate) remarks: Vec<String>,
}

/// How a viewer's copy differs from the one that it should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Frames that are the same, byte for byte.
    pub(crate) same_frames: u64,
    /// Bytes of texts and thoughts that are the same.
    pub(crate) same_bytes: u64,
    /// What only one of both has, or has otherwise: one line each.
    pub(crate) differences: Vec<String>,
}

/// Bytes of text that a crash may take back of one conversation: what was said since the last draft, which is made each
/// 2 KiB, and what is said while a busy machine stores it.
const MOST_TAKEN_BACK: u64 = 16 * 1024;

/// Remarks that are kept of one viewer.
const REMARKS: usize = 3;

impl Book {
    /// Takes in the next frame; answers the bytes of text that it takes back.
    pub(crate) fn take(&mut self, frame: &Frame) -> u64 {
        self.tally.frames += 1;
        let mut taken_back = 0;
        match (frame.kind.as_str(), &frame.delta) {
            // Prints stand apart: they move no cursor, and may come again.
            ("tool-output", _) => return 0,
            // So does the word that the end of a turn cannot be stored yet.
            ("error", _) if frame.is_volatile => return self.remember_warning(),
            ("rewind", _) => taken_back = self.rewind(frame),
            ("snapshot-required", _) => self.remark_gap(frame),
            (_, Some(delta)) => self.take_piece(frame, delta),
            (_, None) => self.take_whole(frame),
        }
        self.cursor = frame.end();
        if !frame.is_volatile {
            self.durable = self.cursor;
        }
        taken_back
    }

    fn remember_warning(&mut self) -> u64 {
        self.tally.warnings += 1;
        0
    }

    fn take_piece(&mut self, frame: &Frame, delta: &str) {
        self.check_place(frame);
        let text = self.texts.entry(frame.place.position).or_default();
        let (known, offset) = (text.len(), usize::try_from(frame.place.offset).unwrap_or(usize::MAX));
        text.push_str(delta.get(known.saturating_sub(offset)..).unwrap_or_default());
        if offset < known {
            self.tally.doubled += 1;
            self.remark("shown again", frame);
        } else if offset > known {
            self.remark_gap(frame);
        }
    }

    fn take_whole(&mut self, frame: &Frame) {
        self.check_place(frame);
        if self.whole.insert(frame.place.position, frame.bytes.clone()).is_some() {
            self.tally.doubled += 1;
            self.remark("shown again", frame);
        }
    }

    /// Everything has the position of what came before, or the next one.
    fn check_place(&mut self, frame: &Frame) {
        let (last, now) = (self.cursor.position, frame.place.position);
        if now < last {
            self.tally.disordered += 1;
            self.remark("out of order", frame);
        } else if now > last + 1 {
            self.remark_gap(frame);
        }
    }

    fn remark_gap(&mut self, frame: &Frame) {
        self.tally.gaps += 1;
        self.remark("something is missing before", frame);
    }

    fn remark(&mut self, what: &str, frame: &Frame) {
        if self.tally.remarks.len() < REMARKS {
            self.tally.remarks.push(format!("{what}, behind {}: {}", self.cursor, frame.bytes));
        }
    }

    fn rewind(&mut self, frame: &Frame) -> u64 {
        let to = frame.place;
        if (to.position, to.offset) < (self.durable.position, self.durable.offset) {
            self.tally.revoked += 1;
            self.remark(&format!("what was durable up to {} is taken back", self.durable), frame);
        }
        self.whole.retain(|position, _| *position <= to.position);
        let mut taken_back: usize =
            self.texts.extract_if(to.position + 1.., |_, _| true).map(|(_, text)| text.len()).sum();
        if let Some(text) = self.texts.get_mut(&to.position) {
            let kept = usize::try_from(to.offset).unwrap_or(usize::MAX).min(text.len());
            taken_back += text.len() - kept;
            text.truncate(kept);
        }
        if taken_back as u64 > MOST_TAKEN_BACK {
            self.tally.revoked += 1;
            self.remark(
                &format!("{taken_back} bytes of text are taken back, expected no more than were not drafted"),
                frame,
            );
        }
        taken_back as u64
    }

    /// Where it goes on.
    pub(crate) const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The text or thought at a position.
    pub(crate) fn text_at(&self, position: u64) -> Option<&str> {
        self.texts.get(&position).map(String::as_str)
    }

    /// Whether anything is known of a position.
    pub(crate) fn knows(&self, position: u64) -> bool {
        self.whole.contains_key(&position) || self.texts.contains_key(&position)
    }

    /// How it differs from what a conversation really is.
    pub(crate) fn compare(&self, truth: &Self) -> Comparison {
        let mut found = Comparison::default();
        for (position, frame, other) in pairs(&self.whole, &truth.whole) {
            match (frame, other) {
                (Some(frame), Some(other)) if frame == other => found.same_frames += 1,
                (seen, real) => {
                    found.differences.push(format!("at {position}: saw {seen:?}, it is {real:?}"))
                }
            }
        }
        for (position, text, other) in pairs(&self.texts, &truth.texts) {
            match (text, other) {
                (Some(text), Some(other)) if text == other => found.same_bytes += text.len() as u64,
                (seen, real) => {
                    found.differences.push(format!("text at {position}: saw {seen:?}, it is {real:?}"))
                }
            }
        }
        found
    }
}

/// What two maps have under each of their keys.
fn pairs<'a>(
    one: &'a BTreeMap<u64, String>,
    other: &'a BTreeMap<u64, String>,
) -> impl Iterator<Item = (u64, Option<&'a String>, Option<&'a String>)> {
    let missing = other.iter().filter(|(position, _)| !one.contains_key(position));
    let missing = missing.map(|(position, value)| (*position, None, Some(value)));
    one.iter().map(|(position, value)| (*position, Some(value), other.get(position))).chain(missing)
}

#[cfg(test)]
mod tests;
