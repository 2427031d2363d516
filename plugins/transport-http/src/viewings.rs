//! [`Viewings`]: the streams of conversations that are open, each told once when it has ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use serde::Deserialize;
use transom_agent::stream::{StreamEnd, StreamEnded};
use transom_plugin_api::Text;
use transom_plugin_api::sabotage::sabotaged;

use crate::format::Format;

/// The streams of conversations that are open.
pub(crate) struct Viewings {
    say: Box<dyn Fn(&StreamEnded) + Send + Sync>,
    now_ms: Box<dyn Fn() -> i64 + Send + Sync>,
    open: AtomicU64,
    /// Why all of them are about to end.
    leaving: OnceLock<StreamEnd>,
}

impl Viewings {
    pub(crate) fn new(
        say: impl Fn(&StreamEnded) + Send + Sync + 'static,
        now_ms: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (open, leaving) = (AtomicU64::new(0), OnceLock::new());
        Arc::new(Self { say: Box::new(say), now_ms: Box::new(now_ms), open, leaving })
    }

    /// From now on streams that are cut off end for that reason; the first one that is said stays.
    pub(crate) fn leave(&self, why: StreamEnd) {
        let _ = self.leaving.set(why);
    }

    /// How many are open.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Begins one.
    pub(crate) fn begin(self: &Arc<Self>, conversation_id: Text, format: Format) -> Viewing {
        self.open.fetch_add(1, Ordering::Relaxed);
        let transport = match format {
            Format::Lines => "ndjson",
            Format::Events => "sse",
        };
        let ended = StreamEnded {
            conversation_id,
            transport: transport.into(),
            reason: StreamEnd::ClientGone,
            frames: 0,
            bytes: 0,
            since: (self.now_ms)(),
        };
        Viewing { of: Arc::clone(self), ended, last: Bytes::new(), reason: None }
    }
}

/// One stream of a conversation. Dropped without an end, it was cut off.
pub(crate) struct Viewing {
    of: Arc<Viewings>,
    ended: StreamEnded,
    /// What was written last, which tells what kind of end it came to.
    last: Bytes,
    reason: Option<StreamEnd>,
}

impl Viewing {
    /// Counts what was written.
    pub(crate) fn wrote(&mut self, frame: &Bytes) {
        self.ended.frames += 1;
        self.ended.bytes += frame.len() as u64;
        self.last = frame.clone();
    }

    /// It has come to its end.
    pub(crate) fn over(&mut self) {
        let reason = match self.last_type().as_deref() {
            Some("turn-sealed") => StreamEnd::Finished,
            Some("snapshot-required") => StreamEnd::Behind,
            _ => self.of.leaving.get().cloned().unwrap_or(StreamEnd::Finished),
        };
        self.reason.get_or_insert(reason);
    }

    /// Its route broke off.
    pub(crate) fn failed(&mut self) {
        self.reason.get_or_insert_with(|| self.of.leaving.get().cloned().unwrap_or(StreamEnd::Failed));
    }

    /// The type of the last frame, whatever it has inside of it.
    fn last_type(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Typed {
            r#type: String,
        }
        // Behind what an event has before it; its end of line is not read.
        let begin = self.last.iter().position(|byte| *byte == b'{')?;
        let mut reader = serde_json::Deserializer::from_slice(&self.last[begin..]);
        Typed::deserialize(&mut reader).ok().map(|typed| typed.r#type)
    }
}

impl Drop for Viewing {
    fn drop(&mut self) {
        self.of.open.fetch_sub(1, Ordering::Relaxed);
        let cut_off = || self.of.leaving.get().cloned().unwrap_or(StreamEnd::ClientGone);
        self.ended.reason = self.reason.take().unwrap_or_else(cut_off);
        if !sabotaged("end-streams-in-silence") {
            (self.of.say)(&self.ended);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What was said.
    pub(crate) type Said = Arc<Mutex<Vec<StreamEnded>>>;

    /// Viewings that keep what they say.
    pub(crate) fn viewings() -> (Arc<Viewings>, Said) {
        let said = Said::default();
        let keep = Arc::clone(&said);
        (Viewings::new(move |ended| keep.lock().unwrap().push(ended.clone()), || 7), said)
    }

    #[test]
    fn an_end_is_told_once_by_how_it_came() {
        let (viewings, said) = viewings();
        type End = fn(&mut Viewing);
        let ends: [(&str, End); 5] = [
            ("{\"delta\":\"a\",\"type\":\"text-delta\"}\n", |_| ()),
            ("data: {\"turnId\":\"t\",\"type\":\"turn-sealed\"}\n\n", Viewing::over),
            ("{\"type\":\"snapshot-required\"}\n", Viewing::over),
            (
                "id: 0:1:0\ndata: {\"input\":{\"type\":\"snapshot-required\"},\"type\":\"tool-call\"}\n\n",
                Viewing::over,
            ),
            ("{}\n", Viewing::failed),
        ];
        for (frame, end) in ends {
            let mut viewing = viewings.begin("c".into(), Format::Lines);
            assert_eq!(viewings.open(), 1);
            viewing.wrote(&Bytes::from_static(frame.as_bytes()));
            end(&mut viewing);
        }
        assert_eq!(viewings.open(), 0);
        let said = said.lock().unwrap();
        let reasons: Vec<_> = said.iter().map(|ended| ended.reason.clone()).collect();
        use StreamEnd::{Behind, ClientGone, Failed, Finished};
        assert_eq!(reasons, [ClientGone, Finished, Behind, Finished, Failed]);
        assert_eq!(
            (said[4].frames, said[4].bytes, said[4].since, said[4].transport.as_str()),
            (1, 3, 7, "ndjson")
        );
    }

    #[test]
    fn what_is_cut_off_ends_as_was_said_before_and_what_is_sealed_is_finished() {
        let (viewings, said) = viewings();
        viewings.leave(StreamEnd::HostStopped);
        viewings.leave(StreamEnd::Reloaded);
        drop(viewings.begin("c".into(), Format::Events));
        let mut viewing = viewings.begin("c".into(), Format::Events);
        viewing.wrote(&Bytes::from_static(b"data: {\"type\":\"turn-sealed\"}\n\n"));
        viewing.over();
        drop(viewing);
        let said: Vec<_> = said.lock().unwrap().iter().map(|ended| ended.reason.clone()).collect();
        assert_eq!(said, [StreamEnd::HostStopped, StreamEnd::Finished]);
    }
}
