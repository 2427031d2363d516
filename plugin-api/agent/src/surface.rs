//! Surfaces: what a plugin has to show and what can be done with it, as data that any client can draw in its own way. A surface
//! says nothing of colours, places or sizes. Whoever shows surfaces knows the kinds of fields, and no plugin.
//!
//! A plugin that has a surface serves [`SURFACE`] and, where something can be done with it, [`SURFACE_ACTION`], under the
//! surface's id; it says [`SURFACE_CHANGED`] when a surface shows something else than before.

use transom_plugin_api::{CallError, Event, Json, List, Maybe, Service, Text, contract};

use crate::refusal::shown;

/// Whether there is one of a surface, or one for each conversation.
#[contract(grows)]
#[derive(Eq)]
pub enum SurfaceScope {
    /// One.
    Global,
    /// One for each conversation.
    Conversation,
}

/// What is known of a surface before it is shown.
#[contract]
#[derive(Eq)]
pub struct SurfaceAbout {
    /// Where it would go, such as `side`: a hint, and any word.
    pub region: Text,
    /// A few words for people.
    pub title: Text,
    /// How many there are.
    pub scope: SurfaceScope,
}

impl SurfaceAbout {
    /// A surface of each conversation.
    #[must_use]
    pub fn of_conversations(region: impl Into<Text>, title: impl Into<Text>) -> Self {
        Self { region: region.into(), title: title.into(), scope: SurfaceScope::Conversation }
    }

    /// A surface of which there is one.
    #[must_use]
    pub fn global(region: impl Into<Text>, title: impl Into<Text>) -> Self {
        Self { region: region.into(), title: title.into(), scope: SurfaceScope::Global }
    }

    /// The surface with this to show.
    #[must_use]
    pub fn showing(&self, id: &str, fields: List<Field>) -> SurfaceSpec {
        let (region, title) = (self.region.clone(), self.title.clone());
        SurfaceSpec { id: id.into(), region, title, fields }
    }
}

/// Everything that a surface shows at this moment.
#[contract]
pub struct SurfaceSpec {
    /// Its id.
    pub id: Text,
    /// As in [`SurfaceAbout`].
    pub region: Text,
    /// As in [`SurfaceAbout`].
    pub title: Text,
    /// What it shows, from top to bottom.
    pub fields: List<Field>,
}

/// Something that can be chosen.
#[contract]
#[derive(Eq)]
pub struct Choice {
    /// What is sent.
    pub value: Text,
    /// What people read.
    pub label: Text,
}

/// A piece of a surface. An `action` names what a client asks for when somebody uses the field, with what is sent along; each
/// action stands at one field of its surface, and is 1 to 128 of `A–Z a–z 0–9 - _ .`
#[contract(grows)]
pub enum Field {
    /// Something that is on or off. Sends the new value: true or false.
    Toggle {
        /// What it is.
        label: Text,
        /// Whether it is on.
        value: bool,
        /// What changes it.
        action: Text,
    },
    /// How far something is.
    Progress {
        /// What it is.
        label: Text,
        /// From 0 to 1.
        value: f64,
    },
    /// One of several. Sends the `value` of the one that was chosen.
    Selector {
        /// What it is.
        label: Text,
        /// That of the one which is chosen.
        value: Text,
        /// What can be chosen.
        options: List<Choice>,
        /// What chooses another.
        action: Text,
    },
    /// Something to read.
    Stat {
        /// What it is.
        label: Text,
        /// What is read.
        value: Text,
    },
    /// A number that can be changed. Sends the new one.
    Number {
        /// What it is.
        label: Text,
        /// What it is now.
        value: f64,
        /// What it is at least.
        min: Maybe<f64>,
        /// What it is at most.
        max: Maybe<f64>,
        /// What it is changed by: a hint.
        step: Maybe<f64>,
        /// What it counts, such as `s`.
        unit: Maybe<Text>,
        /// What changes it.
        action: Text,
    },
    /// Something to do. Sends nothing.
    Button {
        /// What is done.
        label: Text,
        /// The same for programs.
        action: Text,
    },
    /// What only some clients can draw; the others leave it out.
    Custom {
        /// Which sort of drawing, such as `table`.
        renderer: Text,
        /// What is drawn.
        payload: Json,
    },
}

impl Field {
    /// What a client asks for when somebody uses the field; `None` where it is only looked at, or of a kind that is not known
    /// here.
    #[must_use]
    pub const fn action(&self) -> Option<&Text> {
        match self {
            Self::Toggle { action, .. }
            | Self::Selector { action, .. }
            | Self::Number { action, .. }
            | Self::Button { action, .. } => Some(action),
            Self::Progress { .. } | Self::Stat { .. } | Self::Custom { .. } | Self::Unknown(_) => None,
        }
    }
}

