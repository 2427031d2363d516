//! [`Lives`]: every plugin of a kernel, which activation of it runs, and what state it is in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use transom_plugin_api::Text;
use transom_plugin_api::hosting::{PluginChange, PluginState, PluginStatus, PointFaults};

use crate::descriptor::Descriptor;
use crate::kernel::Shared;
use crate::lifecycle::PluginToStart;
use crate::seat::Seat;

/// All plugins of a kernel.
pub(crate) struct Lives {
    inner: Mutex<Inner>,
    /// Held while plugins are reloaded or stopped, so that one change is made after the other.
    pub(crate) changing: tokio::sync::Mutex<()>,
    changes: broadcast::Sender<PluginChange>,
}

/// Changes that a reader may be behind.
const CHANGES_KEPT: usize = 1024;

impl Default for Lives {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            changes: broadcast::Sender::new(CHANGES_KEPT),
        }
    }
}

#[derive(Default)]
struct Inner {
    residents: Vec<(Arc<Seat>, Descriptor)>,
    plugins: Vec<Life>,
}

struct Life {
    /// What it was started from, to start it again.
    origin: PluginToStart,
    seat: Option<Arc<Seat>>,
    /// Activations so far.
    generations: u32,
    /// Earlier generations that have not ended.
    draining: u32,
    state: PluginState,
    reason: Option<String>,
}

impl Life {
    fn is(&self, id: &str) -> bool {
        self.origin.descriptor.id == id
    }

    const fn is_active(&self) -> bool {
        matches!(self.state, PluginState::Running | PluginState::Quarantined)
    }
}

/// A generation that runs, or is in quarantine.
#[derive(Clone)]
pub(crate) struct Active {
    pub(crate) seat: Arc<Seat>,
    pub(crate) origin: PluginToStart,
}

impl Lives {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_resident(&self, seat: Arc<Seat>, descriptor: Descriptor) {
        self.lock().residents.push((seat, descriptor));
    }

    pub(crate) fn residents(&self) -> Vec<Descriptor> {
        self.lock().residents.iter().map(|(_, descriptor)| descriptor.clone()).collect()
    }

    pub(crate) fn set(&self, id: &str, state: PluginState, reason: Option<String>) {
        if let Some(life) = self.lock().plugins.iter_mut().find(|life| life.is(id)) {
            life.state = state.clone();
            life.reason.clone_from(&reason);
        }
        let reason = reason.map(Text::from).into();
        // Nobody may be listening.
        let _ = self.changes.send(PluginChange { plugin: id.into(), state, reason });
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<PluginChange> {
        self.changes.subscribe()
    }

    /// The seat of a plugin in that state.
    pub(crate) fn seat_in(&self, id: &str, state: PluginState) -> Option<Arc<Seat>> {
        let inner = self.lock();
        let life = inner.plugins.iter().find(|life| life.is(id) && life.state == state)?;
        life.seat.clone()
    }

    /// Takes a plugin in that is to be started; one that did not run is forgotten.
    pub(crate) fn add(&self, origin: PluginToStart) {
        let mut inner = self.lock();
        let id = origin.descriptor.id.clone();
        let before =
            inner.plugins.iter().position(|life| life.is(&id)).map(|place| inner.plugins.remove(place));
        inner.plugins.push(Life {
            origin,
            seat: None,
            generations: before.map_or(0, |before| before.generations),
            draining: 0,
            state: PluginState::Waiting,
            reason: None,
        });
    }

    /// Forgets a plugin; answers its generation, if one runs.
    pub(crate) fn remove(&self, id: &str) -> Option<Active> {
        let active = self.active(id);
        self.lock().plugins.retain(|life| !life.is(id));
        active
    }

    /// The generations that run or are in quarantine, in the order of their start.
    pub(crate) fn all_active(&self) -> Vec<Arc<Seat>> {
        let inner = self.lock();
        let active = inner.plugins.iter().filter(|life| life.is_active());
        active.filter_map(|life| life.seat.clone()).collect()
    }

    /// The seats of all plugins, which are kept no longer.
    pub(crate) fn take_seats(&self) -> Vec<Arc<Seat>> {
        self.lock().plugins.iter_mut().filter_map(|life| life.seat.take()).collect()
    }

    pub(crate) fn take_residents(&self) -> Vec<Arc<Seat>> {
        self.lock().residents.drain(..).map(|(seat, _)| seat).collect()
    }

    /// Notes that a plugin is being started.
    pub(crate) fn begin(&self, id: &str, seat: &Arc<Seat>) {
        if let Some(life) = self.lock().plugins.iter_mut().find(|life| life.is(id)) {
            life.seat = Some(Arc::clone(seat));
            life.state = PluginState::Starting;
        }
    }

    /// The number of the next activation of a plugin.
    pub(crate) fn next_generation(&self, id: &str) -> u32 {
        let mut inner = self.lock();
        let life = inner.plugins.iter_mut().find(|life| life.is(id));
        life.map_or(1, |life| {
            life.generations += 1;
            life.generations
        })
    }

    pub(crate) fn knows(&self, id: &str) -> bool {
        self.lock().plugins.iter().any(|life| life.is(id))
    }

    /// The generation of a plugin that is to be replaced; `None` when none runs.
    pub(crate) fn active(&self, id: &str) -> Option<Active> {
        let inner = self.lock();
        let life = inner.plugins.iter().find(|life| life.is(id) && life.is_active())?;
        Some(Active { seat: life.seat.clone()?, origin: life.origin.clone() })
    }

    /// Makes `seat`, started from `origin`, the generation of its plugin that runs.
    pub(crate) fn succeed(&self, seat: &Arc<Seat>, origin: PluginToStart) {
        if let Some(life) = self.lock().plugins.iter_mut().find(|life| life.is(seat.id)) {
            life.seat = Some(Arc::clone(seat));
            life.origin = origin;
        }
        self.set(seat.id, PluginState::Running, None);
    }

    /// Notes that an earlier generation began to drain, or has ended.
    pub(crate) fn drains(&self, id: &str, begins: bool) {
        if let Some(life) = self.lock().plugins.iter_mut().find(|life| life.is(id)) {
            life.draining = if begins { life.draining + 1 } else { life.draining.saturating_sub(1) };
        }
    }
}

pub(crate) fn statuses(shared: &Shared) -> Vec<PluginStatus> {
    let lives = shared.lives.lock();
    let status = |life: &Life| PluginStatus {
        id: life.origin.descriptor.id.as_str().into(),
        version: life.origin.descriptor.version.as_str().into(),
        about: life.origin.descriptor.about.as_str().into(),
        attach: life.origin.attach.clone(),
        state: life.state.clone(),
        generation: life.seat.as_ref().map_or(0, |seat| seat.generation),
        draining: life.draining,
        capabilities: life.origin.descriptor.capabilities.iter().map(|asked| asked.as_str().into()).collect(),
        reason: life.reason.as_deref().map(Into::into).into(),
        contributions: life.seat.as_ref().map_or(0, |seat| shared.contributions_of(seat)),
        faults: life.seat.iter().flat_map(|seat| seat.faults.by_point()).map(point_faults).collect(),
    };
    lives.plugins.iter().map(status).collect()
}

fn point_faults((point, count, last): (String, u64, String)) -> PointFaults {
    PointFaults { point: point.into(), count, last: last.into() }
}
