//! Which directives of two skills say the opposite of each other, as far as that can be told by words: English ones only.
//!
//! A line is a directive when it says `always`, `use`, `do`, `must`, `should` or `prefer`, and one that forbids when it says `never`,
//! `avoid`, `do not`, `must not` or `should not`. One that demands and one that forbids contradict each other when they share two words
//! of four letters at least. That finds too much rather than too little: who knows better goes on all the same.

use std::collections::BTreeSet;

/// Letters of a word that counts.
const LETTERS: usize = 4;
/// Words that two lines share when they are about the same.
const SHARED: usize = 2;
/// Directives of a skill that are compared, and pairs that are told.
const DIRECTIVES: usize = 1_000;
const TOLD: usize = 20;
/// Words of a line that are compared, and characters of it that are told.
const WORDS: usize = 40;
const SHOWN: usize = 200;

const FORBIDS: [&str; 6] = ["never", "avoid", "don't", "mustn't", "shouldn't", "cannot"];
const DEMANDS: [&str; 6] = ["always", "use", "do", "must", "should", "prefer"];

/// Two lines that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Of the skill that is to be active.
    pub(crate) line: String,
    /// Of the one that is.
    pub(crate) other: String,
}

/// The lines of `skill` that contradict lines of `other`, the first ones of them.
pub(crate) fn conflicts(skill: &str, other: &str) -> Vec<Pair> {
    let others: Vec<_> = directives(other).collect();
    let pairs = directives(skill).flat_map(|one| {
        let against = others.iter().filter(|other| one.contradicts(other)).map(|other| other.line);
        against.map(|other| pair(one.line, other)).collect::<Vec<_>>()
    });
    pairs.take(TOLD).collect()
}

fn pair(line: &str, other: &str) -> Pair {
    let told = |line: &str| line.trim().chars().take(SHOWN).collect();
    Pair { line: told(line), other: told(other) }
}

struct Directive<'a> {
    line: &'a str,
    forbids: bool,
    words: BTreeSet<String>,
}

impl Directive<'_> {
    fn contradicts(&self, other: &Self) -> bool {
        self.forbids != other.forbids && self.words.intersection(&other.words).take(SHARED).count() == SHARED
    }
}

fn directives(text: &str) -> impl Iterator<Item = Directive<'_>> {
    text.lines().filter_map(directive).take(DIRECTIVES)
}

fn directive(line: &str) -> Option<Directive<'_>> {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '\'' | '’');
    let words = line.split(|character| !is_part(character)).filter(|word| !word.is_empty());
    let words: Vec<_> = words.take(WORDS).map(|word| word.to_lowercase().replace('’', "'")).collect();
    let forbids = words.iter().any(|word| FORBIDS.contains(&word.as_str()))
        || words.windows(2).any(|two| two[1] == "not" && DEMANDS.contains(&two[0].as_str()));
    let is_directive = |word: &String| DEMANDS.contains(&word.as_str()) || FORBIDS.contains(&word.as_str());
    if !forbids && !words.iter().any(is_directive) {
        return None;
    }
    let about = |word: &String| word.chars().count() >= LETTERS && !is_directive(word);
    Some(Directive { line, forbids, words: words.into_iter().filter(about).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(skill: &str, other: &str, expected: bool) {
        assert_eq!(!conflicts(skill, other).is_empty(), expected, "{skill} / {other}");
        assert_eq!(!conflicts(other, skill).is_empty(), expected, "{other} / {skill}");
    }

    #[test]
    fn lines_that_demand_and_forbid_the_same_contradict_each_other() {
        check("Always write unit tests first.", "Never write unit tests.", true);
        check("- Use tabs for indentation", "* Avoid tabs in indentation", true);
        check("Do commit generated files", "do not commit generated files", true);
        check("You MUST squash commits", "Commits must not be squash merged", true);
        check("Prefer spaces around operators", "Don’t put spaces around operators", true);
    }

    #[test]
    fn lines_about_something_else_or_of_one_mind_do_not() {
        check("Always write unit tests first.", "Always write unit tests last.", false);
        check("Always write unit tests.", "Never push to main.", false);
        check("Always write tests.", "Never delete tests.", false);
        check("Write unit tests for the parser.", "Never write unit tests.", false);
        check("", "Never write unit tests.", false);
    }

    #[test]
    fn both_lines_are_told() {
        let pairs =
            conflicts("# Style\n  Use tabs for indentation\nFine", "Hello\nAvoid tabs for indentation\n");
        let (line, other) = ("Use tabs for indentation".to_owned(), "Avoid tabs for indentation".to_owned());
        assert_eq!(pairs, [Pair { line, other }]);
    }

    #[test]
    fn however_much_is_written_no_more_than_twenty_pairs_are_told() {
        let always = "Always write unit tests.\n".repeat(5_000);
        let never = "Never write unit tests.\n".repeat(5_000);
        assert_eq!(conflicts(&always, &never).len(), TOLD);
        let near: String = (0..5_000).map(|number| format!("Never write x{number}{number}\n")).collect();
        assert_eq!(conflicts(&always, &near), []);
    }
}
