//! Messages, the end of a turn, summaries and notices: what hooks are told there, and what becomes of what they say.

use serde_json::json;
use transom_agent::compaction::{COMPACTED, COMPACTING, Compacted, Draft, Summary};
use transom_agent::conversation::{CLOSED, Conversation, FIND};
use transom_agent::notice::{NOTICE, Notice};
use transom_agent::turn::{ENDING, TurnEnding};
use transom_plugin_api::{CallErrorKind, List, Maybe, Shared, Text};
use transom_testkit::both_ways;

use crate::world::{World, cwd, keeps, one, prints, specific};

#[test]
fn a_message_is_refused_for_the_reason_of_a_hook() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        for command in [
            "echo not this >&2; exit 2".to_owned(),
            prints(&json!({"decision": "block", "reason": "not this"})),
            prints(&json!({"continue": false, "stopReason": "not this"})),
        ] {
            world.write(&one("UserPromptSubmit", "", &command));
            let refused = world.said("hello", false).await.expect_err("refused");
            assert_eq!((refused.kind, refused.message.as_str()), (CallErrorKind::Refused, "not this"));
        }
        world.stand.stop().await;
    });
}

#[test]
fn what_hooks_say_to_the_model_stands_behind_the_words_and_is_marked() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        let added = specific("UserPromptSubmit", json!({"additionalContext": "it rains"}));
        for command in ["echo it rains".to_owned(), prints(&added)] {
            world.write(&one("UserPromptSubmit", "", &command));
            let said = world.said("hello", false).await.expect("it is said");
            assert_eq!(said, "hello\n\n<hook event=\"UserPromptSubmit\">\nit rains\n</hook>");
        }
        world.write(&one("UserPromptSubmit", "", &keeps("told")));
        world.said("hello", false).await.expect("it is said");
        assert_eq!(world.kept("told").await["prompt"], "hello");
        world.stand.stop().await;
    });
}

#[test]
fn the_beginning_of_a_conversation_is_told_once_and_again_when_it_was_put_away() {
    both_ways(async |stand| {
        let script = "grep -o '\"source\":\"[a-z]*\"' | cut -d: -f2";
        let world = World::started(stand, &one("SessionStart", "", script)).await;
        let front = |source: &str| format!("<hook event=\"SessionStart\">\n\"{source}\"\n</hook>\n\nhello");
        assert_eq!(world.said("hello", true).await, Ok(front("startup")));
        assert_eq!(world.said("hello", false).await.as_deref(), Ok("hello"));
        world.write(&json!({"hooks": {
            "SessionStart": [{"matcher": "resume", "hooks": [{"type": "command", "command": script}]}],
            "SessionEnd": [{"hooks": [{"type": "command", "command": keeps("ended")}]}],
        }}));
        world.stand.emitter(CLOSED).emit(&Text::from("c"));
        let ended = world.kept("ended").await;
        assert_eq!((&ended["reason"], &ended["session_id"]), (&json!("other"), &json!("c")));
        assert_eq!(world.said("hello", false).await, Ok(front("resume")));
        assert_eq!(
            world.said("hello", true).await.as_deref(),
            Ok("hello"),
            "the matcher is for `resume` alone"
        );
        world.stand.stop().await;
    });
}

async fn ended(world: &World, held: u32) -> Option<String> {
    let ending = TurnEnding {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        cwd: cwd(&world.stand).into(),
        answer: "done".into(),
        held,
        go_on: Maybe::None,
    };
    let ending = world.stand.applier(ENDING).apply(ending).await.expect("it goes through");
    ending.go_on.into_option().map(Into::into)
}

#[test]
fn the_model_that_was_chosen_for_a_conversation_is_told_with_its_beginning() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("SessionStart", "startup", &keeps("told"))).await;
        world.stand.serve(FIND, |id: Text, _| {
            let found = Conversation { model: Maybe::Some("a/one".into()), ..Conversation::new(id, 0) };
            std::future::ready(Ok(found))
        });
        world.said("hello", true).await.expect("it is said");
        assert_eq!(world.kept("told").await["model"], "a/one");
        world.stand.stop().await;
    });
}

