//! Two plugins that are replaced, one that stands beside its successor and one that cannot, and the rest of their world.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use transom_kernel::{Kernel, Plan, PluginToStart, ReloadTerms};
use transom_plugin_api::prelude::*;

use super::super::support::{Parcel, kernel, plugin_to_start};

const SENT: Event<Parcel> = Event::new("mill/sent");
const HEARD: Event<Parcel> = Event::new("mill/heard");
const WRAP: Filter<Text> = Filter::fail_closed("mill/wrap");
const ASK: Service<u64, Text> = Service::new("mill/ask");
const COUNT: StreamService<u64, u64> = StreamService::new("mill/count");
const DRAW: Service<Text, u64> = Service::new("well/draw");
const POURED: Event<Parcel> = Event::new("well/poured");

/// What one generation of the mill leaves to the next.
#[contract]
struct Ground {
    answers: u64,
}

/// Stands beside its successor.
#[derive(Settings)]
struct Mill {
    /// What it is called.
    #[setting(default = "first")]
    label: String,
    /// How its start goes.
    #[setting(default = "well")]
    start: Manner,
    /// How it hands over.
    #[setting(default = "well")]
    hand_over: Manner,
}

#[derive(Settings)]
enum Manner {
    Well,
    Error,
    Panic,
    Hang,
}

impl Manner {
    async fn begin(&self) -> Result<(), StartError> {
        match self {
            Self::Well => Ok(()),
            Self::Error => Err(StartError::new("the stone broke")),
            Self::Panic => panic!("the wheel jammed"),
            Self::Hang => std::future::pending().await,
        }
    }
}

#[derive(Ports)]
struct MillPorts {
    #[hears(SENT)]
    sent: Listener<Parcel>,
    #[says(HEARD)]
    heard: Emitter<Parcel>,
    #[links(WRAP)]
    wrap: Link<Text>,
    #[serves(ASK)]
    ask: Server<u64, Text>,
    #[serves(COUNT)]
    count: StreamServer<u64, u64>,
}

impl Plugin for Mill {
    type Ports = MillPorts;
    async fn start(self, ports: MillPorts, host: Host) -> Result<(), StartError> {
        let ground: Option<Ground> = host.handed_over()?;
        let answers = Arc::new(AtomicU64::new(ground.map_or(0, |ground| ground.answers)));
        let (left, manner) = (Arc::clone(&answers), Arc::new(self.hand_over));
        host.hand_over(move || {
            let (answers, manner) = (left.load(Ordering::SeqCst), Arc::clone(&manner));
            async move {
                manner.begin().await.map_err(|error| CallError::failed(error.to_string()))?;
                Ok(Ground { answers })
            }
        });
        let MillPorts { sent, heard, wrap, ask, count } = ports;
        let label = Text::from(self.label.as_str());
        let by = label.clone();
        sent.queued(Mailbox::drop_oldest(1 << 16), move |parcel, _| {
            let (parcel, heard) = (Parcel { label: by.clone(), ..parcel.clone() }, heard.clone());
            async move {
                if parcel.id == HEAVY {
                    CARRIED.notified().await;
                }
                heard.emit(&parcel);
            }
        })?;
        let by = label.clone();
        wrap.link(move |text, _| {
            let text = Text::from(format!("{by}({text})"));
            async move { Ok(text) }
        })?;
        ask.serve(move |number, _| {
            let nth = answers.fetch_add(1, Ordering::SeqCst) + 1;
            let answer = Text::from(format!("{label} {number} {nth}"));
            async move { Ok(answer) }
        })?;
        count.serve(|upto, mut items, _| async move {
            for number in 0..upto {
                items.send(number).await;
            }
            HELD.notified().await;
            Ok(())
        })?;
        self.start.begin().await
    }
}

export_plugin!(Mill, id = "mill");

/// A parcel that the mill is busy with until it is carried.
pub(super) const HEAVY: u64 = 77;
pub(super) static CARRIED: Notify = Notify::const_new();

/// Holds the streams of the mill open.
static HELD: Notify = Notify::const_new();

pub(super) mod well {
    use super::{DRAW, Manner, POURED, Parcel};
    use std::sync::atomic::{AtomicI32, Ordering};
    use tokio::sync::Notify;
    use transom_plugin_api::prelude::*;

