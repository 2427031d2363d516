//! What a person is asked about a call, and which rules come of the answers.
//!
//! Both follow from the call alone, so that an answer is understood after a restart as before.

use std::path::Path;

use transom_agent::refusal::shown;
use transom_plugin_api::sabotage::sabotaged;

use crate::act::Act;
use crate::command_line::Command;
use crate::pattern::quoted;
use crate::rule::{Decision, Rule};

/// What lets a call run once.
pub(crate) const ONCE: &str = "Allow once";
/// What keeps it from running; the last choice, which counts where nobody answers.
pub(crate) const DENY: &str = "Deny";

/// Characters of what a model has written that a person is shown.
const SHOWN: usize = 2_000;
/// Those of them that are the end of what is longer.
const SHOWN_OF_THE_END: usize = 600;
/// Characters of a rule in a choice.
const SHORT: usize = 100;
/// Commands of one line that may be remembered together.
const MOST_COMMANDS: usize = 4;

/// A call about which a person is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) tool: &'a str,
    pub(crate) plugin: &'a str,
    pub(crate) acts: &'a [Act],
    /// The input, as JSON.
    pub(crate) input: &'a str,
    pub(crate) cwd: &'a Path,
}

/// For how long an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Conversation,
    Folder,
}

/// A choice that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) text: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) holds: For,
}

impl Asked<'_> {
    /// What is asked.
    pub(crate) fn text(&self) -> String {
        let (tool, cwd) = (self.tool, shown(&self.cwd.to_string_lossy(), SHORT));
        let what: Vec<String> = self.acts.iter().map(|act| self.told(act)).collect();
        format!("May `{tool}` {}, in `{cwd}`?", what.join(", and "))
    }

    fn told(&self, act: &Act) -> String {
        match act {
            Act::Path { writes, given, .. } => {
                format!("{} `{}`", if *writes { "write" } else { "read" }, legible(given))
            }
            Act::Command { given, .. } => format!("run `{}`", legible(given)),
            Act::Reach { whom } => format!("ask `{}` with {}", shown(whom, SHORT), legible(self.input)),
            Act::Unknown => {
                format!("of the plugin `{}` do what it does with {}", self.plugin, legible(self.input))
            }
        }
    }

    /// The choices that are remembered, in the order in which they are offered; none where no rule could mean the call.
    pub(crate) fn remembered(&self) -> Vec<Remembered> {
        let Some(rules) = self.rules() else { return Vec::new() };
        let named: Vec<String> = rules.iter().map(|rule| format!("`{}`", short(&rule.to_string()))).collect();
        let named = named.join(", ");
        let cwd = shown(&self.cwd.to_string_lossy(), SHORT);
        [
            (For::Conversation, format!("Allow {named} in this conversation")),
            (For::Folder, format!("Allow {named} in {cwd}")),
        ]
        .into_iter()
        .map(|(holds, text)| Remembered { text, rules: rules.clone(), holds })
        .collect()
    }

    /// The narrowest rules that mean this call and those like it.
    fn rules(&self) -> Option<Vec<Rule>> {
        let mut rules: Vec<Rule> = Vec::new();
        for act in self.acts {
            for pattern in self.patterns(act)? {
                let rule = Rule { tool: self.tool.to_owned(), pattern };
                // What cannot be written as a rule, or would mean something else, is not offered.
                if rule.to_string().parse::<Rule>().ok().as_ref() != Some(&rule) {
                    return None;
                }
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
        }
        (!rules.is_empty()).then_some(rules)
    }

    /// The patterns that mean one thing that a call does; `None` for what nobody can tell.
    fn patterns(&self, act: &Act) -> Option<Vec<Option<String>>> {
        match act {
            Act::Path { place: Some(place), .. } if place.is_below(self.cwd) => {
                Some(vec![Some("**".to_owned())])
            }
            Act::Path { place: Some(place), .. } if place.written == place.resolved => {
                Some(vec![Some(literal(place.resolved.to_str()?))])
            }
            Act::Command { plain: Some(commands), .. } if (1..=MOST_COMMANDS).contains(&commands.len()) => {
                Some(commands.iter().map(|command| Some(like(command))).collect())
            }
            Act::Path { .. } | Act::Command { .. } => None,
            Act::Reach { .. } | Act::Unknown => Some(vec![None]),
        }
    }
}

