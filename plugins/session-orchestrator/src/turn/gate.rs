//! Whether the calls of a step may run: other plugins say so, and a person where they want one to be asked.

use transom_agent::message::Chunk;
use transom_agent::tool::{GatedCall, ToolDefinition, ToolGate, Verdict};
use transom_plugin_api::{List, Maybe, Provided};

use super::Turn;
use super::calls::interrupted;
use super::progress::Progress;
use super::run::{Flow, fail};
use crate::edges::Edges;
use crate::request::Prefix;
use crate::sheet::Part;
use crate::step::{Answer, Call, Failure, Step};

impl<E: Edges> Turn<E> {
    /// Asks others about the calls of the step under way. What is denied is answered with the reason; what a person is to
    /// be asked about parks the turn. How the turn goes on, unless the other calls are to run now.
    pub(super) async fn gate(&self, prefix: &Prefix, progress: &mut Progress) -> Option<Flow> {
        let step = progress.step.as_mut()?;
        let is_offered = |call: &&Call| prefix.tools().iter().any(|tool| tool.name == call.name);
        let served = self.edges.tools();
        let gated = |call: &Call| gated(call, served.iter().find(|tool| tool.name == call.name));
        let calls: List<GatedCall> = step.calls().iter().filter(is_offered).map(gated).collect();
        if calls.is_empty() {
            return None;
        }
        let gate = ToolGate {
            conversation_id: self.claim.conversation_id().clone(),
            turn_id: self.claim.turn_id().clone(),
            cwd: self.terms.cwd.clone(),
            calls: calls.clone(),
        };
        let Some(decided) = self.claim.stop().unless_suspended(self.edges.filter_gate(gate)).await else {
            step.answer_rest(interrupted);
            return Some(self.store_step(progress).await.err().unwrap_or(Flow::Suspended));
        };
        match decided {
            Ok(gate) => apply(step, &calls, &gate.calls),
            Err(error) => {
                tracing::warn!("no tool of turn `{}` may run: {error}", self.claim.turn_id());
                step.answer_rest(|_| Answer::instead(format!("it may not run: {}", error.message)));
            }
        }
        let is_asked = step.sheet().chunks(Part::Questions).next().is_some();
        if is_asked { Some(self.park(progress).await) } else { None }
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
        Flow::Parked
    }
}

fn gated(call: &Call, served: Option<&Provided<ToolDefinition>>) -> GatedCall {
    GatedCall {
        tool_call_id: call.id.clone(),
        tool_name: call.name.clone(),
        input: call.input.clone(),
        verdict: Verdict::Allow {},
        plugin: served.map(|tool| tool.plugin.clone()).unwrap_or_default(),
        effects: served.map_or(Maybe::None, |tool| tool.about.effects.clone()),
        answered: Maybe::None,
    }
}

/// Does with each call what was decided.
fn apply(step: &mut Step, asked: &[GatedCall], decided: &[GatedCall]) {
    let calls = step.calls().to_vec();
    for (index, call) in calls.iter().enumerate() {
        if !asked.iter().any(|asked| asked.tool_call_id == call.id) {
            continue;
        }
        let decision = decided.iter().find(|decided| decided.tool_call_id == call.id);
        match decision.map(|decided| &decided.verdict) {
            Some(Verdict::Allow {}) => {}
            Some(Verdict::Deny { reason }) => {
                step.answer(index, Answer::instead(format!("it may not run: {reason}")));
            }
            Some(Verdict::Ask { text, choices, .. }) if !choices.is_empty() => {
                let question = Chunk::Question {
                    question_id: step.ids().question(index),
                    tool_call_id: Maybe::Some(call.id.clone()),
                    text: text.clone(),
                    choices: choices.clone(),
                };
                step.sheet().push(Part::Questions, question);
            }
            // What is left out, or decided in a way that is not known here, is not allowed.
            Some(Verdict::Ask { .. } | Verdict::Unknown(_)) | None => {
                step.answer(index, Answer::instead("it may not run: nobody said that it may"));
            }
        }
    }
}
