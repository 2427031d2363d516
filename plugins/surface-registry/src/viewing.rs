//! [`Viewing`]: what somebody is shown: everything at first, then what changed, at a moderate pace. It is asked for when it is to be
//! shown, so that who is slow is shown the latest, and nothing waits for him.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use transom_agent::surface::SurfaceScope;
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Json, Text};

use crate::desk::{Desk, Entry, Showing};
use crate::hub::{Marks, Seat};
use crate::wanted::{Wanted, Which};

/// Between two looks at what changed.
const PACE: Duration = Duration::from_millis(50);

/// Between two looks at whether there are other surfaces, where nobody says so.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Something to show.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The surfaces there are.
    Catalogue(Vec<Entry>),
    /// What one shows.
    Update(Text, Box<Showing>),
    /// Why one shows nothing.
    Failed(Text, CallError),
}

/// What is shown to one.
pub(crate) struct Viewing {
    desk: Arc<Desk>,
    seat: Seat,
    shows_catalogue: bool,
    is_catalogue_due: bool,
    due: VecDeque<Text>,
    /// What was shown last, as a number.
    told_catalogue: Option<u64>,
    told: HashMap<Text, u64>,
    version: u64,
}

impl Viewing {
    /// Begins to look.
    ///
    /// # Errors
    /// When that is not there, or too many look.
    pub(crate) async fn begin(
        desk: &Arc<Desk>,
        wanted: Wanted,
        shows_catalogue: bool,
    ) -> Result<Self, CallError> {
        desk.check(&wanted).await?;
        let seat = desk.hub().open(wanted)?;
        let mut viewing = Self {
            desk: Arc::clone(desk),
            seat,
            shows_catalogue,
            is_catalogue_due: false,
            due: VecDeque::new(),
            told_catalogue: None,
            told: HashMap::new(),
            version: 0,
        };
        viewing.look_at_everything();
        Ok(viewing)
    }

    /// The next piece; `None` when somebody else shows it now.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        while !self.seat.is_over() {
            if std::mem::take(&mut self.is_catalogue_due)
                && let Some(piece) = self.catalogue()
            {
                return Some(piece);
            }
            while let Some(id) = self.due.pop_front() {
                if let Some(piece) = self.look(id).await {
                    return Some(piece);
                }
            }
            self.wait().await;
        }
        None
    }

    async fn wait(&mut self) {
        if !sabotaged("surface-tell-at-any-pace") {
            self.desk.host.sleep(PACE).await;
        }
        if sabotaged("surface-lose-the-last") {
            // As if only what comes now were news.
            let _ = self.desk.host.within(Duration::from_nanos(1), self.seat.marks()).await;
        }
        match self.desk.host.within(LOOK_AGAIN, self.seat.marks()).await {
            Some(Marks { catalogue: false, surfaces, .. }) => {
                let shown = self.shown();
                self.due = surfaces.into_iter().filter(|id| shown.contains(id)).collect();
            }
            Some(_) => self.look_at_everything(),
            None if self.desk.version() != self.version => self.look_at_everything(),
            None => {}
        }
    }

    fn look_at_everything(&mut self) {
        self.version = self.desk.version();
        self.is_catalogue_due = self.shows_catalogue;
        let shown = self.shown();
        self.told.retain(|id, _| shown.contains(id));
        self.due = shown.into();
    }

    /// The surfaces that are looked at now.
    fn shown(&self) -> Vec<Text> {
        let Wanted { which, conversation_id } = self.seat.wanted();
        let is_shown = |entry: &Entry| entry.scope == SurfaceScope::Global || conversation_id.is_some();
        match which {
            Which::Catalogue => Vec::new(),
            Which::These(ids) => ids.clone(),
            Which::All => self.desk.catalogue().into_iter().filter(is_shown).map(|entry| entry.id).collect(),
        }
    }

    fn catalogue(&mut self) -> Option<Piece> {
        let entries = self.desk.catalogue();
        let told = Json::of(&entries).ok().map(|document| number_of(document.as_str()));
        let is_old = told == self.told_catalogue;
        if is_old || (self.told_catalogue.is_some() && sabotaged("surface-tell-the-catalogue-once")) {
            return None;
        }
        self.told_catalogue = told;
        Some(Piece::Catalogue(entries))
    }

    async fn look(&mut self, id: Text) -> Option<Piece> {
        let shown = self.desk.show(&id, self.seat.wanted().conversation_id.as_ref()).await;
        let told = match &shown {
            Ok(showing) => number_of(showing.document.as_str()),
            // It is on its way out or in, which the catalogue tells.
            Err(error) if is_away(error) => return None,
            Err(error) => number_of(error.message.as_str()),
        };
        if self.told.insert(id.clone(), told) == Some(told) {
            return None;
        }
        Some(match shown {
            Ok(showing) => Piece::Update(id, Box::new(showing)),
            Err(error) => Piece::Failed(id, error),
        })
    }
}

fn is_away(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::NoProvider | CallErrorKind::Retired)
}

fn number_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
