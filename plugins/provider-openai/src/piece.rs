//! [`Piece`]: what one frame of an answer says, in any of the dialects in use.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use transom_agent::provider::Usage;
use transom_plugin_api::Maybe;

/// The data of one frame. What it does not hold, or holds in another type, is absent.
#[derive(Debug)]
pub(crate) struct Piece(Value);

impl Piece {
    /// Reads the data of a frame.
    pub(crate) fn read(data: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(data).map(Self)
    }

    /// The error it reports instead of an answer.
    pub(crate) fn error(&self) -> Option<&Value> {
        self.0.get("error").filter(|error| !error.is_null())
    }

    /// The whole of it, for a frame that is an error by its type.
    pub(crate) fn into_value(self) -> Value {
        self.0
    }

    /// More text.
    pub(crate) fn text(&self) -> Option<String> {
        match self.delta("content")? {
            Value::String(text) => some_text(text),
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                some_text(&texts.collect::<String>())
            }
            _ => None,
        }
    }

    /// More thoughts. Some send them under both names at once.
    pub(crate) fn thought(&self) -> Option<String> {
        let thought = |key: &str| some_text(self.delta(key)?.as_str()?);
        thought("reasoning_content").or_else(|| thought("reasoning"))
    }

    /// Fragments of calls of tools.
    pub(crate) fn calls(&self) -> &[Value] {
        self.delta("tool_calls").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Why the model stopped, in the provider's words.
    pub(crate) fn finish_reason(&self) -> Option<&str> {
        self.choice()?.get("finish_reason")?.as_str().filter(|reason| !reason.is_empty())
    }

    /// The tokens so far.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let inside = |holder: &Value| holder.get("usage").filter(|usage| usage.is_object()).map(usage);
        inside(&self.0).or_else(|| inside(self.choice()?))
    }

    fn choice(&self) -> Option<&Value> {
        self.0.get("choices")?.get(0)
    }

    fn delta(&self, key: &str) -> Option<&Value> {
        self.choice()?.get("delta")?.get(key)
    }
}

/// The text of a frame that says nothing else, as nearly all do. It is read without making a [`Value`] of the rest.
pub(crate) fn only_text(data: &str) -> Option<Cow<'_, str>> {
    let OnlyText {
        choices: (OnlyChoice { delta, finish_reason: None, usage: None },),
        error: None,
        usage: None,
    } = serde_json::from_str(data).ok()?
    else {
        return None;
    };
    let OnlyDelta { content, reasoning_content: None, reasoning: None, tool_calls: None } = delta else {
        return None;
    };
    Some(content).filter(|content| !content.is_empty())
}

