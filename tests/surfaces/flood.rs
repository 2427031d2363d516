//! A turn beside a surface that changes all the time, and that somebody looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json as value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use transom_agent::provider::{FinishReason, MODEL, ModelInfo, ProviderEvent};
use transom_agent::reach::HttpRequest;
use transom_agent::surface::{Field, SURFACE, SURFACE_CHANGED, SurfaceAbout, SurfaceChanged};
use transom_conversation_store::ConversationStore;
use transom_plugin_api::{Emitter, List};
use transom_session_orchestrator::SessionOrchestrator;
use transom_surface_registry::SurfaceRegistry;
use transom_testkit::{Stand, both_ways, json};

use super::client::Events;

/// What the model says, and how often the surface changes before each of it.
const PIECES: u64 = 100;
const CHANGES: u64 = 100;

/// The surface.
struct Gauge {
    /// How often it has changed.
    changes: AtomicU64,
    /// How often somebody has asked what it shows.
    asked: AtomicU64,
    /// Whether who asks is answered.
    hangs: watch::Sender<bool>,
    changed: Emitter<SurfaceChanged>,
}

impl Gauge {
    fn put_on(stand: &Stand) -> Arc<Self> {
        let (changes, asked) = Default::default();
        let (hangs, _) = watch::channel(false);
        let gauge = Arc::new(Self { changes, asked, hangs, changed: stand.emitter(SURFACE_CHANGED) });
        let (about, shown) = (SurfaceAbout::global("side", "Gauge"), Arc::clone(&gauge));
        stand.serve_named(SURFACE, "gauge", about.clone(), move |_, _| {
            let (gauge, about) = (Arc::clone(&shown), about.clone());
            async move {
                gauge.asked.fetch_add(1, Ordering::Relaxed);
                let mut hangs = gauge.hangs.subscribe();
                hangs.wait_for(|hangs| !hangs).await.expect("the gauge is there");
                let value = gauge.changes.load(Ordering::Relaxed).to_string().into();
                Ok(about.showing("gauge", List::from([Field::Stat { label: "n".into(), value }])))
            }
        });
        gauge
    }

    /// A model that speaks while the gauge changes.
    fn put_a_model_on(self: &Arc<Self>, stand: &Stand) {
        let gauge = Arc::clone(self);
        stand.serve_stream_named(MODEL, "test/model", ModelInfo::default(), move |_, mut items, _| {
            let gauge = Arc::clone(&gauge);
            async move {
                for number in 0..PIECES {
                    (0..CHANGES).for_each(|_| gauge.change());
                    items.send(ProviderEvent::TextDelta { delta: piece(number).into() }).await;
                }
                items.send(ProviderEvent::Finish { reason: FinishReason::Stop }).await;
                Ok(())
            }
        });
    }

    fn change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.changed.emit(&SurfaceChanged::of_all("gauge"));
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

fn piece(number: u64) -> String {
    format!("{number} ")
}

/// Somebody who looks at the gauge all the time, and how many updates there were, with what the last one showed.
fn looking(stand: &Stand) -> (JoinHandle<()>, watch::Receiver<(u64, String)>) {
    let mut request = HttpRequest::new("GET", "/surfaces/events");
    request.query.insert("surface", "gauge".into());
    let mut events = Events::open(stand, "GET /surfaces/events", request);
    let (seen, shown) = watch::channel(Default::default());
    let looks = tokio::spawn(async move {
        loop {
            let update = events.until(|told| told["type"] == "update").await;
            let value = update["spec"]["fields"][0]["value"].as_str().expect("a number").to_owned();
            seen.send_modify(|(count, last)| (*count, *last) = (*count + 1, value));
        }
    });
    (looks, shown)
}

/// What is shown of a turn, to its seal.
async fn turn(stand: &Stand) -> String {
    let mut request = HttpRequest::new("POST", "/chat");
    request.body = value!({"message": "how far is it?", "conversationId": "c"}).into();
    let (mut events, mut said) = (Events::open(stand, "POST /chat", request), String::new());
    loop {
        let frame = events.next().await;
        match frame["type"].as_str().expect("a frame has a type") {
            "text-delta" => {
                assert_eq!(frame["offset"], said.len(), "nothing is lost or told twice");
                said += frame["delta"].as_str().expect("text");
            }
            "turn-sealed" => return said,
            kind => assert_ne!(kind, "error", "{frame}"),
        }
    }
}

#[test]
fn a_turn_is_shown_whole_while_a_surface_changes_all_the_time_and_hangs() {
    both_ways(async |stand| {
        let stand = stand.plugin::<ConversationStore>(json!({})).plugin::<SurfaceRegistry>(json!({}));
        let stand = stand.plugin::<SessionOrchestrator>(json!({"default_model": "test/model"}));
        let gauge = Gauge::put_on(&stand);
        gauge.put_a_model_on(&stand);
        stand.start().await.expect("they start");
        let (looks, mut shown) = looking(&stand);
        shown.wait_for(|(count, _)| *count == 1).await.expect("somebody looks");
        let whole: String = (0..PIECES).map(piece).collect();

        gauge.hangs.send_replace(true);
        let before = gauge.asked();
        assert_eq!(turn(&stand).await, whole);
        assert!(gauge.asked() <= before + 1, "only who looks asks, and he has no answer yet");
        gauge.hangs.send_replace(false);

        assert_eq!(turn(&stand).await, whole);
        let all = gauge.changes.load(Ordering::Relaxed);
        assert_eq!(all, 2 * PIECES * CHANGES);
        shown.wait_for(|(_, last)| *last == all.to_string()).await.expect("the last change is shown");
        let (updates, _) = *shown.borrow();
        assert!(updates * 100 < all, "{updates} updates for {all} changes");
        assert!(gauge.asked() <= updates + 1, "it was asked {} times for {updates} updates", gauge.asked());
        looks.abort();
        assert!(looks.await.expect_err("it does not end by itself").is_cancelled());
        stand.stop().await;
    });
}
