//! [`Hooks`]: the hooks of an occasion, all that are meant, side by side.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use transom_agent::notice::Notice;
use transom_plugin_api::{CallContext, Host, Maybe, Text};

use crate::HookPorts;
use crate::answer::{Answer, named};
use crate::decision::{Heard, heard};
use crate::hooks_file::{Action, Hook};
use crate::known::Known;
use crate::legible::legible;
use crate::library::{Library, Source, State};
use crate::matcher;
use crate::occasion::Occasion;
use crate::runner::{Runner, Task};
use crate::told::Told;

/// What notices of hooks are about.
pub(crate) const NOTICE_KIND: &str = "hook";
/// How long hooks may take for which nobody waits.
const UNWAITED: Duration = Duration::from_secs(600);
/// Occasions for which nobody waits that are under way at the same time.
const UNDER_WAY: usize = 64;

/// What is going on.
#[derive(Debug)]
pub(crate) struct Happening<'a> {
    pub(crate) occasion: Occasion,
    pub(crate) conversation_id: &'a str,
    pub(crate) folder: &'a str,
    /// What matchers are compared with.
    pub(crate) names: Vec<String>,
    /// What hooks of this occasion are told besides what all are.
    pub(crate) fields: Value,
    /// When nobody waits any more.
    pub(crate) until: Instant,
}

/// Asks hooks.
pub(crate) struct Hooks {
    pub(crate) ports: HookPorts,
    pub(crate) host: Host,
    pub(crate) library: Library,
    pub(crate) runner: Runner,
    pub(crate) known: Known,
    pub(crate) told: Told,
    pub(crate) timeout: Duration,
    /// Whether a guard that fails lets things happen.
    pub(crate) is_open: bool,
    pub(crate) under_way: Arc<Semaphore>,
}

impl Hooks {
    pub(crate) fn room() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(UNDER_WAY))
    }

    /// What the hooks of a folder say; nothing where none is meant.
    pub(crate) async fn ask(&self, happening: Happening<'_>) -> Option<Answer> {
        let sources = self.sources(happening.conversation_id, happening.folder).await;
        self.ask_those(&sources, &happening).await
    }

    /// Every file that may hold hooks for a folder. What is wrong with one is in the log, once; people are told of those that are used.
    pub(crate) async fn sources(&self, conversation_id: &str, folder: &str) -> Vec<Source> {
        let sources = self.library.of(folder).await;
        for source in &sources {
            self.look_at(source, conversation_id, folder);
        }
        sources
    }

    /// Tells what is wrong with a file, each thing once.
    fn look_at(&self, source: &Source, conversation_id: &str, folder: &str) {
        let problems = self.complain(source, folder);
        if source.state != State::Used || problems.is_empty() {
            return;
        }
        let place = place(source, folder);
        if self.told.is_new(("notice", &place, &problems)) {
            self.tell(conversation_id, &format!("{place}: {}", problems.join("; ")));
        }
    }

    /// Puts what is wrong with the operator's own file into the log.
    pub(crate) async fn look_at_own(&self) {
        if let Some(own) = self.library.own().await {
            self.complain(&own, "");
        }
    }

    /// Puts what is wrong with a file into the log, each thing once.
    fn complain(&self, source: &Source, folder: &str) -> Vec<String> {
        let mut problems = source.problems();
        if let State::Broken(problem) = &source.state {
            problems.push(format!("cannot be used as hooks: {problem}"));
        }
        for problem in &problems {
            let place = place(source, folder);
            if self.told.is_new(("log", &place, problem)) {
                tracing::warn!("{place}: {problem}");
            }
        }
        problems
    }

    /// Whether a hook of these files is meant.
    pub(crate) fn is_meant(&self, sources: &[Source], happening: &Happening<'_>) -> bool {
        !meant(sources, happening).is_empty()
    }

    /// What the hooks of these files say; nothing where none is meant.
    pub(crate) async fn ask_those(&self, sources: &[Source], happening: &Happening<'_>) -> Option<Answer> {
        let asked = meant(sources, happening);
        if asked.is_empty() {
            return None;
        }
        let input = Arc::new(input(happening).to_string().into_bytes());
        let heard = asked.into_iter().map(|asked| self.hear(asked, happening, Arc::clone(&input)));
        let answer = Answer::of(happening.occasion, join_all(heard).await, self.is_open);
        answer.tells.iter().for_each(|text| self.tell(happening.conversation_id, text));
        Some(answer)
    }

    async fn hear(
        &self,
        asked: Asked<'_>,
        happening: &Happening<'_>,
        input: Arc<Vec<u8>>,
    ) -> (String, Heard) {
        let (source, hook) = match asked {
            Asked::Broken(source, problem) => {
                return (
                    format!("`{}`", source.name),
                    Heard::Failed(format!("cannot be used as hooks: {problem}")),
                );
            }
            Asked::Unfit(source, hook, problem) => {
                let written = legible(&hook.written, matcher::SHOWN);
                let problem = format!("has the matcher `{written}`, which is none: {problem}");
                return (named(hook.action.word(), &source.name), Heard::Failed(problem));
            }
            Asked::Hook(source, hook) => (source, hook),
        };
        match &hook.action {
            Action::Unsupported(kind) => {
                let problem = format!("is of the type `{kind}`, which has no place here");
                (named(kind, &source.name), Heard::Failed(problem))
            }
            Action::Beyond { command, field } => {
                let problem = format!("has the field `{field}`, which has no place here");
                (named(command, &source.name), Heard::Failed(problem))
            }
            Action::Command(command) => {
                let task = Task {
                    key: (happening.occasion.name(), source.name.clone(), command.clone()),
                    folder: happening.folder.to_owned(),
                    input,
                    timeout: hook.timeout.unwrap_or(self.timeout),
                    until: happening.until,
                    is_waited_for: happening.occasion.is_waited_for(),
                };
                let ended = self.runner.run(task).await;
                (named(command, &source.name), heard(happening.occasion, &ended))
            }
        }
    }

    /// Tells a person.
    pub(crate) fn tell(&self, conversation_id: &str, text: &str) {
        let conversation = Some(conversation_id).filter(|id| !id.is_empty()).map(Text::from);
        self.ports.notices.emit(&Notice {
            kind: NOTICE_KIND.into(),
            conversation_id: conversation.into(),
            title: "a hook has something to tell".into(),
            text: text.into(),
        });
    }

    /// Stops the turn of a conversation, as a hook wants it. Behind whoever asks: the turn waits for that.
    pub(crate) fn stop(self: &Arc<Self>, conversation_id: &Text, reason: &str) {
        self.tell(conversation_id, &format!("the turn is stopped by a hook: {reason}"));
        let (hooks, conversation_id) = (Arc::clone(self), conversation_id.clone());
        self.host.spawn(async move {
            if let Err(error) = hooks.ports.stop.call(conversation_id.clone()).await {
                tracing::warn!("the turn of conversation `{conversation_id}` could not be stopped: {error}");
            }
        });
    }

    /// Where a conversation works, as far as that can be known.
    pub(crate) async fn folder_of(&self, conversation_id: &Text) -> Option<String> {
        if let Some(folder) = self.known.folder(conversation_id) {
            return Some(folder);
        }
        let first = || self.host.roots().next().and_then(|root| root.to_str()).map(str::to_owned);
        if conversation_id.is_empty() {
            return first();
        }
        match self.ports.find.call(conversation_id.clone()).await {
            Ok(found) => match found.cwd {
                Maybe::Some(folder) => Some(folder.into()),
                Maybe::None => first(),
            },
            Err(_) => first(),
        }
    }
}

