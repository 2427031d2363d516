//! Whether the calls of a step may run: other plugins say so, and a person where they want one to be asked.

use transom_agent::message::Chunk;
use transom_agent::notice::{Notice, kind};
use transom_agent::question::OpenQuestion;
use transom_agent::tool::{Effect, GatedCall, ToolDefinition, ToolGate, Verdict};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Maybe, Provided, Text};

use super::calls::interrupted;
use super::progress::Progress;
use super::run::{Flow, fail};
use super::{Turn, unguarded};
use crate::edges::Edges;
use crate::request::Prefix;
use crate::sheet::Part;
use crate::step::{Answer, Call, Failure, Step};

/// What a call is answered that nobody has allowed.
const NOBODY: &str = "it may not run: nobody said that it may";

impl<E: Edges> Turn<E> {
    /// Asks others about the calls of the step under way. What is denied is answered with the reason; what a person is to
    /// be asked about parks the turn. How the turn goes on, unless the other calls are to run now.
    pub(super) async fn gate(&self, prefix: &Prefix, progress: &mut Progress) -> Option<Flow> {
        let step = progress.step.as_mut()?;
        let gate = self.gate_of(prefix, step, false)?;
        let asked = gate.calls.clone();
        let Some(decided) = self.claim.stop().unless_suspended(self.edges.filter_gate(gate)).await else {
            step.answer_rest(interrupted);
            return Some(self.store_step(progress).await.err().unwrap_or(Flow::Suspended));
        };
        self.take_decision(step, &asked, decided, false);
        let is_asked = step.sheet().chunks(Part::Questions).next().is_some();
        if is_asked {
            return Some(self.park(progress).await);
        }
        // What a call is given has to be known before it runs.
        let is_changed =
            step.sheet().chunks(Part::Facts).any(|fact| matches!(fact, Chunk::InputChanged { .. }));
        let error = if is_changed { self.keep(step).await.err() } else { None };
        error.map(|error| {
            fail(progress, Failure::of_store("what the calls are given could not be kept", &error))
        })
    }

    /// Asks others about the calls of a step once more that a person was asked about. How the turn goes on, unless those that are
    /// left are to run now.
    pub(super) async fn gate_again(&self, prefix: &Prefix, progress: &mut Progress) -> Option<Flow> {
        let step = progress.step.as_mut()?;
        let gate =
            self.gate_of(prefix, step, true).filter(|_| !sabotaged("run-what-is-forbidden-meanwhile"))?;
        let asked = gate.calls.clone();
        // The log says that everything is answered: another generation finds it there.
        let Some(decided) = self.claim.stop().unless_suspended(self.edges.filter_gate(gate)).await else {
            return Some(Flow::Parked);
        };
        self.take_decision(step, &asked, decided, true);
        None
    }

    /// What others are asked about a step; `None` when there is nothing to ask.
    fn gate_of(&self, prefix: &Prefix, step: &Step, again: bool) -> Option<ToolGate> {
        let served = self.edges.tools();
        let is_offered = |call: &Call| prefix.tools().iter().any(|tool| tool.name == call.name);
        let left = step.calls().iter().enumerate();
        let left = left.filter(|(index, call)| is_offered(call) && !step.is_answered(*index));
        let calls: List<GatedCall> = left
            .map(|(index, call)| {
                let tool = served.iter().find(|tool| tool.name == call.name);
                gated(call, tool, step.choice_of(index))
            })
            .collect();
        (!calls.is_empty()).then(|| ToolGate {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            cwd: self.terms.cwd.clone(),
            calls,
            again,
        })
    }

    fn take_decision(
        &self,
        step: &mut Step,
        asked: &[GatedCall],
        decided: Result<ToolGate, CallError>,
        again: bool,
    ) {
        let decided = match decided {
            Ok(gate) => gate.calls,
            Err(error) => {
                tracing::warn!("no tool of turn `{}` may run: {error}", self.claim.turn_id());
                step.answer_rest(|_| Answer::instead(format!("it may not run: {}", error.message)));
                return;
            }
        };
        for index in 0..step.calls().len() {
            let id = &step.calls()[index].id;
            let Some(before) = asked.iter().find(|asked| asked.tool_call_id == *id) else { continue };
            let decision = decided.iter().find(|decided| decided.tool_call_id == *id);
            match (decision.map(|decision| self.guarded(decision)), again) {
                (None, _) => step.answer(index, Answer::instead(NOBODY)),
                (Some(decision), false) => self.apply(step, index, before, &decision),
                (Some(decision), true) => apply_again(step, index, before, &decision),
            }
        }
    }

    /// What was decided of a call; a person is asked where nobody has judged one that may change something.
    fn guarded(&self, decision: &GatedCall) -> GatedCall {
        let is_unguarded = matches!(decision.verdict, Verdict::Allow {}) && !decision.judged;
        let asks = self.settings.ask_when_unguarded && !sabotaged("run-what-nobody-has-judged");
        let acts = Effect::any_acts(decision.effects.as_deref());
        let verdict = match is_unguarded && asks && acts {
            true => unguarded::question(decision),
            false => decision.verdict.clone(),
        };
        GatedCall { verdict, ..decision.clone() }
    }

