//! One connection: what it was asked, and what runs for it. Dropping it ends all of that.

mod subscribing;

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::{FuturesUnordered, SplitStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::Instrument;
use transom_agent::stream::StreamEnd;
use transom_entrance::public_message;
use transom_plugin_api::{CallError, CallErrorKind, Text};

use crate::asked::{Asked, Misread, Operation};
use crate::board::Board;
use crate::connections::{Leave, Place};
use crate::conversations::Conversations;
use crate::encoded::Encoder;
use crate::end::{End, end_of};
use crate::lanes::Lanes;
use crate::outbox::Outbox;
use crate::perform::{ToWatch, fail, perform, refuse};
use crate::pulse::{Metered, Pulse};
use crate::said::Said;
use crate::subscriptions::{Subject, Subscriptions};
use crate::view::{Start, view};
use crate::viewings::{Viewings, Why};
use crate::wire::{self, Patience};

/// Operations of one connection that have not ended. Before there are fewer, nothing more is read from it.
const MOST_OPERATIONS: usize = 64;

/// How long a client has to take what was for it before it is left.
const FAREWELL: Duration = Duration::from_secs(2);

/// What all connections share.
pub(crate) struct Shared<C> {
    pub(crate) far: C,
    pub(crate) encoder: Encoder,
    pub(crate) board: Arc<Board>,
    pub(crate) limits: Limits,
    pub(crate) viewings: Arc<Viewings>,
}

/// What one connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of a message to us.
    pub(crate) message_bytes: usize,
    /// Conversations it watches.
    pub(crate) subscriptions: usize,
    /// Bytes on their way to it.
    pub(crate) outbound_bytes: u32,
    /// Between two pings.
    pub(crate) ping: Duration,
    /// For it to take something.
    pub(crate) stall: Duration,
}

/// Serves a connection to its end.
pub(crate) async fn serve<C, S>(socket: S, place: Place, shared: Arc<Shared<C>>)
where
    C: Conversations,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut leave = place.leave.clone();
    let work = connected(socket, leave.clone(), shared);
    tokio::select! {
        () = work => {}
        // Whoever holds the places tells them, and outlives them.
        _ = leave.wait_for(|leave| *leave == Leave::Now) => {}
    }
}

async fn connected<C, S>(socket: S, leave: watch::Receiver<Leave>, shared: Arc<Shared<C>>)
where
    C: Conversations,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Limits { message_bytes, outbound_bytes, ping, stall, .. } = shared.limits;
    let pulse = Arc::new(Pulse::default());
    let socket = Metered::new(socket, pulse.clone());
    let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(bounds(message_bytes))).await;
    let (mut sink, mut stream) = socket.split();
    let (outbox, queue) = Outbox::new(outbound_bytes);
    let outbox = Arc::new(outbox);
    {
        let mut writing = pin!(wire::write(&mut sink, queue, &pulse, Patience { ping, stall }));
        let why = Why::default();
        let connection = Connection::new(shared, outbox.clone(), &pulse, why.clone());
        // Pinned, so that what is watched ends when it is known why.
        let mut working = pin!(connection.work(&mut stream, leave));
        let end = tokio::select! {
            unwritten = writing.as_mut() => End::Dead(unwritten),
            end = working.as_mut() => end,
        };
        why.give(end.of_views());
        match end {
            End::Told(code, reason) => {
                outbox.close(code, reason);
                let _ = timeout(FAREWELL, writing).await;
            }
            End::Left => return,
            End::Dead(why) => return tracing::debug!("a connection was given up: {why:?}"),
        }
    }
    if let Ok(mut socket) = stream.reunite(sink) {
        wire::linger(socket.get_mut()).await;
    }
}

/// Buffers are small, because there is one of each for every connection.
fn bounds(message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(message_bytes))
        .max_frame_size(Some(message_bytes))
}

/// Whatever runs for a connection.
type Running = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What has ended.
enum Done {
    /// An operation, in its lane; perhaps there is something to watch now.
    Operation(Option<Text>, Option<ToWatch>),
    /// A view, by its number.
    View(Text, u64),
    /// A subscription, by its number.
    Subscription(Subject, u64),
    /// What nobody waits for.
    Other,
}

