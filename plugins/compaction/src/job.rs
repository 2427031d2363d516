//! One compaction: cut, let others have a say, ask the model, append.

use transom_agent::compaction::{Compacted, Draft, SUMMARY_ID, Summary};
use transom_agent::conversation::Conversation;
use transom_agent::log::{Append, Entry, HistoryOf, MessageOf, Read};
use transom_agent::message::{Chunk, Message, Role};
use transom_agent::refusal::shown;
use transom_agent::turn::AskBeside;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, List, Maybe, Shared, Text};

use crate::answer::Answer;
use crate::cut::{BYTES_OF_A_TOKEN, Cut, Uncut, cut, last_request, size};
use crate::instruction::instruction;
use crate::{Compaction, CompactionPorts};

/// Files, or tasks, that are carried beside a summary; of more the newest.
const MOST_CARRIED: usize = 200;
/// Characters of the last request that are carried.
const SHOWN_OF_REQUEST: usize = 2_000;

/// What is to be compacted, and how.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) conversation_id: Text,
    /// Tokens that stay as they are, where somebody wants something else than usual.
    pub(crate) keep_tokens: Option<u64>,
    /// What the model is told besides.
    pub(crate) instruction: Option<String>,
    /// Tokens of the conversation, where they were counted.
    pub(crate) tokens: Option<u64>,
}

/// Compacts a conversation.
///
/// # Errors
/// `NotFound` for an unknown conversation, `Conflict` where there is nothing to sum up or somebody puts it off, `Unavailable` when
/// the model gave no summary, and whatever the store says. Nothing has changed then.
pub(crate) async fn run(
    ports: &CompactionPorts,
    settings: &Compaction,
    wish: Wish,
) -> Result<Compacted, CallError> {
    let known = ports.find.call(wish.conversation_id.clone()).await?;
    let of =
        HistoryOf { conversation_id: wish.conversation_id.clone(), after_seq: 0, before_seq: Maybe::None };
    let messages = ports.history.call(of).await?.messages.into_inner().into_vec();
    let keep_tokens = wish.keep_tokens.unwrap_or(settings.keep_tokens);
    let Cut { at, kept_tokens } = cut(&messages, keep_tokens, wish.tokens)
        .map_err(|why| uncut(&wish.conversation_id, why, keep_tokens))?;
    let (summed_up, kept) = messages.split_at(at);
    let draft = drafted(ports, &known, summed_up, settings, &wish).await?;
    let text = match draft.text.into_option() {
        Some(text) => text.into(),
        None => ask(ports, settings, &wish, &kept[0].id, &draft.instruction).await?,
    };
    let before = earlier(ports, &wish.conversation_id, summed_up).await?;
    let request = last_request(summed_up, kept)
        .map(|words| format!("what was asked for last: {}", shown(&words, SHOWN_OF_REQUEST)));
    let written = carried(&before.files_written, draft.files_written);
    let read = carried(&before.files_read, draft.files_read);
    let summary = Summary {
        kept_from: kept[0].id.clone(),
        files_read: read.into_iter().filter(|file| !written.contains(file)).collect(),
        files_written: written.into(),
        open_tasks: newest(draft.open_tasks.into_iter().chain(request.map(Text::from)).collect()).into(),
        messages: before.messages + (summed_up.len() as u64).saturating_sub(u64::from(before.messages > 0)),
        tokens_before: wish.tokens.into(),
        tokens_after: Maybe::None,
        text: text.into(),
    };
    let shown = size(&summary.message(&SUMMARY_ID.into())) / BYTES_OF_A_TOKEN;
    let summary = Summary { tokens_after: Maybe::Some(kept_tokens + shown), ..summary };
    append(ports, wish.conversation_id, summary).await
}

fn uncut(conversation_id: &str, why: Uncut, keep_tokens: u64) -> CallError {
    let why = match why {
        Uncut::Short if keep_tokens == 0 => "it is short enough",
        Uncut::Short => "it is short enough; have less of it kept, by `keepTokens` or `--keep`",
        Uncut::Whole => "it is a single step, which cannot be parted",
    };
    CallError::conflict(format!("there is nothing to sum up in conversation `{conversation_id}`: {why}"))
}

/// What is to be summed up, as those leave it who have a say.
async fn drafted(
    ports: &CompactionPorts,
    known: &Conversation,
    summed_up: &[Message],
    settings: &Compaction,
    wish: &Wish,
) -> Result<Draft, CallError> {
    let additions = [settings.instruction.as_deref(), wish.instruction.as_deref()];
    let draft = Draft {
        conversation_id: known.id.clone(),
        cwd: known.cwd.clone().unwrap_or_default(),
        messages: Shared::new(summed_up.iter().cloned().collect()),
        instruction: instruction(&additions).into(),
        text: Maybe::None,
        postponed: Maybe::None,
        files_read: List::new(),
        files_written: List::new(),
        open_tasks: List::new(),
    };
    let unlinked = draft.clone();
    let draft = ports.compacting.apply(draft).await.unwrap_or_else(|error| {
        tracing::warn!("nobody had a say in a summary: {error}");
        unlinked
    });
    match draft.postponed {
        Maybe::Some(why) => Err(CallError::conflict(format!("the summary is put off: {why}"))),
        Maybe::None => Ok(draft),
    }
}

