//! What becomes of a call: the stricter of two rules counts, and where none speaks of it, what it would do.

use std::path::Path;

use transom_plugin_api::sabotage::sabotaged;

use crate::act::Act;
use crate::rule::Decision;
use crate::ruleset::{Meant, RuleSet, Tool};

/// What the rules say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) decision: Decision,
    /// The rule that says so, where one does.
    pub(crate) rule: Option<String>,
    /// Whether a rule that allows it would be all it takes.
    pub(crate) is_open: bool,
}

/// Rules, and the folder in which their relative paths begin.
pub(crate) type Layer<'a> = (&'a RuleSet, &'a Path);

/// A call, as it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) tool: Tool<'a>,
    pub(crate) acts: &'a [Act],
    /// The folder the turn works in.
    pub(crate) cwd: &'a Path,
}

/// Judges a call. `otherwise` is what becomes of one that may change something and that no rule speaks of.
pub(crate) fn judge(layers: &[Layer<'_>], call: Judged<'_>, otherwise: Decision) -> Judgement {
    let touches = |decision| touched(layers, call, decision);
    let denied = touches(Decision::Deny);
    if let Meant::By(rule) = &denied
        && !sabotaged("let-the-lenient-rule-count")
    {
        return Judgement { decision: Decision::Deny, rule: Some(rule.clone()), is_open: false };
    }
    let asked = touches(Decision::Ask);
    if let Meant::By(rule) = asked {
        return Judgement { decision: Decision::Ask, rule: Some(rule), is_open: false };
    }
    // A rule that may forbid it is not passed over because nobody can tell.
    let is_unclear = denied == Meant::Perhaps || asked == Meant::Perhaps;
    if is_unclear && !sabotaged("pass-over-what-nobody-can-tell") {
        return Judgement { decision: otherwise.max(Decision::Ask), rule: None, is_open: false };
    }
    if call.acts.is_empty() || call.acts.iter().all(|act| is_allowed(layers, call, act)) {
        return Judgement { decision: Decision::Allow, rule: None, is_open: true };
    }
    Judgement { decision: otherwise, rule: None, is_open: true }
}

fn touched(layers: &[Layer<'_>], call: Judged<'_>, decision: Decision) -> Meant {
    let mut meant = Meant::No;
    for (rules, base) in layers {
        match rules.touches(decision, call.tool, call.acts, base) {
            by @ Meant::By(_) => return by,
            Meant::Perhaps => meant = Meant::Perhaps,
            Meant::No => {}
        }
    }
    meant
}

fn is_allowed(layers: &[Layer<'_>], call: Judged<'_>, act: &Act) -> bool {
    is_harmless(call, act) || layers.iter().any(|layer| covers(layer, call, act, &mut |_| ()))
}

/// What is below the folder of the turn may be read: the model is there to work on it.
pub(crate) fn is_harmless(call: Judged<'_>, act: &Act) -> bool {
    matches!(act, Act::Path { writes: false, place: Some(place), .. } if place.is_below(call.cwd))
}

fn covers((rules, base): &Layer<'_>, call: Judged<'_>, act: &Act, by: &mut impl FnMut(&str)) -> bool {
    rules.covers(Decision::Allow, call.tool, act, base, by)
}

/// The rules that allow a call together; none of what runs without a rule.
pub(crate) fn allowing(layers: &[Layer<'_>], call: Judged<'_>) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for act in call.acts.iter().filter(|act| !is_harmless(call, act)) {
        let by_layer = layers.iter().find_map(|layer| {
            let mut by = Vec::new();
            covers(layer, call, act, &mut |rule| by.push(rule.to_owned())).then_some(by)
        });
        for rule in by_layer.into_iter().flatten() {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests;
