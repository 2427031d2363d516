//! [`Descriptor`]: what a plugin says of itself, as its file carries it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use transom_plugin_api::abi::plugin_table::SYMBOL_PREFIX;
use transom_plugin_api::point::PointKind;
use transom_plugin_api::port::Role;

/// What a plugin says of itself. Written when it is compiled; fields that this host does not know are passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The plugin's id: lower-case words joined by `-`.
    pub id: String,
    /// Version of the plugin's crate.
    pub version: String,
    /// One sentence about it.
    pub about: String,
    /// Revision of the ABI it was built with.
    pub abi: u32,
    /// Version of the plugin API it was built with. Shown, never compared.
    pub sdk: String,
    /// The target triple it was built for.
    pub target: String,
    /// The compiler it was built with. Shown, never compared.
    pub rustc: String,
    /// What a panic in it does.
    pub panic: PanicStrategy,
    /// The runtime it asks for: `none` or `tokio`.
    pub runtime: String,
    /// What it asks to be granted.
    pub capabilities: Vec<String>,
    /// The points it touches, in the order of its struct of ports. A port's index is its place here.
    pub ports: Vec<PortDescriptor>,
    /// JSON Schema of its settings.
    pub settings: Value,
}

impl Descriptor {
    /// Name of the data symbol through which the plugin is entered.
    #[must_use]
    pub fn symbol(&self) -> String {
        symbol_of(&self.id)
    }
}

/// Name of the data symbol of the plugin called `id`.
#[must_use]
pub fn symbol_of(id: &str) -> String {
    format!("{SYMBOL_PREFIX}{}", id.replace('-', "_"))
}

/// What a panic does in the code of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PanicStrategy {
    /// It is caught at the plugin's border.
    Unwind,
    /// It ends the process.
    Abort,
}

/// One port of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortDescriptor {
    /// What the plugin does there.
    #[serde(with = "role")]
    pub role: Role,
    /// The point's name.
    pub point: String,
    /// What sort of point it is.
    #[serde(with = "kind")]
    pub kind: PointKind,
    /// Milliseconds one handler may take; 0 when it may take as long as it needs.
    pub deadline_ms: u64,
    /// The named stages of a filter, first to last.
    pub stages: Vec<String>,
    /// The event's, the filter's or the request's type.
    pub input: PayloadDescriptor,
    /// The reply's or the item's type.
    pub output: PayloadDescriptor,
    /// What is known about each name.
    pub about: PayloadDescriptor,
    /// Whether the plugin also runs when nobody is at the other end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// The names it answers under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether further names show only when it runs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dynamic_names: bool,
    /// Its stage in a filter; empty for the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stage: String,
    /// Plugins that come after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Plugins that come before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// A type that crosses a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadDescriptor {
    /// What the type is called.
    pub name: String,
    /// The 32 hexadecimal digits of its fingerprint.
    pub fingerprint: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(truth: &bool) -> bool {
    !truth
}

mod role {
    use super::{Deserialize, Deserializer, Role, Serializer, unknown};

    pub(super) const ALL: [Role; 6] =
        [Role::Says, Role::Hears, Role::Applies, Role::Links, Role::Calls, Role::Serves];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(role.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
        let word = String::deserialize(deserializer)?;
        ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| unknown("role", &word))
    }
}

mod kind {
    use super::{Deserialize, Deserializer, PointKind, Serializer, unknown};

    pub(super) const ALL: [PointKind; 8] = [
        PointKind::Event,
        PointKind::PacedEvent,
        PointKind::OpenFilter,
        PointKind::ClosedFilter,
        PointKind::Service,
        PointKind::NamedService,
        PointKind::Stream,
        PointKind::NamedStream,
    ];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(kind: &PointKind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PointKind, D::Error> {
        let word = String::deserialize(deserializer)?;
        ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| unknown("kind of point", &word))
    }
}

fn unknown<E: serde::de::Error>(what: &str, word: &str) -> E {
    E::custom(format!("unknown {what} `{word}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{descriptor, descriptor_json};

    #[test]
    fn unknown_fields_are_passed_over() {
        let mut json = descriptor_json("parrot");
        json["mood"] = "curious".into();
        json["ports"][0]["colour"] = "green".into();
        assert_eq!(serde_json::from_value::<Descriptor>(json).expect("it is read"), descriptor("parrot"));
    }

    #[test]
    fn an_unknown_role_is_an_error_that_names_it() {
        let mut json = descriptor_json("parrot");
        json["ports"][0]["role"] = "whispers".into();
        let error = serde_json::from_value::<Descriptor>(json).expect_err("nobody whispers");
        assert_eq!(error.to_string(), "unknown role `whispers`");
    }

    #[test]
    fn a_descriptor_is_written_as_it_was_read() {
        let json = descriptor_json("parrot");
        assert_eq!(serde_json::to_value(descriptor("parrot")).expect("it is written"), json);
    }

    #[test]
    fn the_symbol_has_underscores_for_dashes() {
        assert_eq!(descriptor("spend-limit").symbol(), "transom_plugin_spend_limit");
    }

    #[test]
    fn every_role_and_kind_has_a_word_of_its_own() {
        // These matches stop compiling when the API gains a variant that the lists above lack.
        for role in role::ALL {
            match role {
                Role::Says | Role::Hears | Role::Applies | Role::Links | Role::Calls | Role::Serves => {}
            }
        }
        for kind in kind::ALL {
            match kind {
                PointKind::Event
                | PointKind::PacedEvent
                | PointKind::OpenFilter
                | PointKind::ClosedFilter
                | PointKind::Service
                | PointKind::NamedService
                | PointKind::Stream
                | PointKind::NamedStream => {}
            }
        }
        let words: std::collections::BTreeSet<_> = kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), kind::ALL.len());
    }
}
