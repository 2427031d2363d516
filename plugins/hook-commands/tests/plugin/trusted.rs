//! Files of a folder: they run when the operator trusts the very bytes, and not otherwise.

use std::fs;
use std::future::ready;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use transom_agent::tool::Verdict;
use transom_agent::trust::{Found, TRUST, Trust};
use transom_hook_commands::HookCommands;
use transom_plugin_api::CallError;
use transom_testkit::{Stand, both_ways};

use crate::world::{World, cwd, denied, one};

pub(crate) const FILES: [&str; 2] = [".transom/hooks.json", ".claude/settings.json"];

/// What the operator says, and of what.
#[derive(Clone, Default)]
pub(crate) struct Operator(Arc<Mutex<(Vec<Found>, Vec<String>)>>);

impl Operator {
    pub(crate) fn put_on(&self, stand: &Stand) {
        let operator = self.clone();
        stand.serve(TRUST, move |found: Found, _| {
            let mut state = operator.0.lock().expect("nobody panics in here");
            let is_trusted = state.1.contains(&found.sha256.to_string());
            state.0.push(found);
            ready(Ok(if is_trusted { Trust::Trusted } else { Trust::Unanswered }))
        });
    }

    /// Trusts what was asked about last.
    pub(crate) fn trust(&self) {
        let mut state = self.0.lock().expect("nobody panics in here");
        let last = state.0.last().expect("something was asked about").sha256.to_string();
        state.1.push(last);
    }

    pub(crate) fn asked(&self) -> Vec<Found> {
        self.0.lock().expect("nobody panics in here").0.clone()
    }
}

pub(crate) fn put(stand: &Stand, name: &str, file: &Value) {
    let path = stand.root().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, file.to_string()).expect("written");
}

pub(crate) async fn started(stand: Stand) -> World {
    let stand = stand.plugin::<HookCommands>(json!({}));
    stand.start().await.expect("it starts");
    World { stand, own: tempfile::tempdir().expect("a folder") }
}

/// A hook that leaves a mark when it runs, and says no.
fn marking() -> Value {
    one("PreToolUse", "", "touch ran; echo no >&2; exit 2")
}

#[test]
fn nothing_of_a_file_runs_that_is_not_trusted() {
    both_ways(async |stand| {
        let unanswered = Operator::default();
        unanswered.put_on(&stand);
        FILES.iter().for_each(|name| put(&stand, name, &marking()));
        let world = started(stand).await;
        assert_eq!(world.verdict().await, Verdict::Allow {});
        assert_eq!(world.said("hello", true).await.as_deref(), Ok("hello"));
        assert!(!world.folder().join("ran").exists());
        let asked = unanswered.asked();
        assert_eq!(asked[0].folder, cwd(&world.stand).as_str());
        assert_eq!([asked[0].name.as_str(), asked[1].name.as_str()], FILES);
        world.stand.stop().await;
    });
}

#[test]
fn nothing_of_a_file_runs_that_is_refused_or_of_which_nobody_knows() {
    both_ways(async |stand| {
        put(&stand, FILES[0], &marking());
        let world = started(stand).await;
        assert_eq!(world.verdict().await, Verdict::Allow {}, "nobody is there to ask");
        let answers = Mutex::new(vec![Err(CallError::unavailable("the store is gone")), Ok(Trust::Refused)]);
        world.stand.serve(TRUST, move |_, _| {
            let mut answers = answers.lock().expect("nobody panics in here");
            ready(answers.pop().expect("two are asked"))
        });
        for _ in 0..2 {
            assert_eq!(world.verdict().await, Verdict::Allow {});
        }
        assert!(!world.folder().join("ran").exists());
        world.stand.stop().await;
    });
}

#[test]
fn a_file_that_has_changed_is_asked_about_again_before_anything_of_it_runs() {
    both_ways(async |stand| {
        let operator = Operator::default();
        operator.put_on(&stand);
        put(&stand, FILES[0], &one("PreToolUse", "", "echo no >&2; exit 2"));
        let world = started(stand).await;
        assert_eq!(world.verdict().await, Verdict::Allow {});
        operator.trust();
        assert_eq!(world.verdict().await, denied("no"));
        // As long as before, so that neither its length nor a coarse clock tells.
        put(&world.stand, FILES[0], &one("PreToolUse", "", "touch ran1;  exit 2"));
        assert_eq!(world.verdict().await, Verdict::Allow {});
        assert!(!world.folder().join("ran1").exists());
        operator.trust();
        assert_eq!(world.verdict().await, denied("without a reason"));
        assert!(world.folder().join("ran1").exists());
        world.stand.stop().await;
    });
}

#[test]
fn the_operators_own_file_counts_besides_and_first() {
    both_ways(async |stand| {
        let operator = Operator::default();
        operator.put_on(&stand);
        put(
            &stand,
            FILES[1],
            &json!({"permissions": {}, "hooks": one("UserPromptSubmit", "", "echo two")["hooks"]}),
        );
        let world = World::started(stand, &one("UserPromptSubmit", "", "echo one")).await;
        let alone = world.said("hello", false).await.expect("it is said");
        assert!(alone.ends_with("\none\n</hook>"), "{alone}");
        operator.trust();
        let both = world.said("hello", false).await.expect("it is said");
        assert!(both.ends_with("\none\ntwo\n</hook>"), "{both}");
        world.stand.stop().await;
    });
}

#[test]
fn a_file_without_hooks_is_not_asked_about() {
    both_ways(async |stand| {
        let operator = Operator::default();
        operator.put_on(&stand);
        put(&stand, FILES[1], &json!({"permissions": {"allow": ["Bash"]}}));
        let world = started(stand).await;
        world.verdict().await;
        assert_eq!(operator.asked(), []);
        world.stand.stop().await;
    });
}

#[test]
fn events_and_files_that_have_no_place_are_told_once_and_harm_nobody() {
    both_ways(async |stand| {
        let operator = Operator::default();
        operator.put_on(&stand);
        put(&stand, FILES[0], &one("SubagentStop", "", "touch ran"));
        fs::create_dir_all(stand.root().join(FILES[1])).expect("made");
        let world = started(stand).await;
        for _ in 0..2 {
            assert_eq!(world.verdict().await, Verdict::Allow {});
        }
        let told =
            world.stand.log().iter().filter(|line| format!("{line:?}").contains("`SubagentStop`")).count();
        assert_eq!(told, 1);
        world.stand.stop().await;
    });
}
