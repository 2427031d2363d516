//! [`Folders`]: the servers that the files of working folders name, as far as the operator trusts those files.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Gate, Semaphore};
use transom_agent::trust::{Found, Trust, unasked};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Caller};

use crate::connection::{Company, Connection};
use crate::definition::Definition;
use crate::folder_file::{NAME, Sight, look, servers};

/// Folders whose servers run at the same time; the one that was used longest ago makes room for another.
const MOST: usize = 32;
/// Looks at the same time; further ones wait.
const SEATS: usize = 8;
/// How long a look may take.
const TO_LOOK: Duration = Duration::from_secs(2);
/// For what the operator is asked.
const PURPOSE: &str = "servers that are started or reached, and whose tools models may call";

/// What becomes of a folder's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is none.
    Missing,
    /// It is not read, for this reason.
    Unfit(String),
    /// It waits for the operator's answer; or, for this reason, nobody could be asked.
    Untrusted(Option<String>),
    /// The operator does not want it.
    Refused,
    /// It is used. What is wrong in it is told.
    Used { sha256: String, problems: Vec<String> },
}

/// The servers of folders.
pub(crate) struct Folders {
    company: Company,
    trust: Caller<Found, Trust>,
    /// Names of the operator's servers, which win.
    taken: BTreeSet<String>,
    seats: Arc<Semaphore>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    folders: HashMap<String, Folder>,
    uses: u64,
}

#[derive(Default)]
struct Folder {
    gate: Arc<Gate<()>>,
    /// The digest of the file by which the servers were started.
    sha256: Option<String>,
    servers: Vec<Arc<Connection>>,
    used: u64,
}

impl Folders {
    pub(crate) fn new(company: Company, trust: Caller<Found, Trust>, taken: BTreeSet<String>) -> Self {
        let seats = Arc::new(Semaphore::new(SEATS));
        Self { company, trust, taken, seats, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers that run for a folder.
    pub(crate) fn of(&self, folder: &str) -> Vec<Arc<Connection>> {
        self.known().folders.get(folder).map(|folder| folder.servers.clone()).unwrap_or_default()
    }

    /// All servers of all folders.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.known().folders.values().flat_map(|folder| folder.servers.clone()).collect()
    }

    /// Whether anything of a folder is known here.
    pub(crate) fn knows(&self, folder: &str) -> bool {
        self.known().folders.contains_key(folder)
    }

    /// Looks into a folder, starts what its file names, as far as that is trusted, and ends what it does not name any more.
    pub(crate) async fn enter(&self, folder: &str) -> Vec<Arc<Connection>> {
        let gate = {
            let mut known = self.known();
            known.uses += 1;
            let uses = known.uses;
            let entry = known.folders.entry(folder.to_owned()).or_default();
            entry.used = uses;
            Arc::clone(&entry.gate)
        };
        // One at a time, so that none goes by what the file said before another one looked.
        let _turn = gate.lock().await;
        let (standing, bytes) = self.judged(folder).await;
        self.settle(folder, &standing, &bytes);
        self.make_room();
        self.of(folder)
    }

    /// What becomes of a folder's file now.
    pub(crate) async fn standing(&self, folder: &str) -> Standing {
        self.judged(folder).await.0
    }

    /// What becomes of a folder's file, and the very bytes of it that were judged.
    async fn judged(&self, folder: &str) -> (Standing, Vec<u8>) {
        match self.sight(folder).await {
            Sight::Missing => (Standing::Missing, Vec::new()),
            Sight::Unfit(reason) => (Standing::Unfit(reason), Vec::new()),
            Sight::Said { sha256, bytes } => match self.trusted(folder, &sha256).await {
                Ok(Trust::Trusted) => {
                    let problems = self.wanted(&bytes).1;
                    (Standing::Used { sha256, problems }, bytes)
                }
                Ok(Trust::Refused) => (Standing::Refused, Vec::new()),
                Ok(_) => (Standing::Untrusted(None), Vec::new()),
                Err(reason) => (Standing::Untrusted(Some(reason)), Vec::new()),
            },
        }
    }

    async fn sight(&self, folder: &str) -> Sight {
        let path = PathBuf::from(folder);
        let looking = async {
            let seat = Arc::clone(&self.seats).acquire_owned().await.map_err(CallError::unavailable)?;
            // A look that hangs keeps its seat until it ends.
            self.company.host.blocking(move || (look(&path), drop(seat)).0).await
        };
        match self.company.host.within(TO_LOOK, looking).await {
            Some(Ok(sight)) => sight,
            Some(Err(error)) => Sight::Unfit(error.message.into_string()),
            None => Sight::Unfit("the folder did not answer in time".to_owned()),
        }
    }

    /// What the operator says; who does not answer, for the reason given, does not trust it.
    async fn trusted(&self, folder: &str, sha256: &str) -> Result<Trust, String> {
        if sabotaged("start-what-nobody-trusts") {
            return Ok(Trust::Trusted);
        }
        let found = Found {
            folder: folder.into(),
            name: NAME.into(),
            sha256: sha256.into(),
            purpose: PURPOSE.into(),
        };
        self.trust.call(found).await.map_err(|error| unasked(&error))
    }

    /// The servers of a file that are used, and why others are not.
    fn wanted(&self, bytes: &[u8]) -> (Vec<Definition>, Vec<String>) {
        let (found, mut problems) = servers(bytes);
        let (taken, wanted): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|one| self.taken.contains(&one.name) && !sabotaged("let-folders-win"));
        problems.extend(taken.iter().map(|one| {
            format!("server `{}` of `{NAME}` is not used: the operator has one of that name", one.name)
        }));
        (wanted, problems)
    }

    fn settle(&self, folder: &str, standing: &Standing, bytes: &[u8]) {
        let wanted = match standing {
            Standing::Used { .. } => self.wanted(bytes).0,
            _ => Vec::new(),
        };
        let digests: Vec<String> = wanted.iter().map(Definition::digest).collect();
        let mut known = self.known();
        let Some(entry) = known.folders.get_mut(folder) else { return };
        let sha256 = match standing {
            Standing::Used { sha256, problems } => {
                if entry.sha256.as_ref() != Some(sha256) {
                    problems.iter().for_each(|problem| tracing::warn!("in folder `{folder}`: {problem}"));
                }
                Some(sha256.clone())
            }
            _ => None,
        };
        entry.sha256 = sha256;
        let (kept, gone) =
            std::mem::take(&mut entry.servers).into_iter().partition(|one| digests.contains(&one.digest));
        entry.servers = kept;
        let gone: Vec<Arc<Connection>> = gone;
        gone.iter().filter(|_| !sabotaged("keep-old-servers")).for_each(|one| one.stop());
        for (definition, digest) in wanted.into_iter().zip(digests) {
            if entry.servers.iter().all(|one| one.digest != digest) {
                let runs_in = Path::new(folder).to_owned();
                let company = self.company.clone();
                entry.servers.push(Connection::begin(definition, Some(folder.to_owned()), runs_in, company));
            }
        }
    }

    /// Ends the servers of folders that were used longest ago, and forgets those that have none.
    fn make_room(&self) {
        let mut known = self.known();
        known.folders.retain(|_, folder| !folder.servers.is_empty() || Arc::strong_count(&folder.gate) > 1);
        while known.folders.len() > MOST {
            let oldest = known.folders.iter().min_by_key(|(_, folder)| folder.used);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { return };
            if let Some(folder) = known.folders.remove(&oldest) {
                folder.servers.iter().for_each(|one| one.stop());
            }
        }
    }
}
