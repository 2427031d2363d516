//! [`Answer`]: what the hooks of one occasion say together.

use serde_json::Value;
use transom_plugin_api::sabotage::sabotaged;

use crate::decision::{Heard, Verdict, stricter};
use crate::legible::legible;
use crate::occasion::Occasion;

/// Characters of a command by which a hook is named.
const SHOWN: usize = 80;

/// What all of them say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The strictest.
    pub(crate) verdict: Option<Verdict>,
    /// In the order of the hooks.
    pub(crate) contexts: Vec<String>,
    /// The first.
    pub(crate) input: Option<Value>,
    /// The first.
    pub(crate) stop: Option<String>,
    /// What people are to be told.
    pub(crate) tells: Vec<String>,
}

/// How a hook is named to people and models.
pub(crate) fn named(action: &str, source: &str) -> String {
    format!("the hook `{}` of `{}`", legible(action, SHOWN), legible(source, 200))
}

impl Answer {
    /// What hooks say together, in their order, each with its name. Where one that guards has failed, that is a no unless
    /// `is_open`.
    pub(crate) fn of(
        occasion: Occasion,
        heard: impl IntoIterator<Item = (String, Heard)>,
        is_open: bool,
    ) -> Self {
        let mut answer = Self::default();
        for (name, heard) in heard {
            match heard {
                Heard::Said(said) => {
                    let lenient =
                        sabotaged("hooks-let-the-mildest-win") && said.verdict == Some(Verdict::Allow);
                    answer.verdict =
                        if lenient { said.verdict } else { stricter(answer.verdict.take(), said.verdict) };
                    answer.contexts.extend(said.context);
                    answer.input = answer.input.take().or(said.input);
                    answer.stop = answer.stop.take().or(said.stop);
                    answer.tells.extend(said.tells);
                }
                Heard::Complained(problem) => answer.tells.push(format!("{name} {problem}")),
                Heard::Failed(problem) => answer.fail(occasion, format!("{name} {problem}"), is_open),
            }
        }
        answer
    }

    fn fail(&mut self, occasion: Occasion, problem: String, is_open: bool) {
        if occasion.is_guarded() && !is_open && !sabotaged("hooks-fail-open") {
            self.verdict = stricter(self.verdict.take(), Some(Verdict::Block(problem.clone())));
        }
        self.tells.push(problem);
    }

    /// Why it is not to be, when it is not.
    pub(crate) fn blocked(&self) -> Option<&str> {
        match &self.verdict {
            Some(Verdict::Block(reason)) => Some(reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decision::Said;

    fn said(verdict: Verdict) -> Heard {
        Heard::Said(Box::new(Said { verdict: Some(verdict), ..Said::default() }))
    }

    fn of(heard: Vec<Heard>, is_open: bool) -> Answer {
        let named = heard.into_iter().enumerate().map(|(place, heard)| (format!("hook {place}"), heard));
        Answer::of(Occasion::PreToolUse, named, is_open)
    }

    #[test]
    fn the_strictest_of_several_wins_whatever_their_order() {
        let (ask, block) = (Verdict::Ask("ask".into()), Verdict::Block("no".into()));
        let orders = [
            [Verdict::Allow, ask.clone(), block.clone()],
            [block.clone(), ask.clone(), Verdict::Allow],
            [ask.clone(), block.clone(), Verdict::Allow],
        ];
        for order in orders {
            assert_eq!(of(order.map(said).into(), false).verdict, Some(block.clone()));
        }
        assert_eq!(of(vec![said(ask.clone()), said(Verdict::Allow)], false).verdict, Some(ask));
    }

    #[test]
    fn a_guard_that_fails_says_no_unless_the_operator_says_otherwise() {
        let failed = || vec![said(Verdict::Allow), Heard::Failed("hung".into())];
        let closed = of(failed(), false);
        assert_eq!(closed.blocked(), Some("hook 1 hung"));
        assert_eq!(closed.tells, ["hook 1 hung"]);
        let open = of(failed(), true);
        assert_eq!((open.verdict, open.tells.len()), (Some(Verdict::Allow), 1));
        let after =
            Answer::of(Occasion::PostToolUse, [("a".to_owned(), Heard::Failed("hung".into()))], false);
        assert_eq!((after.verdict, after.tells.len()), (None, 1), "it guards nothing");
    }

    #[test]
    fn contexts_are_gathered_and_the_first_input_counts() {
        let with = |input: Value, context: &str| {
            Heard::Said(Box::new(Said {
                input: Some(input),
                context: Some(context.into()),
                ..Said::default()
            }))
        };
        let answer = of(vec![with(json!({"a": 1}), "one"), with(json!({"a": 2}), "two")], false);
        assert_eq!(
            (answer.input, answer.contexts),
            (Some(json!({"a": 1})), vec!["one".to_owned(), "two".to_owned()])
        );
    }
}
