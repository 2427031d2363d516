//! What is measured, part by part; each with a host of its own.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::client::{Seen, direct, get, http, seen, turn};
use crate::figures::{Figures, median, millis};
use crate::host::Host;
use crate::provider::{Answered, Provider};
use crate::relay::Relay;
use crate::{boundary, company, crowd, hooks, log, surfaces};

type Part = for<'a> fn(&'a Provider, &'a mut Figures) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Every part, by its name.
pub(crate) const ALL: [(&str, Part); 18] = [
    ("plain", |provider, figures| Box::pin(plain(provider, figures))),
    ("paced", |provider, figures| Box::pin(paced(provider, figures))),
    ("tool", |provider, figures| Box::pin(tool(provider, figures))),
    ("stream", |provider, figures| Box::pin(stream(provider, figures))),
    ("together", |provider, figures| Box::pin(together(provider, figures))),
    ("history", |provider, figures| Box::pin(history(provider, figures))),
    ("viewers", |provider, figures| Box::pin(viewers(provider, figures))),
    ("memory", |provider, figures| Box::pin(memory(provider, figures))),
    ("disk", |provider, figures| Box::pin(disk(provider, figures))),
    ("steering", |provider, figures| Box::pin(boundary::steering(provider, figures))),
    ("writers", |provider, figures| Box::pin(log::writers(provider, figures))),
    ("replay", |provider, figures| Box::pin(log::replay(provider, figures))),
    ("plugins", |provider, figures| Box::pin(company::plugins(provider, figures))),
    ("each", |provider, figures| Box::pin(company::each(provider, figures))),
    ("idle", |provider, figures| Box::pin(company::idle(provider, figures))),
    ("hooks", |provider, figures| Box::pin(hooks::hooks(provider, figures))),
    ("surfaces", |provider, figures| Box::pin(surfaces::surfaces(provider, figures))),
    ("crowd", |provider, figures| Box::pin(crowd::crowd(provider, figures))),
];

/// Turns whose times are not counted, so that everything is there that is made once.
pub(crate) const WARM: usize = 20;

/// A message for the provider, with a label under which it notes its times.
pub(crate) fn message(label: &str, tokens: usize, rest: &str) -> String {
    format!("label={label} tokens={tokens} {rest}")
}

/// One turn, and what the provider says of it.
pub(crate) async fn one(
    host: &Host,
    provider: &Provider,
    http: &reqwest::Client,
    label: &str,
    said: &str,
) -> (Seen, Vec<Answered>) {
    let seen = turn(http, &host.address, label, said).await;
    (seen, provider.answered(label))
}

pub(crate) fn added(seen: &Seen, answered: &[Answered]) -> Duration {
    seen.whole().saturating_sub(answered.iter().map(Answered::whole).sum())
}

async fn plain(provider: &Provider, figures: &mut Figures) {
    let (host, http) = (Host::start(provider).await, http());
    let address = format!("http://{}", provider.address);
    let (mut bare, mut whole, mut more, mut first) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 0..WARM + 200 {
        // In turns, so that both meet the same machine.
        let label = format!("d{number}");
        let straight = direct(&http, &address, &message(&label, 200, "")).await;
        provider.answered(&label);
        let label = format!("p{number}");
        let (seen, answered) = one(&host, provider, &http, &label, &message(&label, 200, "")).await;
        if number >= WARM {
            bare.push(straight.whole());
            whole.push(seen.whole());
            more.push(added(&seen, &answered));
            first.push(seen.first - seen.sent);
        }
    }
    let ratio = median(whole.clone()).as_secs_f64() / median(bare.clone()).as_secs_f64();
    figures.times("200 tokens at once, straight to the provider", bare);
    figures.times("the same as a turn", whole);
    figures.add("ratio of the medians", format!("{ratio:.2}"));
    figures.times("200 tokens at once, added", more);
    figures.times("their first token, from the request on", first);
    host.stop().await;
}

