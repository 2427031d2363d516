//! The control socket: how an operator asks a running host, past everything that plugins do.
//!
//! One question a connection, one answer: a JSON document on a line each; of a copy a line whenever it is further. Whoever works
//! on an answer for long gives signs of life meanwhile. The socket lies in the data folder, and only its owner can open it.

mod copying;
mod door;
mod pulse;

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use transom_agent::reach::CliCall;
use transom_kernel::{Kernel, LongRunning, PointMetrics};
use transom_plugin_api::hosting::{PluginState, PluginStatus};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Text};

use crate::attendant::beside;
use crate::commands::Commands;
use crate::data::{Guest, silence, why_nobody};
use crate::figures::{Asked, Figures};
use crate::footprint::Footprint;
use crate::hampers::Hampers;
use crate::keeping::Keeping;
use crate::log;
use crate::memory::MemoryLog;
use crate::rates::Rates;
use crate::reload::{ReloadRequest, Reloader};
use crate::running::Refused;
use crate::whereabouts::{Said, Whereabouts};

pub(crate) use copying::ask as ask_for_copy;
pub(crate) use door::bind;

/// The longest question, in bytes.
const LONGEST: u64 = 64 * 1024;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many may ask at the same time.
const MOST_ASKING: usize = 16;

/// Between the two looks of a status: what still runs at the second was not just passing.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Question {
    /// How everything is.
    Status,
    /// Takes a plugin's handlers off the bus.
    Quarantine {
        /// The plugin.
        plugin: String,
        /// Whether it may be one without which the host ends.
        #[serde(default)]
        even_required: bool,
    },
    /// Puts them back.
    Release {
        /// The plugin.
        plugin: String,
    },
    /// Brings plugins to what the manifest and their files say now.
    Reload {
        /// The plugins; none for all that have changed.
        plugins: Vec<String>,
        /// Milliseconds that calls under way may go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drain_ms: Option<u64>,
        /// Whether it is only told what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// The commands that plugins bring.
    Commands,
    /// Runs one of them.
    Command {
        /// Which.
        name: String,
        /// The words behind it.
        arguments: Vec<String>,
        /// Whether a program reads the answer.
        json: bool,
        /// The folder in which it was typed.
        #[serde(default)]
        cwd: String,
    },
    /// Examines all conversations.
    Doctor,
    /// Copies them into a file, which makes files wherever the host may: nobody but the owner of this socket may ask.
    Backup {
        /// The file, by its absolute path.
        path: String,
        /// Whether it may take the place of another.
        replace: bool,
    },
    /// Sets a level of the log, or lists all of them.
    Log {
        /// Whose, and which.
        set: Option<(String, String)>,
    },
}

/// Whether somebody answers at the data folder.
pub(crate) fn is_answered(data: &Path) -> bool {
    door::connect(data).is_ok()
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// A sentence for a person.
    pub(crate) message: String,
    /// Whether a host was asked and has refused it: then nothing was done.
    pub(crate) is_refusal: bool,
}

/// Asks the host of a data folder. However long the answer takes, the host is never silent for more than 5 s.
///
/// # Errors
/// When there is none, it does not answer, or it refuses what is asked for.
pub(crate) fn ask(data: &Path, question: &Question) -> Result<Value, Unanswered> {
    let failed = |message| Unanswered { message, is_refusal: false };
    // A host that ends with its guests waits for this one.
    let _guest = Guest::of(data);
    let mut stream = door::connect(data).map_err(|_| failed(why_nobody(data)))?;
    let asked = (|| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        writeln!(stream, "{}", serde_json::to_string(question)?)?;
        pulse::read_answer(&stream)
    })();
    let answer = asked.map_err(|error| failed(told(data, &error)))?;
    match answer["error"].as_str() {
        Some(problem) => {
            Err(Unanswered { message: problem.to_owned(), is_refusal: answer["refused"] == true })
        }
        None => Ok(answer),
    }
}

/// Why a host that was asked gave no answer.
fn told(data: &Path, error: &io::Error) -> String {
    // A time-out of a socket has either kind.
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return silence(data, PATIENCE.as_secs());
    }
    format!("the host on the data folder `{}` did not answer: {error}", data.display())
}

/// What is needed to answer.
pub(crate) struct Desk {
    pub(crate) kernel: Kernel,
    pub(crate) reloader: Arc<Reloader>,
    /// Where plugins run: what runs their code runs there, and not on this thread.
    pub(crate) runtime: Handle,
    pub(crate) whereabouts: Arc<Whereabouts>,
    pub(crate) hampers: Arc<Hampers>,
    pub(crate) keeping: Keeping,
    pub(crate) commands: Commands,
    /// Asks plugins for their figures.
    pub(crate) figures: Asked,
    pub(crate) memory: MemoryLog,
}

