//! `transom chat "text"`: one message to the running host, or to one of its own when none runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use transom_plugin_api::sabotage::sabotaged;

use super::check::sound_manifest;
use super::conversation::identity::{find_or_new, id};
use super::conversation::message::{Manner, Message};
use super::conversation::send::busy;
use super::conversation::state::open;
use super::conversation::view::View;
use super::conversation::{Failure, told};
use super::refuse;
use super::status::list;
use crate::assembly::Overrides;
use crate::attendant::Attendant;
use crate::client::{Client, Events, Frames, HOST_IS_BACK_WITHIN, Span};
use crate::data::{DataError, DataFolder, Guest};
use crate::log;
use crate::manifest::Manifest;
use crate::program::{Common, FAILED, INTERRUPTED};
use crate::running::{Refused, Running};
use crate::terminal::{aside, complain, note, print, shown};

/// Send a message to the running host, or to one of its own when none runs
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom chat \"hello\"\n  transom chat \"read Cargo.toml\" --conversation notes\n  transom chat --file question.md --model scripted/demo\n\nA host that wants a token is given it in TRANSOM_TOKEN."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    message: Message,
    /// The conversation to go on with, or the id of a new one; one with an id of its own when left out
    #[arg(long, value_name = "ID", value_parser = id)]
    conversation: Option<String>,
    #[command(flatten)]
    manner: Manner,
    /// The workspace of a conversation that is new
    #[arg(long, short, value_name = "ID")]
    workspace: Option<String>,
    /// Show what the model thinks, too
    #[arg(long)]
    show_reasoning: bool,
    /// Have the conversation shown wherever conversations are shown
    #[arg(long)]
    open: bool,
}

/// How long a host that starts or stops on the data folder is waited for, and how often one looks.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) async fn run(common: &Common, arguments: Arguments) -> u8 {
    let mut body = match body(&arguments) {
        Ok(body) => body,
        Err(failure) => return told(common, Err(failure)),
    };
    let give_up = Instant::now() + PATIENCE;
    loop {
        let host = match reach(common, give_up).await {
            Ok(host) => host,
            Err(refused) => return refuse(&refused, common.json),
        };
        if let Some(stopped) = host.told_if_stopped() {
            return told(common, Err(Failure::failed(stopped)));
        }
        let client = Client::new(host.address());
        match begin(&client, &arguments, &mut body).await {
            Ok(frames) => return host.follow(&client, frames, common, &arguments).await,
            // It has stopped since it was found.
            Err(Beginning::NobodyThere) if Instant::now() < give_up => {
                host.leave(&client).await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(Beginning::NobodyThere) => {
                host.leave(&client).await;
                return told(common, Err(Failure::failed("the host is gone")));
            }
            Err(Beginning::Refused(failure)) => {
                let code = told(common, Err(failure));
                host.leave(&client).await;
                return code;
            }
        }
    }
}

fn body(arguments: &Arguments) -> Result<Value, Failure> {
    let mut body = json!({ "message": arguments.message.words()? });
    arguments.manner.write(&mut body)?;
    if let Some(workspace) = &arguments.workspace {
        body["workspaceId"] = json!(workspace);
    }
    Ok(body)
}

/// Why no turn has begun.
enum Beginning {
    NobodyThere,
    Refused(Failure),
}

async fn begin(client: &Client, arguments: &Arguments, body: &mut Value) -> Result<Frames, Beginning> {
    if let Some(given) = &arguments.conversation {
        body["conversationId"] = json!(find_or_new(client, given).await?);
    }
    client.stream("/chat", body).await.map_err(|problem| match problem.status {
        Some(409) => Beginning::Refused(busy(problem.into())),
        _ => Failure::from(problem).into(),
    })
}

impl From<Failure> for Beginning {
    fn from(failure: Failure) -> Self {
        if failure.is_nobody_there() { Self::NobodyThere } else { Self::Refused(failure) }
    }
}

/// The host that is asked.
enum Asked {
    /// One that ran already.
    Running(Guest),
    /// One of this process, on a port of its own, for one message.
    Own(Box<Own>),
}

/// A host of this process. An operator can ask it as any other.
struct Own {
    running: Running,
    attendant: Attendant,
    address: String,
}

/// Finds the host of the data folder, or starts one there. Several who find none at the same time share the one that
/// the first of them starts.
async fn reach(common: &Common, give_up: Instant) -> Result<Asked, Refused> {
    let folder = common.data_folder_of_host()?;
    if let Some(guest) = Guest::of(&folder) {
        return Ok(Asked::Running(guest));
    }
    let manifest = sound_manifest(common).await?;
    loop {
        match DataFolder::hold(&folder) {
            Ok(data) => return own_host(manifest, data).await,
            Err(DataError::Held { .. }) if Instant::now() < give_up => tokio::time::sleep(LOOK_EVERY).await,
            Err(error) => return Err(Refused::Host(error.to_string())),
        }
        if let Some(guest) = Guest::of(&folder) {
            return Ok(Asked::Running(guest));
        }
    }
}

