//! [`Keeper`]: all rules there are, durable before they hold.
//!
//! Rules that hold everywhere or in a folder are in memory, ready to be asked. Those of conversations are read whenever they are needed:
//! they go with their conversation, which nobody here is told of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use transom_agent::storage::{StorageRead, StorageRow, StorageWrite, StorageWrites, is_without};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Host, Maybe, StartError};

use crate::PermissionsPorts;
use crate::judge::Layer;
use crate::kept::{CONVERSATIONS, Kept, RULES, Scope, of_conversation};
use crate::rule::{Decision, Rule};
use crate::ruleset::{Entry, RuleSet};

/// Rules that are kept at most.
const MOST_RULES: usize = 10_000;

/// All rules there are.
pub(crate) struct Keeper {
    ports: PermissionsPorts,
    pub(crate) host: Host,
    /// Those of the settings.
    pub(crate) settings: Vec<(Decision, Rule)>,
    ready_settings: Arc<RuleSet>,
    state: Mutex<State>,
    /// Held by who writes, so that what is written last is what holds.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Those that hold everywhere or in a folder, by their ids.
    rules: BTreeMap<String, Kept>,
    /// The same, ready to be asked, each with the folder in which it holds.
    ready: Vec<(Option<PathBuf>, Arc<RuleSet>)>,
    /// Conversations that have had rules of their own.
    conversations: BTreeSet<String>,
}

/// Rules that hold for a turn, from the widest to the narrowest.
pub(crate) struct Layers(Vec<(Arc<RuleSet>, PathBuf)>);

impl Layers {
    /// As they are asked.
    pub(crate) fn all(&self) -> Vec<Layer<'_>> {
        self.0.iter().map(|(rules, base)| (&**rules, base.as_path())).collect()
    }
}

