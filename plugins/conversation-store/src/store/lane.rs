//! A bounded queue of jobs in front of threads of the store's own.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

/// Jobs that may wait; whoever brings one more waits with it.
const ROOM: usize = 256;

/// The entrance. When it is closed, or dropped, the threads finish what is queued and end.
pub(crate) struct Lane<Job> {
    entrance: Mutex<Option<mpsc::Sender<Job>>>,
    /// Yields nothing until every thread has ended: each holds a sender and never uses it.
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The exit, shared by the threads of a lane.
pub(crate) struct Jobs<Job>(Arc<Mutex<mpsc::Receiver<Job>>>);

impl<Job: Send + 'static> Lane<Job> {
    /// Starts one thread for each of `works`. A work ends when its jobs do.
    pub(crate) fn start<W>(name: &str, works: impl IntoIterator<Item = W>) -> io::Result<Self>
    where
        W: FnOnce(Jobs<Job>) + Send + 'static,
    {
        let (entrance, exit) = mpsc::channel(ROOM);
        let (running, ended) = mpsc::channel(1);
        let exit = Arc::new(Mutex::new(exit));
        let mut threads = Vec::new();
        for work in works {
            let (jobs, running) = (Jobs(exit.clone()), running.clone());
            let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
                // Declared before the work runs, so that it is dropped after everything the work owns.
                let _running = running;
                work(jobs);
            });
            threads.push(thread?);
        }
        Ok(Self {
            entrance: Mutex::new(Some(entrance)),
            ended: tokio::sync::Mutex::new(ended),
            threads: Mutex::new(threads),
        })
    }

    /// Queues a job; waits while there is no room.
    pub(crate) async fn send(&self, job: Job) -> Result<(), CallError> {
        let entrance = locked(&self.entrance).clone();
        match entrance {
            Some(entrance) => entrance.send(job).await.map_err(|_| closed()),
            None => Err(closed()),
        }
    }

    /// Takes no more jobs, and waits until the threads have done those they have, let go of what they own, and are gone.
    pub(crate) async fn close(&self) {
        drop(locked(&self.entrance).take());
        if sabotaged("leave-the-store-to-its-threads") {
            return;
        }
        self.ended.lock().await.recv().await;
        for thread in std::mem::take(&mut *locked(&self.threads)) {
            // It has nothing left to do; if its work panicked, that was told when it happened.
            let _ = thread.join();
        }
    }
}

impl<Job> Jobs<Job> {
    /// The next job; waits for one. `None` when the lane is closed and empty.
    pub(crate) fn next(&self) -> Option<Job> {
        locked(&self.0).blocking_recv()
    }

    /// The next job, if one is there already.
    pub(crate) fn next_now(&self) -> Next<Job> {
        match locked(&self.0).try_recv() {
            Ok(job) => Next::Job(job),
            Err(TryRecvError::Empty) => Next::Empty,
            Err(TryRecvError::Disconnected) => Next::Closed,
        }
    }
}

/// What is there right now.
pub(crate) enum Next<Job> {
    /// A job.
    Job(Job),
    /// Nothing yet.
    Empty,
    /// Nothing, and nothing will come.
    Closed,
}

impl<Job> Next<Job> {
    /// The job, if it is one.
    pub(crate) fn job(self) -> Option<Job> {
        match self {
            Self::Job(job) => Some(job),
            Self::Empty | Self::Closed => None,
        }
    }
}

/// What a call to a closed store is told.
pub(crate) fn closed() -> CallError {
    CallError::unavailable("the conversation store is closed")
}

// No job runs while a lock is held, so a poisoned one guards nothing half-done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
