//! Files as people write them, and what is made of those that say something else than they seem to.

use serde_json::json;

use super::*;

fn read(value: &Value) -> Result<HooksFile, String> {
    HooksFile::read(value.to_string().as_bytes())
}

fn with(hook: &Value) -> Result<HooksFile, String> {
    read(&json!({"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [hook]}]}}))
}

#[test]
fn a_file_is_read_in_its_order_with_matchers_and_times() {
    let file = read(&json!({"model": "x", "hooks": {
        "PreToolUse": [
            {"matcher": "Edit|Write", "hooks": [
                {"type": "command", "command": "a", "timeout": 5},
                {"command": "b", "timeout": 0.5},
            ]},
            {"hooks": [{"type": "prompt", "prompt": "is it well?"}]},
        ],
        "Stop": [{"hooks": [{"type": "command", "command": "c"}]}],
        "SubagentStop": [{"hooks": []}],
    }}))
    .expect("it is read");
    let told: Vec<_> =
        file.hooks.iter().map(|hook| (hook.occasion, hook.written.as_str(), hook.timeout)).collect();
    let pre = Occasion::PreToolUse;
    assert_eq!(
        told,
        [
            (pre, "Edit|Write", Some(Duration::from_secs(5))),
            (pre, "Edit|Write", Some(Duration::from_millis(500))),
            (pre, "", None),
            (Occasion::Stop, "", None),
        ]
    );
    assert_eq!(file.hooks[0].action, Action::Command("a".to_owned()));
    assert_eq!(file.hooks[2].action, Action::Unsupported("prompt".to_owned()));
    assert_eq!(file.unsupported, ["SubagentStop"]);
}

#[test]
fn a_file_without_hooks_or_with_all_of_them_off_asks_for_nothing() {
    for nothing in [
        json!({}),
        json!({"permissions": {}}),
        json!({"hooks": {}}),
        json!({"disableAllHooks": true, "hooks": {"Stop": [{"hooks": [{"command": "x"}]}]}}),
    ] {
        assert!(read(&nothing).expect("it is read").hooks.is_empty(), "{nothing}");
    }
}

#[test]
fn what_is_malformed_is_told_by_its_place() {
    for (file, told) in [
        (json!([]), "the file is no object"),
        (json!({"hooks": []}), "`hooks` is no object"),
        (json!({"hooks": {"Stop": {}}}), "`Stop` is no list"),
        (json!({"hooks": {"Stop": [{}]}}), "a group of `Stop` has no `hooks`"),
        (json!({"hooks": {"Stop": [{"matcher": 1, "hooks": []}]}}), "a `matcher` of `Stop` is no text"),
    ] {
        assert_eq!(read(&file).expect_err("refused"), told);
    }
    for (hook, told) in [
        (json!({}), "a hook of `PreToolUse` has no `command`"),
        (json!({"command": " "}), "a hook of `PreToolUse` has no `command`"),
        (json!({"command": "a\0b"}), "a hook of `PreToolUse` has no `command`"),
        (json!({"command": 1}), "`command` of a hook of `PreToolUse` is no text"),
        (
            json!({"command": "a", "timeout": 0}),
            "`timeout` of a hook of `PreToolUse` is `0`, expected seconds",
        ),
        (
            json!({"command": "a", "timeout": 1e300}),
            "`timeout` of a hook of `PreToolUse` is `1e300`, expected seconds",
        ),
    ] {
        let complaint = with(&hook).expect_err("refused");
        assert!(complaint == told || complaint.starts_with("`timeout` of a hook"), "{complaint}");
    }
    assert!(HooksFile::read(b"{").expect_err("refused").starts_with("it is no JSON: "));
    assert!(HooksFile::read(&[0xff]).is_err());
}

#[test]
fn one_hook_beyond_the_bound_is_refused() {
    let many = |count| json!({"hooks": {"Stop": [{"hooks": vec![json!({"command": "x"}); count]}]}});
    assert_eq!(read(&many(MOST_HOOKS)).expect("it is read").hooks.len(), MOST_HOOKS);
    assert_eq!(read(&many(MOST_HOOKS + 1)).expect_err("refused"), "it has more than 200 hooks");
    let groups = |count| json!({"hooks": {"Stop": vec![json!({"matcher": "a.", "hooks": []}); count]}});
    assert!(read(&groups(MOST_HOOKS)).is_ok());
    assert_eq!(read(&groups(MOST_HOOKS + 1)).expect_err("refused"), "it has more than 200 groups of hooks");
}

#[test]
fn a_file_whose_hooks_stand_where_nobody_looks_is_refused_unless_all_of_them_are_off() {
    let bare = json!({"PreToolUse": [{"matcher": "Bash", "hooks": [{"command": "x"}]}]});
    assert!(read(&bare).expect_err("refused").contains("put it into `hooks`"));
    let mut off = bare;
    off["disableAllHooks"] = json!(true);
    assert!(read(&off).expect("it is read").hooks.is_empty());
}

#[test]
fn what_does_nothing_in_a_file_is_told_up_to_a_bound() {
    let group = |hook: Value| json!([{"matcher": "Bash(ls *)", "hooks": [hook]}]);
    let file = read(&json!({"hooks": {
        "PretoolUse": group(json!({"command": "x"})),
        "SubagentStop": [],
        "Tomorrow": [],
        "PreToolUse": group(json!({"command": "x", "once": true})),
        "Stop": [{"hooks": [{"type": "prompt", "prompt": "?", "model": "m"}, {"command": "x", "args": ["y"]}]}],
    }}))
    .expect("it is read");
    let told = [
        "hooks for `PretoolUse` do not run: nobody knows that event; did you mean `PreToolUse`?",
        "hooks for `SubagentStop` do not run: the event has no place here",
        "hooks for `Tomorrow` do not run: nobody knows that event",
        "the matcher `Bash(ls *)` of `PreToolUse` is looked for in names of tools",
        "the field `once` of a hook of `PreToolUse` does nothing here",
    ];
    assert_eq!(file.problems.len(), told.len(), "{:?}", file.problems);
    for (problem, told) in file.problems.iter().zip(told) {
        assert!(problem.starts_with(told), "{problem}");
    }
    assert_eq!(file.unsupported, ["PretoolUse", "SubagentStop", "Tomorrow"]);
    assert_eq!(file.hooks[2].action, Action::Beyond { command: "x".to_owned(), field: "args" });
    let many: Map<String, Value> = (0..100).map(|number| (format!("E{number}"), json!([]))).collect();
    let file = read(&json!({ "hooks": many })).expect("it is read");
    assert_eq!((file.problems.len(), file.unsupported.len()), (MOST_TOLD, MOST_TOLD));
}
