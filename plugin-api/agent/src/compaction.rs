//! Compaction: a summary takes the place of what was said, as far as models are shown it. The log keeps all of it.
//!
//! Whoever has a summary [appends](crate::log::APPEND) it as a [`Compacted`](crate::message::Chunk::Compacted), in a message of the
//! system of its own, whose id begins with [`SUMMARY_ID`], that belongs to no turn. It may do so at any time: a running turn notices
//! it when it stores its step, and its next request begins with the summary.

use std::fmt::Write;

use transom_plugin_api::{Event, Filter, List, Maybe, Shared, Text, contract};

use crate::message::{Message, Role};

/// Begins the ids of messages that hold a summary, so that they are told apart without being read.
pub const SUMMARY_ID: &str = "summary/";

/// A summary of what was said, and what is carried beside it.
#[contract]
#[derive(Eq, Default)]
pub struct Summary {
    /// What came of it so far, in words. Neither the system prompt nor what an operator demands stands here: models are told
    /// those anew with each request.
    pub text: Text,
    /// The id of the first message that models are still shown as it is: of a person or of a model. Everything before it is summed up.
    pub kept_from: Text,
    /// Files that were read, without those that were written.
    pub files_read: List<Text>,
    /// Files that were written.
    pub files_written: List<Text>,
    /// What is still to be done.
    pub open_tasks: List<Text>,
    /// How many messages it stands for, those of an earlier summary included.
    pub messages: u64,
    /// Tokens of the conversation before, where they are known.
    pub tokens_before: Maybe<u64>,
    /// Tokens of what models are shown from now on, estimated.
    pub tokens_after: Maybe<u64>,
}

impl Summary {
    /// As models are shown it, in front of what is kept: the same bytes for the same summary, for ever.
    #[must_use]
    pub fn message(&self, id: &Text) -> Message {
        Message::text(id.clone(), Role::User, self.shown())
    }

    fn shown(&self) -> String {
        let mut shown = format!(
            "The beginning of this conversation no longer fits in here. This is what came of it. All of it has happened already: \
             repeat nothing of it unless you are asked to.\n\n<summary>\n{}\n</summary>\n",
            self.text.trim()
        );
        for (what, list) in [
            ("Files that were read", &self.files_read),
            ("Files that were written", &self.files_written),
            ("Still to be done", &self.open_tasks),
        ] {
            if !list.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\n{what}:\n");
                list.iter().for_each(|entry| {
                    let _ = writeln!(shown, "- {entry}");
                });
            }
        }
        shown
    }
}

/// Where a summary has its place.
#[contract]
pub struct Compacted {
    /// Which conversation.
    pub conversation_id: Text,
    /// Its `seq` in the log: what a model is asked behind it begins with the summary.
    pub seq: i64,
    /// The summary.
    pub summary: Summary,
}

/// Said by whoever has compacted a conversation, when the summary has its place. Nobody can refuse it. A queued listener with a full
/// mailbox loses by its own terms.
///
/// `agent/conversation.compacted` · event · who compacts says it
pub const COMPACTED: Event<Compacted> = Event::new("agent/conversation.compacted");

/// A summary that is about to be made.
#[contract]
pub struct Draft {
    /// Which conversation.
    pub conversation_id: Text,
    /// The folder it works in; empty where that is not known.
    pub cwd: Text,
    /// What is to be summed up, as models were shown it.
    pub messages: Shared<List<Message>>,
    /// What the model is told to do. A link may say more, or something else.
    pub instruction: Text,
    /// The summary, when a link has one: then no model is asked.
    pub text: Maybe<Text>,
    /// Why there is to be none now, when a link says so: one sentence for a person.
    pub postponed: Maybe<Text>,
    /// Files that were read. Those who know which tools read files add to it.
    pub files_read: List<Text>,
    /// Files that were written.
    pub files_written: List<Text>,
    /// What is still to be done.
    pub open_tasks: List<Text>,
}

/// Runs over a summary that is about to be made: links add what is to be carried as data, change what the model is told, bring a
/// summary of their own, or put it off. Fail-open: a link that fails or refuses changes nothing.
///
/// `agent/conversation.compacting` · fail-open filter, no stages · 5 s for each link · who compacts applies it
pub const COMPACTING: Filter<Draft> = Filter::fail_open("agent/conversation.compacting");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Chunk;

    fn shown(summary: &Summary) -> String {
        let message = summary.message(&"summary/1".into());
        let [Chunk::Text { text }] = &message.chunks[..] else { panic!("one text") };
        text.to_string()
    }

    #[test]
    fn what_is_carried_stands_behind_the_summary_and_only_what_there_is() {
        let summary = Summary {
            text: " They look for a leak.\n".into(),
            files_read: List::from(["a.rs".into(), "b.rs".into()]),
            open_tasks: List::from(["mend it".into()]),
            ..Summary::default()
        };
        let shown = shown(&summary);
        let behind = "\n\n<summary>\nThey look for a leak.\n</summary>\n\nFiles that were read:\n- a.rs\n- b.rs\n\nStill to be done:\n- mend it\n";
        assert!(shown.ends_with(behind), "{shown}");
        assert!(!shown.contains("written"));
    }
}
