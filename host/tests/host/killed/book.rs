//! What a viewer knows of a conversation: everything it was shown, and forgot when it was told to.

use std::collections::BTreeMap;

use serde_json::Value;

/// A viewer's copy of a conversation, by positions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// Frames that are whole, without the generation, which is the reader's.
    whole: BTreeMap<i64, Value>,
    /// Texts and thoughts.
    texts: BTreeMap<i64, String>,
    cursor: Option<String>,
    /// The most bytes of one text that were taken back.
    taken_back: u64,
}

impl Book {
    /// Takes in the next frame, in the order that the rules for clients promise.
    pub(crate) fn take(&mut self, frame: &Value) {
        let number = |field: &str| frame[field].as_u64().unwrap_or_else(|| panic!("no {field}: {frame}"));
        let position = i64::try_from(number("position")).expect("a position");
        let (generation, offset) = (number("generation"), number("offset"));
        let mut end = offset;
        match frame["type"].as_str().expect("a type") {
            "tool-output" => return,
            "rewind" => self.rewind(position, offset),
            "snapshot-required" => panic!("nobody here is that far behind: {frame}"),
            "text-delta" | "reasoning-delta" => {
                let delta = frame["delta"].as_str().expect("text");
                end += delta.len() as u64;
                let text = self.texts.entry(position).or_default();
                let offset = usize::try_from(offset).expect("small");
                assert!(offset <= text.len(), "a gap before {frame}, behind {:?}", text.len());
                // What is there already is the same.
                let known = text.len().min(offset + delta.len());
                assert_eq!(text[offset..known], delta[..known - offset], "{frame}");
                text.push_str(&delta[known - offset..]);
                assert!(!self.whole.contains_key(&position), "{frame}");
            }
            _ => {
                let mut frame = frame.clone();
                frame.as_object_mut().expect("an object").remove("generation");
                assert!(!self.texts.contains_key(&position), "{frame}");
                let before = self.whole.insert(position, frame.clone());
                assert!(before.as_ref().is_none_or(|before| *before == frame), "{before:?}, then {frame}");
            }
        }
        self.cursor = Some(format!("{generation}:{position}:{end}"));
    }

    fn rewind(&mut self, position: i64, offset: u64) {
        self.whole.retain(|at, _| *at <= position);
        for (_, text) in self.texts.extract_if(position + 1.., |_, _| true) {
            self.taken_back = self.taken_back.max(text.len() as u64);
        }
        if let Some(text) = self.texts.get_mut(&position) {
            let offset = usize::try_from(offset).expect("small");
            self.taken_back = self.taken_back.max(text.len().saturating_sub(offset) as u64);
            text.truncate(offset);
        }
    }

    /// The highest position that it knows something of.
    pub(crate) fn position(&self) -> i64 {
        let last = |position: Option<&i64>| position.copied().unwrap_or_default();
        last(self.whole.keys().next_back()).max(last(self.texts.keys().next_back()))
    }

    /// Where it goes on.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// That it knows all that was read back, and nothing else.
    pub(crate) fn check_same(&self, replayed: &Self) {
        assert_eq!(self.whole, replayed.whole);
        assert_eq!(self.texts, replayed.texts);
    }

    /// That everything whole in it is in what was read back, and every text as far as one of both goes; answers how many bytes of
    /// a text are only here.
    pub(crate) fn compare(&self, replayed: &Self) -> u64 {
        let mut lost = self.taken_back;
        for (position, frame) in &self.whole {
            assert_eq!(replayed.whole.get(position), Some(frame), "what stood at {position}");
        }
        for (position, text) in &self.texts {
            let again = replayed.texts.get(position).map_or("", String::as_str);
            let both = text.len().min(again.len());
            assert_eq!(text[..both], again[..both], "the text at {position}");
            lost = lost.max((text.len() - both) as u64);
        }
        lost
    }
}
