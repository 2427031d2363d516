//! What a message that steers costs where it is picked up: between the end of a step and the next request.

use std::time::Duration;

use serde_json::json;

use crate::client::{get, http, turn};
use crate::figures::Figures;
use crate::host::Host;
use crate::provider::{Answered, Provider};

const WARM: usize = 10;

/// From the end of one answer of the provider to the request for the next, without and with a message that waits.
pub(crate) async fn steering(provider: &Provider, figures: &mut Figures) {
    let (host, http) = (Host::start(provider).await, http());
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..WARM + 60 {
        let label = format!("n{number}");
        turn(&http, &host.address, &label, &asks_for_a_tool(&label)).await;
        let between = gap(&provider.answered(&label));
        let label = format!("s{number}");
        let steered = steered(&host, &http, provider, &label).await;
        if number >= WARM {
            without.push(between);
            with.push(steered);
        }
    }
    figures.times("from one step to the next, with a tool call between", without);
    figures.times("the same, with a message that steers", with);
    host.stop().await;
}

/// Some 50 ms in which a message can come to wait.
fn asks_for_a_tool(label: &str) -> String {
    format!("label={label} tokens=50 pace_us=1000 tool=1")
}

fn gap(answered: &[Answered]) -> Duration {
    assert_eq!(answered.len(), 2, "a tool was called");
    answered[1].asked - answered[0].last
}

async fn steered(host: &Host, http: &reqwest::Client, provider: &Provider, id: &str) -> Duration {
    let text = asks_for_a_tool(id);
    let running = turn(http, &host.address, id, &text);
    // The provider answers what was said last, so the label of the message tells that it arrived.
    let waiting = json!({ "text": format!("label={id}-more tokens=10"), "delivery": "steer" });
    let sending = async {
        let status = format!("{}/conversations/{id}/status", host.address);
        while http.get(&status).send().await.is_ok_and(|answer| !answer.status().is_success())
            || get(http, &status).await["isActive"] != true
        {
            tokio::task::yield_now().await;
        }
        let sent =
            http.post(format!("{}/conversations/{id}/queue", host.address)).json(&waiting).send().await;
        assert!(sent.expect("an answer").status().is_success());
    };
    tokio::join!(running, sending);
    let (before, behind) = (provider.answered(id), provider.answered(&format!("{id}-more")));
    gap(&[before[0], *behind.first().expect("the message came between the steps")])
}
