//! A stage for tests of viewers: a log that they read, and turns that are told as the orchestrator tells them.

mod log;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use transom_agent::event::{AgentEvent, AgentEventKind, Cursor, Place};
use transom_agent::message::{Chunk, Role};
use transom_agent::provider::{ReasoningEffort, Usage};
use transom_agent::turn::{EndReason, TurnRecord, Watch};
use transom_plugin_api::{Json, Maybe, Text};

use self::log::TestLog;
use super::frame::Frame;
use super::spot::Spot;
use super::{Claim, Hub, Places, Viewer};

/// A hub with the log of the conversation `c`, and somebody who tells turns in it.
pub(super) struct Stage {
    pub(super) hub: Arc<Hub>,
    pub(super) log: Arc<TestLog>,
    /// All that was shown, but for prints.
    pub(super) shown: Arc<Mutex<Vec<AgentEvent>>>,
    claim: Option<Claim>,
    /// The position behind which the next turn begins.
    behind: i64,
    turns: u32,
    /// Chunks of the step that are not in the log.
    step: Vec<(i64, Chunk)>,
    /// Where the text goes on that was said last, if nothing else was shown since.
    text: Option<Place>,
}

pub(super) fn stage() -> Stage {
    let log = Arc::new(TestLog::default());
    let hub = Hub::new(Arc::<TestLog>::clone(&log));
    let shown = Arc::default();
    Stage { hub, log, shown, claim: None, behind: 0, turns: 0, step: Vec::new(), text: None }
}

impl Stage {
    /// The same log, in a host that was started anew.
    pub(super) fn restarted(&self) -> Arc<Hub> {
        Hub::new(Arc::<TestLog>::clone(&self.log))
    }

    pub(super) fn turn_id(&self) -> String {
        format!("turn-{}", self.turns)
    }

    pub(super) fn claim(&self) -> &Claim {
        self.claim.as_ref().unwrap()
    }

    pub(super) fn is_running(&self) -> bool {
        self.claim.is_some()
    }

    /// The place of what is whole; the text before it ends there.
    fn fresh(&mut self) -> Place {
        self.text = None;
        self.claim().fresh()
    }

    fn show_at(&self, at: Place, kind: AgentEventKind) {
        self.claim().show_at(at, kind.clone());
        self.showed(at, kind);
    }

    /// Afterwards, so that nobody names a cursor of what is not shown yet.
    fn showed(&self, at: Place, kind: AgentEventKind) {
        let event = kind.of(&"c".into(), &self.turn_id().into(), at);
        self.shown.lock().unwrap().push(event);
    }

    /// Begins a turn: the person's message and the start are in the log before they are shown.
    pub(super) fn begin(&mut self) {
        self.turns += 1;
        let turn_id = self.turn_id();
        let mut claim = self.hub.claim(&"c".into(), turn_id.as_str().into(), 0).unwrap();
        let generation = self.log.generation.load(Ordering::SeqCst);
        claim.begin(Places::behind(generation, self.behind));
        self.claim = Some(claim);
        let said = AgentEventKind::UserMessage { text: format!("hi {}", self.turns).into() };
        let started = AgentEventKind::TurnStart { model: "a/one".into() };
        let places = [self.fresh(), self.fresh()];
        let start = Chunk::TurnStart {
            turn_id: turn_id.as_str().into(),
            model: "a/one".into(),
            cwd: "/".into(),
            reasoning_effort: ReasoningEffort::High,
        };
        let words = Chunk::Text { text: format!("hi {}", self.turns).into() };
        let entries = vec![
            (Role::User, vec![(places[0].position, words)]),
            (Role::System, vec![(places[1].position, start)]),
        ];
        self.log.append(Some(&turn_id), entries);
        self.claim().logged(places[1].position);
        self.show_at(places[0], said);
        self.show_at(places[1], started);
    }

