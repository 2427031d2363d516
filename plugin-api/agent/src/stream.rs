//! Streams of frames to viewers, and how they ended. Said by transports.

use transom_plugin_api::{Event, Text, contract};

/// Why a viewer was sent no more. Every stream ends exactly once; a reason that is not known is an end, too.
#[contract(grows)]
#[derive(Eq)]
pub enum StreamEnd {
    /// Everything was sent that was asked for, as a rule up to the seal of a turn.
    Finished,
    /// The viewer asked for no more, and stayed connected.
    Unsubscribed,
    /// The viewer went away.
    ClientGone,
    /// It was too far behind, or came with a cursor that leads nowhere, and was told to read the conversation.
    Behind,
    /// It was not let in, since there were as many as there may be, or was sent away for what it said.
    Refused,
    /// It took nothing for too long, or gave no sign of life.
    Idle,
    /// What was for it could not be written.
    WriteFailed,
    /// Whoever shows the conversation failed.
    Failed,
    /// The transport was replaced.
    Reloaded,
    /// The host stopped.
    HostStopped,
}

/// A stream of frames to one viewer has ended.
#[contract]
pub struct StreamEnded {
    /// Which conversation; empty where the viewer was refused before that was known.
    pub conversation_id: Text,
    /// What it came over: `sse`, `ndjson` or `websocket`, or what another transport calls itself.
    pub transport: Text,
    /// Why it ended.
    pub reason: StreamEnd,
    /// Frames that were written for it.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it began, in milliseconds since the epoch.
    pub since: i64,
}

/// Said by a transport when a stream of frames to a viewer has ended: once for each stream, and once for each viewer that was
/// refused one. Nobody can refuse it. A queued listener with a full mailbox loses by its own terms.
///
/// `agent/stream.ended` · event · transports say it, the conversation store counts
pub const ENDED: Event<StreamEnded> = Event::new("agent/stream.ended");
