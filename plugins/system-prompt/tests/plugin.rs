//! The plugin from outside, between an orchestrator, a store and an operator that the test plays.

#[path = "plugin/keeping.rs"]
mod keeping;
#[path = "plugin/repository.rs"]
mod repository;
#[path = "plugin/trusting.rs"]
mod trusting;
#[path = "plugin/world.rs"]
mod world;

use serde_json::{Value, json as value};
use transom_plugin_api::CallErrorKind;
use transom_system_prompt::TellModels;
use transom_testkit::{both_ways, contract_check, json};

use crate::world::{World, command, http, put, shown, told, told_at, turn};

#[test]
fn a_model_is_told_what_it_is_and_where_it_works_behind_what_others_tell() {
    both_ways(async |stand| {
        let world = World::default();
        let stand = world.start(stand, json!({})).await;
        let text = told(&stand).await;
        assert!(text.starts_with("You are a helpful agent. "), "{text}");
        assert!(text.ends_with(&format!("\n\nWorking folder: {}", stand.root().display())), "{text}");
        let shown = shown(&stand).await;
        assert_eq!((&shown["text"], &shown["because"]), (&value!(text), &value!("there was none")));
        assert_eq!(
            shown["inputs"]["files"],
            value!([{"name": "AGENTS.md", "kind": "content", "state": "missing"}])
        );
        stand.stop().await;
    });
}

#[test]
fn every_variable_has_a_value_or_is_blank() {
    both_ways(async |stand| {
        let template = "[system:date]|[system:time]|[system:os]|[system:hostname]|[prompt:cwd]|[prompt:model]|\
                        [prompt:conversation_id]|[prompt:workspace_id]|[git:branch]|[git:status]|[file:x]|[moon:phase]|";
        let stand = World::default().start(stand, json!({"template": template})).await;
        let text = told(&stand).await;
        let values: Vec<&str> = text.split('|').collect();
        assert!(values[..4].iter().all(|value| !value.is_empty()), "{text}");
        let folder = stand.root();
        let expected = [folder.to_str().expect("text"), "a/one", "c", "default", "", "", "", "", ""];
        assert_eq!(values[4..], expected);
        let known = http(&stand, "GET /system-prompt/variables", Value::Null).await.expect("told");
        let names: Vec<&str> = known["variables"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert!(names.iter().all(|name| template.contains(name) || *name == "file:PATH"), "{names:?}");
        assert_eq!(names.len(), 11);
        stand.stop().await;
    });
}

#[test]
fn a_variable_that_nobody_knows_is_told_to_who_puts_it() {
    both_ways(async |stand| {
        let world = World::default();
        let stand = world.start(stand, json!({})).await;
        let told =
            put(&stand, value!("[system:dat] [if moon:phase]x[endif]")).await.expect("it is well-formed");
        assert_eq!(told["unknown"], json!(["moon:phase", "system:dat"]));
        stand.stop().await;
    });
}

#[test]
fn an_empty_template_tells_nothing_and_null_is_the_operator_s_again() {
    both_ways(async |stand| {
        let world = World::default();
        let stand = world.start(stand, json!({"template": "Mind [prompt:conversation_id]."})).await;
        assert_eq!(told(&stand).await, "Mind c.");
        assert_eq!(put(&stand, value!("")).await, Ok(value!({"template": "", "isDefault": false})));
        assert_eq!(told_at(&stand, turn(&stand)).await, None);
        let operators = value!({"template": "Mind [prompt:conversation_id].", "isDefault": true});
        assert_eq!(put(&stand, Value::Null).await, Ok(operators.clone()));
        assert_eq!(http(&stand, "GET /system-prompt", Value::Null).await, Ok(operators));
        assert_eq!(told(&stand).await, "Mind c.");
        stand.stop().await;
    });
}

#[test]
fn a_template_that_was_put_is_there_after_a_restart() {
    both_ways(async |stand| {
        let world = World::default();
        let stand = world.start(stand, json!({})).await;
        put(&stand, value!("Mind it.")).await.expect("kept");
        let stand = world.start(stand.stop().await.stand(), json!({})).await;
        assert_eq!(told(&stand).await, "Mind it.");
        world.state().is_full = true;
        let refused = put(&stand, value!("Mind that.")).await.expect_err("it cannot be kept");
        assert_eq!(refused.0, CallErrorKind::Unavailable);
        assert_eq!(told(&stand).await, "Mind it.");
        stand.stop().await;
    });
}

#[test]
fn what_is_wrong_with_a_template_is_told_with_its_place() {
    both_ways(async |stand| {
        let stand = World::default().start(stand, json!({})).await;
        for (body, told) in [
            (
                value!({"template": "a\n[if prompt:cwd]"}),
                "field `template`: the `[if …]` in line 2, column 1 has no `[endif]`",
            ),
            (
                value!({"template": "x".repeat(1 << 20)}),
                "field `template`: it has 1048576 bytes, expected at most 65536",
            ),
            (value!({"template": 7}), "field `template` is `7`, expected text or null"),
            (value!({"text": ""}), "field `text` is unknown; known is `template`"),
            (value!({}), "field `template` is missing"),
            (value!([]), "the body is no object"),
        ] {
            let refused = http(&stand, "PUT /system-prompt", body).await.expect_err("refused");
            assert_eq!(refused, (CallErrorKind::InvalidInput, told.to_owned()));
        }
        for (id, kind) in [("d", CallErrorKind::NotFound), ("..", CallErrorKind::InvalidInput)] {
            let asked = http(&stand, "GET /conversations/:id/system-prompt", value!({"id": id})).await;
            assert_eq!(asked.expect_err("refused").0, kind, "{id}");
        }
        stand.stop().await;
    });
}

#[test]
fn a_template_of_the_settings_that_is_wrong_keeps_the_plugin_from_starting() {
    both_ways(async |stand| {
        let stand = stand.plugin::<TellModels>(json!({"template": "[else]"}));
        let refused = stand.start().await.expect_err("refused").to_string();
        assert!(refused.contains("setting `template`: the `[else]` in line 1, column 1"), "{refused}");
        stand.stop().await;
    });
}

#[test]
fn a_terminal_shows_the_template_and_what_models_are_told() {
    both_ways(async |stand| {
        let stand = World::default().start(stand, json!({"template": "Mind it. [file:../x]"})).await;
        assert_eq!(command(&stand, &[], false).await.output, "Mind it. [file:../x]\n");
        assert_eq!(command(&stand, &["c"], false).await.output, "no turn has begun yet\n");
        told(&stand).await;
        let shown = command(&stand, &["c"], false).await.output;
        assert_eq!(shown, "Mind it.\n\n`../x` is left out: it leads out of the folder\n");
        let json: Value = serde_json::from_str(&command(&stand, &["c"], true).await.output).expect("JSON");
        assert_eq!(json, self::shown(&stand).await);
        assert_eq!(command(&stand, &["nobody"], false).await.code, 2);
        assert!(command(&stand, &["--help"], false).await.output.contains("Example:"));
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<TellModels>(json!({}));
    contract_check::<TellModels>(json!({"template": ""}));
}
