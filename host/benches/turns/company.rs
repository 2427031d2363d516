//! What all bundled plugins cost beside those that a turn needs, and what a host takes that does nothing.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::{http, turn};
use crate::figures::{Figures, median, millis, percentiles};
use crate::host::{Attached, FURTHER, Host};
use crate::parts::{WARM, added, message};
use crate::provider::Provider;

/// Skills in the folder of the host that has many.
const SKILLS: usize = 1_000;
/// Hosts that are started one after the other.
const STARTS: usize = 15;

/// Turns of a host with few plugins, with all of them, and with all of them and many skills, in turns.
pub(crate) async fn plugins(provider: &Provider, figures: &mut Figures) {
    let skills = tempfile::tempdir().expect("a folder");
    write_skills(skills.path());
    let hosts = [
        ("few plugins", Host::start(provider).await),
        ("all plugins", Host::with_further(provider, &FURTHER, None, Attached::Linked).await),
        (
            "all plugins and 1,000 skills",
            Host::with_further(provider, &FURTHER, Some(skills.path()), Attached::Linked).await,
        ),
    ];
    compared(provider, hosts.into(), figures).await;
}

/// Turns of a host with few plugins, and of one with each plugin that a turn can do without, in turns.
pub(crate) async fn each(provider: &Provider, figures: &mut Figures) {
    let mut hosts = vec![("few plugins", Host::start(provider).await)];
    for id in FURTHER {
        hosts.push((id, Host::with_further(provider, &[id], None, Attached::Linked).await));
    }
    compared(provider, hosts, figures).await;
}

/// What turns of these hosts take, and what they take more than those of the first.
async fn compared(provider: &Provider, hosts: Vec<(&str, Host)>, figures: &mut Figures) {
    const TURNS_EACH: usize = 5;
    let http = http();
    let mut first: Vec<Vec<Duration>> = vec![Vec::new(); hosts.len()];
    let mut further = first.clone();
    for number in 0..WARM + 300 {
        // In turns, so that all meet the same machine.
        for (place, (_, host)) in hosts.iter().enumerate() {
            let conversation = format!("c{place}-{}", number / TURNS_EACH);
            let label = format!("{conversation}-{number}");
            let seen = turn(&http, &host.address, &conversation, &message(&label, 200, "")).await;
            let answered = provider.answered(&label);
            let times = if number % TURNS_EACH == 0 { &mut first } else { &mut further };
            if number >= WARM {
                times[place].push(added(&seen, &answered));
            }
        }
    }
    for (told, times) in [("the first turn of a conversation", first), ("a further turn", further)] {
        let few = median(times[0].clone());
        for ((what, _), times) in hosts.iter().zip(times) {
            let more = millis(median(times.clone())) - millis(few);
            let [middle, high] = percentiles(times, [50, 99]).map(millis);
            let value = format!("p50 {middle:.2} ms ({more:+.2}), p99 {high:.2} ms");
            figures.add(&format!("{what}: added to {told}"), value);
        }
    }
    for (_, host) in hosts {
        host.stop().await;
    }
}

fn write_skills(folder: &Path) {
    for number in 0..SKILLS {
        let mut text = format!("When somebody asks for task {number}\n---\n");
        for line in 0..20 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "Step {line}: look at what is there, and say what you found.");
        }
        std::fs::write(folder.join(format!("task-{number}.md")), text).expect("a skill");
    }
}

/// How long a host takes to be ready, and its memory then, with all plugins.
pub(crate) async fn idle(provider: &Provider, figures: &mut Figures) {
    for (attached, told) in [(Attached::Linked, "linked"), (Attached::Dylib, "from files")] {
        let (mut ready, mut resident) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let begun = Instant::now();
            let host = Host::with_further(provider, &FURTHER, None, attached).await;
            ready.push(begun.elapsed());
            resident.push(host.resident());
            host.stop().await;
        }
        resident.sort_unstable();
        let middle = resident[resident.len() / 2] as f64 / 1024.0 / 1024.0;
        figures.add(&format!("ready with all plugins {told}"), format!("{:.0} ms", millis(median(ready))));
        figures.add(&format!("memory of it then, {told}"), format!("{middle:.1} MiB"));
    }
}
