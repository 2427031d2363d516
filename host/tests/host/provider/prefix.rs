//! Each request of a conversation begins with the bytes of the one before, on the wire, whatever comes in between; and where it does
//! not, one event says why.

mod wire;

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;

use self::wire::{ANTHROPIC, OPENAI, Wire};
use super::endpoint::{Answer, Endpoint, Request};
use crate::host::support::{Host, Manner, eventually, linked_and_dylib};

linked_and_dylib![
    a_conversation_with_an_openai_model_goes_on_with_the_bytes_that_were_sent,
    a_conversation_with_an_anthropic_model_goes_on_with_the_bytes_that_were_sent,
];

async fn a_conversation_with_an_openai_model_goes_on_with_the_bytes_that_were_sent(manner: Manner) {
    goes_on(manner, &OPENAI).await;
}

async fn a_conversation_with_an_anthropic_model_goes_on_with_the_bytes_that_were_sent(manner: Manner) {
    goes_on(manner, &ANTHROPIC).await;
}

/// The requests that keep the prompt warm.
const WARM: [usize; 4] = [2, 5, 8, 11];

/// Five turns: one with a tool, one that loads a skill, one that is steered, a restart, one with a skill that was made active, a
/// compaction by hand, the last. Before each but the first the prompt is kept warm.
async fn goes_on(manner: Manner, wire: &Wire) {
    let steered = Arc::new(Notify::new());
    let answers = [
        Answer::ByteByByte(wire.call("call_1", "read_file", r#"{"path":"ship.txt"}"#)),
        Answer::ByteByByte(wire.say("Wind from the west.")),
        Answer::ByteByByte(wire.say("A dot?")),
        Answer::ByteByByte(wire.call("call_2", "load_skill", r#"{"name":"knots"}"#)),
        Answer::ByteByByte(wire.say("I know knots.")),
        Answer::ByteByByte(wire.say("A dot?")),
        Answer::When(steered.clone(), wire.call("call_3", "list_dir", r#"{"path":"."}"#)),
        Answer::ByteByByte(wire.say("Also that.")),
        Answer::ByteByByte(wire.say("A dot?")),
        Answer::ByteByByte(wire.say("Still here.")),
        Answer::ByteByByte(wire.say("They look at the ship.")),
        Answer::ByteByByte(wire.say("A dot?")),
        Answer::ByteByByte(wire.say("Fine.")),
    ];
    let mut endpoint = Endpoint::start(r#"{"data":[]}"#, answers).await;
    let scene = wire.scene(manner, &endpoint);
    let work = scene.work().canonicalize().expect("it is there");
    let scene = scene.with("trust", &format!("folders = [{work:?}]"));
    scene.file("ship.txt", "day 3: west wind\n");
    scene.file(".skills/knots.md", "When something is to be tied\n---\nUse a bowline.\n");
    scene.file(".git/HEAD", "ref: refs/heads/west\n");
    let host = scene.start().await;
    host.client.turn("c", "How is the wind?").await;
    // A prompt that is built again says so from here on.
    scene.file(".git/HEAD", "ref: refs/heads/east\n");
    keep_warm(&host).await;
    host.client.turn("c", "Learn about knots.").await;
    keep_warm(&host).await;
    let chat = host.client.chat(&json!({ "conversationId": "c", "message": "Look around." })).await;
    let steering = json!({ "text": "And be quick.", "delivery": "steer" });
    assert_eq!(host.client.post("/conversations/c/queue", &steering).await.0, 200);
    steered.notify_one();
    chat.rest().await;
    host.stop().await;
    let host = scene.start().await;
    let activated = host.client.request(Method::PUT, "/conversations/c/skills/knots").send().await;
    assert_eq!(activated.expect("an answer").status(), 200);
    keep_warm(&host).await;
    host.client.turn("c", "Are you there?").await;
    let (status, compacted) = host.client.post("/conversations/c/compact", &json!({ "keepTokens": 0 })).await;
    assert_eq!(status, 200, "{compacted}");
    let log = async || host.client.get("/conversations/c").await.to_string();
    eventually("the active skill is brought back", log, |log| log.contains(AGAIN)).await;
    keep_warm(&host).await;
    host.client.turn("c", "Good.").await;
    let mut requests = Vec::new();
    for _ in 0..13 {
        requests.push(endpoint.request().await);
    }
    check_warm_requests(wire, &requests);
    let is_warm = |at: &usize| WARM.contains(at);
    let (_, turns): (Vec<_>, Vec<_>) =
        requests.into_iter().enumerate().filter(|(at, _)| !is_warm(at)).unzip();
    check_requests(wire, &turns);
    let told = async || host.client.get("/conversations/c/cache").await;
    let is_looked_at = |told: &Value| told["requests"][4]["fingerprints"].is_object();
    check_explanation(&eventually("the last request is looked at", told, is_looked_at).await);
}

/// What is said of an active skill when it is made active, and behind a summary.
const ACTIVE: &str = "From now on the skill `knots` applies";
const AGAIN: &str = "The skill `knots` goes on to apply";

async fn keep_warm(host: &Host) {
    let (status, told) = host.client.post("/chat/warm", &json!({ "conversationId": "c" })).await;
    assert_eq!((status, &told["inputTokens"]), (200, &json!(100)), "{told}");
}

/// Each of them is the request behind it, with a probe in the place of what is new, and thinks as that does.
fn check_warm_requests(wire: &Wire, requests: &[Request]) {
    for at in WARM {
        let (warm, next) = (&requests[at], &requests[at + 1]);
        assert_eq!(warm.body["thinking"], next.body["thinking"]);
        let (warm, next) = (wire.prompt(warm), wire.prompt(next));
        assert_eq!(warm.head, next.head);
        let (probe, kept) = warm.said.split_last().expect("something was said");
        let (new, before) = next.said.split_last().expect("something was said");
        assert_eq!(kept, before, "what is kept warm is what is asked next");
        assert!(probe != new && probe.contains("\".\""), "{probe}");
    }
}

fn check_requests(wire: &Wire, requests: &[Request]) {
    let prompts: Vec<_> = requests.iter().map(|request| wire.prompt(request)).collect();
    // Tools and system prompt are the same bytes in all of them up to the summary, behind which there is a new prompt.
    assert!(prompts[0].head.contains("You began on west"), "{}", prompts[0].head);
    for prompt in &prompts[..8] {
        assert_eq!(prompt.head, prompts[0].head);
    }
    assert_eq!(prompts[8].head, prompts[0].head.replace("west", "east"));
    // Up to the restart and behind it, each goes on where the one before ended.
    for (before, now) in prompts[..7].iter().zip(&prompts[1..7]) {
        assert!(now.said.len() > before.said.len(), "{now:#?}");
        assert_eq!(now.said[..before.said.len()], before.said, "what was sent is sent again");
    }
    let steering = prompts[5].said.iter().any(|said| said.contains("And be quick."));
    assert!(steering, "it steers the next request");
    let tells = |request: usize, what: &str| prompts[request].said.iter().any(|said| said.contains(what));
    assert!(!tells(5, ACTIVE) && tells(6, ACTIVE) && !tells(8, ACTIVE) && tells(8, AGAIN), "{prompts:#?}");
    // The request for the summary begins like the others, and ends with what is to be done.
    let (summary, last) = (&prompts[7].said, &prompts[8].said);
    assert_eq!(summary[..summary.len() - 1], prompts[6].said[..summary.len() - 1]);
    // Behind it comes the summary, then what is kept, as it was, then what is new.
    assert!(last[0].contains("They look at the ship.") && !last[0].contains("bowline"), "{last:#?}");
    assert!(last.len() < prompts[6].said.len(), "{last:#?}");
    assert!(last.last().is_some_and(|last| last.contains("Good.")), "{last:#?}");
}

/// Since the restart there were a turn, the request for a summary, and the turn behind it, each turn with a request before it that keeps
/// its prompt warm; only the first behind the summary is explained.
fn check_explanation(told: &Value) {
    assert_eq!(told["brokenRequests"], 1, "{told:#}");
    let changes: Vec<&Value> = told["requests"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|request| request["changes"].as_array().expect("a list"))
        .map(|change| &change["contributor"])
        .collect();
    assert_eq!(changes, ["system-prompt", "compaction"], "{told:#}");
}