impl Keeper {
    /// Takes up what was kept before.
    ///
    /// # Errors
    /// When it cannot be read, or a rule of the settings is none.
    pub(crate) async fn open(
        settings: Vec<(Decision, Rule)>,
        ports: PermissionsPorts,
        host: Host,
    ) -> Result<Arc<Self>, StartError> {
        let entries =
            settings.iter().map(|(decision, rule)| Entry { decision: *decision, rule, plugin: None });
        let ready_settings = RuleSet::new(entries).map_err(|error| StartError::new(error.message))?;
        let keeper = Self {
            ports,
            host,
            ready_settings: Arc::new(ready_settings),
            settings,
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        let unread = |error: CallError| StartError::new(format!("the rules so far cannot be read: {error}"));
        let kept = keeper.rows(RULES).await.map_err(unread)?;
        let rules = kept.iter().map(Kept::of_row).collect::<Result<Vec<_>, _>>().map_err(unread)?;
        let conversations = keeper.rows(CONVERSATIONS).await.map_err(unread)?;
        {
            let mut state = keeper.state();
            state.rules = rules.into_iter().map(|rule| (rule.id(), rule)).collect();
            state.conversations = conversations.iter().filter_map(conversation_of).collect();
            state.make_ready().map_err(unread)?;
        }
        Ok(Arc::new(keeper))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn rows(&self, prefix: &str) -> Result<Vec<StorageRow>, CallError> {
        let mut rows = Vec::new();
        let mut after = Maybe::None;
        loop {
            let wanted = StorageRead { prefix: prefix.into(), after, ..StorageRead::default() };
            let page = match self.ports.read.call(wanted).await {
                Ok(page) => page,
                Err(error) if is_without(&error) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let more = page.more;
            rows.extend(page.rows);
            match rows.last() {
                Some(last) if more => after = Maybe::Some(last.key.clone()),
                _ => return Ok(rows),
            }
        }
    }

    /// The rules that hold for a turn of a conversation.
    ///
    /// # Errors
    /// When those of the conversation cannot be read.
    pub(crate) async fn layers(&self, conversation: &str, cwd: &Path) -> Result<Layers, CallError> {
        let of_conversation = self.of_conversation(conversation).await?;
        let mut layers = vec![(Arc::clone(&self.ready_settings), cwd.to_owned())];
        {
            let state = self.state();
            let holds = state
                .ready
                .iter()
                .filter(|(folder, _)| folder.as_ref().is_none_or(|folder| cwd.starts_with(folder)));
            layers.extend(holds.map(|(folder, rules)| {
                (Arc::clone(rules), folder.clone().unwrap_or_else(|| cwd.to_owned()))
            }));
        }
        if !of_conversation.is_empty() {
            let rules = RuleSet::new(of_conversation.iter().filter_map(Kept::entry))?;
            layers.push((Arc::new(rules), cwd.to_owned()));
        }
        Ok(Layers(layers))
    }

    /// The rules of a conversation.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn of_conversation(&self, conversation: &str) -> Result<Vec<Kept>, CallError> {
        if !self.state().conversations.contains(conversation) {
            return Ok(Vec::new());
        }
        let rows = self.rows(&of_conversation(conversation)).await?;
        rows.iter().map(Kept::of_row).collect()
    }

    /// The conversations that have rules of their own now.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn conversations(&self) -> Result<BTreeSet<String>, CallError> {
        Ok(self.rows(CONVERSATIONS).await?.iter().filter_map(conversation_of).collect())
    }

    /// The rules that hold everywhere or in a folder, by their ids.
    pub(crate) fn rules(&self) -> Vec<Kept> {
        self.state().rules.values().cloned().collect()
    }

    /// Keeps rules; they hold when this returns.
    ///
    /// # Errors
    /// `Conflict` when there are too many, `Unavailable` when nobody keeps anything, else what the store says.
    pub(crate) async fn keep(&self, rules: Vec<Kept>) -> Result<(), CallError> {
        let _writing = self.writing.lock().await;
        if self.state().rules.len() + rules.len() > MOST_RULES {
            return Err(CallError::conflict(format!(
                "{MOST_RULES} rules are kept already; forget some with `transom permissions forget ID`"
            )));
        }
        RuleSet::new(rules.iter().filter_map(Kept::entry))?;
        if !sabotaged("remember-a-rule-in-memory-only") {
            self.write(rules.iter().map(Kept::write).collect()).await?;
        }
        let mut state = self.state();
        for rule in rules {
            match &rule.scope {
                Scope::Conversation(conversation) => {
                    state.conversations.insert(conversation.clone());
                }
                Scope::Everywhere | Scope::Folder(_) => {
                    state.rules.insert(rule.id(), rule);
                }
            }
        }
        state.make_ready()
    }

    /// Forgets a rule by its id; whether there was one.
    ///
    /// # Errors
    /// When that cannot be written; it holds on then.
    pub(crate) async fn forget(&self, id: &str) -> Result<bool, CallError> {
        let _writing = self.writing.lock().await;
        let Some(rule) = self.find(id).await? else { return Ok(false) };
        self.write(vec![rule.forget()]).await?;
        let mut state = self.state();
        state.rules.remove(id);
        state.make_ready()?;
        Ok(true)
    }

    async fn find(&self, id: &str) -> Result<Option<Kept>, CallError> {
        if let Some(rule) = self.state().rules.get(id) {
            return Ok(Some(rule.clone()));
        }
        let conversations: Vec<String> = self.state().conversations.iter().cloned().collect();
        for conversation in conversations {
            let found = self.of_conversation(&conversation).await?.into_iter().find(|rule| rule.id() == id);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn write(&self, writes: Vec<StorageWrite>) -> Result<(), CallError> {
        let written = self.ports.write.call(StorageWrites { writes: writes.into() }).await;
        written.map(drop).map_err(|error| match is_without(&error) {
            true => CallError::unavailable("nobody keeps rules here; run `conversation-store`"),
            false => error,
        })
    }
}

/// The conversation whose rule a row is.
fn conversation_of(row: &StorageRow) -> Option<String> {
    row.key.split('/').nth(1).map(str::to_owned)
}

impl State {
    /// Makes the rules ready that hold everywhere or in a folder.
    fn make_ready(&mut self) -> Result<(), CallError> {
        let mut by_folder: BTreeMap<Option<&Path>, Vec<&Kept>> = BTreeMap::new();
        for rule in self.rules.values() {
            let folder = match &rule.scope {
                Scope::Folder(folder) => Some(folder.as_path()),
                Scope::Everywhere | Scope::Conversation(_) => None,
            };
            by_folder.entry(folder).or_default().push(rule);
        }
        let ready = by_folder.into_iter().map(|(folder, rules)| {
            let rules = RuleSet::new(rules.into_iter().filter_map(Kept::entry))?;
            Ok((folder.map(Path::to_owned), Arc::new(rules)))
        });
        self.ready = ready.collect::<Result<_, CallError>>()?;
        Ok(())
    }
}
