//! The log that viewers read in tests.

use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Waker};

use transom_agent::conversation::Conversation;
use transom_agent::log::{Append, Chunks, Entry, Read, StoredChunk};
use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::{CallError, List, Text};

use crate::edges::fake::log::{part, rows};
use crate::hub::log::{Answer, Log};

/// The log of the one conversation `c`.
#[derive(Default)]
pub(in crate::hub) struct TestLog {
    pub(in crate::hub) rows: Mutex<Vec<StoredChunk>>,
    pub(in crate::hub) generation: AtomicU32,
    pub(in crate::hub) reads: AtomicUsize,
    /// Whether every other answer takes a while.
    pub(in crate::hub) hesitates: AtomicBool,
    pub(in crate::hub) is_gone: AtomicBool,
}

impl TestLog {
    pub(in crate::hub) fn append(&self, turn_id: Option<&str>, messages: Vec<(Role, Vec<(i64, Chunk)>)>) {
        let mut known = self.rows.lock().unwrap();
        let entry = |(index, (role, chunks)): (usize, (Role, Vec<(i64, Chunk)>))| Entry {
            turn_id: turn_id.map(Text::from).into(),
            positions: chunks
                .iter()
                .map(|(position, _)| *position)
                .filter(|position| *position > 0)
                .collect(),
            message: Message {
                id: format!("{}-{index}", known.len()).into(),
                role,
                chunks: chunks.into_iter().map(|(_, chunk)| chunk).collect(),
            },
        };
        let entries: List<Entry> = messages.into_iter().enumerate().map(entry).collect();
        let new = rows(&[Append { conversation_id: "c".into(), entries }]);
        for row in new {
            let seq = known.len() as i64 + 1;
            known.push(StoredChunk { seq, ..row });
        }
    }

    /// A repair that took back what stood behind this place.
    pub(in crate::hub) fn repaired(&self, position: i64, offset: u64) {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        let repaired = Chunk::Repaired { generation, position, offset };
        self.append(None, vec![(Role::System, vec![(0, repaired)])]);
    }

    async fn hesitate(&self) {
        if self.reads.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)
            && self.hesitates.load(Ordering::SeqCst)
        {
            tokio::task::yield_now().await;
        }
    }

    fn check(&self) -> Result<(), CallError> {
        match self.is_gone.load(Ordering::SeqCst) || self.rows.lock().unwrap().is_empty() {
            true => Err(CallError::not_found("there is no conversation")),
            false => Ok(()),
        }
    }
}

impl Log for TestLog {
    fn spawn(&self, mut work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        // Where nothing hesitates, all of it has happened when this is over.
        if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            tokio::spawn(work);
        }
    }

    fn read(&self, read: Read) -> Answer<'_, Chunks> {
        Box::pin(async move {
            self.hesitate().await;
            self.check()?;
            Ok(part(&self.rows.lock().unwrap(), &read))
        })
    }

    fn find<'a>(&'a self, conversation_id: &'a Text) -> Answer<'a, Conversation> {
        Box::pin(async move {
            self.hesitate().await;
            self.check()?;
            Ok(Conversation {
                generation: self.generation.load(Ordering::SeqCst),
                ..Conversation::new(conversation_id.clone(), 0)
            })
        })
    }
}
