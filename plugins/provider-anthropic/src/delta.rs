//! The frames of which an answer mostly consists: more text, more thoughts. They are read without making a tree of them.

use std::borrow::Cow;

use serde::Deserialize;

/// What such a frame adds.
#[derive(Debug, PartialEq)]
pub(crate) enum Delta<'a> {
    /// To the text.
    Text(Cow<'a, str>),
    /// To the thoughts.
    Thought(Cow<'a, str>),
}

/// What a frame adds, when it is one of them and adds anything.
pub(crate) fn delta(data: &str) -> Option<Delta<'_>> {
    let frame: Frame<'_> = serde_json::from_str(data).ok()?;
    if frame.r#type != "content_block_delta" {
        return None;
    }
    let delta = match frame.delta {
        Added { r#type: "text_delta", text: Some(text), thinking: None } => Delta::Text(text),
        Added { r#type: "thinking_delta", text: None, thinking: Some(thought) } => Delta::Thought(thought),
        _ => return None,
    };
    Some(delta)
}

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    delta: Added<'a>,
}

#[derive(Deserialize)]
struct Added<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    thinking: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(delta: &str) -> String {
        format!(r#"{{"type":"content_block_delta","index":0,"delta":{{{delta}}}}}"#)
    }

    #[test]
    fn text_and_thoughts_are_read_with_their_escapes() {
        let data = frame(r#""type":"text_delta","text":"a\n\u00e9""#);
        assert_eq!(delta(&data), Some(Delta::Text("a\né".into())));
        let data = frame(r#""type":"thinking_delta","thinking":"hm""#);
        assert_eq!(delta(&data), Some(Delta::Thought("hm".into())));
    }

    #[test]
    fn any_other_frame_is_left_to_others() {
        for data in [
            frame(r#""type":"signature_delta","signature":"x""#),
            frame(r#""type":"input_json_delta","partial_json":"x""#),
            frame(r#""type":"text_delta","thinking":"x""#),
            frame(r#""type":"text_delta","text":"x","thinking":"y""#),
            r#"{"type":"message_delta","delta":{"type":"text_delta","text":"x"}}"#.to_owned(),
            r#"{"type":"ping"}"#.to_owned(),
            "nonsense".to_owned(),
        ] {
            assert_eq!(delta(&data), None, "{data}");
        }
    }
}
