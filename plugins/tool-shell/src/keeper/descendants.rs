//! Who is below a process, by `/proc`.

use std::collections::{HashMap, HashSet};
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

fn below(ancestor: u32, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let mut found = HashSet::from([ancestor]);
    loop {
        let before = found.len();
        let children = parents.iter().filter(|(_, parent)| found.contains(parent)).map(|(child, _)| *child);
        let children: Vec<u32> = children.collect();
        found.extend(children);
        if found.len() == before {
            found.remove(&ancestor);
            return found.into_iter().collect();
        }
    }
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
    fn everybody_below_is_found_at_any_depth_and_nobody_else() {
        let parents = HashMap::from([(2, 1), (3, 1), (4, 2), (5, 4), (6, 5), (7, 3), (1, 0)]);
        let mut found = below(2, &parents);
        found.sort_unstable();
        assert_eq!(found, [4, 5, 6]);
        assert_eq!(below(6, &parents), [0; 0]);
    }

    #[test]
    fn a_table_that_was_read_amid_changes_and_has_a_ring_comes_to_an_end() {
        let found = below(2, &HashMap::from([(2, 3), (3, 2)]));
        assert_eq!(found, [3]);
    }

    #[test]
    fn a_child_is_below_its_parent() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("`sleep` runs");
        assert!(of(std::process::id()).contains(&child.id()));
        child.kill().and_then(|()| child.wait()).expect("it ends");
    }
}
