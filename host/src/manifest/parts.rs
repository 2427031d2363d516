//! The parts of a manifest: of the host, secrets, order, and the plugins' tables, which are read elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use transom_loader::TrustedKey;
use transom_plugin_api::Secret;
use transom_plugin_api::settings::Setting;

use super::environment::Environment;
use super::fault::{Fault, Report};
use super::log_levels;
use super::order::Order;
use super::schema::Schema;
use super::tables::{HostSettings, default_of};
use super::tree::{Content, Located};
use super::validate::Validator;
use super::wording::Subject;

/// Reads the parts of one manifest.
pub(super) struct Reader<'a, 'f> {
    pub(super) folder: &'a Path,
    pub(super) environment: &'a Environment,
    pub(super) report: &'a mut Report<'f>,
}

/// A manifest in its parts, of which the plugins' tables are not read yet.
pub(super) struct Parts {
    /// `None` when its values have faults.
    pub(super) host: Option<HostSettings>,
    pub(super) tables: Vec<Located>,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) trusted_keys: Option<Vec<TrustedKey>>,
    pub(super) order: Order,
    pub(super) own_faults: Vec<Fault>,
    pub(super) secret_faults: Vec<Fault>,
}

impl Reader<'_, '_> {
    /// The plugins' tables, and of the rest each part that has no faults.
    pub(super) fn split(&mut self, mut root: Located, schema: Schema<'_>) -> Parts {
        let plugins = root.take_if("plugin", |content| matches!(content, Content::List(_)));
        let tables = plugins.map_or_else(Vec::new, Located::into_items);
        let [secrets, order] = ["secrets", "order"].map(|key| root.part(key));
        let (host, trusted_keys) = self.host(&root, schema).unzip();
        let own_faults = self.report.behind(0);
        let before = self.report.count();
        let secrets = self.secrets(&secrets, schema);
        let secret_faults = self.report.behind(before);
        let order = self.order(&order, schema);
        let trusted_keys = trusted_keys.flatten();
        Parts { host, tables, secrets, trusted_keys, order, own_faults, secret_faults }
    }

    /// The host's part, and whose signatures count.
    fn host(
        &mut self,
        root: &Located,
        schema: Schema<'_>,
    ) -> Option<(HostSettings, Option<Vec<TrustedKey>>)> {
        let mut value = self.sound(root, schema)?;
        let host: HostSettings = match value.get_mut("host").map(Value::take) {
            Some(host) => self.read(root, host)?,
            None => default_of(),
        };
        if let Some(table) = root.get("host") {
            self.report_unusable(table, &host);
        }
        Some((self.in_folder(host), self.trusted_keys(root)))
    }

    /// The values of a part of the manifest; `None` when something is wrong with them.
    pub(super) fn sound(&mut self, part: &Located, schema: Schema<'_>) -> Option<Value> {
        let before = self.report.count();
        let value = self.check(Subject::Manifest, part, schema);
        (self.report.count() == before).then_some(value)
    }

    pub(super) fn check(&mut self, subject: Subject, root: &Located, schema: Schema<'_>) -> Value {
        let (environment, folder) = (self.environment, self.folder);
        Validator { subject, environment, folder, report: &mut *self.report }.check(root, schema)
    }

    /// Reads what was checked. An error here means that the schema promises less than the type asks for.
    pub(super) fn read<T: Setting>(&mut self, at: &Located, value: Value) -> Option<T> {
        T::read(value).map_err(|error| self.report.say(at.at, error.to_string(), None)).ok()
    }

    /// What no schema can say of the host's settings.
    fn report_unusable(&mut self, table: &Located, host: &HostSettings) {
        let mut say = |key: &str, problem: String, help: &str| {
            let at = table.get(key).map_or(table.at, |value| value.at);
            self.report.say(at, format!("`host.{key}` {problem}"), Some(help.to_owned()));
        };
        if let Err(problem) = log_levels(&host.log) {
            let help = "write `error`, `warn`, `info`, `debug`, `trace` or `off`, or levels by target as in `info,transom_kernel=debug`";
            say("log", problem, help);
        }
        if host.data.as_ref().is_some_and(|data| data.as_os_str().is_empty()) {
            say("data", "is empty".to_owned(), "name a folder, or leave it out for the user's own");
        }
        if host.roots.is_empty() {
            say("roots", "is empty".to_owned(), "name the folders that agents may work in, or leave it out");
        }
        if host.roots.iter().any(|root| root.as_os_str().is_empty()) {
            say("roots", "has an empty path".to_owned(), "write `.` for the manifest's folder");
        }
    }

    pub(super) fn in_folder(&self, host: HostSettings) -> HostSettings {
        let roots = host.roots.iter().map(|root| self.folder.join(root)).collect();
        HostSettings { data: host.data.map(|data| self.folder.join(data)), roots, ..host }
    }
}