    /// Does with a call what was decided.
    fn apply(&self, step: &mut Step, index: usize, before: &GatedCall, decision: &GatedCall) {
        let is_changed = decision.input != before.input && !sabotaged("run-what-the-model-wrote");
        match &decision.verdict {
            Verdict::Allow {} if is_changed => step.change_input(index, decision.input.clone()),
            Verdict::Allow {} => {}
            Verdict::Deny { reason } => {
                step.answer(index, Answer::instead(format!("it may not run: {reason}")));
            }
            Verdict::Ask { text, choices, allowing, answer_within_ms } if !choices.is_empty() => {
                if is_changed {
                    step.change_input(index, decision.input.clone());
                }
                let most = u32::try_from(choices.len()).unwrap_or(u32::MAX);
                let now_ms = self.edges.now_ms();
                let by = |within: u64| now_ms.saturating_add(i64::try_from(within).unwrap_or(i64::MAX));
                let question = Chunk::Question {
                    question_id: step.ids().question(index),
                    tool_call_id: Maybe::Some(before.tool_call_id.clone()),
                    text: text.clone(),
                    choices: choices.clone(),
                    allowing: (*allowing).clamp(1, most),
                    answer_by: answer_within_ms.into_option().map(by).into(),
                };
                step.sheet().push(Part::Questions, question);
            }
            // What is decided in a way that is not known here is not allowed.
            Verdict::Ask { .. } | Verdict::Unknown(_) => step.answer(index, Answer::instead(NOBODY)),
        }
    }

    /// Whether a person is to be asked about a call of a step although no plugin has a say in it.
    pub(super) fn asks_unguarded(&self, step: &Step) -> bool {
        let served = self.edges.tools();
        let tool = |call: &Call| served.iter().find(|tool| tool.name == call.name);
        let acts =
            |call: &Call| tool(call).is_some_and(|tool| Effect::any_acts(tool.about.effects.as_deref()));
        self.settings.ask_when_unguarded && step.calls().iter().any(acts)
    }

    /// Makes everything of the step durable with what a person is asked, and shows it.
    async fn park(&self, progress: &mut Progress) -> Flow {
        let Some(step) = &mut progress.step else { return Flow::Parked };
        step.sheet().place(&mut self.claim.places());
        if let Err(error) = self.append(self.append_of(step.entries())).await {
            return fail(progress, Failure::of_store("what a person is asked could not be stored", &error));
        }
        step.sheet().keep_all();
        self.show(step);
        if let Some(position) = step.sheet().last_position() {
            self.claim.logged(position);
        }
        self.tell_questions(step);
        Flow::Parked
    }

    /// Says what is asked, now that it is durable.
    fn tell_questions(&self, step: &mut Step) {
        let calls = step.calls().to_vec();
        let asked =
            step.sheet().chunks(Part::Questions).filter_map(|chunk| self.open_question(chunk, &calls));
        for question in asked.collect::<Vec<_>>() {
            self.edges.say_question_asked(&question);
            self.edges.say_notice(&Notice {
                kind: kind::QUESTION.into(),
                conversation_id: Maybe::Some(question.conversation_id.clone()),
                title: "a turn waits for an answer".into(),
                text: question.text.clone(),
            });
            self.common.questions.ask(question);
        }
    }

    fn open_question(&self, chunk: &Chunk, calls: &[Call]) -> Option<OpenQuestion> {
        open_question(self.claim.conversation_id(), self.claim.turn_id(), chunk, calls)
    }
}

/// A question as others are told of it; `None` for what is none.
pub(super) fn open_question(
    conversation_id: &Text,
    turn_id: &Text,
    chunk: &Chunk,
    calls: &[Call],
) -> Option<OpenQuestion> {
    let Chunk::Question { question_id, tool_call_id, text, choices, allowing, answer_by } = chunk else {
        return None;
    };
    let call = calls.iter().find(|call| tool_call_id.as_ref() == Some(&call.id));
    Some(OpenQuestion {
        conversation_id: conversation_id.clone(),
        turn_id: turn_id.clone(),
        question_id: question_id.clone(),
        tool_call_id: tool_call_id.clone(),
        tool_name: call.map(|call| call.name.clone()).into(),
        text: text.clone(),
        choices: choices.clone(),
        allowing: (*allowing).max(1),
        answer_by: *answer_by,
    })
}

fn gated(call: &Call, served: Option<&Provided<ToolDefinition>>, answered: Option<&Text>) -> GatedCall {
    // Nobody is to be asked about a call that nobody would answer.
    let gone =
        || Verdict::Deny { reason: format!("the tool `{}` is not available any more", call.name).into() };
    GatedCall {
        tool_call_id: call.id.clone(),
        tool_name: call.name.clone(),
        input: call.input.clone(),
        verdict: served.map_or_else(gone, |_| Verdict::Allow {}),
        plugin: served.map(|tool| tool.plugin.clone()).unwrap_or_default(),
        effects: served.map_or(Maybe::None, |tool| tool.about.effects.clone()),
        answered: answered.cloned().into(),
        judged: false,
    }
}

/// Does with a call what was decided behind a person's answer: what that person has seen runs, or nothing.
fn apply_again(step: &mut Step, index: usize, before: &GatedCall, decision: &GatedCall) {
    let why = match &decision.verdict {
        _ if decision.input != before.input => "it may not run: it was changed after a person had been asked",
        Verdict::Allow {} => return,
        // That person has answered.
        Verdict::Ask { .. } if before.answered.is_some() => return,
        Verdict::Deny { reason } => {
            return step.answer(index, Answer::instead(format!("it may not run: {reason}")));
        }
        Verdict::Ask { .. } | Verdict::Unknown(_) => NOBODY,
    };
    step.answer(index, Answer::instead(why));
}
