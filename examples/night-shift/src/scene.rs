//! [`Scene`]: one evening, in acts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::acts;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::host::Host;
use crate::journal::note;
use crate::random::Random;
use crate::ship::{Ship, eventually};
use crate::viewers::Viewers;

/// Conversations that go on at the same time.
const CONVERSATIONS: usize = 8;

/// One evening on a ship whose host runs.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) ship: &'a Ship,
    /// `None` while it is away.
    pub(crate) host: &'a mut Option<Host>,
    pub(crate) random: &'a mut Random,
    pub(crate) figures: &'a mut Figures,
    /// Which one of the night, from 1.
    pub(crate) number: u64,
    pub(crate) conversations: Vec<String>,
}

/// What an evening leaves to be looked at.
#[derive(Debug)]
pub(crate) struct Evening {
    pub(crate) conversations: Vec<String>,
    pub(crate) viewers: Viewers,
}

impl Scene<'_> {
    /// Plays it.
    ///
    /// # Errors
    /// Where it could not go on.
    pub(crate) async fn play(mut self) -> Result<Evening, String> {
        self.conversations = (1..=CONVERSATIONS).map(|one| format!("night-{}-{one}", self.number)).collect();
        let crew = Crew::muster(self.ship, &self.conversations, self.random);
        self.all_have_begun().await?;
        note("eight conversations have begun, and each is watched in three ways");
        let viewers = Viewers::of(self.ship, &self.conversations);
        acts::all(&mut self).await?;
        note("everybody ends the last turn and says good night");
        crew.rest().await?;
        acts::say_good_night(&self).await?;
        self.all_is_seen(&viewers).await?;
        Ok(Evening { conversations: self.conversations, viewers })
    }

    async fn all_have_begun(&self) -> Result<(), String> {
        let begun = async || {
            let known = self.ship.ledger.conversations();
            self.conversations.iter().all(|one| known.contains(one)).then_some(())
        };
        eventually("the beginning of eight conversations", begun).await
    }

    /// Every viewer has seen what there is to see, or has had time to.
    async fn all_is_seen(&self, viewers: &Viewers) -> Result<(), String> {
        let mut positions = BTreeMap::new();
        for id in &self.conversations {
            let document = self.ship.client.get(&format!("/conversations/{id}?limit=1")).await?;
            positions.insert(id.clone(), document["latestPosition"].as_u64().unwrap_or_default());
        }
        let seen = async || viewers.behind(&positions).next().is_none().then_some(());
        // Who is still behind then is told by what it lacks.
        let _ = tokio::time::timeout(Duration::from_secs(20), eventually("the viewers", seen)).await;
        Ok(())
    }

    /// Pauses for a random time below so many milliseconds: the moments that a seed makes again.
    pub(crate) async fn pause(&mut self, below_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.below(below_ms))).await;
    }

    /// Waits until so many turns more have ended.
    ///
    /// # Errors
    /// When they do not.
    pub(crate) async fn turns(&self, more: u64) -> Result<(), String> {
        let count = || self.ship.duty.turns.load(std::sync::atomic::Ordering::SeqCst);
        let enough = count() + more;
        eventually("the end of turns", async || (count() >= enough).then_some(())).await
    }

    /// The host.
    ///
    /// # Errors
    /// While there is none.
    pub(crate) fn host(&self) -> Result<&Host, String> {
        self.host.as_ref().ok_or_else(|| "no host runs".to_owned())
    }
}

/// Milliseconds since a moment.
pub(crate) fn since(moment: Instant) -> u64 {
    u64::try_from(moment.elapsed().as_millis()).unwrap_or(u64::MAX)
}
