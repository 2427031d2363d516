//! [`Pins`]: the skills that are active in conversations: activated, let go, and brought back behind a summary.
//!
//! One change at a time for each conversation: what is to be is stored first, then it is appended. What is missing in the log, since the
//! host ended in between, is appended by whoever comes next.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;
use transom_agent::folder::{admitted, first_root};
use transom_agent::log::{Append, Entry, HistoryOf, MessageOf};
use transom_agent::message::Message;
use transom_agent::storage::{self, StorageRead, StorageWrite, StorageWrites, is_without};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Host, Json, List, Maybe, Text};

use crate::SkillsPorts;
use crate::active::{Active, Leaving, Limits, Pinned, Unfit};
use crate::desk::Desk;
use crate::turnstile::Turnstiles;
use crate::view::Survey;

/// Begins the keys of all conversations, and ends ours.
const ALL: &str = "c/";
const SKILLS: &str = "/skills";
/// Conversations that are read at a time when all are looked at.
const PAGE: u32 = 20;

/// The skills of conversations.
#[derive(Debug)]
pub(crate) struct Pins {
    pub(crate) ports: SkillsPorts,
    pub(crate) limits: Limits,
    desk: Desk,
    host: Host,
    turnstiles: Turnstiles,
}

/// What is known about the skills of somebody who works in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Outlook {
    pub(crate) cwd: Text,
    pub(crate) survey: Survey,
    pub(crate) pinned: Pinned,
}

/// Why a skill was not activated.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// It is not fit to be.
    Unfit(Unfit),
    /// Something else.
    Call(CallError),
}

impl<E: Into<CallError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Call(error.into())
    }
}

impl Pins {
    pub(crate) fn new(ports: SkillsPorts, limits: Limits, desk: Desk, host: Host) -> Self {
        Self { ports, limits, desk, host, turnstiles: Turnstiles::default() }
    }

    /// The skills of a conversation, and which are active.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation, and whatever the store says.
    pub(crate) async fn outlook(&self, conversation_id: &Text) -> Result<Outlook, CallError> {
        let cwd = self.folder_of(conversation_id).await?;
        let pinned = {
            let _one = self.turnstiles.enter(conversation_id).await;
            self.settled(conversation_id).await?
        };
        self.surveyed(cwd, pinned).await
    }

    /// The skills of a folder: the host's first root, where none is named.
    ///
    /// # Errors
    /// `InvalidInput` for a folder in which nobody could work.
    pub(crate) async fn outlook_of_folder(&self, folder: Option<Text>) -> Result<Outlook, CallError> {
        let cwd = self.admitted("--cwd", folder).await?;
        self.surveyed(cwd, Pinned::default()).await
    }

    async fn surveyed(&self, cwd: Text, pinned: Pinned) -> Result<Outlook, CallError> {
        let names = pinned.active.iter().map(|active| active.name.clone()).collect();
        let survey = self.desk.survey(&cwd, names).await?;
        Ok(Outlook { cwd, survey, pinned })
    }

