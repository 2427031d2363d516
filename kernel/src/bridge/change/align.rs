//! Which element of a list became which: the list before a change against the list after it.

use std::collections::HashMap;

use super::super::tree::Tree;

/// More pairs of equal elements than this are not weighed against each other (at most 10 MB for a moment): elements
/// that stand more than once after the change are then no anchors.
const MOST_PAIRS: usize = 1 << 18;

/// What became of the elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Alignment {
    /// For each element after the change, the equal one before it, if it has one.
    pub(super) kept: Vec<Option<usize>>,
    /// What is left, between each two elements that kept their order.
    pub(super) runs: Vec<Run>,
}

/// Elements that have no equal on the other side; places in the lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) given: Vec<usize>,
    pub(super) returned: Vec<usize>,
}

/// One element in both lists.
#[derive(Clone, Copy)]
struct Pair {
    given: usize,
    returned: usize,
}

/// Aligns by equality: in place if that explains all that is equal, else along the longest common subsequence; what
/// is equal beyond that was moved.
pub(super) fn align(given: &[Tree<'_>], returned: &[Tree<'_>]) -> Alignment {
    let (given, returned) = numbered(given, returned);
    let (anchors, moves) = pairs(&given, &returned);
    let mut kept = vec![None; returned.len()];
    let mut is_kept = vec![false; given.len()];
    for pair in anchors.iter().chain(&moves) {
        kept[pair.returned] = Some(pair.given);
        is_kept[pair.given] = true;
    }
    let runs = runs(&anchors, &is_kept, &kept);
    Alignment { kept, runs }
}

fn pairs(given: &[usize], returned: &[usize]) -> (Vec<Pair>, Vec<Pair>) {
    if given.len() == returned.len() {
        let anchors = in_place(given, returned);
        if moved(given, returned, &anchors).is_empty() {
            return (anchors, Vec::new());
        }
    }
    let anchors = in_order(given, returned);
    let moves = moved(given, returned, &anchors);
    (anchors, moves)
}

/// A number for each element, the same for equal ones; from 0 without gaps.
fn numbered(given: &[Tree<'_>], returned: &[Tree<'_>]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: HashMap<&Tree<'_>, usize> = HashMap::new();
    let all = given.iter().chain(returned).map(|element| {
        let next = numbers.len();
        *numbers.entry(element).or_insert(next)
    });
    let mut before: Vec<usize> = all.collect();
    let after = before.split_off(given.len());
    (before, after)
}

fn in_place(given: &[usize], returned: &[usize]) -> Vec<Pair> {
    let equal = given.iter().zip(returned).enumerate().filter(|(_, (before, after))| before == after);
    equal.map(|(place, _)| Pair { given: place, returned: place }).collect()
}

/// A longest common subsequence.
fn in_order(given: &[usize], returned: &[usize]) -> Vec<Pair> {
    let start = common_prefix(given.iter(), returned.iter());
    let (before, after) = (&given[start..], &returned[start..]);
    let end = common_prefix(before.iter().rev(), after.iter().rev());
    let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
    let shifted = |by_given: usize, by_returned: usize| {
        move |pair: Pair| Pair { given: pair.given + by_given, returned: pair.returned + by_returned }
    };
    let same = |place| Pair { given: place, returned: place };
    let between = subsequence(before, after).into_iter().map(shifted(start, start));
    let tail = (0..end).map(same).map(shifted(given.len() - end, returned.len() - end));
    (0..start).map(same).chain(between).chain(tail).collect()
}

fn common_prefix<'a>(one: impl Iterator<Item = &'a usize>, other: impl Iterator<Item = &'a usize>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

/// A longest common subsequence as the longest run of equal pairs that rises in both lists: near to linear where few
/// elements repeat.
fn subsequence(given: &[usize], returned: &[usize]) -> Vec<Pair> {
    struct Step {
        pair: Pair,
        before: Option<usize>,
    }
    let places = candidates(given, returned);
    let mut steps: Vec<Step> = Vec::new();
    // For each length, the step that ends a run of it earliest in `returned`.
    let mut ends: Vec<usize> = Vec::new();
    for (before, number) in given.iter().enumerate() {
        // Backwards, so that no run takes two of them.
        for after in places[*number].iter().rev() {
            let length = ends.partition_point(|end| steps[*end].pair.returned < *after);
            let pair = Pair { given: before, returned: *after };
            steps.push(Step { pair, before: length.checked_sub(1).map(|shorter| ends[shorter]) });
            match ends.get_mut(length) {
                Some(end) => *end = steps.len() - 1,
                None => ends.push(steps.len() - 1),
            }
        }
    }
    let mut found: Vec<Pair> = Vec::with_capacity(ends.len());
    let mut step = ends.last().map(|last| &steps[*last]);
    while let Some(Step { pair, before }) = step {
        found.push(*pair);
        step = before.map(|before| &steps[before]);
    }
    found.reverse();
    found
}

/// For each number, where it stands in `returned`; only what stands there once if the pairs are too many.
fn candidates(given: &[usize], returned: &[usize]) -> Vec<Vec<usize>> {
    let mut places = places(given, returned, returned);
    let pairs: usize = given.iter().map(|number| places[*number].len()).sum();
    if pairs > MOST_PAIRS {
        places.iter_mut().filter(|places| places.len() > 1).for_each(Vec::clear);
    }
    places
}

/// For each number of either list, where it stands in `within`.
fn places(given: &[usize], returned: &[usize], within: &[usize]) -> Vec<Vec<usize>> {
    let count = given.iter().chain(returned).max().map_or(0, |most| most + 1);
    let mut places = vec![Vec::new(); count];
    for (place, number) in within.iter().enumerate() {
        places[*number].push(place);
    }
    places
}

/// Pairs of equal elements besides the anchors, in order.
fn moved(given: &[usize], returned: &[usize], anchors: &[Pair]) -> Vec<Pair> {
    let mut is_free = (vec![true; given.len()], vec![true; returned.len()]);
    for anchor in anchors {
        is_free.0[anchor.given] = false;
        is_free.1[anchor.returned] = false;
    }
    let mut places = places(given, returned, given);
    for free in &mut places {
        free.retain(|place| is_free.0[*place]);
        free.reverse();
    }
    let new = (0..returned.len()).filter(|place| is_free.1[*place]);
    new.filter_map(|place| places[returned[place]].pop().map(|given| Pair { given, returned: place }))
        .collect()
}

fn runs(anchors: &[Pair], is_kept: &[bool], kept: &[Option<usize>]) -> Vec<Run> {
    let end = Pair { given: is_kept.len(), returned: kept.len() };
    let mut next = Pair { given: 0, returned: 0 };
    let mut runs = Vec::new();
    for anchor in anchors.iter().copied().chain([end]) {
        let run = Run {
            given: (next.given..anchor.given).filter(|place| !is_kept[*place]).collect(),
            returned: (next.returned..anchor.returned).filter(|place| kept[*place].is_none()).collect(),
        };
        if !run.given.is_empty() || !run.returned.is_empty() {
            runs.push(run);
        }
        next = Pair { given: anchor.given + 1, returned: anchor.returned + 1 };
    }
    runs
}

#[cfg(test)]
mod tests;
