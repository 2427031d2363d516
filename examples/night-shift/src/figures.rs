//! [`Figures`]: what was measured while the acts were played.

use serde_json::{Value, json};

use crate::guards::Guards;
use crate::host::Host;
use crate::operator::Operator;
use crate::prompts::Prompts;

/// What was measured over a night.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) reloads: u64,
    /// Which plugin a call waited for longest while it was replaced, and how many milliseconds.
    pub(crate) longest_wait: (String, u64),
    pub(crate) panics: u64,
    pub(crate) quarantines: u64,
    /// The longest time that a question waited, in milliseconds.
    pub(crate) question_ms: u64,
    pub(crate) disk: Disk,
    pub(crate) prompts: Prompts,
    pub(crate) guards: Guards,
    /// What the first host took when it was ready, and the last one in the end.
    pub(crate) burdens: Option<(Burden, Burden)>,
    /// The most memory that a host took when it was looked at.
    pub(crate) most_resident: u64,
}

/// What happened while the disk was full.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) times: u64,
    /// The longest, in milliseconds.
    pub(crate) longest_ms: u64,
    /// Messages that were acknowledged.
    pub(crate) taken: u64,
    /// Messages that were refused.
    pub(crate) refused: u64,
}

/// What a process takes of its machine.
#[derive(Clone, Debug)]
pub(crate) struct Burden {
    pub(crate) resident_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

impl Figures {
    pub(crate) fn reloaded(&mut self, plugin: &str, waited_ms: u64) {
        self.reloads += 1;
        if waited_ms >= self.longest_wait.1 {
            self.longest_wait = (plugin.to_owned(), waited_ms);
        }
    }

    pub(crate) const fn panicked(&mut self) {
        self.panics += 1;
    }

    /// It was quarantined, and is back.
    pub(crate) const fn released(&mut self) {
        self.quarantines += 1;
    }

    /// What did not hold since the last look.
    pub(crate) fn take_broken(&mut self) -> Vec<String> {
        let judged = [&mut self.prompts.judgement, &mut self.guards.judgement];
        judged.into_iter().flat_map(|judgement| judgement.broken.drain(..)).collect()
    }

    pub(crate) fn question_waited(&mut self, ms: u64) {
        self.question_ms = self.question_ms.max(ms);
    }

    pub(crate) fn disk_was_full(&mut self, ms: u64, taken: usize, refused: usize) {
        self.disk.times += 1;
        self.disk.longest_ms = self.disk.longest_ms.max(ms);
        self.disk.taken += taken as u64;
        self.disk.refused += refused as u64;
    }

    /// Looks at what the host takes of its machine.
    ///
    /// # Errors
    /// When the host does not say.
    pub(crate) async fn host_at(&mut self, host: &Host, operator: &Operator) -> Result<(), String> {
        let status = operator.ask(&["status"]).await?;
        let number = |key: &str| status["host"][key].as_u64().unwrap_or_default();
        let (resident_bytes, threads) = (number("residentBytes"), number("threads"));
        let now = Burden { resident_bytes, threads, descriptors: host.descriptors() };
        self.most_resident = self.most_resident.max(resident_bytes);
        let first = self.burdens.take().map_or_else(|| now.clone(), |(first, _)| first);
        self.burdens = Some((first, now));
        Ok(())
    }
}

impl Burden {
    pub(crate) fn document(&self) -> Value {
        json!({
            "residentBytes": self.resident_bytes, "threads": self.threads, "descriptors": self.descriptors,
        })
    }
}
