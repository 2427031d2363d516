//! [`Lanes`]: what waits behind what. Operations on one conversation are done one after the other, as they came.

use std::collections::{HashMap, VecDeque};

use transom_plugin_api::Text;

/// Operations that were begun or wait. One that is on no conversation waits for nobody.
pub(crate) struct Lanes<T> {
    waiting: HashMap<Text, VecDeque<T>>,
    count: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), count: 0 }
    }
}

impl<T> Lanes<T> {
    /// How many have not ended.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Takes one in; gives it back when it can begin at once.
    pub(crate) fn enter(&mut self, lane: Option<&Text>, operation: T) -> Option<T> {
        self.count += 1;
        let Some(lane) = lane else { return Some(operation) };
        if let Some(waiting) = self.waiting.get_mut(lane) {
            waiting.push_back(operation);
            return None;
        }
        self.waiting.insert(lane.clone(), VecDeque::new());
        Some(operation)
    }

    /// Counts one in that is on no conversation and has begun.
    pub(crate) const fn enter_alone(&mut self) {
        self.count += 1;
    }

    /// One has ended; gives the one that can begin now.
    pub(crate) fn leave(&mut self, lane: Option<&Text>) -> Option<T> {
        self.count -= 1;
        let lane = lane?;
        let next = self.waiting.get_mut(lane)?.pop_front();
        if next.is_none() {
            self.waiting.remove(lane);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lane_is_in_order_and_others_are_beside_it() {
        let (a, b) = (Text::from("a"), Text::from("b"));
        let mut lanes = Lanes::default();
        assert_eq!(lanes.enter(Some(&a), 1), Some(1));
        assert_eq!(lanes.enter(Some(&a), 2), None);
        assert_eq!(lanes.enter(Some(&b), 3), Some(3));
        assert_eq!(lanes.enter(None, 4), Some(4));
        assert_eq!(lanes.enter(None, 5), Some(5));
        assert_eq!(lanes.enter(Some(&a), 6), None);
        assert_eq!(lanes.count(), 6);
        assert_eq!(lanes.leave(Some(&a)), Some(2));
        assert_eq!(lanes.leave(None), None);
        assert_eq!(lanes.leave(Some(&a)), Some(6));
        assert_eq!(lanes.leave(Some(&a)), None);
        assert_eq!((lanes.count(), lanes.waiting.len()), (2, 1));
        assert_eq!(lanes.enter(Some(&a), 7), Some(7), "the lane is free again");
    }
}
