//! Skills that are active in a conversation, between a store that the test plays and whoever asks.

use std::fs;

use serde_json::{Value, json as value};
use transom_agent::compaction::{COMPACTED, Compacted, Summary};
use transom_agent::reach::{CLI_COMMAND, CliCall, HTTP_ROUTE, HttpRequest};
use transom_agent::trust::Trust;
use transom_plugin_api::{CallErrorKind, Json, Text};
use transom_skills::Skills;
use transom_testkit::{Stand, both_ways, json};

use crate::add;
use crate::word::Word;
use crate::world::World;

const ON: &str = "applies to this conversation, until it is said that it no longer does.\n\n";

/// Where the operator trusts all skills.
async fn started(stand: Stand, world: &World) -> Stand {
    started_with(stand, world, &Word::new(Some(Trust::Trusted))).await
}

pub(crate) async fn started_with(stand: Stand, world: &World, word: &Word) -> Stand {
    let stand = stand.plugin::<Skills>(json!({"folders": [], "active_tokens": 400}));
    world.put_on(&stand);
    word.put_on(&stand);
    stand.start().await.expect("it starts");
    stand
}

type Answer = Result<(u16, Value), (CallErrorKind, String)>;

async fn request(stand: &Stand, route: &str, id: &str, name: &str, body: Value) -> Answer {
    let method = route.split(' ').next().expect("a method");
    let mut request = HttpRequest::new(method, "/").with_param("id", id).with_param("name", name);
    request.body = Json::from(body);
    let reply = stand.caller(HTTP_ROUTE).call_named(route, request).await;
    reply
        .map(|reply| (reply.status, reply.body.value()))
        .map_err(|error| (error.kind, error.message.into_string()))
}

pub(crate) async fn put(stand: &Stand, name: &str, body: Value) -> Answer {
    request(stand, "PUT /conversations/:id/skills/:name", "c", name, body).await
}

async fn delete(stand: &Stand, name: &str) -> Value {
    let answer = request(stand, "DELETE /conversations/:id/skills/:name", "c", name, Value::Null).await;
    answer.expect("it answers").1
}

pub(crate) async fn outlook(stand: &Stand) -> Value {
    request(stand, "GET /conversations/:id/skills", "c", "", Value::Null).await.expect("it answers").1
}

/// Activates what nothing is in the way of.
async fn activate(stand: &Stand, name: &str) -> bool {
    let (status, told) = put(stand, name, Value::Null).await.expect("it answers");
    assert_eq!(status, 200, "{told}");
    told["activated"] == true
}

#[test]
fn a_skill_that_is_activated_enters_at_the_tail_once() {
    both_ways(async |stand| {
        let world = World::default();
        add(&stand.root(), "pdf.md", "When there is a PDF\n---\nRead it\n");
        let stand = started(stand, &world).await;
        let before = world.state().log.clone();
        assert!(activate(&stand, "pdf").await);
        assert_eq!(world.entered().len(), 1);
        assert!(!activate(&stand, "pdf").await);
        assert_eq!(world.entered(), [format!("From now on the skill `pdf` {ON}Read it\n")]);
        assert_eq!(world.state().log[..2], before, "what was said before stays as it was");
        let told = outlook(&stand).await;
        let file = stand.root().join(".skills/pdf.md").display().to_string();
        let skill = value!({"name": "pdf", "summary": "When there is a PDF", "file": file, "tokens": 2, "active": true});
        assert_eq!(told["skills"], value!([skill]));
        assert_eq!(
            (&told["active"][0]["name"], &told["active"][0]["state"]),
            (&value!("pdf"), &value!("current"))
        );
        assert_eq!(told["active"][0]["digest"].as_str().map(str::len), Some(64));
        assert_eq!((&told["activeTokens"], &told["mostActiveTokens"]), (&value!(2), &value!(400)));
        stand.stop().await;
    });
}

#[test]
fn one_that_is_let_go_is_told_off_at_the_tail_once() {
    both_ways(async |stand| {
        let world = World::default();
        add(&stand.root(), "pdf.md", "Read it\n");
        let stand = started(stand, &world).await;
        activate(&stand, "pdf").await;
        assert_eq!(delete(&stand, "pdf").await["deactivated"], true);
        assert_eq!(delete(&stand, "pdf").await["deactivated"], false);
        let off = "From now on the skill `pdf` no longer applies to this conversation.";
        assert_eq!(world.entered()[1..], [off]);
        assert!(!world.is_anything_stored());
        assert!(activate(&stand, "pdf").await, "and may be activated again");
        stand.stop().await;
    });
}

