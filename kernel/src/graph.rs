//! Who does what at each point, in which order, and why there.

use std::collections::BTreeMap;

use transom_plugin_api::point::PointKind;
use transom_plugin_api::port::Role;

use crate::descriptor::{Descriptor, PortDescriptor};
use crate::operator::{OperatorOrder, arranged};
use crate::order::places;
use crate::plan::place;

/// A point and everybody at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointGraph {
    /// The point.
    pub point: String,
    /// What sort of point it is.
    pub kind: PointKind,
    /// Who says, applies or calls, by id; then who listens or is a link, in the order in which they run; then who serves,
    /// by id.
    pub uses: Vec<PointUse>,
}

/// What one plugin does at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointUse {
    /// The plugin.
    pub plugin: String,
    /// What it does.
    pub role: Role,
    /// Its stage in a filter that has some.
    pub stage: Option<String>,
    /// Names it answers under.
    pub names: Vec<String>,
    /// Why it stands at this place among those that run one after the other; empty for everybody else.
    pub reason: String,
}

/// Every point that is touched, by name, with plugins in the order that runs: theirs, and then the operator's.
#[must_use]
pub fn graph(residents: &[Descriptor], plugins: &[Descriptor], order: &OperatorOrder) -> Vec<PointGraph> {
    let mut by_point: BTreeMap<&str, Vec<(&str, &PortDescriptor)>> = BTreeMap::new();
    for plugin in residents.iter().chain(plugins) {
        for port in &plugin.ports {
            by_point.entry(&port.point).or_default().push((&plugin.id, port));
        }
    }
    let point = |(point, uses): (&str, Vec<(&str, &PortDescriptor)>)| PointGraph {
        point: point.to_owned(),
        kind: uses[0].1.kind,
        uses: uses_in_order(uses, order.at(point)),
    };
    by_point.into_iter().map(point).collect()
}

fn uses_in_order(mut uses: Vec<(&str, &PortDescriptor)>, listed: &[String]) -> Vec<PointUse> {
    uses.sort_by_key(|(id, port)| (rank(port.role), *id));
    let (ordered, others): (Vec<_>, Vec<_>) =
        uses.into_iter().partition(|(_, port)| matches!(port.role, Role::Hears | Role::Links));
    let reasons = reasons(&ordered, listed);
    let mut found: Vec<PointUse> =
        others.into_iter().map(|(id, port)| used(id, port, String::new())).collect();
    let serving = found.iter().position(|used| used.role == Role::Serves).unwrap_or(found.len());
    let ordered = reasons.into_iter().map(|(index, reason)| {
        let (id, port) = ordered[index];
        used(id, port, reason)
    });
    let ordered: Vec<PointUse> = ordered.collect();
    found.splice(serving..serving, ordered);
    found
}

/// Why somebody stands where the operator has put it.
const BY_OPERATOR: &str = "the manifest's `[order]`";

const fn rank(role: Role) -> u8 {
    match role {
        Role::Says | Role::Applies | Role::Calls => 0,
        Role::Hears | Role::Links => 1,
        Role::Serves => 2,
    }
}

fn used(id: &str, port: &PortDescriptor, reason: String) -> PointUse {
    let stage = (port.role == Role::Links && !port.stages.is_empty()).then(|| stage_of(port).to_owned());
    PointUse { plugin: id.to_owned(), role: port.role, stage, names: port.names.clone(), reason }
}

fn stage_of(port: &PortDescriptor) -> &str {
    if port.stage.is_empty() { port.stages.first().map_or("", String::as_str) } else { &port.stage }
}

/// The places of those that run one after the other, as indices, each with its reason.
fn reasons(ordered: &[(&str, &PortDescriptor)], listed: &[String]) -> Vec<(usize, String)> {
    let natural = natural_reasons(ordered);
    let order: Vec<&str> = natural.iter().map(|(index, _)| ordered[*index].0).collect();
    let place_of = |id: &str| natural.iter().find(|(index, _)| ordered[*index].0 == id).cloned();
    let told = |id: &str| {
        let (index, reason) = place_of(id)?;
        let is_listed = listed.iter().any(|other| other == id);
        Some((index, if is_listed { BY_OPERATOR.to_owned() } else { reason }))
    };
    arranged(order, listed).into_iter().filter_map(told).collect()
}

