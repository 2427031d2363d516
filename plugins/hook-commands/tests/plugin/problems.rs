//! Files that do less than they seem to: a person is told what, before they rely on it.

use serde_json::{Value, json};
use transom_agent::notice::NOTICE;
use transom_agent::tool::Verdict;
use transom_agent::trust::{TRUST, Trust};
use transom_plugin_api::CallError;
use transom_testkit::{Stand, both_ways};

use crate::command;
use crate::trusted::{FILES, Operator, put, started};
use crate::world::{World, cwd, one};

/// A file that guards nothing, though it seems to.
fn misplaced() -> Value {
    one("PreToolUse", "Bash", "exit 2")["hooks"].clone()
}

fn lines_with(stand: &Stand, words: &str) -> usize {
    stand.log().iter().filter(|line| format!("{line:?}").contains(words)).count()
}

#[test]
fn a_file_whose_hooks_stand_where_nobody_looks_forbids_and_says_how_to_mend_it() {
    both_ways(async |stand| {
        let world = World::started(stand, &misplaced()).await;
        world.stand.until(|| lines_with(&world.stand, "stands at the top of the file") == 1).await;
        let Verdict::Deny { reason } = world.verdict().await else { panic!("it forbids nothing") };
        let name = world.own.path().join("hooks.json").display().to_string();
        let remedy = r#"put it into `hooks`, as in `{"hooks": {"PreToolUse": […]}}`"#;
        assert!(reason.contains(&name) && reason.contains(remedy), "{reason}");
        let listed = command(&world, &[], false).await.output;
        assert!(listed.contains(&format!("{name}: broken: `PreToolUse` stands")), "{listed}");
        assert!(listed.contains(remedy), "{listed}");
        world.write(&json!({"hooks": {}}));
        assert_eq!(world.verdict().await, Verdict::Allow {});
        let listed = command(&world, &[], false).await.output;
        assert!(listed.contains("used, but there are no hooks in it"), "{listed}");
        world.stand.stop().await;
    });
}

#[test]
fn such_a_file_of_a_folder_waits_to_be_trusted_and_forbids_from_then_on() {
    both_ways(async |stand| {
        let operator = Operator::default();
        operator.put_on(&stand);
        put(&stand, FILES[0], &misplaced());
        let world = started(stand).await;
        assert_eq!(world.verdict().await, Verdict::Allow {}, "a stranger's file forbids nothing");
        let listed = command(&world, &[], false).await.output;
        let told =
            ".transom/hooks.json: waits to be trusted; see `transom trust`\n  ! cannot be used as hooks";
        assert!(listed.contains(told), "{listed}");
        operator.trust();
        assert!(matches!(world.verdict().await, Verdict::Deny { .. }));
        world.stand.stop().await;
    });
}

#[test]
fn what_does_nothing_in_a_file_is_in_the_log_once_in_a_notice_once_and_in_the_listing() {
    both_ways(async |stand| {
        let mut file = one("PostToolUse", "Bash(", "true");
        file["hooks"]["PretoolUse"] = json!([{"hooks": [{"command": "exit 2"}]}]);
        file["hooks"]["PostToolUse"][0]["hooks"][0]["timeOut"] = json!(5);
        let world = World::of(stand, &file, json!({}));
        let notices = world.stand.record(NOTICE);
        world.stand.start().await.expect("it starts");
        let problems = [
            "the matcher `Bash(` of `PostToolUse` is no expression: unclosed group",
            "nobody knows that event; did you mean `PreToolUse`?",
            "the field `timeOut` of a hook of `PostToolUse` does nothing here; did you mean `timeout`?",
        ];
        for _ in 0..2 {
            assert_eq!(world.verdict().await, Verdict::Allow {});
        }
        let notice = notices.next().await.text;
        let listed = command(&world, &[], false).await.output;
        for problem in problems {
            assert!(notice.contains(problem), "{notice}");
            assert_eq!(lines_with(&world.stand, problem), 1, "{problem}");
            assert!(listed.contains(problem), "{listed}");
        }
        assert_eq!(notices.all().len(), 1, "the same is not told twice");
        world.stand.stop().await;
    });
}

#[test]
fn a_matcher_that_means_a_tool_by_other_capitals_is_told_with_the_tool() {
    both_ways(async |stand| {
        let world = World::of(stand, &one("PreToolUse", "bash", "exit 2"), json!({}));
        let notices = world.stand.record(NOTICE);
        world.stand.start().await.expect("it starts");
        assert_eq!(world.verdict().await, Verdict::Allow {}, "capitals count");
        let listed = command(&world, &[], false).await.output;
        let problem = "the matcher `bash` of `PreToolUse` is no tool that is known: capitals count; did you mean `Bash`?";
        assert!(listed.contains(&format!("  ! {problem}\n")), "{listed}");
        assert!(notices.next().await.text.contains(problem));
        assert_eq!(lines_with(&world.stand, problem), 1);
        world.stand.stop().await;
    });
}

#[test]
fn what_the_listing_says_waits_to_be_trusted_was_asked_about() {
    both_ways(async |stand| {
        let operator = Operator::default();
        operator.put_on(&stand);
        put(&stand, FILES[1], &one("Stop", "", "true"));
        let world = started(stand).await;
        assert_eq!(operator.asked(), [], "no turn has come by");
        let folder = cwd(&world.stand);
        let listed = command(&world, &["--folder", &folder], false).await.output;
        assert!(
            listed.contains(".claude/settings.json: waits to be trusted; see `transom trust`"),
            "{listed}"
        );
        let asked = operator.asked();
        assert_eq!((asked[0].folder.as_str(), asked[0].name.as_str()), (folder.as_str(), FILES[1]));
        world.stand.stop().await;
    });
}

#[test]
fn where_nobody_can_be_asked_the_listing_says_so_and_not_that_it_waits() {
    both_ways(async |stand| {
        put(&stand, FILES[0], &one("Stop", "", "true"));
        let world = started(stand).await;
        let listed = command(&world, &[], false).await.output;
        let told = "is not used: nobody here keeps what is trusted; run the plugin `trust`";
        assert!(listed.contains(told), "{listed}");
        world.stand.serve(TRUST, |_, _| {
            std::future::ready(Err::<Trust, _>(CallError::unavailable("the store is gone")))
        });
        let listed = command(&world, &[], false).await.output;
        let told = "is not used: nobody can say whether it is trusted: ";
        assert!(listed.contains(told) && listed.contains("the store is gone"), "{listed}");
        world.stand.stop().await;
    });
}
