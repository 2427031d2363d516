//! Orders that can be explained: of starting plugins, and of links at a point.

use std::collections::{BTreeMap, BTreeSet};

/// Orders `nodes` so that everything in `after[node]` comes before `node`; ties by name.
///
/// # Errors
/// The nodes of one cycle, in its order, the first one repeated at the end.
pub fn sort<'a>(
    nodes: &BTreeSet<&'a str>,
    after: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> Result<Vec<&'a str>, Vec<&'a str>> {
    let mut left = nodes.clone();
    let mut sorted = Vec::with_capacity(nodes.len());
    while !left.is_empty() {
        let waits =
            |node: &&str| after.get(node).is_some_and(|before| before.iter().any(|n| left.contains(n)));
        let Some(next) = left.iter().copied().find(|node| !waits(node)) else {
            return Err(cycle(&left, after));
        };
        left.remove(next);
        sorted.push(next);
    }
    Ok(sorted)
}

// Every node that is left waits for another one that is left, so walking on must come back.
fn cycle<'a>(left: &BTreeSet<&'a str>, after: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<&'a str> {
    let mut path: Vec<&str> = left.first().copied().into_iter().collect();
    loop {
        let last = path.last().copied().unwrap_or_default();
        let next = after.get(last).and_then(|before| before.iter().copied().find(|node| left.contains(node)));
        let Some(next) = next else { return path };
        if let Some(seen) = path.iter().position(|node| *node == next) {
            path.drain(..seen);
            path.push(next);
            return path;
        }
        path.push(next);
    }
}

/// A link's wishes about its place.
#[derive(Clone, Debug, Default)]
pub struct Place<'a> {
    /// The plugin.
    pub plugin: &'a str,
    /// Number of its stage.
    pub stage: usize,
    /// Plugins that come after it.
    pub before: Vec<&'a str>,
    /// Plugins that come before it.
    pub after: Vec<&'a str>,
}

/// Orders links: by stage, then by `before` and `after` within it, then by plugin id. Wishes about plugins that are
/// not there, or that stand in another stage, say nothing.
///
/// # Errors
/// The plugins of one cycle, in its order.
pub fn places<'a>(links: &[Place<'a>]) -> Result<Vec<&'a str>, Vec<&'a str>> {
    let stages: BTreeSet<usize> = links.iter().map(|link| link.stage).collect();
    let mut ordered = Vec::new();
    for stage in stages {
        let here: Vec<&Place<'_>> = links.iter().filter(|link| link.stage == stage).collect();
        let nodes: BTreeSet<&str> = here.iter().map(|link| link.plugin).collect();
        let mut after: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for link in here {
            after.entry(link.plugin).or_default().extend(link.after.iter().filter(|id| nodes.contains(**id)));
            for later in link.before.iter().filter(|id| nodes.contains(**id)) {
                after.entry(later).or_default().insert(link.plugin);
            }
        }
        ordered.extend(sort(&nodes, &after)?);
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edges: &[(&'static str, &'static str)], expected: Result<&str, &str>) {
        let nodes = edges.iter().flat_map(|(a, b)| [*a, *b]).filter(|node| !node.is_empty()).collect();
        let mut after: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (node, first) in edges {
            after.entry(node).or_default().insert(first);
        }
        let joined = sort(&nodes, &after).map(|order| order.join(" ")).map_err(|cycle| cycle.join(" → "));
        assert_eq!(joined.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn what_is_needed_comes_first_and_ties_go_by_name() {
        check(
            &[("chat", "store"), ("chat", "model"), ("web", "chat"), ("audit", "")],
            Ok("audit model store chat web"),
        );
    }

    #[test]
    fn a_cycle_is_told_as_a_path() {
        check(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")], Err("a → b → c → a"));
    }

    #[test]
    fn a_plugin_that_needs_itself_is_a_cycle() {
        check(&[("a", "a")], Err("a → a"));
    }

    #[test]
    fn links_go_by_stage_then_by_wish_then_by_id() {
        let link = |plugin, stage, before: &[&'static str], after: &[&'static str]| Place {
            plugin,
            stage,
            before: before.to_vec(),
            after: after.to_vec(),
        };
        let links = [
            link("zeta", 0, &[], &[]),
            link("alpha", 1, &["zeta"], &[]),
            link("beta", 0, &[], &["zeta", "nobody"]),
            link("gamma", 0, &["zeta"], &[]),
        ];
        assert_eq!(places(&links), Ok(vec!["gamma", "zeta", "beta", "alpha"]));
    }
}