/// As the plugins themselves ask for it.
fn natural_reasons(ordered: &[(&str, &PortDescriptor)]) -> Vec<(usize, String)> {
    let wishes: Vec<_> = ordered.iter().map(|(id, port)| place(id, port)).collect();
    let Ok(order) = places(&wishes) else {
        let reason = "by its id, because the wishes about this point form a cycle".to_owned();
        return (0..ordered.len()).map(|index| (index, reason.clone())).collect();
    };
    let index_of = |id: &str| ordered.iter().position(|(known, _)| *known == id);
    let indices: Vec<usize> = order.iter().filter_map(|id| index_of(id)).collect();
    let reason = |at: usize| {
        let (id, port) = ordered[indices[at]];
        let earlier = indices[..at].iter().map(|index| ordered[*index]);
        reason_for(id, port, &earlier.collect::<Vec<_>>())
    };
    (0..indices.len()).map(|at| (indices[at], reason(at))).collect()
}

fn reason_for(id: &str, port: &PortDescriptor, earlier: &[(&str, &PortDescriptor)]) -> String {
    let same_stage = |other: &PortDescriptor| stage_of(other) == stage_of(port);
    let here: Vec<_> = earlier.iter().filter(|(_, other)| same_stage(other)).collect();
    let asks = here.iter().filter(|(other, _)| port.after.iter().any(|after| after == other));
    let asked = here.iter().filter(|(_, other)| other.before.iter().any(|before| before == id));
    let mut reasons: Vec<String> = Vec::new();
    if !port.stages.is_empty() {
        reasons.push(format!("stage `{}`", stage_of(port)));
    }
    reasons.extend(asks.map(|(other, _)| format!("it asks to come after `{other}`")));
    reasons.extend(asked.map(|(other, _)| format!("`{other}` asks to come before it")));
    if reasons.len() == usize::from(!port.stages.is_empty()) {
        reasons.push(if here.is_empty() {
            "nothing asks to come before it".to_owned()
        } else {
            "by its id, since nobody asks for more".to_owned()
        });
    }
    reasons.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plugin(id: &str, ports: &serde_json::Value) -> Descriptor {
        let descriptor = json!({
            "id": id, "version": "1.0.0", "about": "", "abi": 1, "sdk": "", "target": "", "rustc": "",
            "panic": "unwind", "runtime": "none", "capabilities": [], "ports": ports, "settings": {},
        });
        serde_json::from_value(descriptor).expect("a descriptor")
    }

    fn link(stage: &str, before: &[&str], after: &[&str]) -> serde_json::Value {
        let none = json!({ "name": "()", "fingerprint": "0" });
        json!([{
            "role": "links", "point": "a/wording", "kind": "fail-open-filter", "deadlineMs": 0,
            "stages": ["draft", "polish"], "input": none, "output": none, "about": none,
            "stage": stage, "before": before, "after": after,
        }])
    }

    fn check(plugins: &[Descriptor], expected: &[(&str, &str)]) {
        check_ordered(plugins, &[], expected);
    }

    fn check_ordered(plugins: &[Descriptor], listed: &[&str], expected: &[(&str, &str)]) {
        let listed = listed.iter().map(|id| (*id).to_owned()).collect();
        let order = OperatorOrder::new([("a/wording".to_owned(), listed)].into());
        let graph = graph(&[], plugins, &order);
        assert_eq!(graph.len(), 1);
        let found: Vec<_> =
            graph[0].uses.iter().map(|used| (used.plugin.as_str(), used.reason.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_link_has_a_reason_for_its_place() {
        let plugins = [
            plugin("a", &link("polish", &[], &[])),
            plugin("b", &link("", &[], &["d"])),
            plugin("c", &link("", &[], &[])),
            plugin("d", &link("draft", &["c"], &[])),
        ];
        check(
            &plugins,
            &[
                ("d", "stage `draft`, nothing asks to come before it"),
                ("b", "stage `draft`, it asks to come after `d`"),
                ("c", "stage `draft`, `d` asks to come before it"),
                ("a", "stage `polish`, nothing asks to come before it"),
            ],
        );
    }

    #[test]
    fn the_operator_s_order_is_a_reason_across_stages() {
        let plugins = [
            plugin("a", &link("polish", &[], &[])),
            plugin("b", &link("", &[], &[])),
            plugin("c", &link("", &[], &[])),
        ];
        let listed = "the manifest's `[order]`";
        check_ordered(
            &plugins,
            &["a", "b"],
            &[("a", listed), ("c", "stage `draft`, by its id, since nobody asks for more"), ("b", listed)],
        );
    }

    #[test]
    fn wishes_that_contradict_each_other_are_told_as_such() {
        let plugins = [plugin("a", &link("", &["b"], &[])), plugin("b", &link("", &["a"], &[]))];
        let reason = "by its id, because the wishes about this point form a cycle";
        check(&plugins, &[("a", reason), ("b", reason)]);
    }
}