    /// Makes a skill active; whether it was not, or was by another version of its file. What has begun is done, also when nobody waits
    /// for it any more.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) async fn activate(
        self: &Arc<Self>,
        conversation_id: Text,
        name: String,
        force: bool,
    ) -> Result<bool, Failure> {
        let pins = Arc::clone(self);
        self.to_the_end(async move { pins.activated(&conversation_id, name, force).await }).await?
    }

    /// Lets a skill go; whether it was active. As above.
    ///
    /// # Errors
    /// `NotFound` for an unknown conversation, and whatever the store says.
    pub(crate) async fn deactivate(
        self: &Arc<Self>,
        conversation_id: Text,
        name: String,
    ) -> Result<bool, CallError> {
        let pins = Arc::clone(self);
        self.to_the_end(async move { pins.deactivated(&conversation_id, &name).await }).await?
    }

    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CallError> {
        let (tell, told) = oneshot::channel();
        // Who asked may have gone away.
        self.host.spawn(async move { drop(tell.send(work.await)) });
        told.await.map_err(|_| CallError::unavailable("the host is stopping"))
    }

    async fn activated(&self, conversation_id: &Text, name: String, force: bool) -> Result<bool, Failure> {
        let cwd = self.folder_of(conversation_id).await?;
        let skill = self.desk.read(&cwd, name).await?;
        let Some(shown) = skill.shown.clone() else {
            return Err(CallError::conflict(format!("skill `{}` says nothing", skill.name)).into());
        };
        let _one = self.turnstiles.enter(conversation_id).await;
        let mut pinned = self.settled(conversation_id).await?;
        if pinned.find(&skill.name).is_some_and(|active| active.digest == skill.digest) {
            return Ok(false);
        }
        let (limits, now) = (self.limits, self.host.now_ms());
        let admitted = move || {
            let message = pinned.admit(&skill, &shown, limits, force, now).map(Active::message);
            message.map(|message| (pinned, message))
        };
        let (pinned, message) = self.desk.aside.work(admitted).await?.map_err(Failure::Unfit)?;
        // To write into one that was deleted meanwhile would be to make another one.
        self.ports.find.call(conversation_id.clone()).await?;
        self.write(conversation_id, &pinned).await?;
        if !sabotaged("activate-in-silence") {
            self.append(conversation_id, vec![message]).await?;
        }
        Ok(true)
    }

    async fn deactivated(&self, conversation_id: &Text, name: &str) -> Result<bool, CallError> {
        self.ports.find.call(conversation_id.clone()).await?;
        let _one = self.turnstiles.enter(conversation_id).await;
        let mut pinned = self.settled(conversation_id).await?;
        if !pinned.let_go(name) {
            return Ok(false);
        }
        self.write(conversation_id, &pinned).await?;
        self.settle(conversation_id, &mut pinned).await?;
        Ok(true)
    }

    /// Brings back what a summary has taken out of the sight of models.
    ///
    /// # Errors
    /// Whatever the store says.
    pub(crate) async fn restore(&self, conversation_id: &Text) -> Result<(), CallError> {
        let _one = self.turnstiles.enter(conversation_id).await;
        let mut pinned = self.settled(conversation_id).await?;
        if pinned.active.is_empty() || sabotaged("leave-skills-to-a-summary") {
            return Ok(());
        }
        let of =
            HistoryOf { conversation_id: conversation_id.clone(), after_seq: 0, before_seq: Maybe::None };
        let shown = self.ports.history.call(of).await?.messages;
        let again = pinned.enter_again(|id| shown.iter().any(|message| message.id == id));
        if again.is_empty() {
            return Ok(());
        }
        self.write(conversation_id, &pinned).await?;
        self.append(conversation_id, again).await
    }

    /// Brings back what is missing in any conversation: its summary was made while nobody listened, or the host ended too early.
    pub(crate) async fn restore_all(&self) {
        let mut after = Maybe::None;
        loop {
            let read = StorageRead { prefix: ALL.into(), after, limit: Maybe::Some(PAGE) };
            let page = match self.ports.read.call(read).await {
                Ok(page) => page,
                Err(error) if is_without(&error) => return,
                Err(error) => return tracing::warn!("nobody can tell which skills are active: {error}"),
            };
            for conversation_id in page.rows.iter().filter_map(|row| conversation_of(&row.key)) {
                if let Err(error) = self.restore(&conversation_id.into()).await {
                    tracing::warn!("the skills of conversation `{conversation_id}` may be missing: {error}");
                }
            }
            after = match page.rows.last() {
                Some(last) if page.more => Maybe::Some(last.key.clone()),
                _ => return,
            };
        }
    }

    /// What is stored, after all of it was said in the conversation.
    async fn settled(&self, conversation_id: &Text) -> Result<Pinned, CallError> {
        let mut pinned = self.read(conversation_id).await?;
        self.settle(conversation_id, &mut pinned).await?;
        let mut missing = Vec::new();
        for active in &pinned.active {
            if !self.is_in_the_log(conversation_id, &active.message_id).await? {
                missing.push(active.message());
            }
        }
        if !sabotaged("leave-unsaid-what-is-active") {
            self.append(conversation_id, missing).await?;
        }
        Ok(pinned)
    }

    /// Says which skills have left. A message that is there already is not there twice.
    async fn settle(&self, conversation_id: &Text, pinned: &mut Pinned) -> Result<(), CallError> {
        if pinned.leaving.is_empty() {
            return Ok(());
        }
        let leaving = std::mem::take(&mut pinned.leaving);
        self.append(conversation_id, leaving.iter().map(Leaving::message).collect()).await?;
        self.write(conversation_id, pinned).await
    }

    async fn is_in_the_log(&self, conversation_id: &Text, message_id: &str) -> Result<bool, CallError> {
        let of = MessageOf { conversation_id: conversation_id.clone(), message_id: message_id.into() };
        match self.ports.locate.call(of).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == CallErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn append(&self, conversation_id: &Text, messages: Vec<Message>) -> Result<(), CallError> {
        if messages.is_empty() {
            return Ok(());
        }
        let entry = |message| Entry { message, turn_id: Maybe::None, positions: List::new() };
        let entries = messages.into_iter().map(entry).collect();
        let append = Append { conversation_id: conversation_id.clone(), entries };
        self.ports.append.call(append).await.map(drop)
    }

    async fn read(&self, conversation_id: &Text) -> Result<Pinned, CallError> {
        let key = key(conversation_id);
        let row = match storage::row(&self.ports.read, &key).await {
            Err(error) if is_without(&error) => return Ok(Pinned::default()),
            row => row?,
        };
        let Some(row) = row else { return Ok(Pinned::default()) };
        serde_json::from_value(row.value()).map_err(|error| {
            CallError::failed(format!("row `{key}` of the active skills cannot be read: {error}"))
        })
    }

    async fn write(&self, conversation_id: &Text, pinned: &Pinned) -> Result<(), CallError> {
        let is_empty = pinned.active.is_empty() && pinned.leaving.is_empty();
        let value =
            (!is_empty).then(|| serde_json::to_value(pinned)).transpose().map_err(CallError::failed)?;
        let write = StorageWrite { key: key(conversation_id), value: value.map(Json::from).into() };
        self.ports.write.call(StorageWrites { writes: List::from([write]) }).await.map(drop)
    }

    /// Where the next turn of a conversation works.
    async fn folder_of(&self, conversation_id: &Text) -> Result<Text, CallError> {
        let known = self.ports.find.call(conversation_id.clone()).await?;
        let folder = match known.cwd {
            Maybe::Some(cwd) => Some(cwd),
            Maybe::None => match self.ports.workspace_folder.call(known.workspace_id).await {
                Err(error) if is_without(&error) => None,
                folder => folder?.default_cwd.into_option(),
            },
        };
        self.admitted("cwd", folder).await.map_err(|error| match error.kind {
            CallErrorKind::InvalidInput => {
                CallError::conflict(format!("the conversation cannot work where it is to: {}", error.message))
            }
            _ => error,
        })
    }

    async fn admitted(&self, field: &'static str, folder: Option<Text>) -> Result<Text, CallError> {
        let roots: Vec<PathBuf> = self.host.roots().map(PathBuf::from).collect();
        let folder = match folder {
            Some(folder) => folder,
            None => {
                let first = first_root(&roots)?;
                let first = first
                    .to_str()
                    .ok_or_else(|| CallError::unavailable("the first root of this host is not UTF-8"))?;
                first.into()
            }
        };
        self.desk.aside.work(move || admitted(field, &folder, &roots)).await?
    }
}

fn key(conversation_id: &str) -> Text {
    format!("{ALL}{conversation_id}{SKILLS}").into()
}

fn conversation_of(key: &str) -> Option<&str> {
    key.strip_prefix(ALL)?.strip_suffix(SKILLS)
}
