//! [`End`]: why a connection ends, and what that means for what was watched on it.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use transom_agent::stream::StreamEnd;

use crate::wire::Unwritten;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client left.
    Left,
    /// The client is to leave, for that reason.
    Told(CloseCode, &'static str),
    /// Nobody is there to be told anything.
    Dead(Unwritten),
}

impl End {
    /// What that means for what was watched.
    pub(crate) fn of_views(self) -> StreamEnd {
        match self {
            Self::Left | Self::Dead(Unwritten::Closed) => StreamEnd::ClientGone,
            Self::Told(CloseCode::Restart, _) => StreamEnd::Reloaded,
            Self::Told(CloseCode::Away, _) => StreamEnd::HostStopped,
            Self::Told(..) => StreamEnd::Refused,
            Self::Dead(Unwritten::Broken) => StreamEnd::WriteFailed,
            Self::Dead(Unwritten::Gone | Unwritten::Stalled) => StreamEnd::Idle,
        }
    }
}

/// How a connection ends whose next message could not be read.
pub(crate) fn end_of(error: &Error) -> End {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            End::Told(CloseCode::Size, "a message is larger than it may be")
        }
        Error::Utf8(_) => End::Told(CloseCode::Invalid, "a text is not UTF-8"),
        Error::Protocol(problem) if !is_end(problem) => End::Told(CloseCode::Protocol, "a frame is none"),
        _ => End::Left,
    }
}

/// Whether the other end only left without a word.
const fn is_end(problem: &ProtocolError) -> bool {
    matches!(
        problem,
        ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::SendAfterClosing
            | ProtocolError::ReceivedAfterClosing
    )
}
