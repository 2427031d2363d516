//! What reads. Each read sees one moment of the database, and only what is durable.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use transom_plugin_api::{CallError, StartError};

use super::database::Database;
use super::failure::Failure;
use super::lane::{Jobs, Lane, closed};

/// Two, so that loading a long history does not hold up everybody else.
const THREADS: usize = 2;

/// Glances that may be under way at a time: whoever comes meanwhile is answered by a thread.
const GLANCES: usize = 2;

type Look = Box<dyn FnOnce(&Connection) + Send>;

/// Answers reads on connections that cannot write.
pub(crate) struct Readers {
    lane: Lane<Look>,
    glances: [Glance; GLANCES],
}

/// A connection for whoever looks for one thing. It is gone once the store is closed.
type Glance = Mutex<Option<(Connection, Arc<Database>)>>;

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
        let lane = Lane::start("conversation-reader", works)?;
        let glances = [(); GLANCES].map(|()| Mutex::default());
        for glance in &glances {
            let connection = database.open_to_read()?;
            // Whoever meets a lock of another program waits for it on a thread.
            connection.busy_timeout(Duration::ZERO).map_err(Failure::from)?;
            *glance.lock().unwrap_or_else(PoisonError::into_inner) = Some((connection, database.clone()));
        }
        Ok(Self { lane, glances })
    }

    /// Runs `look`, which finds what it looks for by a key, here and now: to wake a thread and to be woken takes longer than
    /// it does. A thread does it where all connections are in use, and where some lock is not to be had.
    pub(crate) async fn glance<T: Send + 'static>(
        &self,
        look: impl Fn(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CallError> {
        match self.glance_now(&look) {
            Some(seen) => seen.map_err(CallError::from),
            None => self.read(look).await,
        }
    }

    fn glance_now<T>(&self, look: impl Fn(&Connection) -> Result<T, Failure>) -> Option<Result<T, Failure>> {
        let mut glance = self.glances.iter().find_map(|glance| match glance.try_lock() {
            Ok(glance) => Some(glance),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        let (connection, _) = glance.as_mut()?;
        let seen = at_one_moment(connection, look);
        (!matches!(&seen, Err(failure) if failure.is_passing())).then_some(seen)
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
        for glance in &self.glances {
            // Waits for whoever looks just now.
            drop(glance.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
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