#[derive(Deserialize)]
struct OnlyText<'a> {
    #[serde(borrow)]
    choices: (OnlyChoice<'a>,),
    error: Option<IgnoredAny>,
    usage: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct OnlyChoice<'a> {
    #[serde(borrow)]
    delta: OnlyDelta<'a>,
    finish_reason: Option<IgnoredAny>,
    usage: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct OnlyDelta<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    reasoning_content: Option<IgnoredAny>,
    reasoning: Option<IgnoredAny>,
    tool_calls: Option<IgnoredAny>,
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn usage(usage: &Value) -> Usage {
    let number = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    let first = |paths: &[&str]| Maybe::from(paths.iter().find_map(|path| number(path)));
    Usage {
        input_tokens: number("/prompt_tokens").unwrap_or(0),
        output_tokens: number("/completion_tokens").unwrap_or(0),
        cache_read_tokens: first(&[
            "/prompt_tokens_details/cached_tokens",
            "/cache_read_tokens",
            "/prompt_cache_hit_tokens",
        ]),
        cache_write_tokens: first(&["/prompt_tokens_details/cache_write_tokens", "/cache_write_tokens"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(data: &str) -> Piece {
        Piece::read(data).expect("JSON")
    }

    #[test]
    fn text_is_a_string_or_a_list_of_parts() {
        let text = |content: &str| {
            piece(&format!("{{\"choices\":[{{\"delta\":{{\"content\":{content}}}}}]}}")).text()
        };
        assert_eq!(text("\"a\"").as_deref(), Some("a"));
        assert_eq!(
            text(r#"[{"type":"text","text":"a"},{"type":"image"},{"text":"b"}]"#).as_deref(),
            Some("ab")
        );
        assert_eq!([text("\"\""), text("null"), text("7"), text("[]")], [None, None, None, None]);
    }

    #[test]
    fn a_frame_with_nothing_but_text_is_read_as_one_with_more() {
        let frame =
            |rest: &str| format!("{{\"id\":\"x\",\"choices\":[{{\"index\":0,{rest}}}],\"usage\":null}}");
        let alone = [
            r#""delta":{"content":"a\n\u00e9"},"finish_reason":null"#,
            r#""delta":{"role":"assistant","content":" b","reasoning":null,"tool_calls":null}"#,
        ];
        for data in alone.map(frame) {
            let piece = piece(&data);
            assert_eq!(only_text(&data).map(Cow::into_owned), piece.text(), "{data}");
            assert!(piece.finish_reason().is_none() && piece.thought().is_none() && piece.calls().is_empty());
        }
        let more = [
            r#""delta":{"content":""}"#,
            r#""delta":{"content":[{"text":"a"}]}"#,
            r#""delta":{"content":"a","reasoning":"b"}"#,
            r#""delta":{"content":"a","reasoning_content":"b"}"#,
            r#""delta":{"content":"a","tool_calls":[]}"#,
            r#""delta":{"content":"a"},"finish_reason":"stop""#,
            r#""delta":{"content":"a"},"usage":{"prompt_tokens":1}"#,
        ];
        for data in more.map(frame) {
            assert_eq!(only_text(&data), None, "{data}");
        }
        for data in [
            r#"{"choices":[{"delta":{"content":"a"}}],"error":{"message":"b"}}"#,
            r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"}}]"#,
        ] {
            assert_eq!(only_text(data), None, "{data}");
        }
    }

    #[test]
    fn thoughts_come_under_two_names_and_count_once() {
        let thought = |delta: &str| piece(&format!("{{\"choices\":[{{\"delta\":{delta}}}]}}")).thought();
        assert_eq!(thought(r#"{"reasoning_content":"a"}"#).as_deref(), Some("a"));
        assert_eq!(thought(r#"{"reasoning":"a"}"#).as_deref(), Some("a"));
        assert_eq!(thought(r#"{"reasoning":"a","reasoning_content":"a"}"#).as_deref(), Some("a"));
        assert_eq!(thought(r#"{"reasoning":{"x":1}}"#), None);
    }

    #[test]
    fn cached_tokens_come_under_several_names() {
        for cached in [
            r#""prompt_tokens_details":{"cached_tokens":5}"#,
            r#""cache_read_tokens":5"#,
            r#""prompt_cache_hit_tokens":5,"prompt_tokens_details":null"#,
        ] {
            let usage =
                piece(&format!("{{\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":2,{cached}}}}}"))
                    .usage();
            let expected = Usage {
                input_tokens: 9,
                output_tokens: 2,
                cache_read_tokens: Maybe::Some(5),
                cache_write_tokens: Maybe::None,
            };
            assert_eq!(usage, Some(expected));
        }
    }

    #[test]
    fn tokens_that_cannot_be_are_none() {
        for (told, expected) in [
            (r#"{"prompt_tokens":-1,"completion_tokens":1.5}"#, (0, 0)),
            (r#"{"prompt_tokens":"many","completion_tokens":{}}"#, (0, 0)),
            (r#"{"prompt_tokens":18446744073709551615,"completion_tokens":1e300}"#, (u64::MAX, 0)),
        ] {
            let usage = piece(&format!("{{\"usage\":{told}}}")).usage().expect("it is told");
            assert_eq!((usage.input_tokens, usage.output_tokens), expected, "{told}");
        }
    }

    #[test]
    fn usage_may_stand_beside_the_delta() {
        let usage = piece(r#"{"choices":[{"usage":{"prompt_tokens":1}}],"usage":null}"#).usage();
        assert_eq!(usage.map(|usage| usage.input_tokens), Some(1));
    }

    #[test]
    fn nothing_is_read_out_of_other_shapes() {
        for data in [
            "null",
            "7",
            "[]",
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":[{"delta":null}]}"#,
            r#"{"error":null}"#,
        ] {
            let piece = piece(data);
            assert!(piece.error().is_none() && piece.usage().is_none() && piece.finish_reason().is_none());
            assert!(piece.text().is_none() && piece.thought().is_none() && piece.calls().is_empty());
        }
    }
}
