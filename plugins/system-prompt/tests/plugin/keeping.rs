//! That a prompt stays byte for byte, and when it does not.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json as value};
use transom_agent::compaction::{COMPACTED, Compacted, Summary};
use transom_agent::turn::{SYSTEM_PROMPT, SystemPrompt};
use transom_system_prompt::TellModels;
use transom_testkit::{Stand, both_ways, both_ways_paused, json};

use crate::world::{World, put, shown, told, told_at, turn};

/// Names what is another from minute to minute.
const RESTLESS: &str = "[system:date] [system:time] [git:status] [prompt:cwd] [file:AGENTS.md]";

fn two_days() -> Duration {
    Duration::from_secs(2 * 86_400 + 3_660)
}

/// Waits until what was told is stored.
async fn until_kept(stand: &Stand) {
    // It is not shown before that.
    shown(stand).await;
}

#[test]
fn no_turn_waits_until_its_prompt_is_stored() {
    both_ways_paused(async |stand| {
        let world = World::default();
        world.state().hangs = true;
        let stand = world.start(stand, json!({})).await;
        // Time stands still: whoever waited for the storage would wait for ever.
        assert!(!told(&stand).await.is_empty());
        world.state().hangs = false;
        stand.stop().await;
        assert_eq!(world.state().writes, 1);
    });
}

#[test]
fn a_prompt_stays_byte_for_byte_over_turns_and_restarts() {
    both_ways_paused(async |stand| {
        let world = World::default();
        let settings = json!({"template": RESTLESS});
        let stand = world.start(stand, settings.clone()).await;
        let first = told(&stand).await;
        for _ in 0..3 {
            stand.advance(two_days()).await;
            assert_eq!(told(&stand).await, first);
        }
        let stand = world.start(stand.stop().await.stand(), settings).await;
        stand.advance(two_days()).await;
        assert_eq!(told(&stand).await, first);
        assert_ne!(
            told_at(&stand, SystemPrompt { conversation_id: "d".into(), ..turn(&stand) }).await,
            Some(first)
        );
        stand.stop().await;
    });
}

#[test]
fn a_prompt_that_is_there_costs_one_look_into_the_storage() {
    both_ways(async |stand| {
        let world = World::default();
        let stand = world.start(stand, json!({})).await;
        told(&stand).await;
        until_kept(&stand).await;
        let (reads, writes) = world.counts();
        told(&stand).await;
        assert_eq!(world.counts(), (reads + 1, writes));
        stand.stop().await;
    });
}

#[test]
fn a_prompt_stays_over_a_reload() {
    both_ways(async |stand| {
        let world = World::default();
        let settings = json!({"template": RESTLESS});
        let stand = world.start(stand, settings.clone()).await;
        let (first, before) = (told(&stand).await, shown(&stand).await);
        let (_, writes) = world.counts();
        stand.reload::<TellModels>(settings, Duration::from_secs(10)).await.expect("it is replaced");
        assert_eq!((told(&stand).await, shown(&stand).await), (first, before));
        assert_eq!(world.counts().1, writes, "it is not built again");
        stand.stop().await;
    });
}

#[test]
fn requests_that_are_made_at_once_are_told_the_same() {
    both_ways(async |stand| {
        let world = World::default();
        let stand = world.start(stand, json!({})).await;
        let filter = stand.applier(SYSTEM_PROMPT);
        let (one, other, third) =
            tokio::join!(filter.apply(turn(&stand)), filter.apply(turn(&stand)), filter.apply(turn(&stand)));
        assert!(one == other && other == third, "{one:?} {other:?} {third:?}");
        assert_eq!(world.state().writes, 1, "it is built once");
        stand.stop().await;
    });
}

/// Tells a turn and why its prompt was built; nothing when it was not.
async fn rebuilt(stand: &Stand, turn: SystemPrompt) -> Option<String> {
    let before = shown(stand).await;
    stand.advance(Duration::from_secs(60)).await;
    told_at(stand, turn).await;
    let after = shown(stand).await;
    (before["builtAt"] != after["builtAt"]).then(|| after["because"].as_str().expect("text").to_owned())
}

