//! The sign of life of who works for long on an answer, so that who waits can tell it from one that does not run.

use std::io::{self, BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Interval, interval, interval_at};
use transom_plugin_api::sabotage::sabotaged;

use super::say;

/// Between two signs of life; who waits does so for several of them.
const EVERY: Duration = Duration::from_secs(1);

/// When signs of life are due; the first one is at once.
pub(super) fn pulse() -> Interval {
    if sabotaged("work-in-silence") {
        return interval_at(Instant::now() + Duration::from_secs(3600), EVERY);
    }
    interval(EVERY)
}

/// A sign of life.
pub(super) fn at_work() -> Value {
    json!({ "atWork": true })
}

/// Whether it is one.
pub(super) fn is_at_work(document: &Value) -> bool {
    document["atWork"] == true
}

/// Waits for what takes long, with signs of life for whoever waits at the other end.
///
/// # Errors
/// When they have left; what was begun is let go of.
pub(super) async fn beside<T>(
    work: impl Future<Output = T>,
    write: &mut (impl AsyncWrite + Unpin),
) -> io::Result<T> {
    let (mut work, mut pulse) = (pin!(work), pulse());
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            _ = pulse.tick() => say(write, &at_work()).await?,
        }
    }
}

/// Reads the answer behind the signs of life.
///
/// # Errors
/// When the other end is silent for longer than the stream's time-out, or leaves without an answer.
pub(super) fn read_answer(stream: &UnixStream) -> io::Result<Value> {
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(io::Error::other("it closed the connection"));
        }
        let document: Value = serde_json::from_str(&line)?;
        if !is_at_work(&document) {
            return Ok(document);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_waits_hears_a_sign_of_life_before_the_answer() {
        let (asking, answering) = UnixStream::pair().expect("a pair");
        asking.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        answering.set_nonblocking(true).expect("a socket");
        let mut answering = tokio::net::UnixStream::from_std(answering).expect("a socket");
        let (done, work) = oneshot::channel();
        let mut first = String::new();
        let hearing = tokio::task::spawn_blocking(move || {
            BufReader::with_capacity(1, &asking).read_line(&mut first).expect("a line");
            assert!(is_at_work(&serde_json::from_str(&first).expect("JSON")), "{first}");
            done.send(()).expect("somebody works");
            read_answer(&asking)
        });
        beside(work, &mut answering).await.expect("they wait").expect("it is done");
        for document in [at_work(), at_work(), json!({ "ok": true })] {
            say(&mut answering, &document).await.expect("they wait");
        }
        let answer = hearing.await.expect("it does not panic").expect("an answer");
        assert_eq!(answer, json!({ "ok": true }));
    }

    #[test]
    fn who_leaves_without_an_answer_is_told_of() {
        let (asking, answering) = UnixStream::pair().expect("a pair");
        drop(answering);
        let error = read_answer(&asking).expect_err("nobody answers");
        assert_eq!(error.to_string(), "it closed the connection");
    }
}
