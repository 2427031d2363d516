//! The names that are nearest to one that is none: what somebody may have meant.

/// Names that are told, at most.
const TOLD: usize = 3;
/// Characters of a name that are looked at: what is longer is no slip of the keyboard.
const LONGEST: usize = 64;

/// Those of `names` that differ from `written` by a third of its letters at most, or by two, the nearest first.
pub(crate) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let written: Vec<char> = written.to_lowercase().chars().take(LONGEST).collect();
    if written.is_empty() {
        return Vec::new();
    }
    let most = (written.len() / 3).max(2);
    let far = |name: &str| distance(&written, &name.to_lowercase().chars().take(LONGEST).collect::<Vec<_>>());
    let mut near: Vec<(usize, &str)> =
        names.map(|name| (far(name), name)).filter(|(far, _)| *far <= most).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name).take(TOLD).collect()
}

/// How many letters are to be added, taken out or replaced.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut before = std::mem::replace(&mut row[0], index + 1);
        for (at, counterpart) in other.iter().enumerate() {
            let replaced = before + usize::from(letter != counterpart);
            before = row[at + 1];
            row[at + 1] = replaced.min(before + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_far_ones_not_at_all() {
        let names = ["scripted/echo", "scripted/demo", "local/llama-3", "scripted/recorded"];
        let near = |written: &str| nearest(written, names.into_iter());
        assert_eq!(near("scripted/ehco"), ["scripted/echo", "scripted/demo"]);
        assert_eq!(near("Local/Llama3"), ["local/llama-3"]);
        assert_eq!(near("gpt-5"), [""; 0]);
        assert_eq!(near(""), [""; 0]);
        assert_eq!(near(&"x".repeat(100_000)), [""; 0]);
    }

    #[test]
    fn letters_are_counted() {
        let far = |one: &str, other: &str| {
            distance(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>())
        };
        assert_eq!((far("", ""), far("abc", ""), far("", "abc"), far("abc", "abd")), (0, 3, 3, 1));
        assert_eq!((far("abc", "bc"), far("kitten", "sitting")), (1, 3));
    }
}
