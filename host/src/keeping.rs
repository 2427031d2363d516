//! What an operator asks of whoever keeps conversations: examinations and copies. Which plugin that is, the host does not know.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use transom_agent::log::{BACKUP, Backup, BackupProgress, DOCTOR, Diagnosis, Doctor};
use transom_plugin_api::{CallError, CallErrorKind, Caller, ItemStream, StreamCaller};

/// How long an examination may take: longer than its point says, since somebody waits who can end it.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The host's way to whoever keeps conversations.
#[derive(Clone)]
pub(crate) struct Keeping {
    pub(crate) doctor: Caller<Doctor, Diagnosis>,
    pub(crate) backup: StreamCaller<Backup, BackupProgress>,
}

/// The points that have to be served for all of it.
pub(crate) fn points() -> [&'static str; 2] {
    [DOCTOR.spec().name, BACKUP.spec().name]
}

impl Keeping {
    /// What an examination of everything finds.
    pub(crate) async fn examine(&self) -> Result<Value, CallError> {
        let Diagnosis { conversations, faults } = self.doctor.call_within(PATIENCE, Doctor {}).await?;
        let faults: Vec<Value> = faults.iter().map(|fault| json!(fault)).collect();
        Ok(json!({ "conversations": conversations, "faults": faults }))
    }

    /// Begins to copy everything to an absolute path.
    pub(crate) fn back_up(&self, path: &str, replace: bool) -> Result<Copying, CallError> {
        let stream = self.backup.open(Backup { path: path.into(), replace })?;
        Ok(Copying { stream, path: path.to_owned() })
    }
}

/// A copy that is being made; dropping it gives it up.
pub(crate) struct Copying {
    stream: ItemStream<BackupProgress>,
    path: String,
}

/// How far a copy is.
pub(crate) enum Step {
    /// So many bytes of so many.
    Copied(u64, u64),
    /// It is complete: a document about it.
    Complete(Value),
}

impl Copying {
    pub(crate) async fn next(&mut self) -> Result<Step, CallError> {
        match self.stream.next().await {
            Some(Ok(BackupProgress { bytes, of, complete })) => {
                Ok(complete.into_option().map_or(Step::Copied(bytes, of), |copied| {
                    let mut document = json!(copied);
                    document["path"] = json!(self.path);
                    Step::Complete(document)
                }))
            }
            Some(Err(error)) => Err(error),
            None => Err(CallError::failed("it ended before the copy was complete")),
        }
    }
}

/// The document that tells a program, and the other end of the control socket, why something was not done.
pub(crate) fn refusal(error: &CallError) -> Value {
    let message = match error.kind {
        CallErrorKind::NoProvider => "no plugin that runs keeps conversations\n  help: list one in the manifest, and see by `transom status` whether it runs".to_owned(),
        _ => error.message.to_string(),
    };
    let is_refused = matches!(error.kind, CallErrorKind::Conflict | CallErrorKind::InvalidInput);
    json!({ "error": message, "refused": is_refused, "taken": error.kind == CallErrorKind::Conflict })
}

/// A path as the host has to be told it.
pub(crate) fn absolute(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let absolute = std::path::absolute(path).map_err(|error| format!("`{shown}` is no path: {error}"))?;
    absolute.into_os_string().into_string().map_err(|_| format!("`{shown}` is no path in UTF-8"))
}
