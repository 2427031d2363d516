//! What all bundled plugins cost beside those that a turn needs, and what a host takes that does nothing.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::http;
use crate::figures::{Figures, median, millis};
use crate::host::{Attached, Host};
use crate::parts::{WARM, added, message, one};
use crate::provider::Provider;

/// Skills in the folder of the host that has many.
const SKILLS: usize = 1_000;
/// Hosts that are started one after the other.
const STARTS: usize = 15;

/// Turns of a host with few plugins, with all of them, and with all of them and many skills, in turns.
pub(crate) async fn plugins(provider: &Provider, figures: &mut Figures) {
    let http = http();
    let skills = tempfile::tempdir().expect("a folder");
    write_skills(skills.path());
    let hosts = [
        Host::start(provider).await,
        Host::with_everything(provider, None, Attached::Linked).await,
        Host::with_everything(provider, Some(skills.path()), Attached::Linked).await,
    ];
    let mut times: [Vec<Duration>; 3] = Default::default();
    for number in 0..WARM + 200 {
        for (place, host) in hosts.iter().enumerate() {
            let label = format!("c{place}-{number}");
            let (seen, answered) = one(host, provider, &http, &label, &message(&label, 200, "")).await;
            if number >= WARM {
                times[place].push(added(&seen, &answered));
            }
        }
    }
    let [few, all, many] = times;
    let more = |more: &[Duration], less: &[Duration]| {
        let less = median(less.to_vec());
        format!("{:+.2} ms", (median(more.to_vec()).as_secs_f64() - less.as_secs_f64()) * 1e3)
    };
    figures.add("all plugins beside those that a turn needs", more(&all, &few));
    figures.add("1,000 skills beside none", more(&many, &all));
    figures.times("200 tokens at once, few plugins, added", few);
    figures.times("the same with all of them", all);
    figures.times("the same with 1,000 skills, too", many);
    for host in hosts {
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
            let host = Host::with_everything(provider, None, attached).await;
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
