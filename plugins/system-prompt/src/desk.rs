//! [`Desk`]: the work that asks the disk, done where it holds nobody up, and no longer than it may take.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use transom_plugin_api::{CallError, Host};

use crate::file::{Files, Sight};
use crate::git;

/// Looks at the same time; further ones wait.
const SEATS: usize = 8;
/// How long a look may take. A folder that does not answer must not end the time of a whole turn's beginning.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks into folders.
#[derive(Debug)]
pub(crate) struct Desk {
    host: Host,
    files: Arc<Files>,
    seats: Arc<Semaphore>,
}

impl Desk {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, files: Arc::default(), seats: Arc::new(Semaphore::new(SEATS)) }
    }

    /// Does `work` elsewhere; nothing when that takes too long.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let done = self.host.within(PATIENCE, async {
            let seat = Arc::clone(&self.seats).acquire_owned().await.map_err(CallError::unavailable)?;
            self.host
                .blocking(move || {
                    let done = work();
                    // A look that hangs keeps its seat until it ends.
                    drop(seat);
                    done
                })
                .await
        });
        match done.await {
            Some(Ok(done)) => Some(done),
            Some(Err(error)) => {
                tracing::warn!("a folder could not be looked into: {error}");
                None
            }
            None => {
                tracing::warn!("a folder did not answer within {} s", PATIENCE.as_secs());
                None
            }
        }
    }

    /// What a file of a folder says.
    pub(crate) async fn file(&self, folder: &str, name: &str, wants_text: bool) -> Sight {
        let (files, folder, name) = (Arc::clone(&self.files), folder.to_owned(), name.to_owned());
        let sight = self.work(move || files.look(&folder, &name, wants_text)).await;
        sight.unwrap_or_else(|| Sight::Unfit("the folder did not answer in time".to_owned()))
    }

    /// The digest of a repository's configuration.
    pub(crate) async fn git_config(&self, folder: &str) -> Sight {
        let folder = PathBuf::from(folder);
        match self.work(move || (git::config(&folder), folder.join(".git").exists())).await {
            Some((Some(sha256), _)) => Sight::Said { sha256, text: None },
            Some((None, false)) => Sight::Missing,
            Some((None, true)) => Sight::Unfit("not all of it can be shown".to_owned()),
            None => Sight::Unfit("the folder did not answer in time".to_owned()),
        }
    }

    /// The branch that is checked out.
    pub(crate) async fn git_branch(&self, folder: &str) -> String {
        let folder = PathBuf::from(folder);
        self.work(move || git::branch(&folder)).await.flatten().unwrap_or_default()
    }

    /// What `git` says of the folder. Only for one whose configuration is trusted.
    pub(crate) async fn git_status(&self, folder: &str) -> String {
        let folder = PathBuf::from(folder);
        self.work(move || git::status(&folder)).await.flatten().unwrap_or_default()
    }
}
