//! [`Standing`]: what the operator says of the skills in a tree.

use transom_agent::trust::Trust;

/// What the operator says of the skills in a tree, all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The tree is the operator's own.
    Own,
    /// They may be used.
    Trusted,
    /// They may not.
    Refused,
    /// Nothing yet.
    Unanswered,
    /// Nobody could be asked, for this reason.
    Unasked(String),
}

impl Standing {
    /// Whether they may be used.
    pub(crate) fn admits(&self) -> bool {
        matches!(self, Self::Own | Self::Trusted)
    }

    /// What becomes of a tree, for a person.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Own | Self::Trusted => "is used".to_owned(),
            Self::Refused => "is refused".to_owned(),
            Self::Unanswered => "waits to be trusted; see `transom trust`".to_owned(),
            Self::Unasked(reason) => format!("is not used: {reason}"),
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
