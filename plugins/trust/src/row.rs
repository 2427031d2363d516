//! What is kept of a [`Book`], and what is told of it: answers and what waits, as documents.
//!
//! | key | value |
//! |---|---|
//! | `answer/<digest>` | [`AnswerRow`] |
//! | `waiting/<digest>` | [`WaitingRow`] |

use serde::{Deserialize, Serialize};
use serde_json::Value;
use transom_agent::storage::{StorageRow, StorageWrite};
use transom_plugin_api::{CallError, Json, Maybe, Text};

use crate::book::{Answer, Book, Waiting};
use crate::subject::Subject;

const ANSWER: &str = "answer/";
const WAITING: &str = "waiting/";

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AnswerRow {
    folder: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    trusted: bool,
    at: i64,
}

/// What waits for one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WaitingRow {
    folder: String,
    name: String,
    sha256: String,
    purpose: String,
    since: i64,
}

impl AnswerRow {
    fn of(subject: &Subject, answer: Answer) -> Self {
        let Subject { folder, name, sha256 } = subject.clone();
        Self { folder, name, sha256, trusted: answer.trusted, at: answer.at }
    }

    fn restore(self, book: &mut Book) -> Result<(), CallError> {
        let subject = Subject::new(&self.folder, self.name.as_deref(), self.sha256.as_deref())?;
        book.answer(subject, Answer { trusted: self.trusted, at: self.at });
        Ok(())
    }
}

impl WaitingRow {
    fn of(file: &Subject, waiting: &Waiting) -> Self {
        Self {
            folder: file.folder.clone(),
            name: file.name.clone().unwrap_or_default(),
            sha256: waiting.sha256.clone(),
            purpose: waiting.purpose.clone(),
            since: waiting.since,
        }
    }

    fn restore(self, book: &mut Book) -> Result<(), CallError> {
        let content = Subject::new(&self.folder, Some(&self.name), Some(&self.sha256))?;
        let [_, file, _] = content.and_wider();
        let Self { sha256, purpose, since, .. } = self;
        book.restore_waiting(file, Waiting { sha256, purpose, since, listed: None });
        Ok(())
    }
}

/// The write that keeps an answer.
pub(crate) fn kept(subject: &Subject, answer: Answer) -> StorageWrite {
    StorageWrite { key: answer_key(subject), value: Maybe::Some(document(&AnswerRow::of(subject, answer))) }
}

/// The write that forgets one.
pub(crate) fn forgotten(subject: &Subject) -> StorageWrite {
    StorageWrite { key: answer_key(subject), value: Maybe::None }
}

/// The write that keeps what waits of a file now: something, or nothing.
pub(crate) fn waits(file: &Subject, waiting: Option<&Waiting>) -> StorageWrite {
    let value = waiting.map(|waiting| document(&WaitingRow::of(file, waiting)));
    StorageWrite { key: format!("{WAITING}{}", file.key()).into(), value: value.into() }
}

fn answer_key(subject: &Subject) -> Text {
    format!("{ANSWER}{}", subject.key()).into()
}

fn document<T: Serialize>(row: &T) -> Json {
    Json::of(row).expect("texts and numbers can be written as JSON")
}

/// Puts a row back into a book. What cannot be meant is left out, and told.
pub(crate) fn restore(row: &StorageRow, book: &mut Book) {
    let restored = if row.key.starts_with(ANSWER) {
        row.value.read::<AnswerRow>().map_err(CallError::from).and_then(|kept| kept.restore(book))
    } else if row.key.starts_with(WAITING) {
        row.value.read::<WaitingRow>().map_err(CallError::from).and_then(|kept| kept.restore(book))
    } else {
        Err(CallError::failed("nothing of that name is kept here"))
    };
    if let Err(error) = restored {
        tracing::warn!("row `{}` is left out: {error}", row.key);
    }
}

/// Everything, as it is told to a program.
pub(crate) fn told(book: &Book) -> Value {
    let waiting = book.waiting().iter().map(|(file, waiting)| WaitingRow::of(file, waiting));
    let answers = book.answers().iter().map(|(subject, answer)| AnswerRow::of(subject, *answer));
    let folders = book.always().iter().map(|folder| folder.display().to_string());
    serde_json::json!({
        "waiting": waiting.collect::<Vec<_>>(),
        "answers": answers.collect::<Vec<_>>(),
        "folders": folders.collect::<Vec<_>>(),
    })
}
