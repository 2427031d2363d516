//! Questions to a person about a call, which hooks may answer.

use serde_json::json;
use transom_agent::question::{ANSWER, AnswerQuestion, Answered, OpenQuestion, QUESTION_ASKED};
use transom_plugin_api::{List, Maybe};
use transom_testkit::{Stand, both_ways};

use crate::world::{World, decides, keeps, one, prints, specific};

/// A question about the call that the gate was asked about.
fn question() -> OpenQuestion {
    OpenQuestion {
        conversation_id: "c".into(),
        turn_id: "t".into(),
        question_id: "q".into(),
        tool_call_id: Maybe::Some("call-1".into()),
        tool_name: Maybe::Some("run_shell".into()),
        text: "May it?".into(),
        choices: List::from(["Yes".into(), "Always".into(), "No".into()]),
        allowing: 2,
        answer_by: Maybe::None,
    }
}

/// Where answers to questions come to.
fn answers(stand: &Stand) -> tokio::sync::mpsc::UnboundedReceiver<AnswerQuestion> {
    let (sender, answers) = tokio::sync::mpsc::unbounded_channel();
    stand.serve(ANSWER, move |answer, _| {
        sender.send(answer).expect("it is listened to");
        std::future::ready(Ok(Answered { open: 0 }))
    });
    answers
}

#[test]
fn a_question_about_a_call_is_answered_by_a_hook() {
    both_ways(async |stand| {
        let world = World::of(stand, &json!({}), json!({}));
        let mut answers = answers(&world.stand);
        world.stand.start().await.expect("it starts");
        let behaves = |behavior: &str| {
            let fields = json!({"decision": {"behavior": behavior, "message": "so"}});
            prints(&specific("PermissionRequest", fields))
        };
        for (command, choice) in [
            (behaves("allow"), "Yes"),
            (behaves("deny"), "No"),
            ("exit 2".to_owned(), "No"),
            ("kill -KILL $$".to_owned(), "No"),
        ] {
            world.write(&one("PermissionRequest", "Bash", &command));
            world.stand.emitter(QUESTION_ASKED).emit(&question());
            let answer = answers.recv().await.expect("it is answered");
            assert_eq!((answer.question_id.as_str(), answer.choice.as_str()), ("q", choice), "{command}");
        }
        world.stand.stop().await;
    });
}

#[test]
fn a_question_is_left_to_the_person_where_no_hook_decides() {
    both_ways(async |stand| {
        let world = World::of(stand, &json!({}), json!({}));
        let mut answers = answers(&world.stand);
        world.stand.start().await.expect("it starts");
        // What the hook is told of is the call as it is going to run.
        let asks = decides("ask");
        world.write(&one("PreToolUse", "", &asks));
        world.verdict().await;
        world.write(&one("PermissionRequest", "", &keeps("told")));
        world.stand.emitter(QUESTION_ASKED).emit(&question());
        let told = world.kept("told").await;
        assert_eq!((&told["tool_name"], &told["tool_input"]), (&json!("Bash"), &json!({"command": "ls"})));
        world.stand.stop().await;
        assert!(answers.try_recv().is_err());
    });
}
