//! [`Seen`]: what of a conversation was shown already, by the places of its frames.

use std::collections::BTreeMap;

use serde_json::Value;
use transom_agent::event::Cursor;
use transom_plugin_api::sabotage::sabotaged;

/// The last frame that was seen, and how much of the prints of running tools.
#[derive(Debug, Default)]
pub(super) struct Seen {
    cursor: Option<Cursor>,
    /// Bytes by call; a call is forgotten with its result.
    prints: BTreeMap<String, u64>,
}

impl Seen {
    pub(super) fn after(cursor: Option<Cursor>) -> Self {
        Self { cursor, prints: BTreeMap::new() }
    }

    pub(super) const fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// The frame, or what of it is new; `None` when nothing is.
    pub(super) fn take(&mut self, mut frame: Value) -> Option<Value> {
        let Some(place) = place_of(&frame) else { return Some(frame) };
        match frame["type"].as_str().unwrap_or_default() {
            "rewind" => {
                self.prints.clear();
                self.cursor = Some(place);
                return Some(frame);
            }
            "snapshot-required" => return Some(frame),
            // They stand in no log, where the last frame before them stands: that the end of a turn cannot be stored yet, and that
            // a request waits.
            "error" | "queued" if frame["volatile"] == true => return Some(frame),
            "tool-output" => return self.take_print(frame, place),
            "tool-result" => {
                self.prints.remove(frame["toolCallId"].as_str().unwrap_or_default());
            }
            _ => {}
        }
        let length = frame["delta"].as_str().map(|delta| delta.len() as u64);
        let end = Cursor { offset: place.offset.saturating_add(length.unwrap_or_default()), ..place };
        if self.cursor.is_some_and(|seen| key(end) <= key(seen)) && !sabotaged("show-what-was-seen") {
            return None;
        }
        if let Some(seen) =
            self.cursor.filter(|seen| (seen.generation, seen.position) == (place.generation, place.position))
        {
            cut(&mut frame, "delta", seen.offset.saturating_sub(place.offset));
        }
        self.cursor = Some(end);
        Some(frame)
    }

    fn take_print(&mut self, mut frame: Value, place: Cursor) -> Option<Value> {
        let call = frame["toolCallId"].as_str().unwrap_or_default().to_owned();
        let length = frame["data"].as_str().unwrap_or_default().len() as u64;
        let end = place.offset.saturating_add(length);
        let seen = self.prints.entry(call).or_default();
        if end <= *seen && length > 0 {
            return None;
        }
        cut(&mut frame, "data", seen.saturating_sub(place.offset));
        *seen = end.max(*seen);
        Some(frame)
    }
}

/// Frames are compared by generation, position and offset.
const fn key(cursor: Cursor) -> (u32, i64, u64) {
    (cursor.generation, cursor.position, cursor.offset)
}

/// Where a frame begins; `None` when it stands outside of the order.
fn place_of(frame: &Value) -> Option<Cursor> {
    let position =
        frame["position"].as_i64().filter(|position| *position > 0 || frame["type"] == "rewind")?;
    let generation = frame["generation"].as_u64().and_then(|number| u32::try_from(number).ok())?;
    Some(Cursor { generation, position, offset: frame["offset"].as_u64().unwrap_or_default() })
}

/// Takes the first bytes of a text away.
fn cut(frame: &mut Value, field: &str, bytes: u64) {
    let rest =
        usize::try_from(bytes).ok().and_then(|bytes| frame[field].as_str()?.get(bytes..)).map(str::to_owned);
    if let (Some(rest), true) = (rest, bytes > 0) {
        frame[field] = rest.into();
        frame["offset"] = (frame["offset"].as_u64().unwrap_or_default() + bytes).into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(position: i64, offset: u64, kind: Value) -> Value {
        let mut frame = json!({ "conversationId": "c", "turnId": "t", "generation": 0, "position": position, "offset": offset });
        frame.as_object_mut().expect("an object").extend(kind.as_object().expect("an object").clone());
        frame
    }

    fn said(position: i64, offset: u64, delta: &str) -> Value {
        frame(position, offset, json!({ "type": "text-delta", "delta": delta }))
    }

    fn printed(offset: u64, data: &str) -> Value {
        frame(4, offset, json!({ "type": "tool-output", "toolCallId": "1", "data": data }))
    }

    #[test]
    fn what_was_seen_is_not_shown_again_however_it_is_cut() {
        let mut seen = Seen::default();
        assert_eq!(seen.take(said(3, 0, "one ")), Some(said(3, 0, "one ")));
        assert_eq!(seen.take(said(3, 0, "on")), None);
        assert_eq!(seen.take(said(3, 0, "one two")), Some(said(3, 4, "two")));
        assert_eq!(seen.take(said(3, 7, " three")), Some(said(3, 7, " three")));
        assert_eq!(seen.take(said(2, 0, "before")), None);
        let done = frame(4, 0, json!({ "type": "done" }));
        assert_eq!(seen.take(done.clone()), Some(done.clone()));
        assert_eq!(seen.take(done), None);
        assert_eq!(seen.cursor().map(|cursor| cursor.to_string()), Some("0:4:0".to_owned()));
    }

    #[test]
    fn what_stands_in_no_log_is_shown_where_the_last_frame_stood() {
        let mut seen = Seen::after("0:2:0".parse().ok());
        for kind in ["error", "queued"] {
            let beside = frame(2, 0, json!({ "type": kind, "volatile": true }));
            assert_eq!(seen.take(beside.clone()), Some(beside));
        }
        assert_eq!(seen.take(frame(2, 0, json!({ "type": "turn-start" }))), None);
    }

    #[test]
    fn a_rewind_takes_the_place_back_and_what_follows_is_shown() {
        let mut seen = Seen::after("0:9:20".parse().ok());
        let mut rewind = frame(7, 3, json!({ "type": "rewind" }));
        rewind["generation"] = 1.into();
        assert_eq!(seen.take(rewind.clone()), Some(rewind));
        let mut text = said(7, 0, "so far lost");
        text["generation"] = 1.into();
        assert_eq!(seen.take(text).map(|frame| frame["delta"].clone()), Some("far lost".into()));
        assert_eq!(seen.take(said(10, 0, "of the generation before")), None);
    }

    #[test]
    fn prints_move_no_cursor_and_come_once() {
        let mut seen = Seen::after("0:6:0".parse().ok());
        assert_eq!(seen.take(printed(0, "ab")), Some(printed(0, "ab")));
        assert_eq!(seen.take(printed(0, "ab")), None);
        assert_eq!(seen.take(printed(0, "abc")), Some(printed(2, "c")));
        assert_eq!(seen.cursor().map(|cursor| cursor.position), Some(6));
    }

    #[test]
    fn what_is_told_of_an_end_that_cannot_be_stored_is_shown_and_moves_no_cursor() {
        let mut seen = Seen::default();
        seen.take(said(3, 0, "one "));
        let told = frame(3, 4, json!({ "type": "error", "volatile": true, "message": "the disk is full" }));
        assert_eq!(seen.take(told.clone()), Some(told));
        assert_eq!(seen.take(said(3, 4, "two")), Some(said(3, 4, "two")));
    }

    #[test]
    fn what_has_no_place_is_shown() {
        let mut seen = Seen::after("0:6:0".parse().ok());
        for frame in [json!({ "type": "error", "message": "gone" }), frame(0, 0, json!({ "type": "error" }))]
        {
            assert_eq!(seen.take(frame.clone()), Some(frame));
        }
        assert_eq!(seen.cursor().map(|cursor| cursor.position), Some(6));
    }
}
