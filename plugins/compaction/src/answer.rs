//! [`Answer`]: the words of a model's answer, as they come.

use transom_agent::provider::{FinishReason, ProviderEvent};

/// Bytes of a token that a summary may have at most: some languages need many.
const MOST_BYTES_OF_A_TOKEN: u64 = 16;

/// The words of an answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    words: String,
    is_over: bool,
}

impl Answer {
    /// Takes in what came next.
    ///
    /// # Errors
    /// Why there will be no summary, in a sentence.
    pub(crate) fn take(&mut self, event: ProviderEvent, most_tokens: u64) -> Result<(), String> {
        match event {
            ProviderEvent::TextDelta { delta } => self.words.push_str(&delta),
            ProviderEvent::Error { message, .. } => return Err(format!("the model failed: {message}")),
            ProviderEvent::Finish { reason: FinishReason::Length } => {
                return Err(format!(
                    "the model wrote more than {most_tokens} tokens; allow for more with `summary_tokens`"
                ));
            }
            ProviderEvent::Finish { reason: FinishReason::ContentFilter } => {
                return Err("the provider withheld the summary".to_owned());
            }
            ProviderEvent::Finish { .. } => self.is_over = true,
            // It was told to call no tool, and nobody runs one.
            _ => {}
        }
        if self.words.len() as u64 > most_tokens.saturating_mul(MOST_BYTES_OF_A_TOKEN) {
            return Err(format!("the model wrote {} bytes and did not come to an end", self.words.len()));
        }
        Ok(())
    }

    /// The summary.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn finish(self) -> Result<String, String> {
        match self.words.trim() {
            _ if !self.is_over => Err("the model's answer ended in the middle".to_owned()),
            "" => Err("the model wrote nothing".to_owned()),
            words => Ok(words.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use transom_agent::provider::FailureClass;
    use transom_plugin_api::{Json, Maybe};

    use super::*;

    fn says(words: &str) -> ProviderEvent {
        ProviderEvent::TextDelta { delta: words.into() }
    }

    fn ends(reason: FinishReason) -> ProviderEvent {
        ProviderEvent::Finish { reason }
    }

    fn answer(events: impl IntoIterator<Item = ProviderEvent>) -> Result<String, String> {
        let mut answer = Answer::default();
        events.into_iter().try_for_each(|event| answer.take(event, 10))?;
        answer.finish()
    }

    #[test]
    fn a_summary_is_what_the_model_said_in_words() {
        let call = ProviderEvent::ToolCall {
            tool_call_id: "1".into(),
            tool_name: "x".into(),
            input: Json::default(),
        };
        let thought = ProviderEvent::ReasoningDelta { delta: "hm".into() };
        assert_eq!(
            answer([thought, says(" They "), call, says("look.\n"), ends(FinishReason::Stop)]),
            Ok("They look.".to_owned())
        );
    }

    #[test]
    fn a_failed_empty_or_too_long_answer_is_none() {
        let error = ProviderEvent::Error {
            message: "no luck".into(),
            class: FailureClass::Overloaded,
            code: Maybe::None,
            retry_after_ms: Maybe::None,
        };
        for (events, told) in [
            (vec![says("a"), error], "the model failed: no luck"),
            (vec![says(" \n"), ends(FinishReason::Stop)], "the model wrote nothing"),
            (vec![says("a")], "the model's answer ended in the middle"),
            (vec![says("a"), ends(FinishReason::ContentFilter)], "the provider withheld the summary"),
            (
                vec![says("a"), ends(FinishReason::Length)],
                "the model wrote more than 10 tokens; allow for more with `summary_tokens`",
            ),
            (vec![says(&"a".repeat(161))], "the model wrote 161 bytes and did not come to an end"),
        ] {
            assert_eq!(answer(events), Err(told.to_owned()));
        }
    }
}
