//! [`PluginEntry`]: one `[[plugin]]` table, and the rules among them that no schema can say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use transom_kernel::{FaultBudget, PointPattern};
use transom_loader::is_plugin_id;
use transom_plugin_api::sabotage::sabotaged;

use super::Reader;
use super::fault::Position;
use super::grants::positions_in;
use super::schema::Schema;
use super::tables::{Attach, LogLevel, PluginTable};
use super::tree::{Content, Located};
use super::wording::{Subject, shown};

/// One plugin of the manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginEntry {
    /// The plugin's id, unique in the manifest.
    pub id: String,
    /// How it is attached.
    pub attach: Attach,
    /// Its shared library, joined to the manifest's folder. There exactly when it is attached as a dylib.
    pub source: Option<PathBuf>,
    /// Whether the host ends when it does not start .
    pub required: bool,
    /// The capabilities it is granted; `None` when the manifest does not say.
    pub capabilities: Option<Vec<String>>,
    /// The points it may be at; `None` for all that it declares.
    pub points: Option<Vec<PointPattern>>,
    /// Seconds it has to start, when they are not the host's: see [`Manifest::start_deadline`](super::Manifest::start_deadline).
    pub start_deadline_s: Option<u64>,
    /// What it logs, when that is not what the host's setting says.
    pub log: Option<LogLevel>,
    /// How many faults it may have before it is quarantined.
    pub faults: FaultBudget,
    /// Its own settings, not checked yet.
    pub(super) settings: Located,
    at: Position,
    keys: BTreeMap<String, Position>,
    /// Where the items of its lists stand, by key.
    items: BTreeMap<String, Vec<Position>>,
}

impl PluginEntry {
    /// Where the value of `key` stands, or the table.
    pub(super) fn position_of(&self, key: &str) -> Position {
        self.keys.get(key).copied().unwrap_or(self.at)
    }

    /// Where the item of that index in the list under `key` stands.
    pub(super) fn position_of_item(&self, key: &str, index: usize) -> Position {
        self.items.get(key).and_then(|items| items.get(index)).copied().unwrap_or(self.position_of(key))
    }
}

impl Reader<'_, '_> {
    /// Reads the plugins' tables. The answer is whole only when nothing was reported.
    pub(super) fn plugins(&mut self, tables: Vec<Located>, schema: Schema<'_>) -> Vec<PluginEntry> {
        let Some(schema) = schema.property("plugin").and_then(Schema::items) else { return Vec::new() };
        self.report_duplicates(&tables);
        let numbered = tables.into_iter().enumerate();
        let mut plugins: Vec<PluginEntry> =
            numbered.filter_map(|(index, table)| self.plugin(index, table, schema)).collect();
        let mut seen = BTreeSet::new();
        plugins.retain(|plugin| seen.insert(plugin.id.clone()));
        plugins
    }

    fn plugin(&mut self, index: usize, mut table: Located, schema: Schema<'_>) -> Option<PluginEntry> {
        let before = self.report.count();
        let keys = table.entries().iter().map(|entry| (entry.key.clone(), entry.value.at)).collect();
        let items = table
            .entries()
            .iter()
            .map(|entry| (entry.key.clone(), positions_in(Some(&entry.value))))
            .collect();
        let at = table.at;
        let settings = table.take_if("settings", |content| matches!(content, Content::Table(_)));
        let value = self.check(Subject::Plugin(name_of(index, &table)), &table, schema);
        if self.report.count() > before {
            return None;
        }
        let PluginTable {
            id,
            source,
            attach,
            required,
            capabilities,
            points,
            start_deadline_s,
            log,
            faults,
            ..
        } = self.read(&table, value)?;
        let capabilities = capabilities.map(|written| self.capabilities(&id, written, &table));
        let points = points.map(|written| self.points(&id, &written, &table));
        let attach = attach.unwrap_or(if source.is_some() { Attach::Dylib } else { Attach::Linked });
        let faults = faults.map_or_else(FaultBudget::default, |faults| FaultBudget {
            limit: faults.limit,
            within: Duration::from_secs(faults.within_s),
        });
        let entry = PluginEntry {
            id,
            faults,
            attach,
            source: source.map(|source| self.folder.join(source)),
            required,
            capabilities,
            points,
            start_deadline_s,
            log,
            settings: settings.unwrap_or_else(|| Located::empty_table(at)),
            at,
            keys,
            items,
        };
        self.report_contradictions(&entry);
        // A plugin that contradicts itself is told once, and not looked for.
        (self.report.count() == before).then_some(entry)
    }

    fn report_duplicates(&mut self, tables: &[Located]) {
        let mut first = BTreeMap::new();
        if sabotaged("take-the-first-of-two") {
            return;
        }
        for id in tables.iter().filter_map(|table| table.get("id")) {
            let Some(text) = id.text() else { continue };
            if let Some(Position { line, .. }) = first.get(text) {
                let message = format!("plugin {} is listed twice, first in line {line}", shown(text));
                self.report.say(
                    id.at,
                    message,
                    Some(format!("remove one of lines {line} and {}", id.at.line)),
                );
            } else {
                first.insert(text, id.at);
            }
        }
    }

    fn report_contradictions(&mut self, entry: &PluginEntry) {
        let PluginEntry { id, attach, source, .. } = entry;
        if !is_plugin_id(id) {
            let help = "use lower-case words joined by `-`, at most 64 characters";
            self.report.say(
                entry.position_of("id"),
                format!("{} is no plugin's id", shown(id)),
                Some(help.into()),
            );
        }
        match (attach, source) {
            (Attach::Dylib, None) => {
                let message = format!("plugin `{id}` is to be attached as a dylib, but has no `source`");
                let help = "add `source`, the path of its shared library, or remove `attach`";
                self.report.say(entry.position_of("attach"), message, Some(help.into()));
            }
            (Attach::Linked, Some(_)) => {
                let message = format!("plugin `{id}` is to be linked, but has a `source`");
                self.report.say(
                    entry.position_of("source"),
                    message,
                    Some("remove `source` or `attach`".into()),
                );
            }
            (Attach::Dylib, Some(_)) | (Attach::Linked, None) => {}
        }
    }
}

/// What a plugin is called in messages: by its id, or by its number where it has none.
fn name_of(index: usize, table: &Located) -> String {
    match table.get("id").and_then(Located::text) {
        Some(id) => format!("plugin {}", shown(id)),
        None => format!("plugin {}", index + 1),
    }
}