/// What a model has written, as a person reads it: its beginning and its end, and what no line should hold escaped, such as line ends
/// and characters that turn the order of others around.
pub(crate) fn legible(text: &str) -> String {
    let between = text.chars().count().saturating_sub(SHOWN);
    if between == 0 {
        return escaped(text.chars());
    }
    // What matters may be written behind what tires a reader.
    let (begin, end) = (SHOWN - SHOWN_OF_THE_END, SHOWN - SHOWN_OF_THE_END + between);
    let (begin, end) = (escaped(text.chars().take(begin)), escaped(text.chars().skip(end)));
    format!("{begin} … ({between} characters between) … {end}")
}

/// The beginning of a rule, as a person reads it.
fn short(rule: &str) -> String {
    escaped(rule.chars().take(SHORT))
}

fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut escaped = String::new();
    for character in text {
        match character {
            '"' | '\'' | '\\' => escaped.push(character),
            other => escaped.extend(other.escape_debug()),
        }
    }
    escaped
}

/// The pattern of commands like this one: the same program with the same verb, whatever comes behind it, or this one alone, word for
/// word.
fn like(command: &Command) -> String {
    let words: Vec<String> = command.words().collect();
    if let [program, verb, ..] = &words[..]
        && is_harmless_with_anything(program, verb)
    {
        return format!("{program} {verb} *");
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// Whether a verb does the same whatever stands behind it. A folder in front of a program may hold another one tomorrow.
fn is_harmless_with_anything(program: &str, verb: &str) -> bool {
    let verbs = HARMLESS_WITH_ANYTHING.iter().find_map(|(of, verbs)| (*of == program).then_some(*verbs));
    match sabotaged("remember-programs-with-anything-behind") {
        true => verb.starts_with(|c: char| c.is_ascii_lowercase()),
        false => verbs.is_some_and(|verbs| verbs.contains(&verb)),
    }
}

/// Programs, and those of their verbs that build, test or keep a repository, whatever is named behind them. Others are told there which
/// program to run, as `docker run`, `kubectl exec`, `npm exec` and, by an option, `git log` and `git push` are; builds and tests are, too, and run what lies
/// in the folder in any case.
const HARMLESS_WITH_ANYTHING: [(&str, &[&str]); 8] = [
    ("cargo", &["bench", "build", "check", "clippy", "doc", "fmt", "test"]),
    ("dotnet", &["build", "test"]),
    ("gh", &["issue", "pr"]),
    ("git", &["add", "branch", "checkout", "commit", "restore", "stash", "status", "switch"]),
    ("go", &["build", "fmt", "test", "vet"]),
    ("npm", &["run", "test"]),
    ("pnpm", &["run", "test"]),
    ("yarn", &["run", "test"]),
];

/// A path as a pattern that means it alone.
fn literal(path: &str) -> String {
    globset::escape(path)
}

impl Remembered {
    /// What becomes of calls that are meant by its rules.
    pub(crate) const DECISION: Decision = Decision::Allow;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use transom_agent::tool::Effect;

    use super::*;
    use crate::judge::{Judged, judge};
    use crate::ruleset::{Entry, RuleSet, Tool};

    fn acts(tool: &str, input: &Value, cwd: &Path) -> Vec<Act> {
        let effects = match tool {
            "run_shell" => Some(vec![Effect::Runs { command: "command".into() }]),
            "write_file" => Some(vec![Effect::Writes { path: "path".into() }]),
            "files__get" => Some(vec![Effect::Reaches { whom: "files".into() }]),
            _ => None,
        };
        Act::all(effects.as_deref(), input, cwd)
    }

    #[test]
    fn the_end_of_what_is_long_is_shown_with_its_beginning() {
        let command = format!("echo {}; rm -rf /\u{202e}", "x".repeat(3_000));
        let shown = legible(&command);
        assert!(shown.starts_with("echo xxx") && shown.ends_with("; rm -rf /\\u{202e}"), "{shown}");
        assert!(shown.contains(" … (1016 characters between) … "), "{shown}");
        assert_eq!(legible("\"a\nb\""), "\"a\\nb\"");
    }

    fn offered(tool: &str, input: Value) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let cwd = folder.path().canonicalize().unwrap();
        let (acts, text) = (acts(tool, &input, &cwd), input.to_string());
        let asked = Asked { tool, plugin: "p", acts: &acts, input: &text, cwd: &cwd };
        let shown = cwd.display().to_string();
        let remembered = asked.remembered();
        // What is remembered means the call that was asked about.
        if let [first, ..] = &remembered[..] {
            let entries =
                first.rules.iter().map(|rule| Entry { decision: Remembered::DECISION, rule, plugin: None });
            let rules = RuleSet::new(entries).unwrap();
            let tool = Tool { name: tool, plugin: "p" };
            let judged = judge(&[(&rules, &cwd)], Judged { tool, acts: &acts, cwd: &cwd }, Decision::Ask);
            assert_eq!(judged.decision, Decision::Allow, "{first:?}");
        }
        let texts = remembered.into_iter().map(|choice| choice.text.replace(&shown, "CWD")).collect();
        (asked.text().replace(&shown, "CWD"), texts)
    }

    #[test]
    fn a_person_is_told_what_a_call_would_do_and_where() {
        for (tool, input, expected) in [
            (
                "run_shell",
                json!({"command": "ls\nrm \"x\""}),
                "May `run_shell` run `ls\\nrm \"x\"`, in `CWD`?",
            ),
            ("run_shell", json!({"command": "a\u{202e}b"}), "May `run_shell` run `a\\u{202e}b`, in `CWD`?"),
            ("write_file", json!({"path": "a"}), "May `write_file` write `a`, in `CWD`?"),
            ("files__get", json!({"id": 1}), "May `files__get` ask `files` with {\"id\":1}, in `CWD`?"),
            ("x", json!({"id": 1}), "May `x` of the plugin `p` do what it does with {\"id\":1}, in `CWD`?"),
        ] {
            assert_eq!(offered(tool, input).0, expected);
        }
    }

    #[test]
    fn what_is_offered_to_be_remembered_is_no_more_than_calls_like_this_one() {
        for (command, rule) in [
            ("cargo test --all", Some("run_shell(cargo test *)")),
            ("git commit -a", Some("run_shell(git commit *)")),
            ("git push", Some("run_shell(git push)")),
            ("git log -p --ext-diff", Some("run_shell(git log -p --ext-diff)")),
            ("docker run alpine", Some("run_shell(docker run alpine)")),
            ("kubectl exec a -- ls", Some("run_shell(kubectl exec a -- ls)")),
            ("npm exec x", Some("run_shell(npm exec x)")),
            ("bash -c true '; touch x'", Some("run_shell(bash -c true '; touch x')")),
            ("xargs rm \"a b\"", Some("run_shell(xargs rm 'a b')")),
            ("echo \"it's\" ''", Some("run_shell(echo 'it'\"'\"'s' '')")),
            ("./run.sh now", Some("run_shell(./run.sh now)")),
            ("sh -c ls", Some("run_shell(sh -c ls)")),
            ("python x.py", Some("run_shell(python x.py)")),
            ("ls", Some("run_shell(ls)")),
            ("cd a && ls", Some("run_shell(cd a)`, `run_shell(ls)")),
            ("echo $HOME", None),
            ("echo 'a*'", Some("run_shell(echo 'a*')")),
            ("a;b;c;d;e", None),
        ] {
            let (_, texts) = offered("run_shell", json!({ "command": command }));
            let expected = rule.map(|rule| format!("Allow `{rule}` in this conversation"));
            assert_eq!(texts.first().cloned(), expected, "{command}");
        }
        assert_eq!(
            offered("write_file", json!({"path": "a"})).1,
            ["Allow `write_file(**)` in this conversation", "Allow `write_file(**)` in CWD"]
        );
        assert_eq!(offered("files__get", json!({})).1[0], "Allow `files__get` in this conversation");
        let outside = offered("write_file", json!({"path": "/nowhere[1]/a"})).1;
        assert_eq!(outside[0], "Allow `write_file(/nowhere[[]1[]]/a)` in this conversation");
        assert!(offered("write_file", json!({"path": "a\0"})).1.is_empty());
    }

    #[test]
    fn a_long_text_is_cut() {
        let (text, _) = offered("run_shell", json!({ "command": "x".repeat(100_000) }));
        assert!(text.len() < 3_000);
    }
}