/// Has the conversation's model sum up what stands before a message.
async fn ask(
    ports: &CompactionPorts,
    settings: &Compaction,
    wish: &Wish,
    kept_from: &Text,
    instruction: &Text,
) -> Result<String, CallError> {
    let conversation_id = wish.conversation_id.clone();
    let message = MessageOf { conversation_id: conversation_id.clone(), message_id: kept_from.clone() };
    let kept_from = ports.locate.call(message).await?.first_seq;
    let ask = AskBeside {
        conversation_id,
        purpose: "compaction".into(),
        behind: List::from([Message::text("instruction", Role::User, instruction.clone())]),
        before_seq: Maybe::Some(kept_from),
        max_tokens: Maybe::Some(settings.summary_tokens),
        only_when_idle: false,
    };
    let mut answer = Answer::default();
    let mut events = ports.beside.open(ask)?;
    while let Some(event) = events.next().await {
        answer.take(event?, settings.summary_tokens).map_err(CallError::unavailable)?;
    }
    answer.finish().map_err(CallError::unavailable)
}

/// The summary that this one takes the place of; empty where there is none.
async fn earlier(
    ports: &CompactionPorts,
    conversation_id: &Text,
    summed_up: &[Message],
) -> Result<Summary, CallError> {
    let Some(first) = summed_up.first().filter(|first| first.id.starts_with(SUMMARY_ID)) else {
        return Ok(Summary::default());
    };
    let message = MessageOf { conversation_id: conversation_id.clone(), message_id: first.id.clone() };
    let seq = ports.locate.call(message).await?.first_seq;
    let read = Read {
        conversation_id: conversation_id.clone(),
        since_seq: Maybe::Some(seq - 1),
        before_seq: Maybe::Some(seq + 1),
        ..Read::default()
    };
    let chunks = ports.read_log.call(read).await?.chunks;
    let found = chunks.into_iter().find_map(|stored| match stored.chunk {
        Chunk::Compacted { summary } => Some(summary),
        _ => None,
    });
    found.ok_or_else(|| CallError::failed(format!("the log does not tell the summary `{}`", first.id)))
}

/// What was carried before and what came, each once; of too many the newest.
fn carried(before: &[Text], came: List<Text>) -> Vec<Text> {
    let mut all: Vec<Text> = before.to_vec();
    for entry in came {
        all.retain(|other| *other != entry);
        all.push(entry);
    }
    newest(all)
}

fn newest(mut all: Vec<Text>) -> Vec<Text> {
    all.drain(..all.len().saturating_sub(MOST_CARRIED));
    all
}

/// Appends the summary. It has its id already, so that it is there once however often it is sent.
async fn append(
    ports: &CompactionPorts,
    conversation_id: Text,
    summary: Summary,
) -> Result<Compacted, CallError> {
    let id = format!("{SUMMARY_ID}{}", uuid::Uuid::new_v4().simple());
    let chunks = List::from([Chunk::Compacted { summary: summary.clone() }]);
    let entry = Entry {
        message: Message { id: id.into(), role: Role::System, chunks },
        turn_id: Maybe::None,
        positions: List::new(),
    };
    let append = Append { conversation_id: conversation_id.clone(), entries: List::from([entry]) };
    let appended = match ports.append.call(append.clone()).await {
        Err(error) if is_unclear(error.kind) => ports.append.call(append).await?,
        appended => appended?,
    };
    let compacted = Compacted { conversation_id, seq: appended.first_seq, summary };
    if !sabotaged("compact-in-silence") {
        ports.compacted.emit(&compacted);
    }
    Ok(compacted)
}

/// Whether what was asked may have been done all the same.
fn is_unclear(kind: CallErrorKind) -> bool {
    matches!(kind, CallErrorKind::Retired | CallErrorKind::Deadline | CallErrorKind::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_stands_once_and_the_newest_last() {
        let texts = |words: &[&str]| words.iter().map(|word| Text::from(*word)).collect::<Vec<_>>();
        let all = carried(&texts(&["a", "b", "c"]), texts(&["d", "a"]).into());
        assert_eq!(all, texts(&["b", "c", "d", "a"]));
        let many: Vec<Text> = (0..MOST_CARRIED + 5).map(|number| number.to_string().into()).collect();
        let all = carried(&many, List::new());
        assert_eq!((all.len(), all[0].as_str()), (MOST_CARRIED, "5"));
    }
}