#[test]
fn a_prompt_is_built_anew_when_what_counts_is_another_and_only_then() {
    both_ways_paused(async |stand| {
        let world = World::default();
        let (folder, other) = (stand.root(), stand.root().join("other"));
        fs::create_dir(&other).expect("made");
        let agents = folder.join("AGENTS.md");
        let stand = world.start(stand, json!({"template": RESTLESS})).await;
        let usual = || turn(&stand);
        told(&stand).await;
        assert_eq!(rebuilt(&stand, usual()).await, None);
        let another_model = SystemPrompt { model: "a/two".into(), ..usual() };
        assert_eq!(rebuilt(&stand, another_model.clone()).await, None, "the template does not name it");
        fs::write(folder.join("other.md"), "x").expect("written");
        assert_eq!(rebuilt(&stand, usual()).await, None, "the template does not use it");
        fs::write(&agents, "Mind it.").expect("written");
        assert_eq!(rebuilt(&stand, usual()).await, None, "nobody trusts it yet");
        world.trust_the_last();
        assert_eq!(rebuilt(&stand, usual()).await.as_deref(), Some("`AGENTS.md` is used now"));
        assert_eq!(rebuilt(&stand, usual()).await, None);
        fs::write(&agents, "Mind it.").expect("written again, the same");
        assert_eq!(rebuilt(&stand, usual()).await, None);
        fs::write(&agents, "Mind me.").expect("written");
        assert_eq!(rebuilt(&stand, usual()).await.as_deref(), Some("`AGENTS.md` has another content"));
        fs::remove_file(&agents).expect("removed");
        assert_eq!(rebuilt(&stand, usual()).await, None, "nothing of it was used any more");
        let elsewhere = SystemPrompt { cwd: other.to_str().expect("text").into(), ..usual() };
        assert_eq!(rebuilt(&stand, elsewhere).await.as_deref(), Some("the folder is another one"));
        assert_eq!(rebuilt(&stand, usual()).await.as_deref(), Some("the folder is another one"));
        put(&stand, value!("You are [prompt:model].")).await.expect("kept");
        assert_eq!(rebuilt(&stand, usual()).await.as_deref(), Some("the template is another one"));
        assert_eq!(rebuilt(&stand, another_model.clone()).await.as_deref(), Some("the model is another one"));
        assert_eq!(rebuilt(&stand, another_model).await, None);
        let told_why = stand.log().into_iter().filter(|line| line.message.contains("built anew")).count();
        assert_eq!(told_why, 6, "each is told once");
        stand.stop().await;
    });
}

#[test]
fn a_prompt_is_built_anew_behind_a_summary_also_after_a_restart() {
    both_ways_paused(async |stand| {
        let world = World::default();
        let settings = json!({"template": "[system:date] [system:time]"});
        let stand = world.start(stand, settings.clone()).await;
        let first = told(&stand).await;
        let compacted = Compacted { conversation_id: "c".into(), seq: 7, summary: Summary::default() };
        stand.emitter(COMPACTED).emit(&compacted);
        while shown(&stand).await["outdated"] == Value::Null {
            tokio::task::yield_now().await;
        }
        let stand = world.start(stand.stop().await.stand(), settings).await;
        stand.advance(two_days()).await;
        let second = told(&stand).await;
        assert_ne!(second, first);
        assert_eq!(shown(&stand).await["because"], "the conversation was compacted");
        stand.advance(two_days()).await;
        assert_eq!(told(&stand).await, second, "once");
        stand.stop().await;
    });
}

#[test]
fn a_conversation_of_the_same_id_is_another_one() {
    both_ways_paused(async |stand| {
        let world = World::default();
        let stand = world.start(stand, json!({"template": "[system:date] [system:time]"})).await;
        let first = told(&stand).await;
        until_kept(&stand).await;
        // As the store does when the conversation is deleted.
        world.state().rows.clear();
        stand.advance(two_days()).await;
        assert_ne!(told(&stand).await, first);
        stand.stop().await;
    });
}

#[test]
fn a_prompt_stays_while_it_cannot_be_kept() {
    both_ways_paused(async |stand| {
        let world = World::default();
        world.state().is_full = true;
        let stand = world.start(stand, json!({"template": "[system:date] [system:time]"})).await;
        let first = told(&stand).await;
        stand.advance(two_days()).await;
        assert_eq!(told(&stand).await, first);
        let warned = stand.log().into_iter().filter(|line| line.message.contains("is not durable")).count();
        assert_eq!(warned, 1);
        stand.stop().await;
    });
}

#[test]
fn without_anybody_else_a_prompt_is_told_and_stays() {
    both_ways_paused(async |stand| {
        let template =
            json!({"template": "[system:date] [system:time] [prompt:workspace_id] [file:AGENTS.md]"});
        let stand = stand.plugin::<TellModels>(template);
        fs::write(stand.root().join("AGENTS.md"), "Mind it.").expect("written");
        stand.start().await.expect("it starts");
        let first = told(&stand).await;
        assert!(first.ends_with(" default"), "what nobody can trust is not used: {first}");
        stand.advance(two_days()).await;
        assert_eq!(told(&stand).await, first);
        let left_out = shown(&stand).await["leftOut"][0].clone();
        let reason = json!("nobody here keeps what is trusted; run the plugin `trust`");
        assert_eq!((&left_out["state"], &left_out["reason"]), (&json!("untrusted"), &reason));
        stand.stop().await;
    });
}
