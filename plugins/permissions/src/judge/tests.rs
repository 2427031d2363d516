//! The rules as an operator writes them, and the calls that somebody would like to have pass by them.

mod commands;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use transom_agent::tool::Effect;

use super::*;
use crate::rule::Rule;
use crate::ruleset::Entry;

const SHELL: Tool<'_> = Tool { name: "run_shell", plugin: "tool-shell" };
const WRITE: Tool<'_> = Tool { name: "write_file", plugin: "tools-fs" };
const READ: Tool<'_> = Tool { name: "read_file", plugin: "tools-fs" };

/// Rules written as `allow run_shell(cargo test *)`; a third word in front is a plugin.
fn rules(lines: &[&str]) -> RuleSet {
    let parsed: Vec<(Decision, Rule)> = lines
        .iter()
        .map(|line| {
            let (word, rule) = line.split_once(' ').unwrap();
            (Decision::of_word(word).unwrap(), rule.parse().unwrap())
        })
        .collect();
    let entries = parsed.iter().map(|(decision, rule)| Entry { decision: *decision, rule, plugin: None });
    RuleSet::new(entries).unwrap()
}

fn effects(tool: Tool<'_>) -> Option<Vec<Effect>> {
    match tool.name {
        "run_shell" => Some(vec![Effect::Runs { command: "command".into() }]),
        "write_file" => Some(vec![Effect::Writes { path: "path".into() }]),
        "read_file" => Some(vec![Effect::Reads { path: "path".into() }]),
        "files__get" => Some(vec![Effect::Reaches { whom: "files".into() }]),
        "load_skill" => Some(vec![]),
        _ => None,
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn cwd(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    fn judged(&self, lines: &[&str], tool: Tool<'_>, input: Value) -> Decision {
        let (rules, cwd) = (rules(lines), self.cwd());
        let acts = Act::all(effects(tool).as_deref(), &input, &cwd);
        judge(&[(&rules, &cwd)], Judged { tool, acts: &acts, cwd: &cwd }, Decision::Ask).decision
    }

    fn runs(&self, lines: &[&str], command: &str) -> Decision {
        self.judged(lines, SHELL, json!({ "command": command }))
    }

    fn writes(&self, lines: &[&str], path: &str) -> Decision {
        self.judged(lines, WRITE, json!({ "path": path }))
    }
}

use Decision::{Allow, Ask, Deny};

#[test]
fn without_rules_what_reads_below_the_folder_runs_and_what_may_change_something_is_asked_about() {
    let folder = Folder::new();
    let other = |name| Tool { name, plugin: "x" };
    for (tool, input, expected) in [
        (READ, json!({"path": "a"}), Allow),
        (READ, json!({}), Allow),
        (READ, json!({"path": "../a"}), Ask),
        (READ, json!({"path": "/etc/passwd"}), Ask),
        (READ, json!({"path": 3}), Ask),
        (WRITE, json!({"path": "a"}), Ask),
        (SHELL, json!({"command": "ls"}), Ask),
        (other("files__get"), json!({}), Ask),
        (other("load_skill"), json!({}), Allow),
        (other("unheard_of"), json!({}), Ask),
    ] {
        assert_eq!(folder.judged(&[], tool, input.clone()), expected, "{} {input}", tool.name);
    }
}

#[test]
fn of_two_rules_the_stricter_one_counts_in_whatever_order_they_stand() {
    let folder = Folder::new();
    for lines in [
        &["allow run_shell", "ask run_shell(git push *)", "deny run_shell(git push --force *)"][..],
        &["deny run_shell(git push --force *)", "ask run_shell(git push *)", "allow run_shell"],
    ] {
        assert_eq!(folder.runs(lines, "git status"), Allow);
        assert_eq!(folder.runs(lines, "git push origin"), Ask);
        assert_eq!(folder.runs(lines, "git push --force origin"), Deny);
        assert_eq!(folder.runs(lines, "git push --force"), Deny, "with nothing behind it, too");
    }
}

#[test]
fn attack_shell_metacharacters_in_an_allowed_command_are_asked_about() {
    let folder = Folder::new();
    let lines = ["allow run_shell(cargo test *)", "allow run_shell(echo *)"];
    assert_eq!(folder.runs(&lines, "cargo test --all"), Allow);
    assert_eq!(folder.runs(&lines, "cargo test"), Allow);
    assert_eq!(folder.runs(&lines, "cargo test && echo done"), Allow, "each of them is allowed");
    for command in [
        "cargo test; rm -rf /",
        "cargo test && rm -rf /",
        "cargo test || rm x",
        "cargo test | sh",
        "cargo test & rm x",
        "cargo test\nrm x",
        "cargo test $(rm x)",
        "cargo test `rm x`",
        "cargo test > /etc/passwd",
        "cargo test < x",
        "cargo test <(rm x)",
        "cargo test \"$(rm x)\"",
        "cargo test *",
        "cargo test ~/x",
        "cargo test {a,b}",
        "cargo test \\\nrm",
        "PATH=. cargo test",
        "cargo testify",
        "cargo  'test;' rm",
        "echo a\rrm x",
        "(cargo test)",
        "",
    ] {
        assert_ne!(folder.runs(&lines, command), Allow, "{command:?}");
    }
}

#[test]
fn attack_a_forbidden_command_is_found_behind_others_and_by_its_folder() {
    let folder = Folder::new();
    let lines = ["allow run_shell", "deny run_shell(rm *)"];
    for command in ["rm x", "/bin/rm x", "ls; rm x", "ls && /usr/bin/rm -rf x", "true | rm x", "ls\nrm x"] {
        assert_eq!(folder.runs(&lines, command), Deny, "{command:?}");
    }
    for command in ["$(echo rm) x", "r\\m x", "sh -c \"$X\"", "`echo rm` x", "{ rm x; }"] {
        assert_eq!(folder.runs(&lines, command), Ask, "what nobody can tell is asked about: {command:?}");
    }
    assert_eq!(folder.runs(&lines, "ls -l"), Allow);
}

#[test]
fn attack_a_symlink_out_of_the_tree_is_not_what_a_rule_for_the_tree_allows() {
    let folder = Folder::new();
    let out = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(out.path(), folder.cwd().join("link")).unwrap();
    std::fs::create_dir(folder.cwd().join("src")).unwrap();
    std::os::unix::fs::symlink("../secret", folder.cwd().join("src/alias")).unwrap();
    std::fs::write(folder.cwd().join("secret"), "").unwrap();
    let lines = ["allow write_file(**)"];
    assert_eq!(folder.writes(&lines, "a/b"), Allow);
    for path in ["link/x", "link", "link/../x"] {
        assert_eq!(folder.writes(&lines, path), Ask, "{path}");
    }
    assert_eq!(folder.judged(&[], READ, json!({"path": "link/x"})), Ask);
    let narrow = ["allow write_file(src/**)"];
    assert_eq!(folder.writes(&narrow, "src/a"), Allow);
    assert_eq!(folder.writes(&narrow, "src/alias"), Ask, "it is another file");
    let forbidden = ["allow write_file", "deny write_file(secret)"];
    assert_eq!(folder.writes(&forbidden, "src/alias"), Deny, "by another name");
}

#[test]
fn attack_dots_lead_out_of_no_rule() {
    let folder = Folder::new();
    for made in ["src/b", ".git"] {
        std::fs::create_dir_all(folder.cwd().join(made)).unwrap();
    }
    let lines = ["allow write_file(src/**)", "deny write_file(.git/**)"];
    for (path, expected) in [
        ("src/a", Allow),
        ("src/./a", Allow),
        ("src/b/../a", Allow),
        ("src/../.git/config", Deny),
        ("./.git/config", Deny),
        ("src/../a", Ask),
        ("../src/a", Ask),
        ("src/../../etc/passwd", Ask),
        ("/etc/../etc/passwd", Ask),
        ("src/nowhere/../../.git/config", Ask),
    ] {
        assert_eq!(folder.writes(&lines, path), expected, "{path}");
    }
}

#[test]
fn attack_proc_self_is_where_it_leads() {
    let folder = Folder::new();
    let lines = ["allow read_file(/proc/self/**)", "allow write_file(/proc/**)"];
    for path in ["/proc/self/root", "/proc/self/cwd/Cargo.toml"] {
        assert_eq!(folder.judged(&lines, READ, json!({ "path": path })), Ask, "{path}");
        assert_eq!(folder.writes(&lines, path), Ask, "{path}");
    }
}

#[test]
fn attack_a_renamed_tool_is_not_the_one_that_a_rule_of_a_person_is_for() {
    let folder = Folder::new();
    let rule: Rule = "write_file(**)".parse().unwrap();
    let rules = RuleSet::new([Entry { decision: Allow, rule: &rule, plugin: Some("tools-fs") }]).unwrap();
    let cwd = folder.cwd();
    let judged = |tool: Tool<'_>| {
        let acts = Act::all(effects(tool).as_deref(), &json!({"path": "a"}), &cwd);
        judge(&[(&rules, &cwd)], Judged { tool, acts: &acts, cwd: &cwd }, Ask).decision
    };
    assert_eq!(judged(WRITE), Allow);
    assert_eq!(judged(Tool { plugin: "stranger", ..WRITE }), Ask);
    assert_eq!(judged(Tool { name: "write_file2", plugin: "tools-fs" }), Ask);
    assert_eq!(
        folder.judged(&["allow write_file"], Tool { name: "evil__write_file", plugin: "mcp" }, json!({})),
        Ask
    );
}

#[test]
fn a_tool_that_does_not_say_what_it_does_is_allowed_only_by_its_name() {
    let folder = Folder::new();
    let tool = Tool { name: "unheard_of", plugin: "x" };
    let judged = |lines: &[&str]| folder.judged(lines, tool, json!({"path": "a"}));
    assert_eq!(judged(&["allow unheard_of(**)"]), Ask);
    assert_eq!(judged(&["allow unheard_of"]), Allow);
    assert_eq!(judged(&["allow *"]), Allow);
    assert_eq!(judged(&["allow *", "deny *(**/.env)"]), Ask, "it may be what is forbidden");
    assert_eq!(judged(&["deny unheard*"]), Deny);
}

#[test]
fn a_rule_for_a_place_holds_from_that_place_on() {
    let folder = Folder::new();
    let (rules, cwd) = (rules(&["allow write_file(src/**)"]), folder.cwd());
    let inner = cwd.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let judged = |base: &Path, cwd: &Path, path: &str| {
        let acts = Act::all(effects(WRITE).as_deref(), &json!({ "path": path }), cwd);
        judge(&[(&rules, base)], Judged { tool: WRITE, acts: &acts, cwd }, Ask).decision
    };
    assert_eq!(judged(&cwd, &inner, "../src/a"), Allow);
    assert_eq!(judged(&cwd, &inner, "src/a"), Ask);
}

#[test]
fn a_path_that_begins_at_the_root_is_meant_wherever_a_turn_works() {
    let folder = Folder::new();
    let out = tempfile::tempdir().unwrap();
    let out = out.path().canonicalize().unwrap();
    let line = format!("allow read_file({}/**)", out.display());
    assert_eq!(folder.judged(&[&line], READ, json!({"path": out.join("a")})), Allow);
    assert_eq!(folder.judged(&[&line], WRITE, json!({"path": out.join("a")})), Ask);
}

#[test]
fn whoever_is_to_be_asked_about_nothing_forbids_what_no_rule_allows() {
    let folder = Folder::new();
    let (rules, cwd) = (rules(&["allow run_shell(ls *)", "deny run_shell(rm *)"]), folder.cwd());
    let judged = |command: &str, otherwise| {
        let acts = Act::all(effects(SHELL).as_deref(), &json!({ "command": command }), &cwd);
        judge(&[(&rules, &cwd)], Judged { tool: SHELL, acts: &acts, cwd: &cwd }, otherwise).decision
    };
    assert_eq!(judged("ls", Deny), Allow);
    assert_eq!(judged("cat a", Deny), Deny);
    assert_eq!(judged("cat $A", Deny), Deny);
    assert_eq!(judged("cat a", Allow), Allow);
    assert_eq!(judged("cat $A", Allow), Ask, "it may be what is forbidden");
}

#[test]
fn what_is_allowed_is_allowed_by_rules_that_can_be_named() {
    let folder = Folder::new();
    let named = |tool: Tool<'_>, input: Value| {
        let rules = rules(&[
            "allow run_shell(ls *)",
            "allow run_shell(cargo test *)",
            "allow write_file(docs/**)",
            "allow files__*",
        ]);
        let cwd = folder.cwd();
        let acts = Act::all(effects(tool).as_deref(), &input, &cwd);
        let call = Judged { tool, acts: &acts, cwd: &cwd };
        let layers = [(&RuleSet::default(), &*cwd), (&rules, &*cwd)];
        let names = allowing(&layers, call);
        let is_allowed = judge(&layers, call, Ask).decision == Allow;
        assert!(is_allowed || names.is_empty(), "{names:?} do not allow {input}");
        names
    };
    let runs = |command: &str| named(SHELL, json!({ "command": command }));
    assert_eq!(runs("ls; cargo test --all; ls -l"), ["run_shell(ls *)", "run_shell(cargo test *)"]);
    assert_eq!(runs("ls; make"), [""; 0], "a part of it is not allowed");
    assert_eq!(named(WRITE, json!({"path": "docs/a.md"})), ["write_file(docs/**)"]);
    assert_eq!(named(READ, json!({"path": "docs/a.md"})), [""; 0], "it needs no rule");
    assert_eq!(named(Tool { name: "files__get", plugin: "mcp" }, json!({})), ["files__*"]);
}

