//! What `transom check` tells people of lanes: one line for each pair of plugins.

use std::collections::{BTreeMap, BTreeSet};

use transom_kernel::PlannedLane;

use crate::terminal::{MOST_LISTED, listed};

/// What lies between two plugins, both ways.
#[derive(Default)]
struct Pair<'a> {
    bridged: BTreeSet<&'a str>,
    refused: BTreeSet<&'a str>,
    left_behind: BTreeSet<&'a str>,
}

/// The lines, by the ids of the plugins. Where one of them leaves something out, a last line says where all of it is.
pub(super) fn described(lanes: &[PlannedLane]) -> String {
    let mut pairs: BTreeMap<[&str; 2], Pair<'_>> = BTreeMap::new();
    for lane in lanes {
        let mut ids = [lane.from.as_str(), lane.to.as_str()];
        ids.sort_unstable();
        let pair = pairs.entry(ids).or_default();
        if lane.is_refused {
            pair.refused.insert(&lane.point);
        } else {
            pair.bridged.insert(&lane.point);
            pair.left_behind.extend(lane.left_behind.iter().map(String::as_str));
        }
    }
    let mut text: String = pairs
        .iter()
        .map(|([one, other], pair)| format!("  `{one}` and `{other}` {}\n", pair.described()))
        .collect();
    if pairs.values().any(Pair::is_cut) {
        text += "  all of them: `transom check --json`, under `lanes`\n";
    }
    text
}

impl Pair<'_> {
    /// Whether its line has room for some of it only.
    fn is_cut(&self) -> bool {
        let crossing = self.bridged.union(&self.refused).count();
        crossing.max(self.left_behind.len()) > MOST_LISTED
    }

    fn described(&self) -> String {
        let all: BTreeSet<&str> = self.bridged.union(&self.refused).copied().collect();
        let mut text = format!("have different copies of what crosses {}; ", of(&all));
        if !self.bridged.is_empty() {
            text += "each value is encoded on its way";
        }
        if !self.left_behind.is_empty() {
            text += &format!(", without {}", of(&self.left_behind));
        }
        match (self.bridged.is_empty(), self.refused.is_empty()) {
            (_, true) => {}
            (true, false) => text += "nothing gets over, and who calls does without",
            (false, false) => {
                text += &format!("; nothing gets over at {}, and who calls does without", of(&self.refused));
            }
        }
        text
    }
}

fn of(names: &BTreeSet<&str>) -> String {
    listed(&names.iter().copied().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(point: &str, from: &str, to: &str, is_refused: bool, left_behind: &[&str]) -> PlannedLane {
        PlannedLane {
            point: point.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            is_refused,
            left_behind: left_behind.iter().map(|field| (*field).to_owned()).collect(),
        }
    }

    #[test]
    fn a_pair_is_one_line_however_many_points_it_meets_at() {
        let points = ["x/1", "x/2", "x/3", "x/4", "x/5", "x/6", "x/7"];
        let both = |point| [lane(point, "a", "b", false, &[]), lane(point, "b", "a", false, &["floor"])];
        let mut lanes: Vec<PlannedLane> = points.into_iter().flat_map(both).collect();
        lanes.push(lane("x/1", "c", "a", false, &[]));
        assert_eq!(
            described(&lanes),
            "  `a` and `b` have different copies of what crosses `x/1`, `x/2`, `x/3`, `x/4`, `x/5` and 2 more; each \
             value is encoded on its way, without `floor`\n  \
             `a` and `c` have different copies of what crosses `x/1`; each value is encoded on its way\n  \
             all of them: `transom check --json`, under `lanes`\n"
        );
    }

    #[test]
    fn where_nothing_gets_over_is_told() {
        let refused = lane("x/1", "a", "b", true, &["floor"]);
        assert_eq!(
            described(std::slice::from_ref(&refused)),
            "  `a` and `b` have different copies of what crosses `x/1`; nothing gets over, and who calls does without\n"
        );
        let told = described(&[refused, lane("x/2", "a", "b", false, &[])]);
        let end =
            "each value is encoded on its way; nothing gets over at `x/1`, and who calls does without\n";
        assert!(told.ends_with(end), "{told}");
    }
}
