//! [`Prompts`]: what models are told besides what is said to them, in numbers, and what of it did not hold.

use serde_json::{Value, json};

use crate::judgement::Judgement;

/// What was seen of it.
#[derive(Debug, Default)]
pub(crate) struct Prompts {
    /// Skills that were made active, and told.
    pub(crate) skills: u64,
    /// Conversations that were summed up, and went on.
    pub(crate) summaries: u64,
    /// Breaks of the cache that were explained by what had made them.
    pub(crate) breaks: u64,
    /// Files of folders that were trusted, and told.
    pub(crate) trusted: u64,
    /// Prompts that were asked again to keep them in the cache.
    pub(crate) warmings: u64,
    pub(crate) judgement: Judgement,
}

impl Prompts {
    /// Notes whether something is as it has to be; `what` tells what is not, with what was seen.
    pub(crate) fn judge(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.judgement.judge(holds, what);
    }

    /// Takes in what was seen elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.skills += other.skills;
        self.summaries += other.summaries;
        self.breaks += other.breaks;
        self.trusted += other.trusted;
        self.warmings += other.warmings;
        self.judgement.add(other.judgement);
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "skills": self.skills, "summaries": self.summaries, "breaks": self.breaks, "trusted": self.trusted,
            "warmings": self.warmings, "judged": self.judgement.judged,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_kept_with_what_was_seen_and_all_is_counted() {
        let (mut all, mut one) = (Prompts::default(), Prompts { skills: 1, ..Prompts::default() });
        one.judge(true, || unreachable!("it holds"));
        one.judge(false, || "7 in place of 8".to_owned());
        all.add(one);
        all.add(Prompts { skills: 1, warmings: 3, ..Prompts::default() });
        assert_eq!((all.skills, all.warmings, all.judgement.judged), (2, 3, 2));
        assert_eq!(all.judgement.broken, ["7 in place of 8"]);
    }
}