    /// Says a piece of a text.
    pub(super) fn say(&mut self, delta: &str) {
        let kind = AgentEventKind::TextDelta { delta: delta.into() };
        let at = self.text.unwrap_or_else(|| Place { volatile: true, ..self.claim().fresh() });
        self.text = Some(Place { offset: at.offset + delta.len() as u64, ..at });
        match self.step.last_mut() {
            Some((position, Chunk::Text { text })) if *position == at.position => text.push_str(delta),
            _ => self.step.push((at.position, Chunk::Text { text: delta.into() })),
        }
        self.show_at(at, kind);
    }

    /// Shows something that is whole, and drafted but not in the log.
    pub(super) fn show(&mut self, words: &str) {
        let (message, code) = (Text::from(words), Maybe::None);
        let kind = AgentEventKind::Error { message: message.clone(), code: code.clone() };
        let at = self.fresh();
        self.step.push((at.position, Chunk::Error { message, code }));
        self.show_at(at, kind);
    }

    /// Appends what was shown.
    pub(super) fn logged(&mut self) {
        let Some((last, _)) = self.step.last() else { return };
        let last = *last;
        let chunks = std::mem::take(&mut self.step);
        self.log.append(Some(&self.turn_id()), vec![(Role::Assistant, chunks)]);
        self.claim().logged(last);
        // What was said ends with its message.
        self.whole("logged");
    }

    /// Something that is in the log before it is shown.
    fn whole(&mut self, step_id: &str) {
        let (step_id, usage) = (Text::from(step_id), Usage::default());
        let kind = AgentEventKind::Usage { step_id: step_id.clone(), usage };
        let at = self.fresh();
        let chunk = Chunk::Usage { step_id, usage };
        self.log.append(Some(&self.turn_id()), vec![(Role::System, vec![(at.position, chunk)])]);
        self.claim().logged(at.position);
        self.show_at(at, kind);
    }

    /// Ends the turn.
    pub(super) fn seal(&mut self) {
        let record = TurnRecord {
            turn_id: self.turn_id().into(),
            model: "a/one".into(),
            reason: EndReason::Stop,
            usage: Usage::default(),
            steps: 1,
            error_class: Maybe::None,
            context_size: Maybe::None,
            started_at: 0,
            duration_ms: 5,
        };
        let done = AgentEventKind::Done {
            reason: EndReason::Stop,
            duration_ms: 5,
            usage: Usage::default(),
            context_size: Maybe::None,
        };
        let at = self.fresh();
        let chunks = std::mem::take(&mut self.step);
        let end = (Role::System, vec![(at.position, Chunk::TurnEnd { record })]);
        self.log.append(Some(&self.turn_id()), vec![(Role::Assistant, chunks), end]);
        self.claim().logged(at.position);
        self.show_at(at, done);
        let sealed = Place { position: at.position + 1, ..at };
        self.claim.take().unwrap().seal(0);
        self.showed(sealed, AgentEventKind::TurnSealed {});
        self.behind = sealed.position;
    }

    /// The host dies in the middle of a turn: of what was shown only what is in the log stays, and the turn ends as lost.
    pub(super) fn crash(&mut self) {
        std::mem::forget(self.claim.take());
        self.step.clear();
    }

    /// Another hub goes on with the turn.
    pub(super) fn move_to_another_hub(&mut self) {
        std::mem::forget(self.claim.take());
        self.hub = self.restarted();
        let mut claim = self.hub.claim(&"c".into(), self.turn_id().into(), 0).unwrap();
        let last = self.shown.lock().unwrap().last().unwrap().at;
        claim.begin(Places::behind(last.generation, last.position));
        self.claim = Some(claim);
    }

    /// From now on turns begin behind this position.
    pub(super) fn goes_on_behind(&mut self, position: i64) {
        self.behind = position;
    }

    /// Drops the turn without its end.
    pub(super) fn drop_turn(&mut self) {
        self.claim = None;
        self.step.clear();
    }

    pub(super) fn watch(&self, turn_id: Option<&str>, after: Option<Cursor>) -> Viewer {
        watch(&self.hub, turn_id, after)
    }

