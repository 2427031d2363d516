//! In which order plugins start: those that are needed before those that need them.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanFault;
use crate::order::sort;

/// Sorts by all wants; of those that form a cycle the ones that can be done without are given up, and no others.
pub(super) fn start_order(
    nodes: &BTreeSet<&str>,
    mut wants: BTreeMap<&str, BTreeSet<&str>>,
    needs: &BTreeMap<String, BTreeMap<String, String>>,
) -> Result<Vec<String>, PlanFault> {
    let is_needed = |by: &str, other: &str| needs.get(by).is_some_and(|needed| needed.contains_key(other));
    loop {
        let cycle = match sort(nodes, &wants) {
            Ok(order) => return Ok(order.into_iter().map(str::to_owned).collect()),
            Err(cycle) => cycle,
        };
        let soft = cycle.windows(2).filter(|pair| !is_needed(pair[0], pair[1]));
        let given_up =
            soft.filter(|pair| wants.get_mut(pair[0]).is_some_and(|before| before.remove(pair[1]))).count();
        if given_up == 0 {
            return Err(PlanFault::new(
                cycle.first().copied().unwrap_or_default(),
                format!("is part of a cycle: {}", cycle_with_points(&cycle, needs)),
                "one of them must do without the other, or mark the port `optional`".to_owned(),
            ));
        }
    }
}

fn cycle_with_points(cycle: &[&str], needs: &BTreeMap<String, BTreeMap<String, String>>) -> String {
    let mut text = format!("`{}`", cycle.first().copied().unwrap_or_default());
    for pair in cycle.windows(2) {
        let point = needs.get(pair[0]).and_then(|needed| needed.get(pair[1])).map_or("", String::as_str);
        text += &format!(" needs `{}` for `{point}`", pair[1]);
        if pair[1] != cycle[0] {
            text += ", which";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(of: &[(&'static str, &[&'static str])]) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        of.iter().map(|(who, whom)| (*who, whom.iter().copied().collect())).collect()
    }

    fn needs(of: &[(&str, &str)]) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut needs: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (who, whom) in of {
            needs.entry((*who).to_owned()).or_default().insert((*whom).to_owned(), "some/point".to_owned());
        }
        needs
    }

    #[test]
    fn a_cycle_costs_only_those_of_its_own_wishes_that_can_be_done_without() {
        let nodes = BTreeSet::from(["queue", "turns", "store", "apart"]);
        // `turns` can do without the queue, and `apart` without the store, which stands in no cycle.
        let wants = wants(&[("queue", &["turns"]), ("turns", &["queue", "store"]), ("apart", &["store"])]);
        let order = start_order(&nodes, wants, &needs(&[("queue", "turns"), ("turns", "store")]));
        assert_eq!(
            order.map_err(|fault| fault.problem).expect("it has an order"),
            ["store", "apart", "turns", "queue"]
        );
    }

    #[test]
    fn a_cycle_of_needs_is_refused() {
        let nodes = BTreeSet::from(["a", "b"]);
        let fault =
            start_order(&nodes, wants(&[("a", &["b"]), ("b", &["a"])]), &needs(&[("a", "b"), ("b", "a")]));
        let problem = fault.expect_err("it has none").problem;
        assert!(problem.contains("`a` needs `b` for `some/point`, which needs `a`"), "{problem}");
    }
}
