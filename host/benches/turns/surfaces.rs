//! What it costs a turn that a surface changes all the time and somebody looks at it: turns while it changes 1,000 times a second,
//! and while it rests, in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{get, http};
use crate::crowd::connected;
use crate::figures::Figures;
use crate::host::Host;
use crate::parts::{WARM, added, message, one};
use crate::provider::Provider;

const PER_SECOND: u32 = 1_000;
/// Turns of each kind that are counted.
const TURNS: usize = 300;
/// How long a turn's model speaks: some 50 ms, in which the surface changes 50 times.
const SAID: &str = "pace_us=1000";

pub(crate) async fn surfaces(provider: &Provider, figures: &mut Figures) {
    let settings = format!("per_second = {PER_SECOND}\n");
    let further = ["surface-registry", "transport-ws"];
    let (host, http) = (Host::with_bystander(provider, &further, "flicker", &settings).await, http());
    let shown = Arc::new(AtomicUsize::new(0));
    let viewer = tokio::spawn(look(connected(&host.web_socket().await).await, Arc::clone(&shown)));
    let (mut resting, mut flickering) = (Vec::new(), Vec::new());
    let (mut lasted, mut changes, mut updates) = (Duration::ZERO, 0, 0);
    for number in 0..WARM + TURNS {
        // In turns, so that both meet the same machine.
        for (flickers, times) in [(false, &mut resting), (true, &mut flickering)] {
            let (began, before) =
                (Instant::now(), (changed(&http, &host).await, shown.load(Ordering::Relaxed)));
            turn_it(&http, &host, flickers).await;
            let label = format!("f{flickers}-{number}");
            let (seen, answered) = one(&host, provider, &http, &label, &message(&label, 50, SAID)).await;
            turn_it(&http, &host, false).await;
            if flickers {
                changes += changed(&http, &host).await - before.0;
                updates += shown.load(Ordering::Relaxed) - before.1;
                lasted += began.elapsed();
            }
            if number >= WARM {
                times.push(added(&seen, &answered));
            }
        }
    }
    viewer.abort();
    let rate = |count: f64| count / lasted.as_secs_f64();
    figures.times("a turn of 50 tokens, one in 1 ms, beside a surface that rests, added", resting.clone());
    figures.times("beside one that changes 1,000 times a second, and a viewer, added", flickering.clone());
    figures.more("more than beside one that rests", &flickering, &resting);
    figures.add(
        "what the surface did meanwhile",
        format!("{:.0} changes/s, {:.0} updates/s", rate(changes as f64), rate(updates as f64)),
    );
    host.stop().await;
}

/// How often it has changed so far.
async fn changed(http: &reqwest::Client, host: &Host) -> u64 {
    let shown = get(http, &format!("{}/surfaces/flicker", host.address)).await;
    shown["fields"][1]["value"].as_str().and_then(|count| count.parse().ok()).expect("a number")
}

/// Has it flicker, or rest.
async fn turn_it(http: &reqwest::Client, host: &Host, flickers: bool) {
    let url = format!("{}/surfaces/flicker/actions/flickers", host.address);
    let sent = http.post(url).json(&json!({ "payload": flickers })).send().await;
    assert!(sent.expect("an answer").status().is_success());
}

/// Counts what it is shown.
async fn look(mut client: WebSocketStream<TcpStream>, shown: Arc<AtomicUsize>) {
    let wanted = json!({ "type": "surfaces.subscribe", "surfaceId": "flicker" });
    client.send(Message::text(wanted.to_string())).await.expect("the connection is open");
    while let Some(Ok(message)) = client.next().await {
        let Message::Text(message) = message else { continue };
        let message: Value = serde_json::from_str(&message).expect("JSON");
        if message["type"] == "surfaces.update" {
            shown.fetch_add(1, Ordering::Relaxed);
        }
    }
}
