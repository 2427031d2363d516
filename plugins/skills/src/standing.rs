//! [`Standing`]: what the operator says of the skills in a tree.

use transom_agent::trust::Trust;

/// What the operator says of the skills in a tree, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The tree is the operator's own.
    Own,
    /// They may be used.
    Trusted,
    /// They may not.
    Refused,
    /// Nothing yet.
    Unanswered,
    /// Nobody is there who could be asked.
    Unasked,
}

impl Standing {
    /// Whether they may be used.
    pub(crate) fn admits(self) -> bool {
        matches!(self, Self::Own | Self::Trusted)
    }

    /// What is to be said where they may not.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Own | Self::Trusted => "may be used",
            Self::Refused => "is not trusted",
            Self::Unanswered => "waits to be trusted; see `transom trust`",
            Self::Unasked => {
                "is not used, since nobody here can say whether it is trusted; see the plugin `trust`"
            }
        }
    }
}

impl From<Trust> for Standing {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Trusted => Self::Trusted,
            Trust::Refused => Self::Refused,
            _ => Self::Unanswered,
        }
    }
}
