//! [`Judgement`]: facts that were judged, and those that did not hold.

/// What was judged so far.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// How many facts.
    pub(crate) judged: u64,
    /// What did not hold, one line each.
    pub(crate) broken: Vec<String>,
}

impl Judgement {
    /// Notes whether something is as it has to be; `what` tells what is not, with what was seen.
    pub(crate) fn judge(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.judged += 1;
        if !holds {
            self.broken.push(what());
        }
    }

    /// Takes in what was judged elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.judged += other.judged;
        self.broken.extend(other.broken);
    }
}
