//! The link at the gate: each call is judged as it is going to run.

use std::path::{Path, PathBuf};

use transom_agent::tool::{Effect, GatedCall, ToolGate, Verdict};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Maybe, Text};

use crate::act::Act;
use crate::judge::{Judged, Judgement, judge};
use crate::keeper::{Keeper, Layers};
use crate::kept::{Kept, Scope};
use crate::offer::{Asked, DENY, For, ONCE, Remembered};
use crate::rule::Decision;
use crate::ruleset::Tool;

/// What the settings say, beside rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// What becomes of a call that may change something and that no rule speaks of.
    pub(crate) otherwise: Decision,
    /// Milliseconds a person has to answer.
    pub(crate) answer_within_ms: Option<u64>,
}

/// Judges the calls of a step.
///
/// # Errors
/// When the rules cannot be read; then nothing runs.
pub(crate) async fn pass(keeper: &Keeper, manner: Manner, mut gate: ToolGate) -> Result<ToolGate, CallError> {
    let cwd = PathBuf::from(gate.cwd.as_str());
    let acts = acts(keeper, &gate, &cwd).await?;
    if gate.again && !sabotaged("remember-nothing") {
        remember(keeper, &gate, &acts, &cwd).await;
    }
    let layers = keeper.layers(&gate.conversation_id, &cwd).await?;
    for (call, acts) in gate.calls.iter_mut().zip(&acts) {
        let judgement = judgement(&layers, call, acts, &cwd, manner);
        call.judged |= judgement.decision == Decision::Allow;
        if let Some(verdict) = verdict(call, acts, &cwd, judgement, manner) {
            call.verdict = verdict;
        }
    }
    Ok(gate)
}

/// What a call comes to by the rules that hold.
fn judgement(layers: &Layers, call: &GatedCall, acts: &[Act], cwd: &Path, manner: Manner) -> Judgement {
    let tool = Tool { name: &call.tool_name, plugin: &call.plugin };
    judge(&layers.all(), Judged { tool, acts, cwd }, manner.otherwise)
}

/// What each call would do.
///
/// # Errors
/// When nobody can look at the disk.
async fn acts(keeper: &Keeper, gate: &ToolGate, cwd: &Path) -> Result<Vec<Vec<Act>>, CallError> {
    // To wait for another thread takes longer than to judge a call.
    if !gate.calls.iter().any(|call| Act::any_at_a_path(call.effects.as_deref())) {
        return Ok(gate.calls.iter().map(|call| acts_of(call, cwd)).collect());
    }
    let calls = gate.calls.clone();
    let cwd = cwd.to_owned();
    let look = move || calls.iter().map(|call| acts_of(call, &cwd)).collect();
    keeper.host.blocking(look).await.map_err(|error| CallError::unavailable(error.to_string()))
}

/// What a call would do.
pub(crate) fn acts_of(call: &GatedCall, cwd: &Path) -> Vec<Act> {
    let effects: Option<&[Effect]> = call.effects.as_deref();
    Act::all(effects, &call.input.value(), cwd)
}

/// What becomes of a call; `None` where it stays as others have left it.
fn verdict(
    call: &GatedCall,
    acts: &[Act],
    cwd: &Path,
    judgement: Judgement,
    manner: Manner,
) -> Option<Verdict> {
    let is_open = matches!(call.verdict, Verdict::Allow {});
    match judgement.decision {
        Decision::Deny if !matches!(call.verdict, Verdict::Deny { .. }) => {
            Some(Verdict::Deny { reason: reason(&judgement).into() })
        }
        // That person has answered, and nothing forbids it.
        Decision::Ask if is_open && call.answered.is_none() => {
            Some(question(asked(call, acts, call.input.as_str(), cwd), &judgement, manner))
        }
        _ => None,
    }
}

fn reason(judgement: &Judgement) -> String {
    match &judgement.rule {
        Some(rule) => format!("the rule `{rule}` forbids it"),
        None => "no rule allows it, and nobody is asked here".to_owned(),
    }
}

fn asked<'a>(call: &'a GatedCall, acts: &'a [Act], input: &'a str, cwd: &'a Path) -> Asked<'a> {
    Asked { tool: &call.tool_name, plugin: &call.plugin, acts, input, cwd }
}

fn question(asked: Asked<'_>, judgement: &Judgement, manner: Manner) -> Verdict {
    let mut choices: Vec<Text> = vec![ONCE.into()];
    // What a rule wants to be asked about is asked about again, whatever is answered.
    if judgement.is_open {
        choices.extend(asked.remembered().into_iter().map(|choice| Text::from(choice.text)));
    }
    let allowing = u32::try_from(choices.len()).unwrap_or(1);
    choices.push(DENY.into());
    let answer_within_ms = manner.answer_within_ms.into();
    Verdict::Ask { text: asked.text().into(), choices: choices.into(), allowing, answer_within_ms }
}

/// Keeps what persons have chosen to be remembered. What cannot be kept lets the call run that was asked about, and no other.
async fn remember(keeper: &Keeper, gate: &ToolGate, acts: &[Vec<Act>], cwd: &Path) {
    let mut rules = Vec::new();
    for (call, acts) in gate.calls.iter().zip(acts) {
        let Maybe::Some(choice) = &call.answered else { continue };
        let chosen = asked(call, acts, call.input.as_str(), cwd).remembered().into_iter();
        let chosen = chosen.filter(|offered| choice == offered.text.as_str());
        rules.extend(chosen.flat_map(|chosen| kept(keeper, gate, call, cwd, chosen)));
    }
    if rules.is_empty() {
        return;
    }
    if let Err(error) = keeper.keep(rules).await {
        tracing::warn!(
            "what was answered in conversation `{}` is not remembered: {error}",
            gate.conversation_id
        );
    }
}

fn kept(keeper: &Keeper, gate: &ToolGate, call: &GatedCall, cwd: &Path, chosen: Remembered) -> Vec<Kept> {
    let scope = match chosen.holds {
        For::Conversation => Scope::Conversation(gate.conversation_id.to_string()),
        For::Folder => Scope::Folder(cwd.to_owned()),
    };
    let rules = chosen.rules.into_iter().map(|rule| Kept {
        decision: Remembered::DECISION,
        rule,
        scope: scope.clone(),
        plugin: Some(call.plugin.to_string()),
        at: keeper.host.now_ms(),
        reads_quotes: true,
    });
    rules.collect()
}
