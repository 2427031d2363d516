//! [`OperatorOrder`]: the order in which the operator wants plugins to stand at points.
//!
//! The plugins of one list exchange their places among themselves, whatever stages and wishes say; everybody else stays.
//! So no list can contradict another one, or what plugins ask for.

use std::collections::{BTreeMap, BTreeSet};

use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

use crate::descriptor::Descriptor;

/// For some points, plugins in the order in which they are to stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorOrder(BTreeMap<String, Vec<String>>);

/// Something in an order that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFault {
    /// The point.
    pub point: String,
    /// The plugin's place in the list, from 0; `None` when it is about the point.
    pub index: Option<usize>,
    /// What is wrong, with names in backticks.
    pub problem: String,
    /// Names that could stand there instead.
    pub choices: Vec<String>,
}

impl OperatorOrder {
    /// The plugins that are to stand in an order of the operator's, by point.
    #[must_use]
    pub const fn new(by_point: BTreeMap<String, Vec<String>>) -> Self {
        Self(by_point)
    }

    /// The list for `point`; empty when there is none.
    #[must_use]
    pub fn at(&self, point: &str) -> &[String] {
        self.0.get(point).map_or(&[], Vec::as_slice)
    }

    /// What in it does not fit `plugins`, in the order of points.
    #[must_use]
    pub fn faults(&self, plugins: &[Descriptor]) -> Vec<OrderFault> {
        self.0.iter().flat_map(|(point, listed)| faults_at(point, listed, plugins)).collect()
    }
}

fn faults_at(point: &str, listed: &[String], plugins: &[Descriptor]) -> Vec<OrderFault> {
    let fault = |index, problem: String, choices: Vec<String>| OrderFault {
        point: point.to_owned(),
        index,
        problem,
        choices,
    };
    let here = handlers_at(point, plugins);
    if here.is_empty() {
        let is_touched = plugins.iter().flat_map(|plugin| &plugin.ports).any(|port| port.point == point);
        let problem = match is_touched {
            true => {
                format!("nothing runs in an order at `{point}`: it is no filter, and no event that is heard")
            }
            false => format!("no plugin here touches a point `{point}`"),
        };
        return vec![fault(None, problem, ordered_points(plugins))];
    }
    // Who stands in the list already is not what was meant.
    let left = || here.iter().filter(|id| !listed.contains(id)).cloned().collect();
    let problem = |(index, id): (usize, &String)| {
        let is_repeated = listed[..index].contains(id);
        let problem = problem_of(id, is_repeated, point, &here, plugins)?;
        Some(fault(Some(index), problem, left()))
    };
    listed.iter().enumerate().filter_map(problem).collect()
}

fn problem_of(
    id: &String,
    is_repeated: bool,
    point: &str,
    here: &BTreeSet<String>,
    plugins: &[Descriptor],
) -> Option<String> {
    if is_repeated {
        Some(format!("plugin `{id}` stands twice in the order at `{point}`"))
    } else if here.contains(id) {
        None
    } else if plugins.iter().any(|plugin| plugin.id == *id) {
        Some(format!("plugin `{id}` neither hears nor links `{point}`"))
    } else {
        Some(format!("there is no plugin `{id}`"))
    }
}

fn handlers_at(point: &str, plugins: &[Descriptor]) -> BTreeSet<String> {
    let stands =
        |plugin: &&Descriptor| plugin.ports.iter().any(|port| port.point == point && is_ordered(port.role));
    plugins.iter().filter(stands).map(|plugin| plugin.id.clone()).collect()
}

fn ordered_points(plugins: &[Descriptor]) -> Vec<String> {
    let ports = plugins.iter().flat_map(|plugin| &plugin.ports);
    let points: BTreeSet<&String> =
        ports.filter(|port| is_ordered(port.role)).map(|port| &port.point).collect();
    points.into_iter().cloned().collect()
}

const fn is_ordered(role: Role) -> bool {
    matches!(role, Role::Hears | Role::Links)
}

/// Puts the plugins of `listed` that are in `order` into the places that they have there, in the order of the list.
#[must_use]
pub fn arranged<'a>(order: Vec<&'a str>, listed: &[String]) -> Vec<&'a str> {
    if sabotaged("ignore-the-operator") {
        return order;
    }
    let mut wanted: Vec<&'a str> = Vec::new();
    for id in listed {
        // Who is listed twice, which a manifest is refused for, has its first place.
        wanted.extend(order.iter().copied().find(|known| known == id && !wanted.contains(known)));
    }
    let mut next = wanted.iter().copied();
    let is_listed = |id: &str| wanted.contains(&id);
    order.into_iter().map(|id| if is_listed(id) { next.next().unwrap_or(id) } else { id }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(order: &[&'static str], listed: &[&str], expected: &[&str]) {
        let listed: Vec<String> = listed.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(arranged(order.to_vec(), &listed), expected);
    }

    #[test]
    fn those_listed_exchange_their_places_and_others_keep_theirs() {
        check(&["a", "b", "c", "d", "e"], &["d", "b"], &["a", "d", "c", "b", "e"]);
        check(&["a", "b", "c"], &["c", "b", "a"], &["c", "b", "a"]);
        check(&["a", "b"], &[], &["a", "b"]);
        check(&["a", "b"], &["a"], &["a", "b"]);
    }

    #[test]
    fn who_is_away_leaves_the_order_of_the_others() {
        check(&["a", "b", "c"], &["c", "gone", "a"], &["c", "b", "a"]);
        check(&[], &["a"], &[]);
        check(&["a", "b"], &["b", "b", "a"], &["b", "a"]);
    }

    fn plugin(id: &str, role: &str, point: &str) -> Descriptor {
        let none = json!({ "name": "()", "fingerprint": "0" });
        let descriptor = json!({
            "id": id, "version": "1.0.0", "about": "", "abi": 1, "sdk": "", "target": "", "rustc": "",
            "panic": "unwind", "runtime": "none", "capabilities": [], "settings": {},
            "ports": [{
                "role": role, "point": point, "kind": "event", "deadlineMs": 0, "stages": [],
                "input": none, "output": none, "about": none,
            }],
        });
        serde_json::from_value(descriptor).expect("a descriptor")
    }

    #[test]
    fn what_cannot_be_is_told_with_what_could() {
        let plugins = [
            plugin("a", "says", "a/said"),
            plugin("b", "hears", "a/said"),
            plugin("c", "hears", "a/said"),
            plugin("d", "serves", "d/ask"),
        ];
        let order = [("a/said", vec!["b", "b", "a", "x", "c"]), ("a/siad", vec!["b"]), ("d/ask", vec!["d"])];
        let order = order.map(|(point, ids)| (point.to_owned(), ids.into_iter().map(String::from).collect()));
        let faults = OperatorOrder::new(order.into()).faults(&plugins);
        let told: Vec<(Option<usize>, &str)> =
            faults.iter().map(|fault| (fault.index, fault.problem.as_str())).collect();
        assert_eq!(
            told,
            [
                (Some(1), "plugin `b` stands twice in the order at `a/said`"),
                (Some(2), "plugin `a` neither hears nor links `a/said`"),
                (Some(3), "there is no plugin `x`"),
                (None, "no plugin here touches a point `a/siad`"),
                (None, "nothing runs in an order at `d/ask`: it is no filter, and no event that is heard"),
            ]
        );
        assert_eq!(faults[3].choices, ["a/said"]);
    }
}
