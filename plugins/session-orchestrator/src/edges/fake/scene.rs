//! An orchestrator in a world of its own.

use std::sync::Arc;

use transom_agent::event::AgentEventKind;
use transom_agent::turn::{StartTurn, TurnStarted, Watch};
use transom_plugin_api::{CallError, Maybe, Settings, Text};

use super::{Fake, World};
use crate::SessionOrchestrator;
use crate::handed::Handed;
use crate::hub::Viewer;
use crate::orchestrator::Orchestrator;

pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(crate) orchestrator: Arc<Orchestrator<Fake>>,
}

pub(crate) fn scene() -> Scene {
    scene_with("{}")
}

pub(crate) fn scene_with(settings: &str) -> Scene {
    let roots = vec![std::env::temp_dir().canonicalize().unwrap()];
    let scene = Scene::in_world(Arc::new(World { roots, ..World::default() }), settings);
    scene.orchestrator.assume_repaired();
    scene
}

pub(crate) fn message(text: &str) -> StartTurn {
    StartTurn {
        conversation_id: "c".into(),
        text: text.into(),
        model: Maybe::None,
        cwd: Maybe::None,
        reasoning_effort: Maybe::None,
        workspace_id: Maybe::None,
        message_id: Maybe::None,
    }
}

impl Scene {
    /// An orchestrator that has not begun yet.
    pub(crate) fn in_world(world: Arc<World>, settings: &str) -> Self {
        let settings = SessionOrchestrator::from_json(settings).unwrap();
        let orchestrator = Arc::new(Orchestrator::new(Fake(Arc::clone(&world)), settings));
        Self { world, orchestrator }
    }

    /// Begins like a plugin that starts, and waits until what was left is in order.
    pub(crate) async fn begin(&self, handed: Handed) {
        self.orchestrator.begin(handed);
        eventually(|| self.orchestrator.is_repaired()).await;
    }

    pub(crate) async fn try_start(&self, text: &str) -> Result<(TurnStarted, Viewer), CallError> {
        self.orchestrator.start(message(text)).await
    }

    pub(crate) async fn start(&self, text: &str) -> Viewer {
        self.try_start(text).await.unwrap().1
    }

    /// Starts a turn and gives all its frames.
    pub(crate) async fn turn(&self, text: &str) -> Vec<AgentEventKind> {
        rest(&self.start(text).await).await
    }

    /// Polls something until it has asked the store to append.
    pub(crate) async fn until_stored<T>(&self, start: &mut (impl Future<Output = T> + Unpin)) {
        while self.world.count("append") == 0 {
            tokio::select! {
                biased;
                _ = &mut *start => panic!("the store takes a while"),
                () = tokio::task::yield_now() => {}
            }
        }
    }

    pub(crate) fn watch(&self, turn_id: Option<&Text>) -> Result<Viewer, CallError> {
        self.orchestrator.watch(&Watch {
            conversation_id: "c".into(),
            turn_id: turn_id.cloned().into(),
            after: Maybe::None,
        })
    }

    pub(crate) fn stop(&self) -> bool {
        self.orchestrator.stop_running("c")
    }
}

/// Lets others go on until something is so.
pub(crate) async fn eventually(mut is: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to be");
}

pub(crate) async fn next(viewer: &Viewer) -> AgentEventKind {
    viewer.next().await.unwrap().unwrap().event().what.clone()
}

/// All frames to the end.
pub(crate) async fn rest(viewer: &Viewer) -> Vec<AgentEventKind> {
    let mut frames = Vec::new();
    while let Some(frame) = viewer.next().await {
        frames.push(frame.unwrap().event().what.clone());
    }
    frames
}

/// Frames up to the first of which `is` holds, that one included.
pub(crate) async fn until(viewer: &Viewer, is: impl Fn(&AgentEventKind) -> bool) -> Vec<AgentEventKind> {
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame| !is(frame)) {
        frames.push(next(viewer).await);
    }
    frames
}

/// The types of frames, as they are encoded.
pub(crate) fn types(frames: &[AgentEventKind]) -> Vec<String> {
    let types =
        frames.iter().map(|frame| serde_json::to_value(frame).unwrap()["type"].as_str().unwrap().to_owned());
    types.collect()
}
