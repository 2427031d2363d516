//! The frames a viewer of a turn receives, in the order in which things happened.
//!
//! # Positions
//!
//! Everything viewers are shown of a conversation has a *position*: from 1, one for each text, thought, call, result and
//! fact, counted over all its turns without a gap. A frame that is whole has a position of its own. A text or a thought is
//! shown in pieces while it comes, so that its frames share a position and each says at which byte of the whole it begins.
//! Frames come in the order of (position, offset), for everybody, live and read again.
//!
//! Only the prints of running tools stand apart: they have the position of their call and an offset among the prints of that
//! call, come whenever the tool prints, and may come again to somebody who attaches again. So does a volatile
//! [`Error`](AgentEventKind::Error), which says that the end of a turn cannot be stored yet: it has the place of what came before
//! it, moves no cursor and is never stored.
//!
//! # Cursors
//!
//! A [`Cursor`] names the last that was seen. Frames of one text may arrive joined or cut differently than they were said;
//! by position and offset a viewer can tell what it has already. A frame that is not
//! [volatile](Place::volatile) survives a crash. One that is may be taken back: after a repair, the first frame is
//! [`Rewind`](AgentEventKind::Rewind), and everything behind its position and offset is to be forgotten.

use std::fmt;
use std::str::FromStr;

use transom_plugin_api::{CallError, Json, List, Maybe, Text, contract};

use crate::provider::Usage;
use crate::turn::EndReason;

/// One frame.
#[contract]
pub struct AgentEvent {
    /// Which conversation.
    pub conversation_id: Text,
    /// Which turn; empty for what belongs to none.
    pub turn_id: Text,
    /// Where it stands.
    #[serde(flatten)]
    pub at: Place,
    /// What happened.
    #[serde(flatten)]
    pub what: AgentEventKind,
}

/// Where a frame stands among all that viewers of a conversation are shown.
#[contract]
#[derive(Copy, Eq, Default)]
pub struct Place {
    /// How often positions had to be taken back after a crash.
    pub generation: u32,
    /// The position.
    pub position: i64,
    /// Bytes of the same text, thought or print that come before; 0 for everything else.
    pub offset: u64,
    /// Whether a crash may take it back.
    pub volatile: bool,
}

/// The last that a viewer has seen. Written `<generation>:<position>:<offset>`.
#[contract]
#[derive(Copy, Eq, Default)]
pub struct Cursor {
    /// The generation of the frame.
    pub generation: u32,
    /// Its position.
    pub position: i64,
    /// The byte of its text or thought behind the last one seen; 0 for everything else.
    pub offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.generation, self.position, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        let refused = || {
            let shown: String = text.chars().take(40).collect();
            CallError::invalid_input(format!(
                "cursor `{}` is not understood, expected `<generation>:<position>:<offset>`, such as `0:12:0`",
                shown.escape_debug()
            ))
        };
        let mut parts = text.split(':');
        let (Some(generation), Some(position), Some(offset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused());
        };
        // A sign is no digit.
        if [generation, position, offset].iter().any(|part| !part.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(refused());
        }
        let generation = generation.parse().map_err(|_| refused())?;
        let position = position.parse().map_err(|_| refused())?;
        Ok(Self { generation, position, offset: offset.parse().map_err(|_| refused())? })
    }
}

