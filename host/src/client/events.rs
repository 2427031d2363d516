//! [`Events`]: the frames of a conversation, in one order, however often the stream breaks.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use transom_agent::event::Cursor;
use transom_plugin_api::sabotage::sabotaged;

use super::seen::Seen;
use super::{Client, Frames, Problem, path};
use crate::data::Guest;

/// How long a host that is gone is waited for, by whoever has something to do after that.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The same when it is gone for long.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(1);
/// A stream that lasted so long did not break because it was opened.
const LASTING: Duration = Duration::from_secs(1);

/// How far one looks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// One turn, up to its seal; its id, when it is known already.
    Turn(Option<String>),
    /// Whatever happens in the conversation.
    Conversation,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// A frame that was not seen before.
    Frame(Value),
    /// The stream broke, for this reason; the host is waited for.
    Broken(String),
    /// The stream goes on behind the last frame.
    Back,
    /// The turn is sealed, or was never begun.
    End,
}

/// A stream of frames that goes on by cursor.
pub(crate) struct Events {
    client: Client,
    /// Where a host is looked for when this one is gone; `None` when there is no other than this one.
    folder: Option<PathBuf>,
    /// How long a host that is gone is waited for; `None` for as long as it takes.
    give_up_after: Option<Duration>,
    guest: Option<Guest>,
    conversation: String,
    span: Span,
    seen: Seen,
    frames: Option<Frames>,
    opened: Instant,
    /// `None` while all is well.
    outage: Option<Outage>,
    lost_the_place: bool,
    ended: bool,
}

/// The time from the break of a stream to the next frame.
struct Outage {
    began: Instant,
    /// Until when the host is waited for.
    until: Instant,
    /// What was wrong last.
    problem: String,
    /// Whether it was told that the host is back.
    is_told: bool,
}

impl Events {
    /// Frames that come already.
    pub(crate) fn of(
        client: Client,
        folder: Option<PathBuf>,
        give_up_after: Option<Duration>,
        conversation: String,
        span: Span,
        frames: Frames,
        after: Option<Cursor>,
    ) -> Self {
        Self {
            client,
            folder,
            give_up_after,
            guest: None,
            conversation,
            span,
            seen: Seen::after(after),
            frames: Some(frames),
            opened: Instant::now(),
            outage: None,
            lost_the_place: false,
            ended: false,
        }
    }