    /// What somebody is shown who has seen everything up to a cursor.
    pub(super) fn behind(&self, cursor: Cursor) -> Vec<String> {
        let shown = self.shown.lock().unwrap();
        let frames = shown.iter().map(|event| Arc::new(Frame::new(event.clone())));
        let spot = Spot::within(cursor.position, cursor.offset);
        let is_seen = |frame: &Frame| match frame.end().is_whole() {
            true => frame.event().at.position <= cursor.position,
            false => frame.end() <= spot,
        };
        let rest: Vec<_> = frames.filter(|frame| !is_seen(frame)).map(|frame| frame.rest(spot)).collect();
        told(&rest)
    }
}

pub(super) fn watch(hub: &Hub, turn_id: Option<&str>, after: Option<Cursor>) -> Viewer {
    let turn_id = turn_id.map(Text::from).into();
    hub.watch(&Watch { conversation_id: "c".into(), turn_id, after: after.into() }, None, 0).unwrap()
}

/// Frames as they compare, however their texts were cut: each that is whole encoded, each text with its place.
pub(super) fn told(frames: &[Arc<Frame>]) -> Vec<String> {
    let mut told: Vec<(Option<Spot>, String)> = Vec::new();
    for frame in frames {
        match &frame.event().what {
            AgentEventKind::TextDelta { delta } => match told.last_mut() {
                Some((Some(end), words)) if *end == frame.start() => {
                    words.push_str(delta);
                    *end = frame.end();
                }
                _ => {
                    let start = frame.start();
                    let words = format!("{}+{}: {delta}", start.position, start.offset);
                    told.push((Some(frame.end()), words));
                }
            },
            _ => told.push((None, Json::of(frame.event()).unwrap().to_string())),
        }
    }
    told.into_iter().map(|(_, words)| words).collect()
}

/// What has arrived by now, and whether that was all.
pub(super) async fn arrived(viewer: &Viewer) -> (Vec<Arc<Frame>>, bool) {
    let mut frames = Vec::new();
    loop {
        let next = tokio::select! {
            biased;
            next = viewer.next() => next,
            () = std::future::ready(()) => return (frames, false),
        };
        match next {
            Some(frame) => frames.push(frame.unwrap()),
            None => return (frames, true),
        }
    }
}

/// Whether it is over; nothing has arrived.
pub(super) async fn nothing(viewer: &Viewer) -> bool {
    let (frames, is_over) = arrived(viewer).await;
    assert!(frames.is_empty(), "{:?}", told(&frames));
    is_over
}

/// A number that is as good as random, the same ones for the same seed.
pub(super) fn random(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed >> 33).unwrap()
}

/// Every cursor that somebody can have who has seen some of what was shown, and some in the middle of texts.
pub(super) fn cursors(stage: &Stage) -> Vec<Cursor> {
    let shown = stage.shown.lock().unwrap();
    let mut cursors = vec![Cursor::default()];
    for event in shown.iter() {
        let cursor = event.cursor().unwrap();
        cursors.push(cursor);
        if let AgentEventKind::TextDelta { delta } = &event.what {
            let start = event.at.offset;
            let inside = (0..delta.len()).filter(|index| delta.is_char_boundary(*index));
            cursors.extend(inside.map(|index| Cursor { offset: start + index as u64, ..cursor }));
        }
    }
    cursors
}

/// Some turns, of which the last is in the middle of a text, with something of its step in front of it.
pub(super) fn some_turns() -> Stage {
    let mut stage = stage();
    for _ in 0..3 {
        stage.begin();
        stage.say("wö");
        stage.say("rds");
        stage.show("a call");
        stage.logged();
        stage.say("more");
        stage.seal();
    }
    stage.begin();
    stage.say("he");
    stage.show("a call");
    stage.logged();
    stage.show("another");
    stage.say("ll");
    stage.say("öchen");
    stage
}

pub(super) fn held(stage: &Stage) -> usize {
    stage.hub.find("c").unwrap().lock().line.as_ref().unwrap().bytes()
}

pub(super) fn is_rewind(frame: &Arc<Frame>) -> bool {
    matches!(frame.event().what, AgentEventKind::Rewind {})
}

pub(super) fn requires_snapshot(frame: &Arc<Frame>) -> bool {
    matches!(frame.event().what, AgentEventKind::SnapshotRequired {})
}
