//! [`Stream`]: what a command prints to.

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Error,
}

impl Stream {
    pub(crate) const BOTH: [Self; 2] = [Self::Out, Self::Error];

    /// As viewers are told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Error => "stderr",
        }
    }
}
