//! What an operator is told of rules: that one means nothing, which one counts, and whose they are.

use serde_json::{Value, json as value};
use transom_agent::tool::{GATE, TOOL};
use transom_testkit::{both_ways, json};

use crate::store::Store;
use crate::{choices, command, gate, http, judged, shell, started};

#[test]
fn a_rule_for_a_tool_that_is_not_there_is_kept_with_a_warning_and_listed_with_it() {
    both_ways(async |stand| {
        let settings = json!({"deny": ["run_shel(rm *)", "files__*"]});
        let stand = started(stand, &Store::default(), settings).await;
        let warning = "no tool there is now is called `run_shel`; did you mean `run_shell`?";
        let added = command(&stand, &["allow", "run_shel(ls *)"]).await;
        assert_eq!((added.code, added.complaint.as_str()), (0, &*format!("warning: {warning}\n")));
        let fits = command(&stand, &["allow", "run_shell(ls *)"]).await;
        assert_eq!((fits.code, fits.complaint.as_str()), (0, ""));
        let rule = value!({"decision": "ask", "rule": "nothing"});
        let told = http(&stand, "PUT /permissions", rule).await.expect("kept");
        assert_eq!(told["warning"], "no tool there is now is called `nothing`");
        let listed = http(&stand, "GET /permissions", value!({})).await.expect("listed");
        assert_eq!(listed["settings"][0]["warning"], warning);
        assert_eq!(listed["settings"][1].get("warning"), None, "a pattern is for tools that come");
        let warned = |rule: &&Value| rule["warning"].is_string();
        assert_eq!(listed["rules"].as_array().expect("a list").iter().filter(warned).count(), 2);
        let lines = command(&stand, &[]).await.output;
        assert_eq!(lines.matches(&format!("\n  ! {warning}\n")).count(), 2, "{lines}");
        stand.stop().await;
    });
}

#[test]
fn a_check_names_what_allows_a_call_be_it_a_rule_or_a_remembered_answer() {
    both_ways(async |stand| {
        let settings = json!({"allow": ["run_shell(ls *)"]});
        let stand = started(stand, &Store::default(), settings).await;
        let folder = stand.root().display().to_string();
        let choice = choices(&judged(&stand, "one", "cargo test").await)[1].clone();
        // A rule that a person's answer has made is for the tool of one plugin, which is the stand here.
        let mut call = shell("cargo test", Some(&choice));
        call.plugin = stand.caller(TOOL).names().remove(0).plugin;
        stand.applier(GATE).apply(gate(&stand, "one", [call], true)).await.expect("judged");
        let check = async |conversation: &str, input: &str| {
            let words = ["--folder", &folder, "--conversation", conversation, "check", "run_shell", input];
            command(&stand, &words).await.output.to_string()
        };
        let by_settings = check("one", r#"{"command": "ls -l"}"#).await;
        assert_eq!(by_settings, "allow, by the rule `run_shell(ls *)` of the settings\n");
        let by_answer = check("one", r#"{"command": "cargo test --all"}"#).await;
        let told = "allow, by the remembered answer `run_shell(cargo test *)` of conversation one (";
        assert!(by_answer.starts_with(told), "{by_answer}");
        command(&stand, &["allow", "run_shell(make)", "--conversation", "one"]).await;
        let by_rule = check("one", r#"{"command": "make"}"#).await;
        assert!(
            by_rule.starts_with("allow, by the rule `run_shell(make)` of conversation one ("),
            "{by_rule}"
        );
        let asked = check("two", r#"{"command": "make"}"#).await;
        assert_eq!(asked, format!("ask: May `run_shell` run `make`, in `{folder}`?\n"));
        stand.stop().await;
    });
}

#[test]
fn the_listing_tells_which_conversations_have_rules_and_shows_theirs() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        let lines = command(&stand, &[]).await.output;
        assert!(!lines.contains("--conversation"), "{lines}");
        for conversation in ["one", "two"] {
            command(&stand, &["allow", "run_shell(make)", "--conversation", conversation]).await;
        }
        let told = "2 conversations have rules of their own, which `--conversation ID` shows: one, two\n";
        let lines = command(&stand, &[]).await.output;
        assert!(lines.ends_with(told) && !lines.contains("run_shell"), "{lines}");
        let lines = command(&stand, &["--conversation", "two"]).await.output;
        assert!(lines.contains("  allow  run_shell(make)  in two\n"), "{lines}");
        // With a conversation its rules go.
        store.kept().rows.retain(|key, _| !key.starts_with("c/one/"));
        let listed = http(&stand, "GET /permissions", value!({})).await.expect("listed");
        assert_eq!((&listed["conversations"], &listed["conversationCount"]), (&value!(["two"]), &value!(1)));
        stand.stop().await;
    });
}

#[test]
fn a_surplus_word_is_refused_by_every_verb_and_no_rule_gets_wider_by_it() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        let folder = stand.root().display().to_string();
        let meant = "; write `run_shell(cargo test *)` in one word";
        for (words, told) in [
            (&["allow", "run_shell", "cargo test *"][..], meant),
            (&["ask", "run_shell", "cargo test *"], meant),
            (&["deny", "run_shell", "cargo test *", "--folder", &folder], meant),
            (&["allow", "run_shell(ls *)", "x"], "`x` is one word too many behind `allow run_shell(ls *)`\n"),
            (&["allow", "run_shell", "cargo", "test", "*"], "one word too many"),
            (&["forget", "a", "b"], "`b` is one word too many behind `forget a`\n"),
            (&["check", "run_shell", "{}", "x"], "`x` is one word too many"),
            (&["permit", "x", "y"], "`y` is one word too many behind `permit x`\n"),
        ] {
            let refused = command(&stand, words).await;
            assert!(refused.code == 2 && refused.complaint.contains(told), "{words:?}: {refused:?}");
        }
        assert_eq!(store.kept().rows.len(), 0);
        stand.stop().await;
    });
}

#[test]
fn a_rule_that_means_no_command_is_kept_with_a_warning() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default(), json!({"deny": ["run_shell(curl * | sh)"]})).await;
        let told = "warning: a command line is taken apart at `&`; write a rule for each part of it\n";
        let added = command(&stand, &["deny", "run_shell(cd / && ls)"]).await;
        assert_eq!((added.code, added.complaint.as_str()), (0, told));
        let lines = command(&stand, &[]).await.output;
        assert!(lines.contains("\n  ! a command line is taken apart at `|`; write a rule"), "{lines}");
        let fits = command(&stand, &["deny", "run_shell(git commit -m \"x & y\")"]).await;
        assert_eq!((fits.code, fits.complaint.as_str()), (0, ""));
        stand.stop().await;
    });
}
