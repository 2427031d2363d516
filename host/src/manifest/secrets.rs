//! `[secrets]`: what plugins may be granted under `secrets:NAME`, each as a reference to where it is kept.

use std::collections::BTreeMap;

use serde_json::Value;
use transom_plugin_api::Secret;
use transom_plugin_api::capability::is_secret_name;

use super::Reader;
use super::environment::is_filled_in;
use super::schema::Schema;
use super::tree::{Entry, Located};
use super::wording::shown;

impl Reader<'_, '_> {
    /// What no schema can say of the secrets. No value is repeated, written or filled in.
    fn report_secrets(&mut self, root: &Located) {
        for Entry { key, at, value } in root.get("secrets").map_or(&[][..], Located::entries) {
            if !is_secret_name(key) {
                let message = format!("{} in `secrets` is no name of a secret", shown(key));
                let help = "use lower-case words joined by `-`, at most 64 characters";
                self.report.say(*at, message, Some(help.to_owned()));
            }
            let is_kept_elsewhere =
                |text: &str| ["env:", "file:", "keyring:"].iter().any(|kind| text.starts_with(kind));
            let is_reference = |text: &str| is_kept_elsewhere(text) || is_filled_in(text);
            if value.text().is_some_and(|text| !is_reference(text)) {
                let message = format!("the secret {} is written into the manifest", shown(key));
                let help = "write `env:NAME`, `file:PATH` or `keyring:NAME`, so that the manifest can be shown to others";
                self.report.say(value.at, message, Some(help.to_owned()));
            }
        }
    }

    /// The secrets; none of them when something is wrong with one.
    pub(super) fn secrets(&mut self, root: &Located, schema: Schema<'_>) -> BTreeMap<String, Secret> {
        let before = self.report.count();
        let value = self.sound(root, schema);
        self.report_secrets(root);
        let secrets = value.filter(|_| self.report.count() == before);
        let secrets = secrets.and_then(|mut value| value.get_mut("secrets").map(Value::take));
        secrets.and_then(|secrets| self.read(root, secrets)).unwrap_or_default()
    }
}
