//! [`Viewers`]: three kinds of them watch every conversation, and come back by themselves whenever they are cut off.

mod events;
mod program;
mod socket;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::book::Book;
use crate::frame::Frame;
use crate::kills::Kills;
use crate::ship::Ship;

/// How a viewer watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Over a WebSocket, one connection for all conversations.
    WebSocket,
    /// By server-sent events, in the way of a browser.
    Sse,
    /// By the program: `transom attach --json`.
    Attach,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::WebSocket, Self::Sse, Self::Attach];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::Sse => "SSE",
            Self::Attach => "attach",
        }
    }
}

/// One viewer of one conversation.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) kind: Kind,
    pub(crate) conversation: String,
    book: Mutex<Book>,
    kills: Arc<Kills>,
}

impl Viewer {
    /// What it knows.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows it a document of its stream, word for word; false for one that says that the stream has failed.
    fn show(&self, text: &str) -> bool {
        match Frame::read(text) {
            Ok(Some(frame)) => {
                let taken_back = self.book().take(&frame);
                if frame.kind == "rewind" {
                    self.kills.took_back(self.kind, taken_back);
                }
                true
            }
            Ok(None) => false,
            Err(problem) => {
                self.book().tally.remarks.push(problem);
                false
            }
        }
    }

    /// Where it goes on.
    fn cursor(&self) -> String {
        self.book().cursor().to_string()
    }
}

/// Between two attempts to come back.
const PAUSE: Duration = Duration::from_millis(20);

/// All viewers of a scene. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Viewers {
    viewers: Vec<Arc<Viewer>>,
    _watching: JoinSet<()>,
}

impl Viewers {
    /// Has every conversation watched in every way, from its beginning. They have to be there.
    pub(crate) fn of(ship: &Ship, conversations: &[String]) -> Self {
        let viewer = |kind, conversation: &String| {
            let (conversation, book) = (conversation.clone(), Mutex::default());
            Arc::new(Viewer { kind, conversation, book, kills: Arc::clone(&ship.kills) })
        };
        let of_kind = |kind| conversations.iter().map(|one| viewer(kind, one)).collect::<Vec<_>>();
        let [sockets, events, programs] = Kind::ALL.map(of_kind);
        let mut watching = JoinSet::new();
        watching.spawn(socket::watch(ship.whereabouts.clone(), sockets.clone()));
        for viewer in &events {
            watching.spawn(events::watch(ship.client.clone(), Arc::clone(viewer)));
        }
        for viewer in &programs {
            watching.spawn(program::watch(Arc::clone(&ship.stage), Arc::clone(viewer)));
        }
        Self { viewers: [sockets, events, programs].concat(), _watching: watching }
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Viewer> {
        self.viewers.iter().map(|viewer| &**viewer)
    }

    /// Who has not seen all up to these positions, by conversation.
    pub(crate) fn behind<'a>(
        &'a self,
        positions: &'a BTreeMap<String, u64>,
    ) -> impl Iterator<Item = &'a Viewer> {
        let lacks = |viewer: &&Viewer| {
            let position = positions.get(&viewer.conversation).copied().unwrap_or_default();
            viewer.book().cursor().position < position
        };
        self.iter().filter(lacks)
    }
}
