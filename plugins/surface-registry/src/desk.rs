//! [`Desk`]: surfaces and what is done with them, asked for at the plugins that have them, and checked.

use std::sync::Arc;

use serde::Serialize;
use transom_agent::nearest::nearest;
use transom_agent::refusal::{check_conversation_id, shown};
use transom_agent::surface::{SurfaceAbout, SurfaceAct, SurfaceActed, SurfaceOf, SurfaceScope, SurfaceSpec};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Host, Json, Maybe, Text};

use crate::SurfaceRegistryPorts;
use crate::hub::Hub;
use crate::wanted::Wanted;
use crate::{check, payload};

/// Surfaces there may be; further ones are not listed.
pub(crate) const MOST_SURFACES: usize = 256;

/// Where surfaces are asked for.
pub(crate) struct Desk {
    pub(crate) ports: SurfaceRegistryPorts,
    pub(crate) host: Host,
    hub: Arc<Hub>,
}

/// A surface in the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Entry {
    pub(crate) id: Text,
    pub(crate) region: Text,
    pub(crate) title: Text,
    pub(crate) scope: SurfaceScope,
}

/// A surface as its plugin shows it, checked.
#[derive(Debug)]
pub(crate) struct Showing {
    pub(crate) spec: SurfaceSpec,
    /// The same as it is sent.
    pub(crate) document: Json,
    /// The conversation it belongs to.
    pub(crate) conversation_id: Option<Text>,
}

impl Desk {
    pub(crate) fn new(ports: SurfaceRegistryPorts, host: Host) -> Self {
        Self { ports, host, hub: Arc::default() }
    }

    pub(crate) const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The surfaces there are, by their ids.
    pub(crate) fn catalogue(&self) -> Vec<Entry> {
        let entry = |id, SurfaceAbout { region, title, scope }| Entry { id, region, title, scope };
        let names = self.ports.show.names().into_iter().take(MOST_SURFACES);
        names.map(|provided| entry(provided.name, provided.about)).collect()
    }

    /// Changes whenever the catalogue may have.
    pub(crate) fn version(&self) -> u64 {
        self.ports.show.version()
    }

    /// A surface in the catalogue, and the conversation for which it is asked.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id, `InvalidInput` when it belongs to a conversation and none is given.
    pub(crate) fn find(
        &self,
        id: &str,
        conversation_id: Option<&Text>,
    ) -> Result<(Entry, Option<Text>), CallError> {
        let all = self.catalogue();
        let Some(entry) = all.iter().find(|entry| entry.id == id) else { return Err(unknown(id, &all)) };
        let conversation_id = match (&entry.scope, conversation_id) {
            (SurfaceScope::Global, _) => None,
            (_, Some(conversation_id)) => {
                check_conversation_id("conversationId", conversation_id)?;
                Some(conversation_id.clone())
            }
            (SurfaceScope::Conversation, None) => {
                let message =
                    format!("surface `{id}` belongs to a conversation, and `conversationId` is missing");
                return Err(CallError::invalid_input(message));
            }
            (_, None) => None,
        };
        Ok((entry.clone(), conversation_id))
    }

    /// What a surface shows.
    ///
    /// # Errors
    /// As [`find`](Self::find), and what its plugin says; `Failed` when that shows what no surface may be.
    pub(crate) async fn show(&self, id: &str, conversation_id: Option<&Text>) -> Result<Showing, CallError> {
        let (_, conversation_id) = self.find(id, conversation_id)?;
        let of = SurfaceOf { conversation_id: conversation_id.clone().into() };
        let spec = self.ports.show.call_named(id, of).await?;
        let document = check::document(id, &spec)?;
        Ok(Showing { spec, document, conversation_id })
    }

    /// Does something with a surface.
    ///
    /// # Errors
    /// As [`show`](Self::show); `NotFound` when it has no such action, `InvalidInput` when that takes something else; and what its
    /// plugin says.
    pub(crate) async fn act(
        &self,
        id: &str,
        action: &str,
        payload: Json,
        conversation_id: Option<&Text>,
    ) -> Result<SurfaceActed, CallError> {
        let showing = self.show(id, conversation_id).await?;
        payload::check(&showing.spec, action, &payload)?;
        let act =
            SurfaceAct { action: action.into(), payload, conversation_id: showing.conversation_id.into() };
        match self.ports.act.call_named(id, act).await {
            Err(error) if error.kind == CallErrorKind::NoProvider => {
                Err(CallError::not_found(format!("nothing can be done with surface `{id}`")))
            }
            Err(_) if sabotaged("surface-fail-in-silence") => Ok(SurfaceActed::default()),
            answered => answered,
        }
    }

    /// Makes sure that what somebody wants to look at is there.
    ///
    /// # Errors
    /// As [`find`](Self::find); `NotFound` when there is no such conversation.
    pub(crate) async fn check(&self, wanted: &Wanted) -> Result<(), CallError> {
        for id in wanted.which.ids() {
            self.find(id, wanted.conversation_id.as_ref())?;
        }
        match &wanted.conversation_id {
            Some(conversation_id) => self.check_there(conversation_id).await,
            None => Ok(()),
        }
    }

    /// Makes sure that a conversation is there, where somebody can tell.
    ///
    /// # Errors
    /// `NotFound` when it is not, `InvalidInput` when nothing can have that id.
    pub(crate) async fn check_there(&self, conversation_id: &Text) -> Result<(), CallError> {
        check_conversation_id("conversationId", conversation_id)?;
        match self.ports.find.call(conversation_id.clone()).await {
            Err(error) if error.kind != CallErrorKind::NoProvider => Err(error),
            _ => Ok(()),
        }
    }
}

fn unknown(id: &str, all: &[Entry]) -> CallError {
    let meant = nearest(id, all.iter().map(|entry| entry.id.as_str()));
    let hint = meant.first().map_or_else(
        || "`GET /surfaces` lists those there are".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    CallError::not_found(format!("there is no surface `{}`; {hint}", shown(id, 128)))
}

/// An update as clients are told it, wherever they are.
pub(crate) fn update(id: &str, showing: &Showing) -> serde_json::Map<String, serde_json::Value> {
    let mut fields = serde_json::Map::new();
    fields.insert("surfaceId".to_owned(), id.into());
    fields.insert("spec".to_owned(), showing.document.value());
    if let Some(conversation_id) = &showing.conversation_id {
        fields.insert("conversationId".to_owned(), conversation_id.as_str().into());
    }
    fields
}

/// What became of an action, as clients are told it.
pub(crate) fn acted(id: &str, action: &str, acted: &SurfaceActed) -> serde_json::Value {
    let mut told = serde_json::json!({ "surfaceId": id, "action": action });
    if let Maybe::Some(sentence) = &acted.told {
        told["told"] = sentence.as_str().into();
    }
    told
}