/// What answers, and what it remembers of earlier questions.
struct Clerk {
    desk: Desk,
    began: Instant,
    rates: Mutex<Rates>,
    seats: Semaphore,
}

impl Clerk {
    fn at(desk: Desk) -> Self {
        let seats = Semaphore::new(MOST_ASKING);
        Self { desk, began: Instant::now(), rates: Mutex::default(), seats }
    }

    async fn answer(self: Arc<Self>, mut stream: UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.split();
        let Ok(_seat) = self.seats.try_acquire() else {
            return say(&mut write, &json!({ "error": "too many are asking: try again" })).await;
        };
        let mut question = String::new();
        let mut read = tokio::io::BufReader::new(read.take(LONGEST));
        // Who asks and does not go on must not keep others waiting for long; who has left does not matter.
        tokio::time::timeout(PATIENCE, read.read_line(&mut question)).await.map_err(io::Error::other)??;
        match serde_json::from_str(&question) {
            Err(error) => {
                let problem = format!("the question is not understood: {error}");
                say(&mut write, &json!({ "error": problem })).await
            }
            Ok(question) => self.reply(question, read, &mut write).await,
        }
    }

    /// What is long and only for whoever asks is given up when they have left; they leave by saying anything more.
    async fn reply(
        &self,
        question: Question,
        left: impl AsyncRead + Unpin,
        write: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let Desk { kernel, reloader, runtime, keeping, .. } = &self.desk;
        let answer = match question {
            Question::Status => self.status().await,
            Question::Quarantine { plugin, even_required } => self.quarantine(&plugin, even_required),
            Question::Release { plugin } => outcome(kernel.release(&plugin)),
            Question::Log { set } => levels(kernel, set).unwrap_or_else(|problem| refusal(&problem)),
            Question::Commands => self.desk.commands.list(),
            Question::Command { name, arguments, json, cwd } => {
                let commands = self.desk.commands.clone();
                let arguments = arguments.into_iter().map(Text::from).collect();
                let call = CliCall { arguments, json, cwd: cwd.into() };
                // Where plugins run. What it has begun goes on when nobody waits any more.
                let running = runtime.spawn(async move { commands.run(&name, call).await });
                let ran = pulse::beside(running, write).await?;
                ran.unwrap_or_else(|error| json!({ "error": error.to_string() }))
            }
            Question::Doctor => {
                let told = copying::begin_examining(keeping.clone(), runtime);
                return copying::follow(told, left, write).await;
            }
            Question::Backup { path, replace } => {
                let told = copying::begin(keeping.clone(), runtime, path, replace);
                return copying::follow(told, left, write).await;
            }
            Question::Reload { plugins, drain_ms, dry_run } => {
                let request = ReloadRequest { plugins, drain: drain_ms.map(Duration::from_millis), dry_run };
                let reloader = Arc::clone(reloader);
                let reloading = runtime.spawn(async move { reloader.reload(&request).await });
                match pulse::beside(reloading, write).await? {
                    Ok(Ok(outcome)) => outcome.document(),
                    Ok(Err(Refused::Faults(faults))) => refusal(&faults.to_string()),
                    Ok(Err(failed)) => json!({ "error": failed.to_string().trim_start_matches("error: ") }),
                    Err(error) => json!({ "error": error.to_string() }),
                }
            }
        };
        say(write, &answer).await
    }
}

impl Clerk {
    /// Who is required takes the host along, which nobody is to find out by doing it.
    fn quarantine(&self, plugin: &str, even_required: bool) -> Value {
        let Desk { kernel, reloader, .. } = &self.desk;
        let ends_host = reloader.required().iter().any(|id| id == plugin);
        if ends_host && !even_required && !sabotaged("quarantine-what-is-required") {
            return json!({ "error": ends_the_host(plugin) });
        }
        let mut answer = outcome(kernel.quarantine(plugin, "the operator asked for it"));
        if ends_host && answer["ok"] == true {
            answer["hostEnds"] = true.into();
        }
        answer
    }
}

fn ends_the_host(plugin: &str) -> String {
    format!(
        "plugin `{plugin}` is `required`: without it the host would end, with exit code 1\n  help: take `required` out of \
         its table in the manifest and `transom reload {plugin}`, then this can be done; or add `--even-required` \
         to end the host with it"
    )
}

