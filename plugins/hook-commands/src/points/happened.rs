//! `PermissionRequest`, `PostCompact`, `Notification` and `SessionEnd`: what has happened, and waits for nobody.

use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::conversation::Begun;
use transom_agent::notice::{Notice, kind};
use transom_plugin_api::{Mailbox, StartError, Text};

use super::{question, turn};
use crate::HookPorts;
use crate::hooks::{Happening, Hooks, NOTICE_KIND, until_unwaited};
use crate::occasion::Occasion;

/// Events that may wait to be heard of; of more the oldest are not.
const WAITING: u32 = 256;
/// Why a conversation was put away. Nobody is told.
const REASON: &str = "other";

pub(crate) fn register(hooks: &Arc<Hooks>, ports: &HookPorts) -> Result<(), StartError> {
    let mailbox = Mailbox::drop_oldest(WAITING);
    let begun = Arc::clone(hooks);
    ports
        .begun
        .inline(move |Begun { conversation_id, cwd, .. }, _| begun.known.works(conversation_id, cwd))?;
    ports.asked.queued_with(hooks, mailbox, async |hooks, asked, _| {
        let (question, asking) = (asked.clone(), Arc::clone(&hooks));
        hooks
            .in_background(async move {
                if let Some(reason) = question::asked(&asking, &question).await.and_then(|answer| answer.stop)
                {
                    asking.stop(&question.conversation_id, &reason);
                }
            })
            .await;
    })?;
    ports.compacted.queued_with(hooks, mailbox, async |hooks, compacted, _| {
        let names = turn::TRIGGERS.map(str::to_owned).into();
        let fields = json!({
            "trigger": turn::TRIGGERS[0],
            "compact_summary": compacted.summary.text.as_str(),
        });
        hooks.tell_of(Occasion::PostCompact, compacted.conversation_id.clone(), names, fields).await;
    })?;
    ports.noticed.queued_with(hooks, mailbox, async |hooks, notice, _| {
        // What hooks themselves have told would go round.
        if notice.kind != NOTICE_KIND {
            let names = names_of(&notice);
            let told = names.last().cloned();
            let fields = json!({
                "message": notice.text.as_str(), "title": notice.title.as_str(), "notification_type": told,
            });
            let conversation_id = notice.conversation_id.as_ref().cloned().unwrap_or_default();
            hooks.tell_of(Occasion::Notification, conversation_id, names, fields).await;
        }
    })?;
    ports.closed.queued_with(hooks, mailbox, async |hooks, closed, _| {
        hooks.known.closed(&closed);
        let fields = json!({ "reason": REASON });
        hooks.tell_of(Occasion::SessionEnd, closed.clone(), vec![REASON.to_owned()], fields).await;
    })
}

/// What a notice is about, by our own word and, where hooks know another one, by that.
fn names_of(notice: &Notice) -> Vec<String> {
    let mut names = vec![notice.kind.to_string()];
    if notice.kind == kind::QUESTION {
        names.push("permission_prompt".to_owned());
    }
    names
}

impl Hooks {
    /// Does something for which nobody waits, as soon as there is room for it.
    async fn in_background(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(room) = Arc::clone(&self.under_way).acquire_owned().await else { return };
        self.host.spawn(async move {
            work.await;
            drop(room);
        });
    }

    /// Tells hooks of something for which nobody waits.
    async fn tell_of(
        self: &Arc<Self>,
        occasion: Occasion,
        conversation_id: Text,
        names: Vec<String>,
        fields: Value,
    ) {
        let hooks = Arc::clone(self);
        let telling = async move {
            let Some(folder) = hooks.folder_of(&conversation_id).await else { return };
            let (conversation_id, folder) = (conversation_id.as_str(), folder.as_str());
            let until = until_unwaited();
            hooks.ask(Happening { occasion, conversation_id, folder, names, fields, until }).await;
        };
        self.in_background(telling).await;
    }
}
