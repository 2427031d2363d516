//! [`Standing`]: the words that were shown and may be taken back by a crash of the host, and how many of them were.

use std::collections::BTreeMap;

use serde_json::Value;
use transom_agent::event::Cursor;
use transom_plugin_api::sabotage::sabotaged;

use crate::terminal::counted;

/// The words shown behind the last frame that no crash takes back.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// By position; how many bytes of its text came before, and what was shown of it.
    texts: BTreeMap<i64, (u64, String)>,
    /// What somebody had seen before anything was shown here.
    before: Option<Cursor>,
}

/// What a rewind takes back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TakenBack {
    Nothing,
    /// So many characters that were shown here.
    Characters(usize),
    /// Something that was seen before anything was shown here.
    Earlier,
}

impl Standing {
    pub(super) fn after(before: Option<Cursor>) -> Self {
        Self { texts: BTreeMap::new(), before }
    }

    /// A frame comes; says what it takes back, if it is a rewind. `is_shown`: whether its words are shown.
    pub(super) fn take(&mut self, frame: &Value, is_shown: bool) -> TakenBack {
        let position = frame["position"].as_i64().unwrap_or_default();
        let offset = frame["offset"].as_u64().unwrap_or_default();
        if frame["type"] == "rewind" {
            return self.rewind(position, offset);
        }
        if frame["volatile"] == false && position > 0 {
            // What is durable stands, and so does everything before it.
            self.texts = self.texts.split_off(&position);
            self.before = None;
        }
        if let (Some(delta), true) = (frame["delta"].as_str(), is_shown) {
            let (_, text) = self.texts.entry(position).or_insert((offset, String::new()));
            text.push_str(delta);
        }
        TakenBack::Nothing
    }

    fn rewind(&mut self, position: i64, offset: u64) -> TakenBack {
        let gone = self.texts.split_off(&position.saturating_add(1));
        let mut characters: usize = gone.values().map(|(_, text)| text.chars().count()).sum();
        if let Some((start, text)) = self.texts.get_mut(&position) {
            let stands = usize::try_from(offset.saturating_sub(*start)).unwrap_or(usize::MAX);
            let stands = text.floor_char_boundary(stands);
            characters += text[stands..].chars().count();
            text.truncate(stands);
        }
        let before = self.before.take().map(|before| (before.position, before.offset));
        match characters {
            _ if sabotaged("tell-of-every-rewind") => TakenBack::Earlier,
            0 if before.is_some_and(|before| before > (position, offset)) => TakenBack::Earlier,
            0 => TakenBack::Nothing,
            some => TakenBack::Characters(some),
        }
    }
}

impl TakenBack {
    /// What is told of it; `None` when nothing is to be told.
    pub(super) fn told(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Characters(1) => Some(
                "the host had lost the last character shown; what follows stands in its place".to_owned(),
            ),
            Self::Characters(many) => Some(format!(
                "the host had lost the last {} shown; what follows stands in their place",
                counted(*many, "character")
            )),
            Self::Earlier => Some(
                "the host had lost the end of what was seen before; what follows stands in its place"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(position: i64, offset: u64, delta: &str) -> Value {
        json!({ "type": "text-delta", "position": position, "offset": offset, "volatile": true, "delta": delta })
    }

    fn rewind(position: i64, offset: u64) -> Value {
        json!({ "type": "rewind", "position": position, "offset": offset, "volatile": false })
    }

    /// What is taken back by a rewind, after these texts were shown.
    fn check(texts: &[Value], place: (i64, u64), expected: TakenBack) {
        let mut standing = Standing::default();
        for text in texts {
            assert_eq!(standing.take(text, true), TakenBack::Nothing);
        }
        assert_eq!(standing.take(&rewind(place.0, place.1), true), expected, "{texts:?} {place:?}");
    }

    #[test]
    fn a_rewind_to_what_was_shown_takes_nothing_back() {
        check(&[], (3, 0), TakenBack::Nothing);
        check(&[said(3, 0, "one "), said(3, 4, "two")], (3, 7), TakenBack::Nothing);
        check(&[said(3, 0, "one")], (5, 0), TakenBack::Nothing);
    }

    #[test]
    fn characters_are_counted_over_all_texts_behind_the_place() {
        check(&[said(3, 0, "one "), said(3, 4, "two")], (3, 4), TakenBack::Characters(3));
        check(&[said(3, 4, "grüße"), said(4, 0, "ab")], (3, 6), TakenBack::Characters(5));
        check(&[said(3, 0, "one"), said(4, 0, "ab")], (2, 0), TakenBack::Characters(5));
    }

    #[test]
    fn what_is_durable_and_what_was_not_shown_is_not_counted() {
        let mut standing = Standing::default();
        standing.take(&said(3, 0, "thought"), false);
        standing.take(&said(4, 0, "said"), true);
        standing.take(&json!({ "type": "usage", "position": 5, "offset": 0, "volatile": false }), true);
        standing.take(&said(6, 0, "more"), true);
        assert_eq!(standing.take(&rewind(5, 0), true), TakenBack::Characters(4));
        assert_eq!(standing.take(&rewind(5, 0), true), TakenBack::Nothing, "it is taken back once");
    }

    #[test]
    fn what_was_seen_elsewhere_is_told_without_a_number() {
        let mut standing = Standing::after("0:9:4".parse().ok());
        assert_eq!(standing.take(&rewind(9, 2), true), TakenBack::Earlier);
        let mut standing = Standing::after("0:9:4".parse().ok());
        assert_eq!(standing.take(&rewind(9, 4), true), TakenBack::Nothing);
    }
}
