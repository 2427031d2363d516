//! [`Frame`]: what happened, as a viewer is shown it.

use std::fmt;

use serde_json::Value;

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: String,
    pub(crate) place: Cursor,
    /// Whether a crash may take it back.
    pub(crate) is_volatile: bool,
    /// What it adds to a text or a thought; `None` for what is whole.
    pub(crate) delta: Option<String>,
    /// Its bytes, but for the generation, which is the reader's and not the frame's.
    pub(crate) bytes: String,
}

/// The last that was seen: generation, position, offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    pub(crate) generation: u64,
    pub(crate) position: u64,
    pub(crate) offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.generation, self.position, self.offset)
    }
}

impl Frame {
    /// Reads one as it came. `None` for a document that is no frame: the word of a transport that the stream has failed, or of
    /// a command that it gives up.
    ///
    /// # Errors
    /// What is neither.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, String> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("not JSON ({error}): {text}"))?;
        let is_failure = document["type"] == "error" || document["ok"] == false;
        if document["conversationId"].is_null() && is_failure {
            return Ok(None);
        }
        let number = |field: &str| document[field].as_u64().ok_or_else(|| format!("no `{field}`: {text}"));
        let word = |field: &str| {
            document[field].as_str().map(str::to_owned).ok_or_else(|| format!("no `{field}`: {text}"))
        };
        let (generation, kind) = (number("generation")?, word("type")?);
        let is_piece = kind == "text-delta" || kind == "reasoning-delta";
        Ok(Some(Self {
            place: Cursor { generation, position: number("position")?, offset: number("offset")? },
            is_volatile: document["volatile"] == true,
            delta: if is_piece { Some(word("delta")?) } else { None },
            bytes: text.trim_end().replacen(&format!("\"generation\":{generation},"), "", 1),
            kind,
        }))
    }

    /// Where its reader stands behind it.
    pub(crate) fn end(&self) -> Cursor {
        let length = self.delta.as_ref().map_or(0, String::len) as u64;
        Cursor { offset: self.place.offset + length, ..self.place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_stands_behind_its_text_and_is_compared_without_its_generation() {
        let text = r#"{"conversationId":"c","turnId":"t","generation":3,"position":4,"offset":10,"type":"text-delta","delta":"ü"}"#;
        let frame = Frame::read(text).unwrap().unwrap();
        assert_eq!(frame.end().to_string(), "3:4:12");
        assert!(
            !frame.bytes.contains("generation") && frame.bytes.len() == text.len() - 15,
            "{}",
            frame.bytes
        );
    }

    #[test]
    fn what_a_transport_says_is_no_frame_and_what_is_neither_is_told() {
        assert!(Frame::read(r#"{"type":"error","message":"gone"}"#).unwrap().is_none());
        assert!(Frame::read(r#"{"ok":false,"faults":[{"message":"gone"}]}"#).unwrap().is_none());
        assert!(Frame::read(r#"{"conversationId":"c","type":"done"}"#).unwrap_err().contains("`generation`"));
        assert!(Frame::read("half a fra").unwrap_err().contains("not JSON"));
    }
}