#[test]
fn two_that_are_activated_at_the_same_time_are_both_active() {
    both_ways(async |stand| {
        let world = World::default();
        for name in ["a.md", "b.md", "c.md"] {
            add(&stand.root(), name, "Read it\n");
        }
        let stand = started(stand, &world).await;
        // Once it was read at the start.
        stand.until(|| world.state().reads == 1).await;
        world.state().slow_until_read = 4;
        let (a, b, c) = tokio::join!(activate(&stand, "a"), activate(&stand, "b"), activate(&stand, "c"));
        assert!(a && b && c);
        let told = outlook(&stand).await;
        assert_eq!((told["active"].as_array().map(Vec::len), world.entered().len()), (Some(3), 3));
        stand.stop().await;
    });
}

#[test]
fn a_file_that_has_changed_since_is_told_and_enters_anew_when_it_is_activated_again() {
    both_ways(async |stand| {
        let world = World::default();
        for name in ["a.md", "b.md"] {
            add(&stand.root(), name, "old\n");
        }
        let stand = started(stand, &world).await;
        activate(&stand, "a").await;
        activate(&stand, "b").await;
        add(&stand.root(), "a.md", "new\n");
        fs::remove_file(stand.root().join(".skills/b.md")).expect("removed");
        let states = async || {
            let told = outlook(&stand).await;
            told["active"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| one["state"].clone())
                .collect::<Value>()
        };
        assert_eq!(states().await, value!(["changed", "gone"]));
        assert_eq!(world.entered().len(), 2, "nothing enters by itself");
        assert!(activate(&stand, "a").await);
        assert_eq!(states().await, value!(["gone", "current"]));
        let anew = "The skill `a` has changed. From now on this applies, in place of what was said of it before.\n\nnew\n";
        assert_eq!(world.entered()[2..], [anew]);
        stand.stop().await;
    });
}

#[test]
fn what_contradicts_an_active_skill_is_refused_with_both_lines_before_anything_is_written() {
    both_ways(async |stand| {
        let world = World::default();
        add(&stand.root(), "a.md", "Always write unit tests.\n");
        add(&stand.root(), "b.md", "Fine.\nNever write unit tests.\n");
        let stand = started(stand, &world).await;
        activate(&stand, "a").await;
        let before = world.state().writes;
        let (status, told) = put(&stand, "b", value!({"force": false})).await.expect("it answers");
        assert_eq!((status, &told["reason"]), (409, &value!("conflict")));
        let pair = value!({"line": "Never write unit tests.", "skill": "a", "contradicts": "Always write unit tests."});
        assert_eq!(told["conflicts"], value!([pair]));
        assert_eq!(world.state().writes, before);
        let (status, _) = put(&stand, "b", value!({"force": true})).await.expect("it answers");
        assert_eq!((status, world.entered().len()), (200, 2));
        stand.stop().await;
    });
}

#[test]
fn no_more_are_active_than_may_be_and_no_more_tokens() {
    both_ways(async |stand| {
        let world = World::default();
        add(&stand.root(), "long.md", &"A line of words.\n".repeat(100));
        for name in ["a.md", "b.md", "c.md"] {
            add(&stand.root(), name, "x\n");
        }
        let stand = started(stand, &world).await;
        let before = world.state().writes;
        let (status, told) = put(&stand, "long", Value::Null).await.expect("it answers");
        assert_eq!(
            (status, &told["reason"], &told["tokens"], &told["tokensLeft"]),
            (409, &value!("too-long"), &value!(425), &value!(400))
        );
        assert_eq!(world.state().writes, before);
        let (status, _) = put(&stand, "long", value!({"force": true})).await.expect("it answers");
        let entered = world.entered().remove(0);
        assert!(status == 200 && entered.ends_with("`load_skill` tells all of it]\n"), "{entered}");
        assert_eq!(put(&stand, "a", value!({"force": true})).await.expect("it answers").0, 200);
        delete(&stand, "long").await;
        activate(&stand, "b").await;
        activate(&stand, "c").await;
        let (status, told) = put(&stand, "long", value!({"force": true})).await.expect("it answers");
        assert_eq!(
            (status, &told["reason"], &told["active"]),
            (409, &value!("too-many"), &value!(["a", "b", "c"]))
        );
        stand.stop().await;
    });
}

