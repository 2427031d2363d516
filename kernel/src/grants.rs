//! [`Grants`]: what the operator lets one plugin have of what it asks for.
//!
//! They are looked at where a point is resolved and where a secret is asked for, and on no call.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use transom_plugin_api::capability::{SECRETS, is_secret_name};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Secret};

use crate::descriptor::{Descriptor, PortDescriptor};

/// What one plugin is granted. The default is everything that its descriptor asks for, and no secret.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Capabilities; `None` for all that it asks for. More than that is worth nothing.
    pub capabilities: Option<BTreeSet<String>>,
    /// Points; `None` for all that it declares.
    pub points: Option<Vec<PointPattern>>,
    /// Secrets by name. Debug output shows the names alone.
    pub secrets: BTreeMap<String, Secret>,
}

/// Points by name: one of them, or all of an owner's as `owner/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointPattern(String);

impl PointPattern {
    /// Reads a pattern: `owner/name` or `owner/*`; `None` when it is neither.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let is_plain = |part: &str| !part.is_empty() && !part.contains(['*', ' ', '\t', '\n']);
        (is_plain(owner) && (name == "*" || is_plain(name))).then(|| Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names `point`.
    #[must_use]
    pub fn covers(&self, point: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(owner) => point.starts_with(owner),
            None => self.0 == point,
        }
    }
}

impl fmt::Display for PointPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Grants {
    /// Whether the plugin may be at `point`.
    #[must_use]
    pub fn cover(&self, point: &str) -> bool {
        self.points.as_ref().is_none_or(|points| points.iter().any(|pattern| pattern.covers(point)))
    }

    /// The points that `plugin` declares and is not granted: those it does without, or those it cannot do without.
    pub fn withheld<'a>(
        &'a self,
        plugin: &'a Descriptor,
        optional: bool,
    ) -> impl Iterator<Item = &'a PortDescriptor> {
        plugin.ports.iter().filter(move |port| port.optional == optional && !self.cover(&port.point))
    }

    /// Whether it may have `capability`, if it asks for it.
    fn allow(&self, capability: &str) -> bool {
        self.capabilities.as_ref().is_none_or(|granted| granted.contains(capability))
    }

    /// The secret `name`, when `plugin` asks for it and is granted it.
    ///
    /// # Errors
    /// `Denied` when it is not, `NotFound` when there is no such secret.
    pub(crate) fn secret(&self, plugin: &Descriptor, name: &str) -> Result<&Secret, CallError> {
        let id = &plugin.id;
        if !is_secret_name(name) {
            // What was asked for is not repeated: it may be anything.
            let what = "asks for a secret by a name that is none: it is lower-case words joined by `-`";
            return Err(CallError::denied(format!("plugin `{id}` {what}")));
        }
        let capability = format!("{SECRETS}{name}");
        if !sabotaged("hand-out-any-secret") {
            if !plugin.capabilities.contains(&capability) {
                return Err(CallError::denied(format!(
                    "plugin `{id}` does not say that it uses the secret `{name}`: add `{capability}` to `capabilities` in its export"
                )));
            }
            if !self.allow(&capability) {
                return Err(CallError::denied(format!(
                    "plugin `{id}` is not granted the secret `{name}`: add `{capability}` to its `capabilities` in the manifest"
                )));
            }
        }
        self.secrets.get(name).ok_or_else(|| {
            CallError::not_found(format!(
                "there is no secret `{name}`: add `{name}` to `[secrets]` in the manifest"
            ))
        })
    }
}

/// Why a plugin is refused a point that it declares.
pub(crate) fn denied_point(plugin: &str, point: &str) -> CallError {
    CallError::denied(format!(
        "plugin `{plugin}` is not granted the point `{point}`: add it to its `points` in the manifest"
    ))
}

#[cfg(test)]
mod tests;
