//! `transom answer`: what waits for a person, and the answers, from a terminal.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::json;
use transom_agent::command::{Manual, failed, printed, refused};
use transom_agent::question::{AnswerQuestion, OpenQuestion, QuestionsOf};
use transom_agent::reach::{CliCall, CliOutcome, Verb};
use transom_agent::refusal::shown;
use transom_plugin_api::{Json, Server, StartError};

use crate::edges::Edges;
use crate::orchestrator::Orchestrator;

/// Characters of an id that a listing shows where they are enough to mean it.
const SHORT: usize = 8;
/// Characters of what somebody typed that a refusal shows.
const SHOWN: usize = 40;

const MANUAL: Manual = Manual {
    help: "Answer a question that a turn waits for; without an answer, list what waits

Usage: transom answer [OPTIONS] [ID] [CHOICE]

ID is the conversation's, or enough of its beginning. CHOICE is the number of a choice, or its first letters. A
conversation that asks several things is asked them one after the other.

Options:
  --question QUESTION  Answer this question, not the first one of the conversation
  --json               Print JSON for programs instead of text for people

Examples:
  transom answer
  transom answer 1e1d 1
  transom answer 1e1d deny
",
    words: &["ID", "CHOICE"],
    flags: &[],
    options: &["--question"],
};

/// Puts the command on the bus.
pub(crate) fn register<E: Edges>(
    orchestrator: &Arc<Orchestrator<E>>,
    commands: &Server<CliCall, CliOutcome, Verb>,
) -> Result<(), StartError> {
    let about =
        Verb { summary: "answers what turns ask, or lists what they ask".into(), input: Json::default() };
    commands.serve_named_with("answer", about, orchestrator, async |orchestrator, call, _| {
        Ok(match MANUAL.read_given(&call) {
            Ok(words) => {
                run(&orchestrator, words.word(0), words.word(1), words.value("--question"), call.json).await
            }
            Err(instead) => instead,
        })
    })
}

async fn run<E: Edges>(
    orchestrator: &Orchestrator<E>,
    id: &str,
    choice: &str,
    question: Option<&str>,
    json: bool,
) -> CliOutcome {
    let open = match orchestrator.questions(QuestionsOf::default()).await {
        Ok(open) => open.questions.into_vec(),
        Err(error) => return failed(&error),
    };
    let is_whole = orchestrator.until_known(&id.into()).await.is_ok();
    let of_conversation = of(&open, id, is_whole);
    if choice.is_empty() {
        return printed(if json { listed_json(&of_conversation) } else { listed(&of_conversation) });
    }
    let asked = match meant(&of_conversation, id, question) {
        Ok(asked) => asked,
        Err(problem) => return refused(&problem),
    };
    let choice = match chosen(asked, choice) {
        Ok(choice) => choice,
        Err(problem) => return refused(&problem),
    };
    let request = AnswerQuestion {
        conversation_id: asked.conversation_id.clone(),
        question_id: asked.question_id.clone(),
        choice: choice.into(),
    };
    match orchestrator.answer(request).await {
        Err(error) => failed(&error),
        Ok(answered) if json => printed(format!("{}\n", json!({"choice": choice, "open": answered.open}))),
        Ok(answered) if answered.open == 0 => printed(format!("{choice}: the turn goes on\n")),
        Ok(answered) => printed(format!("{choice}: {} more to answer\n", answered.open)),
    }
}

/// What a conversation asks: the one of that very id where there is one, though it may ask nothing; else all whose ids begin so.
fn of<'a>(open: &'a [OpenQuestion], id: &str, is_whole: bool) -> Vec<&'a OpenQuestion> {
    let is_meant = |asking: &str| if is_whole { asking == id } else { asking.starts_with(id) };
    open.iter().filter(|question| is_meant(&question.conversation_id)).collect()
}

/// The question that is meant: the first of the one conversation.
fn meant<'a>(
    open: &[&'a OpenQuestion],
    id: &str,
    question: Option<&str>,
) -> Result<&'a OpenQuestion, String> {
    let id = shown(id, SHOWN);
    let first = open
        .first()
        .ok_or_else(|| format!("no conversation whose id is, or begins with, `{id}` asks anything"))?;
    if let Some(other) = open.iter().find(|other| other.conversation_id != first.conversation_id) {
        let (one, other) = (&first.conversation_id, &other.conversation_id);
        return Err(format!("`{id}` may be `{one}` or `{other}`; give more of the id"));
    }
    match question {
        None => Ok(first),
        Some(wanted) => open.iter().find(|asked| asked.question_id == wanted).copied().ok_or_else(|| {
            format!("it does not ask `{}`; `transom answer` lists what it asks", shown(wanted, SHOWN))
        }),
    }
}