async fn paced(provider: &Provider, figures: &mut Figures) {
    let (host, http) = (Host::start(provider).await, http());
    let (relayed, durable) = (Relay::start(provider.address, false), Relay::start(provider.address, true));
    let said = |label: &str| message(label, 200, "pace_us=5000");
    let read = Relay::of_libraries(provider.address);
    let (mut more, mut read_by, mut least, mut bare) =
        (Paced::default(), Paced::default(), Paced::default(), Paced::default());
    for number in 0..15 {
        let counts = number >= 3;
        // In turns, so that all meet the same machine.
        for (relay, times) in [(&relayed, &mut bare), (&durable, &mut least), (&read, &mut read_by)] {
            let label = format!("r{number}");
            let seen = direct(&http, &format!("http://{}", relay.address), &said(&label)).await;
            times.note(counts, &seen, &provider.answered(&label));
        }
        let label = format!("p{number}");
        let (seen, answered) = one(&host, provider, &http, &label, &said(&label)).await;
        more.note(counts, &seen, &answered);
    }
    figures.times("200 tokens, one in 5 ms, added", more.whole);
    figures.times("their first token, added", more.first);
    figures.times(
        "the same through something that reads it with a host's libraries, and syncs twice, added",
        read_by.whole,
    );
    figures.times("its first token, added", read_by.first);
    figures.times("the same through something that only writes and syncs twice, added", least.whole);
    figures.times("its first token, added", least.first);
    figures.times("the same through something that does not write, added", bare.whole);
    figures.times("its first token, added", bare.first);
    host.stop().await;
}

/// What was added to turns whose model takes its time.
#[derive(Default)]
struct Paced {
    whole: Vec<Duration>,
    first: Vec<Duration>,
}

impl Paced {
    fn note(&mut self, counts: bool, seen: &Seen, answered: &[Answered]) {
        if counts {
            self.whole.push(added(seen, answered));
            self.first.push((seen.first - seen.sent).saturating_sub(answered[0].first - answered[0].asked));
        }
    }
}

async fn tool(provider: &Provider, figures: &mut Figures) {
    let (host, http) = (Host::start(provider).await, http());
    let mut more = Vec::new();
    for number in 0..WARM + 100 {
        let label = format!("t{number}");
        let (seen, answered) = one(&host, provider, &http, &label, &message(&label, 50, "tool=1")).await;
        assert_eq!(answered.len(), 2, "a tool was called");
        if number >= WARM {
            more.push(added(&seen, &answered));
        }
    }
    figures.times("a turn with a tool call, added", more);
    host.stop().await;
}

async fn stream(provider: &Provider, figures: &mut Figures) {
    const TOKENS: usize = 20_000;
    let (host, http) = (Host::start(provider).await, http());
    let address = format!("http://{}", provider.address);
    let (mut bare, mut whole, mut deltas) = (Vec::new(), Vec::new(), 0);
    for number in 0..12 {
        let straight = direct(&http, &address, &message("d", TOKENS, "")).await;
        let label = format!("s{number}");
        let (seen, _) = one(&host, provider, &http, &label, &message(&label, TOKENS, "")).await;
        if number >= 2 {
            bare.push(straight.whole());
            whole.push(seen.whole());
            deltas = seen.deltas;
        }
    }
    let rate = |times: Vec<Duration>| TOKENS as f64 / median(times).as_secs_f64();
    let (bare, through) = (rate(bare), rate(whole));
    figures.add(
        "one stream of 20,000 tokens",
        format!("{through:.0} tokens/s in {deltas} frames; straight {bare:.0}; {:.2} of it", through / bare),
    );
    host.stop().await;
}

