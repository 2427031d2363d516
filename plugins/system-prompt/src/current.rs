//! [`Templates`]: the template that counts, the operator's or the one that was put in its place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use transom_plugin_api::StartError;

use crate::template::{Fault, Template};

/// What models are told where the operator says nothing else.
pub(crate) const BUILT_IN: &str =
    "You are a helpful agent. Use the tools you are given where they help, and say so when something \
cannot be done.

[if file:AGENTS.md][file:AGENTS.md]

[endif]Working folder: [prompt:cwd]";

/// A template, with the text it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) text: String,
    pub(crate) template: Template,
    /// SHA-256 of the text.
    pub(crate) digest: String,
    /// Whether it is the operator's.
    pub(crate) is_default: bool,
}

impl Current {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str, is_default: bool) -> Result<Self, Fault> {
        let template = Template::read(text)?;
        let unknown: Vec<String> = template.unknown().into_iter().map(|tag| format!("`[{tag}]`")).collect();
        if !unknown.is_empty() {
            tracing::warn!("the template names what nobody knows, and stays blank: {}", unknown.join(", "));
        }
        Ok(Self {
            text: text.to_owned(),
            template,
            digest: format!("{:x}", Sha256::digest(text)),
            is_default,
        })
    }
}

/// The template that counts.
#[derive(Debug)]
pub(crate) struct Templates {
    operators: Arc<Current>,
    instead: Mutex<Option<Arc<Current>>>,
}

impl Templates {
    /// With the operator's template.
    ///
    /// # Errors
    /// When that is not well-formed.
    pub(crate) fn new(written: Option<&str>) -> Result<Self, StartError> {
        let operators = Current::read(written.unwrap_or(BUILT_IN), true).map_err(|fault| {
            StartError::new(format!("setting `template`: {fault}")).help("see docs/plugins/system-prompt.md")
        })?;
        Ok(Self { operators: Arc::new(operators), instead: Mutex::default() })
    }

    fn instead(&self) -> MutexGuard<'_, Option<Arc<Current>>> {
        self.instead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that counts.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.instead().clone().unwrap_or_else(|| Arc::clone(&self.operators))
    }

    /// Puts another in the place of the operator's, or takes that back.
    pub(crate) fn put(&self, current: Option<Current>) {
        *self.instead() = current.map(Arc::new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_template_is_well_formed_and_knows_its_variables() {
        let built_in = Templates::new(None).expect("well-formed").current();
        assert!(built_in.is_default && built_in.template.unknown().is_empty());
        let refused = Templates::new(Some("a\n[endif]")).expect_err("refused").to_string();
        assert!(refused.contains("setting `template`: the `[endif]` in line 2, column 1"), "{refused}");
    }
}
