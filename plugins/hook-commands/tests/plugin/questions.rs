//! Questions to a person about a call, which hooks may answer.

use serde_json::{Value, json};
use transom_agent::log::{Chunks, READ, Read, StoredChunk};
use transom_agent::message::{Chunk, Role};
use transom_agent::question::{ANSWER, AnswerQuestion, Answered, OpenQuestion, QUESTION_ASKED};
use transom_plugin_api::{CallError, List, Maybe};
use transom_testkit::{Stand, both_ways};

use crate::world::{World, keeps, one, prints, specific};

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

fn call(id: &str, command: &str) -> Chunk {
    let (tool_call_id, tool_name) = (id.into(), "run_shell".into());
    Chunk::ToolCall { tool_call_id, tool_name, input: command_input(command).into(), step_id: Maybe::None }
}

fn changed(id: &str, command: &str) -> Chunk {
    Chunk::InputChanged { tool_call_id: id.into(), input: command_input(command).into() }
}

fn command_input(command: &str) -> Value {
    json!({ "command": command })
}

fn asks(question_id: &str) -> Chunk {
    let OpenQuestion { tool_call_id, text, choices, allowing, answer_by, .. } = question();
    Chunk::Question { question_id: question_id.into(), tool_call_id, text, choices, allowing, answer_by }
}

/// The log of the conversation, of which as much is given at a time as is asked for.
fn log(stand: &Stand, chunks: Vec<Chunk>) {
    let stored = (1..).zip(chunks).map(|(seq, chunk)| StoredChunk {
        seq,
        message_id: "m".into(),
        role: Role::System,
        turn_id: Maybe::Some("t".into()),
        position: Maybe::None,
        created_at: 0,
        chunk,
    });
    let stored: Vec<StoredChunk> = stored.collect();
    stand.serve(READ, move |read: Read, _| {
        let before = read.before_seq.into_option().unwrap_or(i64::MAX);
        let there: Vec<_> = stored.iter().filter(|stored| stored.seq < before).cloned().collect();
        let most = read.limit.into_option().expect("it has a bound") as usize;
        let chunks = there[there.len().saturating_sub(most)..].to_vec().into();
        std::future::ready(Ok(Chunks { chunks, latest_seq: stored.len() as i64, latest_position: 0 }))
    });
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
        log(&world.stand, vec![call("call-1", "ls"), asks("q")]);
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
fn a_hook_is_told_the_input_of_every_call_that_a_person_is_asked_about() {
    both_ways(async |stand| {
        let world = World::of(stand, &one("PermissionRequest", "", &keeps("told")), json!({}));
        let mut answers = answers(&world.stand);
        let many = |count: usize| std::iter::repeat_with(|| call("call-2", "true")).take(count);
        // Calls of other steps have the same id, and a hook or another plugin has changed this one. Nothing of it came by the gate.
        let mut chunks =
            vec![call("call-1", "an earlier one"), changed("call-1", "an earlier one"), asks("p")];
        chunks.extend([call("call-1", "as the model wrote it"), changed("call-1", "ls")]);
        chunks.extend(many(250).chain([asks("q")]).chain(many(250)));
        chunks.extend([call("call-1", "a later one"), asks("r")]);
        log(&world.stand, chunks);
        world.stand.start().await.expect("it starts");
        world.stand.emitter(QUESTION_ASKED).emit(&question());
        let told = world.kept("told").await;
        assert_eq!((&told["tool_name"], &told["tool_input"]), (&json!("Bash"), &json!({"command": "ls"})));
        assert_eq!(told["tool_use_id"], "call-1");
        world.stand.stop().await;
        assert!(answers.try_recv().is_err(), "no hook has decided");
    });
}

#[test]
fn a_question_about_a_call_that_nobody_can_read_is_left_to_the_person() {
    both_ways(async |stand| {
        let world = World::of(stand, &one("PermissionRequest", "", "exit 2"), json!({}));
        let mut answers = answers(&world.stand);
        world.stand.serve(READ, |_, _| {
            std::future::ready(Err::<Chunks, _>(CallError::unavailable("the store is gone")))
        });
        world.stand.start().await.expect("it starts");
        world.stand.emitter(QUESTION_ASKED).emit(&question());
        let is_told = |line: &_| format!("{line:?}").contains("no hook is asked about question `q`");
        world.stand.until(|| world.stand.log().iter().any(is_told)).await;
        world.stand.stop().await;
        assert!(answers.try_recv().is_err());
    });
}