async fn together(provider: &Provider, figures: &mut Figures) {
    const TURNS: usize = 40;
    let host = Host::start(provider).await;
    for conversations in [1, 8, 32] {
        let began = Instant::now();
        let all = (0..conversations).map(|number| {
            let address = host.address.clone();
            tokio::spawn(async move {
                let http = http();
                for nth in 0..TURNS {
                    let id = format!("c{conversations}-{number}-{nth}");
                    turn(&http, &address, &id, &message("x", 200, "")).await;
                }
            })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.expect("no client panics");
        }
        let turns = conversations * TURNS;
        let rate = turns as f64 / began.elapsed().as_secs_f64();
        figures.add(&format!("{conversations} conversations at once"), format!("{rate:.0} turns/s"));
    }
    host.stop().await;
}

async fn history(provider: &Provider, figures: &mut Figures) {
    let (host, http) = (Host::start(provider).await, http());
    let mut medians = Vec::new();
    for earlier in [0, 500] {
        // Half of them are the person's, each with some 200 characters.
        let padding = "x".repeat(180);
        let mut more = Vec::new();
        for number in 0..earlier / 2 {
            let said = format!("{} {padding}", message("h", 30, ""));
            let _ = number;
            turn(&http, &host.address, "long", &said).await;
        }
        for number in 0..WARM + 60 {
            let label = format!("h{earlier}-{number}");
            let id = if earlier == 0 { label.clone() } else { "long".to_owned() };
            let seen = turn(&http, &host.address, &id, &message(&label, 200, "")).await;
            if number >= WARM {
                more.push(added(&seen, &provider.answered(&label)));
            }
        }
        medians.push(median(more.clone()));
        figures.times(&format!("a turn behind {earlier} messages, added"), more);
    }
    figures.add("ratio of the two", format!("{:.2}", medians[1].as_secs_f64() / medians[0].as_secs_f64()));
    host.stop().await;
}

async fn viewers(provider: &Provider, figures: &mut Figures) {
    let (host, http) = (Host::start(provider).await, http());
    // Words that come at once are joined; words and thoughts in turns never are.
    for (what, rest) in [("tokens", ""), ("frames", "mixed=1")] {
        for count in [0, 1, 8, 32] {
            watched(&host, &http, count, what, rest, figures).await;
        }
    }
    host.stop().await;
}

/// A turn with so many viewers.
async fn watched(
    host: &Host,
    http: &reqwest::Client,
    count: usize,
    what: &str,
    rest: &str,
    figures: &mut Figures,
) {
    const TOKENS: usize = 2000;
    let id = format!("v{count}-{what}");
    // The conversation is there before anybody looks.
    turn(http, &host.address, &id, &message("x", 1, "")).await;
    let watching: Vec<_> = (0..count)
        .map(|_| {
            let url = format!("{}/conversations/{id}/events", host.address);
            let request = crate::client::http().get(url).header("accept", "application/x-ndjson");
            tokio::spawn(async move { seen(request, b"-delta\"", b"\"turn-sealed\"").await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (began, ticks) = (Instant::now(), host.ticks());
    let author = turn(http, &host.address, &id, &message("x", TOKENS, rest)).await;
    let mut frames = 0;
    let mut last = author.last;
    for one in watching {
        let seen = one.await.expect("no viewer panics");
        frames += seen.deltas;
        last = last.max(seen.last);
    }
    let rate = (count * TOKENS) as f64 / (last - began).as_secs_f64();
    figures.add(
        &format!("{count} viewers of one turn of {TOKENS} {what}"),
        format!(
            "author {:.1} ms, all {:.1} ms, {rate:.0} {what}/s delivered in {frames} frames, processor {} ms",
            millis(author.whole()),
            millis(last - began),
            (host.ticks() - ticks) * 10
        ),
    );
}

async fn memory(provider: &Provider, figures: &mut Figures) {
    const CONVERSATIONS: u64 = 2000;
    let (host, http) = (Host::start(provider).await, http());
    for number in 0..200 {
        turn(&http, &host.address, &format!("w{number}"), &message("x", 200, "")).await;
    }
    let before = host.resident();
    for number in 0..CONVERSATIONS {
        turn(&http, &host.address, &format!("m{number}"), &message("x", 200, "")).await;
    }
    let listed = get(&http, &format!("{}/conversations", host.address)).await;
    assert_eq!(listed["conversations"].as_array().map(Vec::len), Some(2200));
    let after = host.resident();
    figures.add("resident after 200 conversations", format!("{:.1} MiB", before as f64 / 1_048_576.0));
    figures.add(
        "memory of an idle conversation",
        format!("{:.2} KiB", after.saturating_sub(before) as f64 / CONVERSATIONS as f64 / 1024.0),
    );
    host.stop().await;
}

async fn disk(provider: &Provider, figures: &mut Figures) {
    const TURNS: u64 = 1000;
    let empty = Host::start(provider).await.stop().await;
    let (host, http) = (Host::start(provider).await, http());
    for _ in 0..TURNS {
        turn(&http, &host.address, "one", &message("x", 200, "")).await;
    }
    let stored = host.stop().await;
    figures.add("disk of a turn of 1.3 KB", format!("{} bytes", stored.saturating_sub(empty) / TURNS));
}
