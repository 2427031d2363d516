//! Who is below a process, by `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// Every process below `ancestor`, as far as the system shows them. They are read one after the other, so one that is made
/// meanwhile may be missing; it is below all the same when the next one asks.
pub(crate) fn of(ancestor: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    below(ancestor, &ids.filter_map(|id| Some((id, parent_of(id)?))).collect())
}

fn parent_of(process: u32) -> Option<u32> {
    // The name of a program need not be text.
    parent_in(&String::from_utf8_lossy(&fs::read(format!("/proc/{process}/stat")).ok()?))
}

/// `id (name) state parent …`, where the name may hold anything.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Parents before their children, so that a shell hears of its end before that of what it waits for, and does not tell of it.
fn below(ancestor: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (child, parent) in parents.iter().filter(|(child, _)| **child != ancestor) {
        children.entry(*parent).or_default().push(*child);
    }
    let (mut found, mut next) = (vec![ancestor], 0);
    while let Some(parent) = found.get(next) {
        // Taken out, so that a ring comes to its end.
        found.extend(children.remove(parent).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_hides_no_parent() {
        assert_eq!(parent_in("12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (a) R 1 (b) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (sh"), None);
    }

    #[test]
    fn everybody_below_is_found_at_any_depth_behind_its_parent_and_nobody_else() {
        let parents =
            BTreeMap::from([(20, 1), (3, 1), (40, 20), (5, 40), (60, 5), (6, 5), (7, 3), (8, 20), (1, 0)]);
        assert_eq!(below(20, &parents), [8, 40, 5, 6, 60]);
        assert_eq!(below(6, &parents), [0; 0]);
    }

    #[test]
    fn a_table_that_was_read_amid_changes_and_has_a_ring_comes_to_an_end() {
        let found = below(2, &BTreeMap::from([(2, 3), (3, 2)]));
        assert_eq!(found, [3]);
    }

    #[test]
    fn a_child_is_below_its_parent() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("`sleep` runs");
        assert!(of(std::process::id()).contains(&child.id()));
        child.kill().and_then(|()| child.wait()).expect("it ends");
    }
}
