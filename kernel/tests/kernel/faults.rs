//! Faults stay small: they are counted, and who has too many is taken off the bus until somebody releases it.

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use transom_kernel::{FaultBudget, Kernel, PluginToStart, plan};
use transom_plugin_api::hosting::{PluginChange, PluginState, PluginStatus};
use transom_plugin_api::prelude::*;

use super::support::{Diary, kernel, linked};

const ASK: Service<Text, Text> = Service::new("clumsy/ask").deadline_ms(20);
const SAID: Event<Text> = Event::new("clumsy/said");
const LATER: Event<Text> = Event::new("clumsy/later");
const CLOSED: Filter<Text> = Filter::fail_closed("clumsy/closed").deadline_ms(20);
const OPEN: Filter<Text> = Filter::fail_open("clumsy/open").deadline_ms(20);
const LIST: StreamService<Text, Text> = StreamService::new("clumsy/list");
const ANSWERED: Event<Text> = Event::new("clumsy/answered");

/// Does to each word what the word says.
#[derive(Settings)]
struct Clumsy;

#[derive(Ports)]
struct ClumsyPorts {
    #[serves(ASK)]
    ask: Server<Text, Text>,
    #[hears(SAID)]
    said: Listener<Text>,
    #[hears(LATER)]
    later: Listener<Text>,
    #[links(CLOSED)]
    closed: Link<Text>,
    #[links(OPEN)]
    open: Link<Text>,
    #[serves(LIST)]
    list: StreamServer<Text, Text>,
    #[says(ANSWERED)]
    answered: Emitter<Text>,
}

async fn obey(word: Text) -> Result<Text, Refusal> {
    match word.as_str() {
        "panic" => panic!("dropped it"),
        "refuse" => Err(Refusal::new("no")),
        "hang" => std::future::pending().await,
        _ => Ok(format!("{word}!").into()),
    }
}

impl Plugin for Clumsy {
    type Ports = ClumsyPorts;
    async fn start(self, ports: ClumsyPorts, host: Host) -> Result<(), StartError> {
        ports.ask.serve(|word, _| async move { obey(word).await.map_err(CallError::from) })?;
        ports.closed.link(|word, _| obey(word))?;
        ports.open.link(|word, _| obey(word))?;
        let answered = ports.answered.clone();
        ports.said.inline(move |word, _| {
            assert!(word.as_str() != "panic", "dropped it");
            answered.emit(word);
        })?;
        let answered = ports.answered.clone();
        ports.later.queued_with(&answered, Mailbox::drop_oldest(8), async |answered, word, _| {
            assert!(word.as_str() != "panic", "dropped it");
            answered.emit(&word);
        })?;
        ports.list.serve(|word, mut items, _| async move {
            items.send("first".into()).await;
            items.send(obey(word).await.map_err(CallError::from)?).await;
            Ok(())
        })?;
        host.on_stop(async move { ports.answered.emit(&"stopped".into()) });
        Ok(())
    }
}

export_plugin!(Clumsy, id = "clumsy");

#[derive(Ports)]
struct Probe {
    #[calls(ASK, optional)]
    ask: Caller<Text, Text>,
    #[says(SAID)]
    said: Emitter<Text>,
    #[says(LATER)]
    later: Emitter<Text>,
    #[applies(CLOSED)]
    closed: Applier<Text>,
    #[applies(OPEN)]
    open: Applier<Text>,
    #[calls(LIST, optional)]
    list: StreamCaller<Text, Text>,
    #[hears(ANSWERED)]
    answered: Listener<Text>,
}

impl Probe {
    async fn ask(&self, word: &str) -> Result<Text, CallErrorKind> {
        self.ask.call(word.into()).await.map_err(|error| error.kind)
    }

    /// Makes it fail at one point after another, `rounds` times; answers how often that was.
    async fn provoke(&self, rounds: usize) -> usize {
        for _ in 0..rounds {
            assert_eq!(self.ask("panic").await, Err(CallErrorKind::Panicked));
            self.said.emit(&"panic".into());
            self.later.emit(&"panic".into());
            let closed = self.closed.apply("panic".into()).await;
            assert_eq!(closed.map_err(|error| error.kind), Err(CallErrorKind::Panicked));
            assert_eq!(self.open.apply("panic".into()).await, Ok("panic".into()));
            let mut items = self.list.open("panic".into()).expect("it opens");
            assert_eq!(items.next().await, Some(Ok("first".into())));
            assert!(matches!(items.next().await, Some(Err(error)) if error.kind == CallErrorKind::Panicked));
            assert_eq!(items.next().await, None);
        }
        rounds * 6
    }
}

async fn started(faults: FaultBudget) -> (Kernel, Probe, Diary) {
    let kernel = kernel();
    let (_, probe) = kernel.resident::<Probe>("probe").expect("seats");
    let diary = Diary::default();
    let written = diary.clone();
    probe.answered.inline(move |word, _| written.write(word.as_str())).expect("attaches");
    let plugin = PluginToStart { faults, ..linked("clumsy") };
    let plan = plan(&kernel.residents(), std::slice::from_ref(&plugin.descriptor)).expect("nothing is wrong");
    let report = kernel.start(vec![plugin], &plan).await;
    assert!(report.disabled.is_empty(), "{report:?}");
    (kernel, probe, diary)
}

fn clumsy(kernel: &Kernel) -> PluginStatus {
    kernel.plugins().remove(0)
}

