//! [`Random`]: numbers that look random and are the same in each run.

/// A xorshift generator.
pub(crate) struct Random(u64);

impl Random {
    /// That of a history.
    pub(crate) fn of(seed: u64, history: u64) -> Self {
        let mut random = Self((seed << 32 ^ history).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.below(2);
        random
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
