//! What a plugin says of itself, parsed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use transom_plugin_api::abi::plugin_table::SYMBOL_PREFIX;
use transom_plugin_api::describe::{Piece, text_of};
use transom_plugin_api::point::PointKind;
use transom_plugin_api::port::{PortDecl, Role, TypeDecl};

/// A plugin's descriptor: the JSON of its record. Fields of later versions are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Lower-case words joined by `-`.
    pub id: String,
    /// Version of the plugin's crate.
    pub version: String,
    /// One sentence.
    pub about: String,
    /// The module that exports it, to know what it logs when it is linked; empty when it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// Revision of the ABI it was built with.
    pub abi: u32,
    /// Version of the plugin API it was built with.
    pub sdk: String,
    /// Target triple.
    pub target: String,
    /// Compiler, for people; never compared.
    pub rustc: String,
    /// What a panic in it does.
    pub panic: PanicStrategy,
    /// `none` or `tokio`.
    pub runtime: String,
    /// Whether it lets go of everything before its successor starts.
    #[serde(default)]
    pub handover: Handover,
    /// What it asks the operator to grant.
    pub capabilities: Vec<String>,
    /// Every point it touches.
    pub ports: Vec<PortDescriptor>,
    /// The shape of every type of its ports, by fingerprint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, Arc<Value>>,
    /// JSON Schema of its settings.
    pub settings: Value,
}

impl Descriptor {
    /// Name of the data symbol through which the plugin is entered.
    #[must_use]
    pub fn symbol(&self) -> String {
        symbol_of(&self.id)
    }

    /// Whether the old generation must have let go before a new one starts.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.handover == Handover::Exclusive
    }
}

/// How one generation of a plugin follows another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handover {
    /// The new one starts beside the old one, which goes when the new one runs.
    #[default]
    Beside,
    /// The old one has stopped before the new one starts; calls wait meanwhile. For plugins that own something, such as
    /// a database.
    Exclusive,
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
    pub role: Role,
    /// Name of the point.
    pub point: String,
    /// What sort of point it is.
    pub kind: PointKind,
    /// Milliseconds one handler may take; 0 for as long as it needs.
    pub deadline_ms: u64,
    /// Stages of a filter, first to last.
    pub stages: Vec<String>,
    /// The event's, the filter's or the request's type.
    pub input: PayloadDescriptor,
    /// The reply's or the item's type.
    pub output: PayloadDescriptor,
    /// What is known about each name.
    pub about: PayloadDescriptor,
    /// Whether it also runs when nobody provides the service.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// Names it answers under.
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

/// A payload type by name and fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadDescriptor {
    /// What the payload is called.
    pub name: String,
    /// 32 hexadecimal digits.
    pub fingerprint: String,
    /// For people.
    #[serde(default = "first_revision", skip_serializing_if = "is_first_revision")]
    pub revision: u32,
}

const fn first_revision() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_first_revision(revision: &u32) -> bool {
    *revision == first_revision()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl From<TypeDecl> for PayloadDescriptor {
    fn from(of: TypeDecl) -> Self {
        Self { name: of.name.to_owned(), fingerprint: of.fingerprint.to_string(), revision: of.revision }
    }
}

impl From<&PortDecl> for PortDescriptor {
    fn from(port: &PortDecl) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            role: port.role,
            point: port.point.name.to_owned(),
            kind: port.point.kind,
            deadline_ms: port.point.deadline_ms,
            stages: texts(port.point.stages),
            input: port.input.into(),
            output: port.output.into(),
            about: port.about.into(),
            optional: port.optional,
            names: texts(port.names),
            dynamic_names: port.dynamic_names,
            stage: port.stage.to_owned(),
            before: texts(port.before),
            after: texts(port.after),
        }
    }
}

/// The shape of every type of `ports`, by fingerprint: what the descriptor of a file has as `types`.
#[must_use]
pub fn types_of(ports: &[PortDecl]) -> BTreeMap<String, Arc<Value>> {
    let types = ports.iter().flat_map(PortDecl::types);
    types.map(|of| (of.fingerprint.to_string(), Arc::new(shape_json(of.shape)))).collect()
}

/// Has the shapes that several of `descriptors` tell stand in memory once: most plugins touch the same contracts.
pub fn share_shapes<'a>(descriptors: impl IntoIterator<Item = &'a mut Descriptor>) {
    let mut known: HashMap<String, Arc<Value>> = HashMap::new();
    for descriptor in descriptors {
        for (fingerprint, shape) in &mut descriptor.types {
            let first = known.entry(fingerprint.clone()).or_insert_with(|| Arc::clone(shape));
            // A file may tell what it likes of a fingerprint; that is its own.
            if first == shape {
                *shape = Arc::clone(first);
            }
        }
    }
}

/// A contract's shape as JSON; `null`, which is nobody's shape, for one that is written by hand and is no JSON.
#[must_use]
pub fn shape_json(shape: &[Piece]) -> Value {
    serde_json::from_str(&text_of(shape)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