#[test]
fn what_a_summary_takes_away_enters_once_more() {
    both_ways(async |stand| {
        let world = World::default();
        for name in ["a.md", "b.md"] {
            add(&stand.root(), name, &format!("{name}\n"));
        }
        let stand = started(stand, &world).await;
        activate(&stand, "a").await;
        add(&stand.root(), "a.md", "changed since\n");
        world.state().shown_from = 3;
        activate(&stand, "b").await;
        let compacted = || Compacted {
            conversation_id: "c".into(),
            seq: 9,
            summary: Summary { kept_from: "x".into(), ..Summary::default() },
        };
        stand.emitter(COMPACTED).emit(&compacted());
        stand.until(|| world.state().log.len() == 5).await;
        let again = "The skill `a` goes on to apply to this conversation.\n\na.md\n";
        assert_eq!(world.entered()[2..], [again], "as it was when it was activated");
        stand.emitter(COMPACTED).emit(&compacted());
        stand.until(|| world.state().histories == 2).await;
        outlook(&stand).await;
        assert_eq!(world.entered().len(), 3, "what is shown does not enter again");
        stand.stop().await;
    });
}

#[test]
fn what_was_missed_while_nobody_ran_is_made_up_for_at_the_next_start() {
    both_ways(async |stand| {
        let world = World::default();
        for name in ["a.md", "b.md"] {
            add(&stand.root(), name, "Read it\n");
        }
        let stand = started(stand, &world).await;
        activate(&stand, "a").await;
        world.state().is_full = true;
        let refused = put(&stand, "b", Value::Null).await;
        assert_eq!(refused, Err((CallErrorKind::Unavailable, "the disk is full".to_owned())));
        let stopped = stand.stop().await;
        {
            let mut state = world.state();
            (state.is_full, state.shown_from) = (false, state.log.len());
        }
        let stand = started(stopped.stand(), &world).await;
        stand.until(|| world.state().log.len() == 5).await;
        let entered = world.entered();
        assert!(entered[1].starts_with("From now on the skill `b`"), "{entered:?}");
        assert!(entered[2].starts_with("The skill `a` goes on"), "{entered:?}");
        let told = outlook(&stand).await;
        assert_eq!(told["active"].as_array().map(Vec::len), Some(2));
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    both_ways(async |stand| {
        let world = World::default();
        add(&stand.root(), "pdf.md", "Read it\n");
        add(&stand.root(), "empty.md", "\n");
        let stand = started(stand, &world).await;
        let unknown = put(&stand, "pfd", Value::Null).await;
        assert_eq!(
            unknown,
            Err((CallErrorKind::NotFound, "there is no skill `pfd`; did you mean `pdf`?".to_owned()))
        );
        let empty = put(&stand, "empty", Value::Null).await;
        assert_eq!(empty, Err((CallErrorKind::Conflict, "skill `empty` says nothing".to_owned())));
        for (body, told) in [
            (value!({"force": 1}), "field `force` is `1`, expected true or false"),
            (value!({"Force": true}), "field `Force` is unknown; known is `force`"),
            (value!([true]), "the body is no object"),
        ] {
            assert_eq!(put(&stand, "pdf", body).await, Err((CallErrorKind::InvalidInput, told.to_owned())));
        }
        for name in ["", "..", "../pdf", "a/b", "a\nb", &"x".repeat(129)] {
            let refused = put(&stand, name, Value::Null).await.expect_err("refused");
            assert_eq!(refused.0, CallErrorKind::InvalidInput, "{refused:?}");
        }
        for (route, kind) in [
            ("GET /conversations/:id/skills", CallErrorKind::NotFound),
            ("PUT /conversations/:id/skills/:name", CallErrorKind::NotFound),
            ("DELETE /conversations/:id/skills/:name", CallErrorKind::NotFound),
        ] {
            let refused = |id: &'static str| request(&stand, route, id, "pdf", Value::Null);
            assert_eq!(refused("nobody").await.expect_err("refused").0, kind, "{route}");
            assert_eq!(refused("a b").await.expect_err("refused").0, CallErrorKind::InvalidInput, "{route}");
        }
        assert_eq!(world.state().writes, 0);
        stand.stop().await;
    });
}

#[test]
fn what_is_wrong_with_a_skill_is_told_where_it_is_listed() {
    both_ways(async |stand| {
        let world = World::default();
        fs::create_dir_all(stand.root().join(".agents/skills/broken")).expect("made");
        let file = stand.root().join(".agents/skills/broken/SKILL.md");
        fs::write(&file, "---\nname: x\ndescription: Use it: always\n---\nbody\n").expect("written");
        let stand = started(stand, &world).await;
        let told = outlook(&stand).await;
        let [skill] = &told["skills"].as_array().expect("a list")[..] else { panic!("{told}") };
        assert_eq!((&skill["name"], &skill["summary"]), (&value!("broken"), &value!("")));
        let problem = skill["problem"].as_str().expect("something is wrong");
        assert!(
            problem.starts_with("its front matter is not YAML: ") && problem.contains(", line 3, "),
            "{problem}"
        );
        stand.stop().await;
    });
}

#[test]
fn from_a_terminal_it_is_the_same_in_words() {
    both_ways(async |stand| {
        let world = World::default();
        add(&stand.root(), "pdf.md", "When there is a PDF\n---\nAlways write unit tests.\n");
        add(&stand.root(), "word.md", "Never write unit tests.\n");
        let stand = started(stand, &world).await;
        let root = stand.root().display().to_string();
        let run = async |words: &[&str], json| {
            let arguments = words.iter().map(|word| Text::from(*word)).collect();
            let told = stand
                .caller(CLI_COMMAND)
                .call_named("skills", CliCall { arguments, json, ..CliCall::default() })
                .await;
            let told = told.expect("it answers");
            (told.output.to_string(), told.complaint.to_string(), told.code)
        };
        let lines =
            "  pdf                           7  When there is a PDF\n  word                          6\n";
        assert_eq!(run(&[], false).await, (format!("skills in {root}\n{lines}"), String::new(), 0));
        assert_eq!(run(&["--cwd", &root], false).await, run(&[], false).await);
        let (on, complaint, code) = run(&["c", "--on", "pdf", "--off=word"], false).await;
        assert_eq!((complaint.as_str(), code), ("", 0));
        assert!(on.contains("\n1 of 3 active, 7 of 400 tokens\n* pdf "), "{on}");
        let (output, complaint, code) = run(&["c", "--on", "word"], true).await;
        assert!(
            complaint.contains("contradicts `Always write unit tests.` of active skill `pdf`"),
            "{complaint}"
        );
        assert!(code == 2 && output.contains("\"reason\":\"conflict\""), "{output}");
        let (both, _, code) = run(&["c", "--on", "word", "--force"], true).await;
        let both: Value = serde_json::from_str(&both).expect("one document");
        assert_eq!((both["active"].as_array().map(Vec::len), code), (Some(2), 0));
        for (words, told) in [
            (&["--on", "pdf"][..], "error: ID is missing: skills are active in conversations"),
            (&["c", "--on"], "error: `--on` lacks its value"),
            (&["c", "--on", "a/b"], "error: `--on` is `a/b`, expected the name of a skill"),
            (&["c", "--cwd", "/"], "error: `--cwd` is for calls without ID"),
            (&["c", "--force"], "error: `--force` is for `--on`"),
            (&["c", "--no"], "error: `--no` is no option of this command"),
            (&["x"], "error: there is no conversation whose id begins with `x`"),
            (&["c", "--on", "wrod"], "error: there is no skill `wrod`; did you mean `word`?"),
            (&["--cwd", "relative"], "error: `--cwd` is `relative`, expected an absolute path"),
        ] {
            let (_, complaint, code) = run(words, false).await;
            assert!(complaint.starts_with(told) && code == 2, "{words:?}: {complaint}");
        }
        assert!(run(&["--help"], false).await.0.contains("Example:\n  transom skills"));
        stand.stop().await;
    });
}