#[test]
fn a_turn_goes_on_for_the_reason_of_a_hook() {
    both_ways(async |stand| {
        let world = World::started(stand, &json!({})).await;
        for (command, expected) in [
            ("exit 0".to_owned(), None),
            ("exit 1".to_owned(), None),
            ("echo run the tests >&2; exit 2".to_owned(), Some("run the tests")),
            (prints(&json!({"decision": "block", "reason": "run the tests"})), Some("run the tests")),
            (prints(&json!({"decision": "block", "reason": "x", "continue": false})), None),
        ] {
            world.write(&one("Stop", "", &command));
            assert_eq!(ended(&world, 0).await.as_deref(), expected, "{command}");
        }
        world.write(&one("Stop", "", &keeps("told")));
        for (held, is_active) in [(0, false), (1, true)] {
            ended(&world, held).await;
            let told = world.kept("told").await;
            assert_eq!(
                (&told["stop_hook_active"], &told["last_assistant_message"]),
                (&json!(is_active), &json!("done"))
            );
        }
        world.stand.stop().await;
    });
}

#[test]
fn a_summary_is_put_off_by_a_hook_and_told_when_it_is_made() {
    both_ways(async |stand| {
        let world = World::started(stand, &one("PreCompact", "manual", "echo not now >&2; exit 2")).await;
        let draft = || Draft {
            conversation_id: "c".into(),
            cwd: cwd(&world.stand).into(),
            messages: Shared::new(List::new()),
            instruction: "sum up".into(),
            text: Maybe::None,
            postponed: Maybe::None,
            files_read: List::new(),
            files_written: List::new(),
            open_tasks: List::new(),
        };
        let compacting = world.stand.applier(COMPACTING);
        let drafted = compacting.apply(draft()).await.expect("it goes through");
        assert_eq!(drafted.postponed.as_deref(), Some("not now"));
        world.write(&json!({"hooks": {
            "PreCompact": [{"hooks": [{"type": "command", "command": keeps("before")}]}],
            "PostCompact": [{"hooks": [{"type": "command", "command": keeps("after")}]}],
        }}));
        assert!(compacting.apply(draft()).await.expect("it goes through").postponed.is_none());
        let before = world.kept("before").await;
        assert_eq!((&before["trigger"], &before["custom_instructions"]), (&json!("auto"), &json!("")));
        let summary = Summary { text: "what came of it".into(), ..Summary::default() };
        world.stand.emitter(COMPACTED).emit(&Compacted { conversation_id: "c".into(), seq: 1, summary });
        assert_eq!(world.kept("after").await["compact_summary"], "what came of it");
        world.stand.stop().await;
    });
}

#[test]
fn a_notice_is_told_to_hooks_unless_it_is_theirs() {
    both_ways(async |stand| {
        let file =
            one("Notification", "permission_prompt", &format!("{}; echo >>count; exit 1", keeps("told")));
        let world = World::started(stand, &file).await;
        let notices = world.stand.record(NOTICE);
        let notice = |kind: &str| Notice {
            kind: kind.into(),
            conversation_id: Maybe::None,
            title: "a turn waits".into(),
            text: "May it?".into(),
        };
        let says = world.stand.emitter(NOTICE);
        says.emit(&notice("turn-failed"));
        says.emit(&notice("question"));
        let told = world.kept("told").await;
        let fields = ["message", "title", "notification_type"].map(|field| told[field].as_str());
        assert_eq!(fields, [Some("May it?"), Some("a turn waits"), Some("permission_prompt")]);
        world.stand.until(|| notices.all().len() == 3).await;
        assert_eq!(notices.all()[2].kind, "hook", "its exit code is told");
        let count = std::fs::read_to_string(world.folder().join("count")).expect("it is there");
        assert_eq!(count.lines().count(), 1);
        world.stand.stop().await;
    });
}

#[test]
fn what_a_hook_has_to_tell_a_person_is_a_notice() {
    both_ways(async |stand| {
        let world =
            World::started(stand, &one("Stop", "", &prints(&json!({"systemMessage": "look here"})))).await;
        let notices = world.stand.record(NOTICE);
        ended(&world, 0).await;
        let notice = notices.next().await;
        assert_eq!((notice.kind.as_str(), notice.text.as_str()), ("hook", "look here"));
        assert_eq!(notice.conversation_id, Maybe::Some("c".into()));
        world.stand.stop().await;
    });
}