    /// What comes next. A host that is gone is waited for, as long as it was said.
    ///
    /// # Errors
    /// Why it cannot go on.
    pub(crate) async fn next(&mut self) -> Result<Next, String> {
        loop {
            if self.ended {
                return Ok(Next::End);
            }
            let Some(frames) = &mut self.frames else {
                match self.reopen().await? {
                    Some(next) => return Ok(next),
                    None => continue,
                }
            };
            let next = match frames.next().await {
                Ok(Some(frame)) if is_of_transport(&frame) => self.broken(text_of(&frame, "message")),
                Ok(Some(frame)) => self.taken(frame)?.map(Next::Frame),
                Ok(None) => self.broken("the host ended it"),
                Err(problem) => self.broken(&problem),
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
    }

    fn taken(&mut self, frame: Value) -> Result<Option<Value>, String> {
        let turn_id = text_of(&frame, "turnId").to_owned();
        if let Span::Turn(turn @ None) = &mut self.span {
            *turn = Some(turn_id.clone()).filter(|id| !id.is_empty());
        }
        let Some(frame) = self.seen.take(frame) else { return Ok(None) };
        self.outage = None;
        match (text_of(&frame, "type"), &self.span) {
            ("turn-sealed", Span::Turn(_)) => self.ended = true,
            // The turn was never begun.
            ("error", Span::Turn(_)) if turn_id.is_empty() => self.ended = true,
            ("snapshot-required", Span::Turn(_)) => {
                return Err("what was missed cannot be shown again".to_owned());
            }
            ("snapshot-required", Span::Conversation) => {
                self.frames = None;
                self.lost_the_place = true;
                self.outage = Some(self.outage("what was missed cannot be shown again", true));
            }
            _ => {}
        }
        Ok(Some(frame))
    }

    /// Told once for each outage.
    fn broken(&mut self, problem: &str) -> Option<Next> {
        self.frames = None;
        match &mut self.outage {
            // It broke because it was opened, as it will again.
            Some(outage) if self.opened.elapsed() < LASTING => {
                problem.clone_into(&mut outage.problem);
                None
            }
            _ => {
                self.outage = Some(self.outage(problem, false));
                Some(Next::Broken(problem.to_owned()))
            }
        }
    }

    /// Opens the stream behind the last frame; tells so once for each outage.
    async fn reopen(&mut self) -> Result<Option<Next>, String> {
        if self.span == Span::Turn(None) {
            let id = &self.conversation;
            return Err(format!("its turn is not known yet; look for it with `transom show {id}`"));
        }
        let mut outage = self.outage.take().unwrap_or_else(|| self.outage("", false));
        while Instant::now() < outage.until {
            if outage.is_told {
                sleep(LOOK_EVERY).await;
            }
            match self.open().await {
                Ok(frames) => {
                    self.frames = Some(frames);
                    self.opened = Instant::now();
                    let next = (!outage.is_told).then_some(Next::Back);
                    self.outage = Some(Outage { is_told: true, ..outage });
                    return Ok(next);
                }
                Err(problem) if problem.may_pass() => {
                    outage.go_on(problem, self.give_up_after.is_none(), Instant::now());
                    sleep(outage.look_every()).await;
                }
                Err(problem) => return Err(problem.message),
            }
        }
        Err(format!("the host did not come back: {}", outage.problem))
    }

    fn outage(&self, problem: &str, is_told: bool) -> Outage {
        let now = Instant::now();
        let until = now + self.give_up_after.unwrap_or(PATIENCE);
        Outage { began: now, until, problem: problem.to_owned(), is_told }
    }

    async fn open(&mut self) -> Result<Frames, Problem> {
        let mut guest = None;
        if let Some(folder) = &self.folder {
            let found = Guest::of(folder);
            let found = found.ok_or_else(|| Problem::no_host("the host is gone".to_owned()))?;
            self.client = Client::new(&found.host.address);
            guest = Some(found);
        }
        if self.lost_the_place {
            self.seen = Seen::after(Some(self.latest().await?));
            self.lost_the_place = false;
        }
        let turn = match &self.span {
            Span::Turn(turn) => turn.as_deref(),
            Span::Conversation => None,
        };
        let after = self.seen.cursor().filter(|_| !sabotaged("forget-the-cursor"));
        let frames = self.client.events(&self.conversation, turn, after).await?;
        // A host of another command waits for those who need it; who only looks on does not.
        self.guest = guest.filter(|_| turn.is_some());
        Ok(frames)
    }

    /// Where the conversation stands now.
    async fn latest(&self) -> Result<Cursor, Problem> {
        let id = self.conversation.as_str();
        let listed = self.client.get(&path(&["conversations"], &[("q", Some(id))])).await?;
        let mut listed = listed["conversations"].as_array().into_iter().flatten();
        Ok(listed.find(|one| one["id"] == id).map(latest_of).unwrap_or_default())
    }
}

/// Where a conversation stands, by what is known about it.
pub(crate) fn latest_of(conversation: &Value) -> Cursor {
    let generation = conversation["generation"].as_u64().unwrap_or_default();
    Cursor {
        generation: u32::try_from(generation).unwrap_or_default(),
        position: conversation["latestPosition"].as_i64().unwrap_or_default(),
        offset: 0,
    }
}

impl Outage {
    /// There is still a problem. Who waits for as long as it takes has patience with a host that is away, and not with one that
    /// is there and does not know what is asked for.
    fn go_on(&mut self, problem: Problem, is_endless: bool, now: Instant) {
        if is_endless && problem.is_away() && !sabotaged("give-up-who-is-away") {
            self.until = now + PATIENCE;
        }
        self.problem = problem.message;
    }

    fn look_every(&self) -> Duration {
        if self.began.elapsed() < PATIENCE { LOOK_EVERY } else { LOOK_AGAIN_EVERY }
    }
}

/// Whether a document tells that the stream failed, rather than what happened in the conversation.
fn is_of_transport(frame: &Value) -> bool {
    frame["type"] == "error" && frame["conversationId"].is_null()
}

fn text_of<'a>(frame: &'a Value, key: &str) -> &'a str {
    frame[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_as_long_as_it_takes_waits_for_a_host_that_is_away_and_not_for_one_that_does_not_know() {
        let began = Instant::now();
        let late = began + Duration::from_secs(3600);
        let waits = |status: Option<u16>, is_endless: bool| {
            let (until, problem) = (began + PATIENCE, String::new());
            let mut outage = Outage { began, until, problem, is_told: false };
            let problem = Problem { message: "away".to_owned(), status, nobody_there: false };
            outage.go_on(problem, is_endless, late);
            assert_eq!(outage.problem, "away");
            outage.until > late
        };
        assert!(waits(None, true) && waits(Some(503), true));
        assert!(!waits(Some(404), true));
        assert!(!waits(None, false));
    }
}
