//! Numbers that come again with their seed.

/// A generator after Marsaglia: shifts and exclusive ors of 64 bits.
pub(crate) struct Random(u64);

impl Random {
    /// Of `TRANSOM_SEED`, or of the time.
    pub(crate) fn seeded() -> Self {
        let asked = std::env::var("TRANSOM_SEED").ok();
        let seed = asked.map_or_else(now, |seed| seed.parse().expect("`TRANSOM_SEED` is a number"));
        eprintln!("TRANSOM_SEED={seed}");
        Self(seed | 1)
    }

    /// Another one, which goes its own way.
    pub(crate) fn branch(&mut self) -> Self {
        Self(self.next() | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_nanos()).unwrap_or(7)
}
