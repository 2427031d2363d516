//! The threads that read. Each read sees one moment of the database, and only what is durable.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::oneshot;
use transom_plugin_api::{CallError, StartError};

use super::database::Database;
use super::failure::Failure;
use super::lane::{Jobs, Lane, closed};

/// Two, so that loading a long history does not hold up everybody else.
const THREADS: usize = 2;

type Look = Box<dyn FnOnce(&Connection) + Send>;

/// Answers reads on connections that cannot write.
pub(crate) struct Readers {
    lane: Lane<Look>,
}

impl Readers {
    pub(crate) fn start(database: &Arc<Database>) -> Result<Self, StartError> {
        let connections = (0..THREADS).map(|_| database.open_to_read()).collect::<Result<Vec<_>, _>>()?;
        let works = connections.into_iter().map(|connection| {
            let claim = database.clone();
            move |jobs: Jobs<Look>| {
                while let Some(look) = jobs.next() {
                    look(&connection);
                }
                // The claim outlives the connection, or another host could open the file while this one has locks on it.
                drop(connection);
                drop(claim);
            }
        });
        Ok(Self { lane: Lane::start("conversation-reader", works)? })
    }

    /// Runs `look` on a reading thread. It is skipped when the caller has stopped waiting.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CallError> {
        let (reply, answer) = oneshot::channel();
        let job = move |connection: &Connection| {
            if !reply.is_closed() {
                // Whoever asked may have gone away meanwhile.
                let _ = reply.send(at_one_moment(connection, look));
            }
        };
        self.lane.send(Box::new(job)).await?;
        answer.await.map_err(|_| closed())?.map_err(CallError::from)
    }

    pub(crate) async fn close(&self) {
        self.lane.close().await;
    }
}

fn at_one_moment<T>(
    connection: &Connection,
    look: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let moment = connection.unchecked_transaction()?;
    look(&moment)
}