/// The choice that is meant by its number or its first letters.
fn chosen<'a>(asked: &'a OpenQuestion, given: &str) -> Result<&'a str, String> {
    let by_number = given.parse::<usize>().ok().and_then(|number| asked.choices.get(number.wrapping_sub(1)));
    let exactly = asked.choices.iter().find(|choice| *choice == given);
    if let Some(choice) = exactly.or(by_number) {
        return Ok(choice);
    }
    let given_small = given.to_lowercase();
    let mut begun = asked.choices.iter().filter(|choice| choice.to_lowercase().starts_with(&given_small));
    match (begun.next(), begun.next()) {
        (Some(choice), None) => Ok(choice),
        (Some(one), Some(other)) => {
            Err(format!("`{}` may be `{one}` or `{other}`; give its number", shown(given, SHOWN)))
        }
        (None, _) => Err(format!(
            "`{}` is none of the choices, expected one of:\n{}",
            shown(given, SHOWN),
            choices(asked)
        )),
    }
}

fn listed(open: &[&OpenQuestion]) -> String {
    if open.is_empty() {
        return "nothing waits for an answer\n".to_owned();
    }
    let mut text = String::new();
    for asked in open {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {}", short(asked, open), asked.text);
        text.push_str(&choices(asked));
    }
    let _ = writeln!(text, "\nanswer with: transom answer ID NUMBER");
    text
}

/// Enough of the conversation's id to mean it: all of it where another one that asks begins alike.
fn short(asked: &OpenQuestion, open: &[&OpenQuestion]) -> String {
    let short: String = asked.conversation_id.chars().take(SHORT).collect();
    let means = |other: &&OpenQuestion| other.conversation_id.starts_with(&*short);
    let is_alone =
        open.iter().copied().filter(means).all(|other| other.conversation_id == asked.conversation_id);
    if is_alone { short } else { asked.conversation_id.as_str().to_owned() }
}

fn choices(asked: &OpenQuestion) -> String {
    let numbered = asked.choices.iter().enumerate();
    numbered.map(|(index, choice)| format!("  {}  {choice}\n", index + 1)).collect()
}

fn listed_json(open: &[&OpenQuestion]) -> String {
    format!("{}\n", json!({ "questions": open }))
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::{List, Maybe};

    use super::*;

    fn asked(conversation: &str, id: &str) -> OpenQuestion {
        OpenQuestion {
            conversation_id: conversation.into(),
            turn_id: "t".into(),
            question_id: id.into(),
            tool_call_id: Maybe::None,
            tool_name: Maybe::None,
            text: "May it?".into(),
            choices: List::from(["Allow once".into(), "Allow always".into(), "Deny".into()]),
            allowing: 2,
            answer_by: Maybe::None,
        }
    }

    #[test]
    fn a_choice_is_meant_by_its_number_its_words_or_enough_first_letters() {
        let question = asked("c", "q");
        for (given, meant) in
            [("1", "Allow once"), ("3", "Deny"), ("deny", "Deny"), ("Allow a", "Allow always")]
        {
            assert_eq!(chosen(&question, given), Ok(meant));
        }
        assert_eq!(
            chosen(&question, "allow").unwrap_err(),
            "`allow` may be `Allow once` or `Allow always`; give its number"
        );
        for given in ["0", "4", "yes", "18446744073709551616"] {
            assert!(chosen(&question, given).unwrap_err().contains("  2  Allow always"), "{given}");
        }
    }

    #[test]
    fn the_first_question_of_the_one_conversation_is_meant_unless_another_is_named() {
        let (one, two, other) = (asked("abc", "q1"), asked("abc", "q2"), asked("abd", "q3"));
        assert_eq!(meant(&[&one, &two], "abc", None).unwrap().question_id, "q1");
        assert_eq!(meant(&[&one, &two], "abc", Some("q2")).unwrap().question_id, "q2");
        assert!(meant(&[&one, &two], "abc", Some("q3")).is_err());
        assert!(meant(&[&one, &other], "ab", None).unwrap_err().contains("give more"));
        assert!(meant(&[], "x", None).unwrap_err().contains("asks anything"));
    }

    #[test]
    fn the_whole_id_of_a_conversation_means_no_other_whose_id_only_begins_so() {
        let open = [asked("p-1", "q1"), asked("p-10", "q2"), asked("p-2", "q3")];
        let ids = |id: &str, is_whole| {
            of(&open, id, is_whole).iter().map(|one| one.question_id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(ids("p-1", true), ["q1"]);
        assert_eq!(ids("p-10", true), ["q2"]);
        assert_eq!(ids("p", false), ["q1", "q2", "q3"]);
        // It is there and asks nothing.
        assert_eq!(ids("p", true), [""; 0]);
    }

    #[test]
    fn a_listing_shows_as_much_of_an_id_as_means_the_conversation() {
        let open = [asked("night-1-paint", "q1"), asked("night-1-watch", "q2"), asked("0123456789", "q3")];
        let listed = listed(&open.iter().collect::<Vec<_>>());
        for shown in ["night-1-paint  May", "night-1-watch  May", "01234567  May"] {
            assert!(listed.contains(shown), "{listed}");
        }
    }
}