/// A conversation that is watched.
struct Viewed {
    number: u64,
    why: Why,
    stop: AbortHandle,
}

struct Connection<'a, C> {
    shared: Arc<Shared<C>>,
    outbox: Arc<Outbox>,
    pulse: &'a Pulse,
    lanes: Lanes<Asked>,
    running: FuturesUnordered<Running>,
    views: HashMap<Text, Viewed>,
    last_view: u64,
    subscriptions: Subscriptions,
    /// Why it ends.
    why: Why,
}

impl<'a, C: Conversations> Connection<'a, C> {
    fn new(shared: Arc<Shared<C>>, outbox: Arc<Outbox>, pulse: &'a Pulse, why: Why) -> Self {
        let (lanes, running, views) = (Lanes::default(), FuturesUnordered::new(), HashMap::new());
        let subscriptions = Subscriptions::default();
        Self { shared, outbox, pulse, lanes, running, views, last_view: 0, subscriptions, why }
    }

    /// Does what it is asked until one of the two leaves.
    async fn work<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        stream: &mut SplitStream<WebSocketStream<S>>,
        leave: watch::Receiver<Leave>,
    ) -> End {
        let end = self.until_left(stream, leave).await;
        self.why.give(end.of_views());
        end
    }

    async fn until_left<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut SplitStream<WebSocketStream<S>>,
        mut leave: watch::Receiver<Leave>,
    ) -> End {
        let told = tell_news(self.shared.clone(), self.outbox.clone());
        self.running.push(Box::pin(told));
        loop {
            let reads = self.lanes.count() < MOST_OPERATIONS;
            self.pulse.set_deaf(!reads);
            tokio::select! {
                came = stream.next(), if reads => match came {
                    Some(Ok(message)) => self.take(message),
                    Some(Err(error)) => return end_of(&error),
                    None => return End::Left,
                },
                Some(done) = self.running.next() => self.settle(done),
                _ = leave.wait_for(|leave| *leave != Leave::No) => break,
            }
        }
        let end = match *leave.borrow() {
            Leave::Replaced => {
                End::Told(CloseCode::Restart, "the server is replaced: connect again, with your cursors")
            }
            _ => End::Told(CloseCode::Away, "the server stops"),
        };
        self.why.give(end.of_views());
        self.finish().await;
        end
    }

    /// Waits for the operations; what is watched goes on elsewhere.
    async fn finish(&mut self) {
        self.views.drain().for_each(|(_, viewed)| viewed.stop.abort());
        self.subscriptions.end_all();
        while self.lanes.count() > 0 {
            match self.running.next().await {
                Some(Done::Operation(lane, _)) => self.go_on(lane.as_ref()),
                Some(_) => {}
                None => return,
            }
        }
    }

    fn take(&mut self, message: Message) {
        let read = match message {
            Message::Text(text) => Asked::read(&text, || uuid::Uuid::new_v4().to_string().into()),
            Message::Binary(_) => {
                let message = "the message is binary, expected text with a JSON object".to_owned();
                Err(Box::new(Misread { message, ..Misread::default() }))
            }
            // Pings and closes are answered below, and pongs were noticed there.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => return,
        };
        match read {
            Ok(asked) => {
                let lane = asked.conversation().cloned();
                if let Some(asked) = self.lanes.enter(lane.as_ref(), asked) {
                    self.begin(asked);
                }
            }
            Err(misread) => self.refuse(misread),
        }
    }

    /// A message that is none counts as an operation, so that a flood of them is read no faster than it is answered.
    fn refuse(&mut self, misread: Box<Misread>) {
        let outbox = self.outbox.clone();
        self.lanes.enter_alone();
        self.running.push(Box::pin(async move {
            refuse(&outbox, &misread).await;
            Done::Operation(None, None)
        }));
    }

    fn begin(&mut self, asked: Asked) {
        if let Some((subject, wish)) = Subject::of(&asked)
            && self.shared.far.has_subscription(&subject.name)
        {
            return self.change_subscription(asked, subject, wish);
        }
        let refused = match &asked.operation {
            Operation::Subscribe(conversation, _) if !self.views.contains_key(conversation) => {
                self.check_room(conversation).err()
            }
            Operation::Unsubscribe(conversation) => {
                self.unsubscribe(&conversation.clone());
                None
            }
            _ => None,
        };
        let (shared, outbox) = (self.shared.clone(), self.outbox.clone());
        let span = tracing::info_span!("operation", op = asked.op.as_str());
        let work = async move {
            let lane = asked.conversation().cloned();
            let began = match refused {
                None => perform(&shared.far, &outbox, &asked).await,
                Some(error) => {
                    fail(&outbox, &asked, &error).await;
                    None
                }
            };
            Done::Operation(lane, began)
        };
        self.running.push(Box::pin(work.instrument(span)));
    }

    fn settle(&mut self, done: Done) {
        match done {
            Done::Operation(lane, began) => {
                if let Some(ToWatch { conversation, start }) = began {
                    self.watch(conversation, start);
                }
                self.go_on(lane.as_ref());
            }
            Done::View(conversation, number) => {
                if self.views.get(&conversation).is_some_and(|viewed| viewed.number == number) {
                    self.views.remove(&conversation);
                }
            }
            Done::Subscription(subject, number) => self.subscriptions.ended(&subject, number),
            Done::Other => {}
        }
    }

    fn go_on(&mut self, lane: Option<&Text>) {
        if let Some(asked) = self.lanes.leave(lane) {
            self.begin(asked);
        }
    }

    fn unsubscribe(&mut self, conversation: &Text) {
        if let Some(viewed) = self.views.remove(conversation) {
            viewed.why.give(StreamEnd::Unsubscribed);
            viewed.stop.abort();
        }
    }

    /// Watches; a cursor begins anew there, and without one a conversation that is watched stays as it is.
    fn watch(&mut self, conversation: Text, start: Start) {
        match &start {
            Start::After { cursor: Some(_), .. } => self.unsubscribe(&conversation),
            _ if self.views.contains_key(&conversation) => return,
            _ => {}
        }
        if let Err(error) = self.view(conversation.clone(), start) {
            let outbox = self.outbox.clone();
            self.running.push(Box::pin(async move {
                end_view(&outbox, &conversation, &error).await;
                Done::Other
            }));
        }
    }

    fn check_room(&self, conversation: &Text) -> Result<(), CallError> {
        let most = self.shared.limits.subscriptions;
        if self.views.len() < most {
            return Ok(());
        }
        self.shared.viewings.refused(conversation);
        Err(CallError::new(
            CallErrorKind::Refused,
            format!("this connection watches {most} conversations already: unsubscribe from one"),
        ))
    }

    fn view(&mut self, conversation: Text, start: Start) -> Result<(), CallError> {
        self.check_room(&conversation)?;
        self.last_view += 1;
        let number = self.last_view;
        let (shared, outbox, viewed) = (self.shared.clone(), self.outbox.clone(), conversation.clone());
        let mut seen = shared.viewings.begin(&viewed, &self.why);
        let why = seen.why();
        let (viewing, stop) = abortable(async move {
            match view(&shared, &outbox, &viewed, start, &mut seen).await {
                Ok(()) => seen.why().give(StreamEnd::Behind),
                Err(error) => {
                    seen.failed();
                    end_view(&outbox, &viewed, &error).await;
                }
            }
        });
        self.views.insert(conversation.clone(), Viewed { number, why, stop });
        self.running.push(Box::pin(async move {
            // It makes no difference which of the two ended it.
            let _ = viewing.await;
            Done::View(conversation, number)
        }));
        Ok(())
    }
}

/// Says why a conversation is not watched any more.
async fn end_view(outbox: &Outbox, conversation: &Text, error: &CallError) {
    if matches!(error.kind, CallErrorKind::Failed | CallErrorKind::Panicked) {
        tracing::error!("watching `{conversation}` failed: {error}");
    }
    let message = public_message(error);
    let said = Said::ChatError { conversation_id: Some(conversation), message: &message, op: None, id: None };
    outbox.send(said.written()).await;
}

async fn tell_news<C>(shared: Arc<Shared<C>>, outbox: Arc<Outbox>) -> Done {
    let mut reader = shared.board.reader();
    loop {
        let note = reader.next().await;
        outbox.send(note).await;
    }
}