async fn until(changes: &mut Receiver<PluginChange>, state: PluginState) -> PluginChange {
    let change = async {
        loop {
            let change = changes.recv().await.expect("the kernel is there");
            if change.state == state {
                return change;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), change).await.expect("it comes to that state")
}

#[tokio::test]
async fn the_fifth_fault_takes_a_plugin_off_the_bus_until_it_is_released() {
    let (kernel, probe, diary) = started(FaultBudget::default()).await;
    let mut changes = kernel.changes();
    for _ in 0..4 {
        assert_eq!(probe.ask("panic").await, Err(CallErrorKind::Panicked));
    }
    assert_eq!(probe.ask("fine").await, Ok("fine!".into()), "four are within the budget");
    probe.said.emit(&"panic".into());
    let change = until(&mut changes, PluginState::Quarantined).await;
    let reason = change.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(reason.starts_with("5 faults within 60 s, the last at `clumsy/said`: "), "{reason}");

    assert_eq!(probe.ask("fine").await, Err(CallErrorKind::NoProvider));
    assert_eq!(probe.closed.apply("as it was".into()).await, Ok("as it was".into()));
    probe.said.emit(&"unheard".into());
    let status = clumsy(&kernel);
    assert_eq!((status.state, status.contributions), (PluginState::Quarantined, 0));
    let faults: Vec<_> = status.faults.iter().map(|faults| (faults.point.as_str(), faults.count)).collect();
    assert_eq!(faults, [("clumsy/ask", 4), ("clumsy/said", 1)]);

    kernel.release("clumsy").expect("it is in quarantine");
    until(&mut changes, PluginState::Running).await;
    assert_eq!(probe.ask("again").await, Ok("again!".into()));
    assert_eq!(probe.closed.apply("x".into()).await, Ok("x!".into()));
    probe.said.emit(&"heard".into());
    assert_eq!(diary.lines(), ["heard"]);
    for _ in 0..4 {
        assert_eq!(probe.ask("panic").await, Err(CallErrorKind::Panicked), "it has the whole budget again");
    }
    assert_eq!(probe.ask("fine").await, Ok("fine!".into()));
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn every_kind_of_handler_is_counted_and_a_thousand_panics_harm_nobody() {
    let (kernel, probe, diary) = started(FaultBudget { limit: 100_000, ..FaultBudget::default() }).await;
    let provoked = probe.provoke(170).await;
    assert!(provoked > 1_000);
    probe.later.emit(&"still there".into());
    let heard = async {
        while diary.lines().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.expect("its mailbox is still read");
    assert_eq!(probe.ask("fine").await, Ok("fine!".into()));
    let status = clumsy(&kernel);
    assert_eq!(status.state, PluginState::Running);
    let counted: u64 = status.faults.iter().map(|faults| faults.count).sum();
    // A mailbox of eight may have lost some of its events; what was handled is counted.
    let (later, others): (Vec<_>, Vec<_>) =
        status.faults.iter().partition(|faults| faults.point.as_str() == "clumsy/later");
    assert!(later.iter().all(|faults| (1..=170).contains(&faults.count)), "{later:?}");
    assert!(others.iter().all(|faults| faults.count == 170) && others.len() == 5, "{others:?}");
    assert!(counted > 850);
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_deadline_that_passes_is_a_fault_and_a_refusal_is_none() {
    let (kernel, probe, _) = started(FaultBudget::default()).await;
    for _ in 0..20 {
        assert_eq!(probe.ask("refuse").await, Err(CallErrorKind::Refused));
        let closed = probe.closed.apply("refuse".into()).await;
        assert_eq!(closed.map_err(|error| error.kind), Err(CallErrorKind::Refused));
        assert_eq!(probe.open.apply("refuse".into()).await, Ok("refuse".into()));
    }
    assert!(clumsy(&kernel).faults.is_empty(), "{:?}", clumsy(&kernel).faults);
    let mut changes = kernel.changes();
    for _ in 0..2 {
        assert_eq!(probe.ask("hang").await, Err(CallErrorKind::Deadline));
        assert_eq!(probe.open.apply("hang".into()).await, Ok("hang".into()));
    }
    let closed = probe.closed.apply("hang".into()).await;
    assert_eq!(closed.map_err(|error| error.kind), Err(CallErrorKind::Deadline));
    until(&mut changes, PluginState::Quarantined).await;
    kernel.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_operator_can_quarantine_what_runs_and_release_what_is_quarantined() {
    let (kernel, probe, diary) = started(FaultBudget::default()).await;
    assert_eq!(kernel.release("clumsy").map_err(|error| error.kind), Err(CallErrorKind::NotFound));
    assert_eq!(kernel.quarantine("nobody", "").map_err(|error| error.kind), Err(CallErrorKind::NotFound));
    kernel.quarantine("clumsy", "it is noisy").expect("it runs");
    let reason = clumsy(&kernel).reason;
    assert_eq!(reason.as_ref().map(Text::as_str), Some("it is noisy"));
    assert_eq!(kernel.quarantine("clumsy", "").map_err(|error| error.kind), Err(CallErrorKind::NotFound));
    assert_eq!(probe.ask("fine").await, Err(CallErrorKind::NoProvider));
    let report = kernel.stop(Duration::from_secs(5)).await;
    assert!(report.cut_off.is_empty(), "{report:?}");
    assert_eq!(diary.lines(), ["stopped"], "what is quarantined is stopped like everybody else");
}