async fn own_host(manifest: Manifest, data: DataFolder) -> Result<Asked, Refused> {
    log::install(&log::Options::quiet(&manifest.host));
    let overrides = Overrides { listen: Some("127.0.0.1:0".to_owned()), ..Overrides::default() };
    // Who interrupts is heard by this command.
    let attendant = Attendant::start_deaf();
    let mut attendant =
        attendant.map_err(|error| Refused::Host(format!("there can be no thread for a host: {error}")))?;
    let mut running = Running::start(manifest, data, &overrides, false).await?;
    let Some(address) = running.address() else {
        running.stop().await;
        return Err(Refused::Host("the manifest has no transport, so nothing can be asked".to_owned()));
    };
    if !sabotaged("run-unasked") {
        attendant.attend(running.duty());
    }
    Ok(Asked::Own(Box::new(Own { running, attendant, address })))
}

impl Asked {
    fn address(&self) -> &str {
        match self {
            Self::Running(guest) => &guest.host.address,
            Self::Own(own) => &own.address,
        }
    }

    /// What is told of it when a signal has stopped it.
    fn told_if_stopped(&self) -> Option<String> {
        match self {
            Self::Running(guest) => guest.host.told_if_stopped(),
            Self::Own(_) => None,
        }
    }

    /// Waits until the data folder of a host of this process is gone; answers what is told then.
    async fn lost(&self) -> String {
        let Self::Own(own) = self else { return std::future::pending().await };
        own.attendant.folder_is_lost().await;
        own.running.told_lost().trim_start_matches("error: ").to_owned()
    }

    /// Where a host is looked for when this one is gone.
    fn folder(&self, common: &Common) -> Option<PathBuf> {
        matches!(self, Self::Running(_)).then(|| common.data_folder_of_host().ok()).flatten()
    }

    /// Shows the answer and says how it ended.
    async fn follow(self, client: &Client, frames: Frames, common: &Common, arguments: &Arguments) -> u8 {
        let id = frames.conversation_id().unwrap_or_default();
        if arguments.open
            && let Err(failure) = open(client, &id).await
        {
            complain(&format!("error: it cannot be opened: {}", failure.message()));
        }
        let folder = self.folder(common);
        let (patience, span) = (Some(HOST_IS_BACK_WITHIN), Span::Turn(None));
        let mut events = Events::of(client.clone(), folder, patience, id.clone(), span, frames, None);
        let mut view = View::of_answer(common, arguments.show_reasoning).asking(client);
        let outcome = tokio::select! {
            // From before the first word on.
            biased;
            _ = tokio::signal::ctrl_c() => None,
            lost = self.lost() => Some(Err(lost)),
            outcome = view.follow(&mut events) => Some(outcome),
        };
        // Closed before a host of this process is stopped, which waits for its clients.
        drop(events);
        view.end_line();
        let id = shown(&id);
        if !common.json {
            if outcome.is_none() {
                print("\n");
            }
            aside(&format!("conversation {id}"));
        }
        match outcome {
            Some(Ok(code)) => {
                self.leave(client).await;
                code
            }
            Some(Err(problem)) => {
                complain(&format!("error: the answer broke off: {}", shown(&problem)));
                self.leave(client).await;
                FAILED
            }
            None => {
                self.interrupt(common, &id, view.waits_for_an_answer()).await;
                INTERRUPTED
            }
        }
    }

    async fn interrupt(self, common: &Common, id: &str, waits_for_an_answer: bool) {
        match self {
            Self::Running(_) => {
                let [attach, stop] = ["attach", "stop"].map(|word| common.again(&format!("{word} {id}")));
                note(&format!(
                    "interrupted; the turn goes on in the host: `{attach}` comes back to it, `{stop}` ends it"
                ));
            }
            Self::Own(own) => {
                note(&match waits_for_an_answer {
                    true => told_of_one_that_waits(common, id),
                    false => "interrupted; the turn is stopped".to_owned(),
                });
                own.running.stop().await;
            }
        }
    }

    /// Ends a host of this process, once those who have found it meanwhile have their answers.
    async fn leave(self, client: &Client) {
        let Self::Own(own) = self else { return };
        let Own { running, attendant, .. } = *own;
        running.withdraw();
        let mut told = false;
        while running.has_guests() || is_busy(client).await {
            if !std::mem::replace(&mut told, true) {
                aside("others use this host, which ends after them; Ctrl-C ends it now");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = tokio::signal::ctrl_c() => break,
                () = attendant.folder_is_lost() => break,
            }
        }
        running.stop().await;
    }
}

/// How a person comes back to a turn that waits, when the host of this process is gone.
fn told_of_one_that_waits(common: &Common, id: &str) -> String {
    let [up, answer, stop] = ["up", "answer", "stop"].map(|word| match word {
        "up" => common.again(word),
        word => common.again(&format!("{word} {id}")),
    });
    format!(
        "interrupted; the turn waits for its answer: with `{up}`, `{answer}` goes on with it and `{stop}` ends it"
    )
}

/// Whether a turn runs in the host. One that waits for a person needs no host meanwhile.
async fn is_busy(client: &Client) -> bool {
    let active = client.get("/conversations?status=active").await;
    active.is_ok_and(|active| list(&active, "conversations").any(|one| one["turn"]["state"] != "parked"))
}
