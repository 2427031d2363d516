//! What it costs that somebody stands at every hook: a turn with a tool call in a host with a plugin that does nothing at any of
//! them, beside the same turn in one where nobody does.

use crate::client::http;
use crate::figures::Figures;
use crate::host::Host;
use crate::parts::{WARM, added, message, one};
use crate::provider::Provider;

/// Turns of each host that are counted.
const TURNS: usize = 400;

pub(crate) async fn hooks(provider: &Provider, figures: &mut Figures) {
    let onlooker = async |settings| Host::with_bystander(provider, &[], "onlooker", settings).await;
    let hosts = [
        ("nobody at any hook", Host::start(provider).await),
        ("a plugin at every hook", onlooker("").await),
        ("one that hears events from mailboxes", onlooker("queued = true\n").await),
    ];
    let mut times = [const { Vec::new() }; 3];
    let http = http();
    for number in 0..WARM + TURNS {
        // In turns, and each is the first as often as the others.
        for place in (0..hosts.len()).map(|nth| (nth + number) % hosts.len()) {
            let label = format!("k{place}-{number}");
            let said = message(&label, 50, "tool=1");
            let (seen, answered) = one(&hosts[place].1, provider, &http, &label, &said).await;
            assert_eq!(answered.len(), 2, "a tool was called");
            if number >= WARM {
                times[place].push(added(&seen, &answered));
            }
        }
    }
    let [nobody, ..] = times.clone();
    for ((what, host), times) in hosts.into_iter().zip(times) {
        figures.more(&format!("{what}: a turn with a tool call takes more"), &times, &nobody);
        figures.times("added to it", times);
        host.stop().await;
    }
}