/// Where a file is, for a person.
fn place(source: &Source, folder: &str) -> String {
    let name = legible(&source.name, 200);
    if Path::new(&source.name).is_absolute() {
        return format!("`{name}`");
    }
    format!("`{name}` in `{}`", legible(folder, 200))
}

/// When nobody waits any more for what is asked with this context, with a margin for the answer.
pub(crate) fn until(context: &CallContext) -> Instant {
    let budget = context.budget().unwrap_or(UNWAITED);
    Instant::now() + budget.saturating_sub((budget / 20).max(Duration::from_secs(1)))
}

/// The same where nobody waits at all.
pub(crate) fn until_unwaited() -> Instant {
    Instant::now() + UNWAITED
}

/// Who is asked.
enum Asked<'a> {
    Hook(&'a Source, &'a Hook),
    /// Nobody knows whom it is for.
    Unfit(&'a Source, &'a Hook, String),
    Broken(&'a Source, &'a str),
}

/// The hooks that are meant, in their order, the same command once.
fn meant<'a>(sources: &'a [Source], happening: &Happening<'_>) -> Vec<Asked<'a>> {
    let mut asked: Vec<Asked<'a>> = Vec::new();
    for source in sources {
        match (&source.state, source.file.as_deref()) {
            (State::Broken(problem), _) if happening.occasion.is_guarded() => {
                asked.push(Asked::Broken(source, problem));
            }
            (State::Used, Some(Ok(file))) => {
                for hook in file.hooks.iter().filter(|hook| hook.occasion == happening.occasion) {
                    let is_same = |there: &Asked<'_>| matches!(there, Asked::Hook(_, other) if other.action == hook.action);
                    match hook.matcher.matches(&happening.names) {
                        Ok(true) if !asked.iter().any(is_same) => asked.push(Asked::Hook(source, hook)),
                        Ok(_) => {}
                        Err(problem) => asked.push(Asked::Unfit(source, hook, problem)),
                    }
                }
            }
            _ => {}
        }
    }
    asked
}

/// What hooks are told, as JSON.
fn input(happening: &Happening<'_>) -> Value {
    let mut input = Map::new();
    input.insert("session_id".to_owned(), json!(happening.conversation_id));
    input.insert("cwd".to_owned(), json!(happening.folder));
    input.insert("hook_event_name".to_owned(), json!(happening.occasion.name()));
    input.insert("permission_mode".to_owned(), json!("default"));
    if let Value::Object(fields) = &happening.fields {
        input.extend(fields.clone());
    }
    Value::Object(input)
}

/// What hooks say to a model, marked, so that nobody takes it for a person's words or a tool's.
pub(crate) fn marked(occasion: Occasion, contexts: &[String]) -> String {
    format!("<hook event=\"{}\">\n{}\n</hook>", occasion.name(), contexts.join("\n"))
}
