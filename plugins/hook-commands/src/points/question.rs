//! `PermissionRequest`: a person is asked about a call, and hooks may answer.

use serde_json::json;
use transom_agent::question::{AnswerQuestion, OpenQuestion};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

use crate::answer::Answer;
use crate::asked_call;
use crate::decision::Verdict;
use crate::hooks::{Happening, Hooks, until_unwaited};
use crate::occasion::Occasion;
use crate::tool_names::{names, told_input, told_name};

/// Asks hooks about a question, and answers it where they do. Where nobody can say what the call is given, the person is left to it:
/// a hook that forbids by what it reads would find nothing to forbid.
pub(crate) async fn asked(hooks: &Hooks, question: &OpenQuestion) -> Option<Answer> {
    let tool = question.tool_name.as_ref()?;
    let folder = hooks.folder_of(&question.conversation_id).await?;
    let call = question.tool_call_id.as_deref().unwrap_or_default();
    let mut happening = Happening {
        occasion: Occasion::PermissionRequest,
        conversation_id: &question.conversation_id,
        folder: &folder,
        names: names(tool),
        fields: json!({ "tool_name": told_name(tool), "tool_use_id": call }),
        until: until_unwaited(),
    };
    let sources = hooks.sources(&question.conversation_id, &folder).await;
    // Nobody reads a log for nothing.
    if !hooks.is_meant(&sources, &happening) {
        return None;
    }
    match asked_call::input(&hooks.ports.read, question).await {
        Ok(_) if sabotaged("hooks-answer-without-the-input") => {}
        Ok(input) => happening.fields["tool_input"] = told_input(tool, &input, &folder),
        Err(error) => {
            tracing::warn!("no hook is asked about question `{}`: {error}", question.question_id);
            return None;
        }
    }
    let answer = hooks.ask_those(&sources, &happening).await?;
    if let Some(choice) = choice(question, &answer) {
        give(hooks, question, choice, answer.blocked()).await;
    }
    Some(answer)
}

/// The choice that hooks have made.
fn choice(question: &OpenQuestion, answer: &Answer) -> Option<Text> {
    match &answer.verdict {
        Some(Verdict::Allow) if answer.stop.is_none() => question.choices.first().cloned(),
        Some(Verdict::Block(_)) => question.choices.get(question.allowing.max(1) as usize).cloned(),
        _ => None,
    }
}

async fn give(hooks: &Hooks, question: &OpenQuestion, choice: Text, reason: Option<&str>) {
    let answer = AnswerQuestion {
        conversation_id: question.conversation_id.clone(),
        question_id: question.question_id.clone(),
        choice: choice.clone(),
    };
    match (hooks.ports.answer.call(answer).await, reason) {
        (Ok(_), Some(reason)) => {
            let told = format!("a hook has answered `{choice}` to what you were asked: {reason}");
            hooks.tell(&question.conversation_id, &told);
        }
        (Ok(_), None) => {}
        // A person was faster, or the turn is gone.
        (Err(error), _) => tracing::debug!("a hook's answer comes to nothing: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::{List, Maybe};

    use super::*;

    fn chosen(allowing: u32, verdict: Verdict) -> Option<String> {
        let question = OpenQuestion {
            conversation_id: "c".into(),
            turn_id: "t".into(),
            question_id: "q".into(),
            tool_call_id: Maybe::None,
            tool_name: Maybe::None,
            text: "?".into(),
            choices: List::from(["once".into(), "always".into(), "no".into()]),
            allowing,
            answer_by: Maybe::None,
        };
        let answer = Answer { verdict: Some(verdict), ..Answer::default() };
        choice(&question, &answer).map(Into::into)
    }

    #[test]
    fn a_hook_allows_with_the_first_choice_and_forbids_with_the_first_that_does() {
        let block = || Verdict::Block("no".to_owned());
        assert_eq!(chosen(2, Verdict::Allow).as_deref(), Some("once"));
        assert_eq!(chosen(2, block()).as_deref(), Some("no"));
        assert_eq!(chosen(0, block()).as_deref(), Some("always"));
        assert_eq!(chosen(3, block()), None, "there is no such choice");
        assert_eq!(chosen(2, Verdict::Ask(String::new())), None);
    }
}