    /// Owns what only one can have.
    #[derive(Settings)]
    struct Well {
        /// How its start goes.
        #[setting(default = "well")]
        start: Manner,
    }

    #[derive(Ports)]
    struct WellPorts {
        #[serves(DRAW)]
        draw: Server<Text, u64>,
        #[hears(POURED)]
        poured: Listener<Parcel>,
        #[says(super::HEARD)]
        heard: Emitter<Parcel>,
    }

    /// How many have it now.
    pub(in super::super) static OWNERS: AtomicI32 = AtomicI32::new(0);
    pub(in super::super) static MOST: AtomicI32 = AtomicI32::new(0);
    /// Lets the call named `hold` end.
    pub(in super::super) static LET_GO: Notify = Notify::const_new();

    /// The water.
    struct Owned;

    impl Owned {
        fn take() -> Self {
            let owners = OWNERS.fetch_add(1, Ordering::SeqCst) + 1;
            MOST.fetch_max(owners, Ordering::SeqCst);
            Self
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            OWNERS.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Plugin for Well {
        type Ports = WellPorts;
        async fn start(self, ports: WellPorts, _: Host) -> Result<(), StartError> {
            let owned = std::sync::Arc::new(Owned::take());
            let WellPorts { draw, poured, heard } = ports;
            draw.serve(move |what: Text, _| {
                let owned = std::sync::Arc::clone(&owned);
                async move {
                    if what == "hold" {
                        LET_GO.notified().await;
                    }
                    let _ = &owned;
                    Ok(what.len() as u64)
                }
            })?;
            poured.queued(Mailbox::drop_oldest(1 << 16), move |parcel, _| {
                heard.emit(&parcel);
                async {}
            })?;
            self.start.begin().await
        }
    }

    export_plugin!(Well, id = "well", handover = "exclusive");
}

/// The rest of the world.
#[derive(Ports)]
pub(super) struct Town {
    #[says(SENT)]
    pub(super) sent: Emitter<Parcel>,
    #[hears(HEARD)]
    pub(super) heard: Listener<Parcel>,
    #[applies(WRAP)]
    pub(super) wrap: Applier<Text>,
    #[calls(ASK)]
    pub(super) ask: Caller<u64, Text>,
    #[calls(COUNT)]
    pub(super) count: StreamCaller<u64, u64>,
    #[calls(DRAW)]
    pub(super) draw: Caller<Text, u64>,
    #[says(POURED)]
    pub(super) poured: Emitter<Parcel>,
}

pub(super) struct Scene {
    pub(super) kernel: Kernel,
    pub(super) town: Town,
    pub(super) heard: mpsc::UnboundedReceiver<Parcel>,
    /// How many were heard so far, received here or not.
    pub(super) count: Arc<AtomicU64>,
}

pub(super) async fn scene() -> Scene {
    let kernel = kernel();
    let (_, town) = kernel.resident::<Town>("town").expect("seats");
    let (sender, heard) = mpsc::unbounded_channel();
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let hearing = town.heard.inline(move |parcel, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        drop(sender.send(parcel.clone()));
    });
    hearing.expect("attaches");
    let plugins = vec![mill("first", "well"), the_well("well")];
    let report = kernel.start(plugins, &Plan::default()).await;
    assert!(report.disabled.is_empty(), "{report:?}");
    Scene { kernel, town, heard, count }
}

pub(super) fn mill(label: &str, start: &str) -> PluginToStart {
    let settings = format!(r#"{{"label":"{label}","start":"{start}"}}"#);
    plugin_to_start("mill", &settings, deadline(start))
}

pub(super) fn the_well(start: &str) -> PluginToStart {
    plugin_to_start("well", &format!(r#"{{"start":"{start}"}}"#), deadline(start))
}

/// A start that never returns is waited for no longer than needed; any other has the time that a busy machine takes.
pub(super) fn deadline(start: &str) -> Duration {
    if start == "hang" { Duration::from_millis(300) } else { Duration::from_secs(30) }
}

pub(super) fn terms() -> ReloadTerms {
    ReloadTerms { drain: Duration::from_millis(300) }
}

/// One reload at a time, since the well counts its owners for the whole process.
pub(in super::super) static ONE_WELL: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