#[test]
fn a_pattern_at_home_begins_at_the_home_folder_of_who_runs_the_host() {
    let folder = Folder::new();
    let home = PathBuf::from(std::env::var("HOME").unwrap());
    let read = |line, path: &Path| folder.judged(&[line], READ, json!({ "path": path }));
    for path in [home.join(".nothing/key"), home.join(".nothing")] {
        assert_eq!(read("deny *(~/.nothing/**)", &path), Deny, "{path:?}");
    }
    assert_eq!(read("deny read_file(~)", &home), Deny);
    assert_eq!(read("deny read_file(~/.nothing/**)", &folder.cwd().join("~/.nothing/key")), Allow);
    assert_eq!(read("deny read_file(~a/**)", &folder.cwd().join("~a/key")), Deny, "it is a folder's name");
}

#[test]
fn what_is_forbidden_in_a_folder_is_forbidden_of_the_folder_itself() {
    let folder = Folder::new();
    for rule in ["deny write_file(sub/**)", "deny write_file(**/sub/**)", "deny write_file(**)"] {
        for path in ["sub", "sub/", "./sub/a"] {
            assert_eq!(folder.writes(&["allow write_file", rule], path), Deny, "{rule}: {path}");
        }
    }
    assert_eq!(folder.writes(&["allow write_file", "ask write_file(sub/**)"], "sub"), Ask);
    assert_eq!(folder.writes(&["allow write_file", "deny write_file(/**)"], "a"), Deny);
    assert_eq!(folder.writes(&["allow write_file(sub/**)"], "sub"), Ask, "what allows does not");
}