/// Which of the surfaces of one id.
#[contract]
#[derive(Eq, Default)]
pub struct SurfaceOf {
    /// The conversation; absent where there is one surface for all.
    pub conversation_id: Maybe<Text>,
}

impl SurfaceOf {
    /// The conversation, for a surface of which each has one.
    ///
    /// # Errors
    /// `InvalidInput` when none is given.
    pub fn conversation(&self) -> Result<&Text, CallError> {
        given(&self.conversation_id)
    }
}

fn given(conversation_id: &Maybe<Text>) -> Result<&Text, CallError> {
    conversation_id.as_ref().ok_or_else(|| CallError::invalid_input("`conversationId` is missing"))
}

/// Tells what a surface shows; the name is its id: 1 to 128 of `A–Z a–z 0–9 - _ .`
///
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is no such conversation,
/// [`InvalidInput`](transom_plugin_api::CallErrorKind::InvalidInput) when nothing can have that id, or none is given.
///
/// `agent/surface.show` · named service · 5 s · the plugin that has the surface answers
pub const SURFACE: Service<SurfaceOf, SurfaceSpec, SurfaceAbout> =
    Service::named("agent/surface.show").deadline_ms(5_000);

/// Somebody uses a field.
#[contract]
pub struct SurfaceAct {
    /// Which action, as it stands at the field.
    pub action: Text,
    /// What is sent along, as the [kind of the field](Field) wants it; `null` for nothing.
    pub payload: Json,
    /// The conversation; absent where there is one surface for all.
    pub conversation_id: Maybe<Text>,
}

impl SurfaceAct {
    /// The conversation, for a surface of which each has one.
    ///
    /// # Errors
    /// `InvalidInput` when none is given.
    pub fn conversation(&self) -> Result<&Text, CallError> {
        given(&self.conversation_id)
    }

    /// That the surface has no such action.
    #[must_use]
    pub fn unknown(&self) -> CallError {
        CallError::not_found(format!("there is no action `{}` here", shown(&self.action, 40)))
    }
}

/// It was done. What the surface shows from now on is told as after any change.
#[contract]
#[derive(Eq, Default)]
pub struct SurfaceActed {
    /// A sentence for who did it, where there is something to say.
    pub told: Maybe<Text>,
}

/// Does something with a surface; the name is the surface's id. Who calls has looked whether the field is there and the payload
/// fits it at that moment; it may not any more.
///
/// [`NotFound`](transom_plugin_api::CallErrorKind::NotFound) when there is no such action or conversation; else as what is done
/// says.
///
/// `agent/surface.act` · named service · 30 s · the plugin that has the surface answers
pub const SURFACE_ACTION: Service<SurfaceAct, SurfaceActed, SurfaceAbout> =
    Service::named("agent/surface.act");

/// A surface shows something else than before.
#[contract]
#[derive(Eq)]
pub struct SurfaceChanged {
    /// Which surface.
    pub surface_id: Text,
    /// Of which conversation; absent when it did for all.
    pub conversation_id: Maybe<Text>,
}

/// Said when a surface shows something else than before, as often as it does: what it shows is not said, and whoever shows it asks
/// when it is time for that. Nobody can refuse it. Heard inline, by who only notes it.
///
/// `agent/surface.changed` · event · the plugin that has the surface says it
pub const SURFACE_CHANGED: Event<SurfaceChanged> = Event::new("agent/surface.changed");

impl SurfaceChanged {
    /// That of a conversation did.
    #[must_use]
    pub fn of(surface_id: &str, conversation_id: &Text) -> Self {
        Self { surface_id: surface_id.into(), conversation_id: Maybe::Some(conversation_id.clone()) }
    }

    /// The one there is did, or those of all conversations.
    #[must_use]
    pub fn of_all(surface_id: &str) -> Self {
        Self { surface_id: surface_id.into(), conversation_id: Maybe::None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_clients_see_has_the_kind_of_a_field_as_its_type() {
        let about = SurfaceAbout::of_conversations("side", "Warmth");
        let toggle = Field::Toggle { label: "keep it".into(), value: true, action: "keep".into() };
        let spec = about.showing("warmth", List::from([toggle]));
        assert_eq!(
            Json::of(&spec).expect("it is encoded").value(),
            json!({"id": "warmth", "region": "side", "title": "Warmth", "fields": [
                {"type": "toggle", "label": "keep it", "value": true, "action": "keep"},
            ]})
        );
    }

    #[test]
    fn a_field_of_a_later_kind_is_kept_as_it_is_and_has_no_action_here() {
        let later = json!({"type": "dial", "label": "speed", "action": "turn"});
        let field: Field = Json::from(later.clone()).read().expect("it is kept");
        assert_eq!(field.action(), None);
        assert_eq!(Value::from(Json::of(&field).expect("it is encoded")), later);
    }
}