/// Who does not take what is said must not keep others waiting for long.
async fn say(to: &mut (impl AsyncWrite + Unpin), document: &Value) -> io::Result<()> {
    let line = format!("{document}\n");
    tokio::time::timeout(PATIENCE, to.write_all(line.as_bytes())).await.map_err(io::Error::other)?
}

/// Answers whoever asks.
pub(crate) async fn serve(socket: &UnixListener, desk: Desk) {
    let clerk = Arc::new(Clerk::at(desk));
    loop {
        match socket.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&clerk).answer(stream))),
            Err(error) => {
                beside(move || tracing::warn!("the control socket: {error}"));
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

fn outcome(done: Result<(), CallError>) -> Value {
    match done {
        Ok(()) => json!({ "ok": true }),
        Err(error) => refusal(&error.message),
    }
}

/// What is answered when nothing was done.
fn refusal(problem: &str) -> Value {
    json!({ "error": problem.trim_start_matches("error: "), "refused": true })
}

fn levels(kernel: &Kernel, set: Option<(String, String)>) -> Result<Value, String> {
    let plugins = kernel.plugins();
    if let Some((who, level)) = set {
        if who != log::HOST && !plugins.iter().any(|plugin| *plugin.id == *who) {
            return Err(format!("there is no plugin `{}`", who.escape_debug()));
        }
        log::set(&who, &level)?;
    }
    log::listed(plugins.iter().map(|plugin| &*plugin.id))
}

impl Clerk {
    async fn status(&self) -> Value {
        let Self { desk, began, .. } = self;
        let Desk { kernel, reloader, runtime, whereabouts, hampers, figures, memory, .. } = desk;
        let mut watch = kernel.watch();
        watch.look();
        tokio::time::sleep(LOOK_AGAIN).await;
        let running: Vec<Value> = watch.look().iter().map(running_document).collect();
        let points = kernel.metrics().into_iter().filter(|point| point.count > 0);
        let points: Vec<Value> = points.map(|point| point_document(&point)).collect();
        let bridges = {
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            // Under the lock, so that looks are kept in the order of their times.
            rates.look(began.elapsed(), &kernel.bridges())
        };
        let figures = Figures::ask(figures, runtime).await;
        let footprint = Footprint::of_this_process();
        let plugins = kernel.plugins().into_iter().map(|plugin| plugin_document(&plugin, hampers));
        let plugins: Vec<Value> = plugins.collect();
        json!({
            "host": {
                "pid": std::process::id(),
                "version": env!("CARGO_PKG_VERSION"),
                "address": whereabouts.address(),
                "listening": whereabouts.said().iter().map(listening_document).collect::<Vec<_>>(),
                "uptimeMs": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                "threads": footprint.map(|footprint| footprint.threads),
                "residentBytes": footprint.map(|footprint| footprint.resident_bytes),
                "sinceLastMemoryLine": memory.last_difference(),
                "mailboxes": kernel.waiting_events(),
            },
            "plugins": plugins,
            "points": points,
            "bridges": bridges,
            "running": running,
            "images": reloader.images(),
            "sums": figures.sums(),
            "figures": figures,
        })
    }
}

/// Whole nanoseconds; what stands behind the point is noise.
fn nanos(mean: f64) -> u64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of times is small and positive"
    )]
    let whole = mean.round() as u64;
    whole
}

fn plugin_document(plugin: &PluginStatus, hampers: &Hampers) -> Value {
    let mut document = json!(plugin);
    if plugin.state == PluginState::Running
        && let Some(hamper) = hampers.of(&plugin.id)
    {
        document["hampered"] = hamper;
    }
    document
}

fn point_document(point: &PointMetrics) -> Value {
    let known = |nanos: u64| (point.timed > 0).then_some(nanos);
    json!({
        "point": point.point,
        "count": point.count,
        "timed": point.timed,
        "meanNs": known(nanos(point.mean_ns)),
        "p50Ns": known(point.p50_ns),
        "p90Ns": known(point.p90_ns),
        "p99Ns": known(point.p99_ns),
        "maxNs": known(point.max_ns),
    })
}

fn listening_document(said: &Said) -> Value {
    json!({ "plugin": said.transport, "protocol": said.protocol, "address": said.address })
}

fn running_document(one: &LongRunning) -> Value {
    json!({
        "thread": one.thread,
        "plugin": one.plugin,
        "point": one.point,
        "runningForMs": u64::try_from(one.running_for.as_millis()).unwrap_or(u64::MAX),
    })
}
