//! What turns cost: the real program between a provider of this bench, which streams over HTTP and notes its own times, and
//! clients that note theirs. What the host adds is what a client saw, less the time that the provider took.
//!
//! `cargo bench -p transom-host --bench turns` runs everything; words behind `--` choose parts by their names.

#[path = "turns/boundary.rs"]
mod boundary;
#[path = "turns/client.rs"]
mod client;
#[path = "turns/company.rs"]
mod company;
#[path = "turns/crowd.rs"]
mod crowd;
#[path = "turns/figures.rs"]
mod figures;
#[path = "turns/hooks.rs"]
mod hooks;
#[path = "turns/host.rs"]
mod host;
#[path = "turns/log.rs"]
mod log;
#[path = "turns/parts.rs"]
mod parts;
#[path = "turns/provider.rs"]
mod provider;
#[path = "turns/relay.rs"]
mod relay;
#[path = "turns/surfaces.rs"]
mod surfaces;

use crate::figures::Figures;
use crate::provider::Provider;

fn main() {
    // `cargo bench` says `--bench`; what else begins with a hyphen is meant for other benches of the workspace.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    // On one thread: between several, each piece of an answer would wake another one, which takes longer than what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let provider = Provider::start();
        let mut figures = Figures::default();
        for (name, part) in parts::ALL {
            if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
                eprintln!("{name} …");
                part(&provider, &mut figures).await;
            }
        }
        figures.print();
    });
}