/// What can happen in a turn. Who shows it leaves out what it does not know.
#[contract(grows)]
pub enum AgentEventKind {
    /// The person's message; the first frame of every turn.
    UserMessage {
        /// The words.
        text: Text,
    },
    /// The person said more while the turn ran; the model reads it with its next step.
    Steering {
        /// The words.
        text: Text,
    },
    /// The turn has begun.
    TurnStart {
        /// The model that answers.
        model: Text,
    },
    /// The model said more.
    TextDelta {
        /// What it added.
        delta: Text,
    },
    /// The model thought more.
    ReasoningDelta {
        /// What it added.
        delta: Text,
    },
    /// The model asks for a tool.
    ToolCall {
        /// The step.
        step_id: Text,
        /// The call.
        tool_call_id: Text,
        /// The tool.
        tool_name: Text,
        /// Its input.
        input: Json,
    },
    /// A running tool printed something.
    ToolOutput {
        /// The call.
        tool_call_id: Text,
        /// What it printed.
        data: Text,
        /// `stdout` or `stderr`.
        stream: Text,
    },
    /// A tool answered. Sent when it did, not when its siblings have too.
    ToolResult {
        /// The step.
        step_id: Text,
        /// The call.
        tool_call_id: Text,
        /// The tool.
        tool_name: Text,
        /// The answer, for the model.
        content: Text,
        /// Whether it failed.
        is_error: bool,
        /// Milliseconds it ran, without waiting.
        duration_ms: u64,
    },
    /// What a step used.
    Usage {
        /// The step.
        step_id: Text,
        /// Its tokens.
        usage: Usage,
    },
    /// The model's part of a step is complete.
    StepComplete {
        /// The step.
        step_id: Text,
        /// Milliseconds until the first token; absent when there was no text.
        ttft_ms: Maybe<u64>,
        /// Milliseconds from the first token to the last; absent when there was no text.
        decode_ms: Maybe<u64>,
        /// Milliseconds of the whole stream.
        gen_total_ms: u64,
    },
    /// A request failed before the model had said anything, and is made again after a while.
    ProviderRetry {
        /// How many attempts failed before this one: 0 at first.
        attempt: u32,
        /// Milliseconds until the next.
        delay_ms: u64,
        /// What went wrong, in one sentence.
        message: Text,
        /// The class of the failure.
        code: Maybe<Text>,
    },
    /// The request of a step waits for room at its provider. It has no position of its own, and is never stored.
    Queued {
        /// Requests in front of it.
        ahead: u32,
        /// Until when the provider is asked nothing at all, in milliseconds since the epoch, when it has asked for a pause.
        paused_until: Maybe<i64>,
    },
    /// The turn asks a person.
    Question {
        /// The question.
        question_id: Text,
        /// The call it is about, if it is about one.
        tool_call_id: Maybe<Text>,
        /// What is asked.
        text: Text,
        /// The answers there are: first those that let the call run, then those that do not.
        choices: List<Text>,
        /// How many of them let it run.
        #[contract(default)]
        allowing: u32,
        /// When the last choice becomes the answer, in milliseconds since the epoch; never when absent.
        answer_by: Maybe<i64>,
    },
    /// A person answered.
    Answer {
        /// The question.
        question_id: Text,
        /// The choice.
        choice: Text,
        /// Whether nobody has answered in time, so that the last choice counts.
        #[contract(default)]
        is_overdue: bool,
    },
    /// Forget what stands behind this place; what follows is what really happened. Where the conversation stands now is said
    /// by the frame's own position and offset.
    Rewind {},
    /// The viewer is too far behind, or its cursor stands where nothing was ever shown. The last frame: read the
    /// conversation, and watch again after the position that its answer names.
    SnapshotRequired {},
    /// Something went wrong.
    Error {
        /// One sentence.
        message: Text,
        /// The class, such as `rate-limited`.
        code: Maybe<Text>,
    },
    /// The turn has ended.
    Done {
        /// Why.
        reason: EndReason,
        /// Milliseconds it took.
        duration_ms: u64,
        /// Tokens of all its steps.
        usage: Usage,
        /// Tokens of the last step, in and out: how full the model's window is; absent when none were reported.
        context_size: Maybe<u64>,
    },
    /// Everything of the turn is durable. The last frame.
    TurnSealed {},
    /// A plugin has changed what a call is given, before it runs.
    InputChanged {
        /// The call.
        tool_call_id: Text,
        /// What it is given.
        input: Json,
    },
}

impl AgentEventKind {
    /// As a frame, with its addresses.
    #[must_use]
    pub fn of(self, conversation_id: &Text, turn_id: &Text, at: Place) -> AgentEvent {
        AgentEvent { conversation_id: conversation_id.clone(), turn_id: turn_id.clone(), at, what: self }
    }
}

impl AgentEvent {
    /// What a viewer says that has seen everything up to this frame; `None` for prints, which move no cursor.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        let Place { generation, position, offset, .. } = self.at;
        let offset = match &self.what {
            AgentEventKind::TextDelta { delta } | AgentEventKind::ReasoningDelta { delta } => {
                offset + delta.len() as u64
            }
            AgentEventKind::ToolOutput { .. } => return None,
            _ => offset,
        };
        Some(Cursor { generation, position, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        for cursor in [Cursor::default(), Cursor { generation: 3, position: i64::MAX, offset: u64::MAX }] {
            assert_eq!(cursor.to_string().parse::<Cursor>().expect("it is read"), cursor);
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused_and_shown_cut() {
        let long = "x".repeat(5000);
        for text in [
            "",
            "1",
            "1:2",
            "1:2:3:4",
            "a:2:3",
            "-1:2:3",
            "1:+2:3",
            "1:2:",
            "1::3",
            " 1:2:3",
            "4294967296:1:0",
            &long,
        ] {
            let error = text.parse::<Cursor>().expect_err("it is refused");
            assert!(error.message.contains("expected `<generation>") && error.message.len() < 200, "{error}");
        }
    }

    #[test]
    fn a_cursor_stands_behind_the_text_that_was_seen_and_is_not_moved_by_prints() {
        let at = Place { generation: 1, position: 4, offset: 10, volatile: true };
        let frame = |what: AgentEventKind| what.of(&"c".into(), &"t".into(), at).cursor();
        let text = frame(AgentEventKind::TextDelta { delta: "ü".into() });
        assert_eq!(text, Some(Cursor { generation: 1, position: 4, offset: 12 }));
        let print = AgentEventKind::ToolOutput {
            tool_call_id: "1".into(),
            data: "x".into(),
            stream: "stdout".into(),
        };
        assert_eq!(frame(print), None);
    }
}
