//! [`Manifest`]: what the operator wrote in `transom.toml`, checked, with every fault at its place.
//!
//! Reads the text, fills in what it takes from the environment and checks plugins' settings against their schemas;
//! does not look at plugin files, and knows no plugin by name.
//!
//! ```
//! use transom_host::manifest::Manifest;
//!
//! let manifest = Manifest::parse("[[plugin]]\nid = \"parrot\"\n\n[plugin.settings]\ntimes = 3\n", "transom.toml")?;
//! let schema = serde_json::json!({"type": "object", "properties": {"times": {"type": "integer", "maximum": 2}}});
//! let faults = manifest.settings_for(&manifest.plugins[0], &schema).unwrap_err();
//! assert_eq!(
//!     faults[0].to_string(),
//!     "error: setting `times` of plugin `parrot` is 3, expected at most 2\n  --> transom.toml:5:9"
//! );
//! # Ok::<(), transom_host::manifest::Faults>(())
//! ```

mod editor;
mod environment;
mod fault;
mod grants;
mod keyring;
mod keys;
mod order;
mod parts;
mod plugins;
mod schema;
mod secrets;
mod tables;
mod tree;
mod validate;
mod wording;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};
use transom_loader::TrustedKey;
use transom_plugin_api::Secret;
use transom_plugin_api::capability::secret_of;

pub use editor::manifest_schema;
pub use environment::Environment;
pub use fault::{Fault, Faults, Position};
pub use plugins::PluginEntry;
pub use tables::{Attach, HostSettings, LogFormat, LogLevel};
pub(crate) use wording::{listed, nearest};

use crate::regular_file::{Unread, bytes_of};
use fault::Report;
use order::Order;
use parts::{Parts, Reader};
use schema::Schema;
use tables::{ManifestTable, default_of, schema_of};
use tree::{Content, Located};
use validate::Validator;
use wording::Subject;

/// The largest manifest that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// A manifest without faults of its own. Plugins' settings are checked by [`Manifest::settings_for`].
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// How the host itself runs; its paths are joined to the manifest's folder.
    pub host: HostSettings,
    /// The plugins to run, in the order of the file.
    pub plugins: Vec<PluginEntry>,
    /// Secrets that plugins may be granted, by name. Debug output hides their values.
    pub secrets: BTreeMap<String, Secret>,
    /// Whose signatures make a plugin's file one that may run; `None` when files need none.
    pub trusted_keys: Option<Vec<TrustedKey>>,
    order: Order,
    file: String,
    /// Where it was read from; none when it was a text.
    path: Option<PathBuf>,
    folder: PathBuf,
    environment: Environment,
    /// Where the values of `host.roots` stand; none when they are the default.
    root_positions: Vec<Position>,
    /// All of them.
    faults: Vec<Fault>,
    /// Those in the host's part.
    own_faults: Vec<Fault>,
    /// Those in `[secrets]`.
    secret_faults: Vec<Fault>,
    is_whole: bool,
}

impl Manifest {
    /// Reads the manifest at `path`, with the environment of this process.
    ///
    /// # Errors
    /// All faults at once: of the file, of the syntax, or of the values.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        Self::salvage(path)?.sound()
    }

    /// Reads what can be read of the manifest at `path` and keeps the faults of the rest, so that what is wrong with its
    /// plugins can be told beside them.
    ///
    /// # Errors
    /// All faults at once, of the file or of the syntax, when nothing can be read.
    pub fn salvage(path: &Path) -> Result<Self, Faults> {
        Self::salvage_if(path, |_| Ok(()))
    }

    /// The same where the very text that is read is `admitted`.
    pub(crate) fn salvage_if(
        path: &Path,
        admitted: impl FnOnce(&str) -> Result<(), Fault>,
    ) -> Result<Self, Faults> {
        let file = path.display().to_string();
        let text = text_of(path, &file)?;
        admitted(&text)?;
        let manifest = Self::read(&text, &file, folder_of(path), Environment::of_process())?;
        // It may be read again when the process is in another folder.
        Ok(Self { path: Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())), ..manifest })
    }

    /// Reads it again as its file is now; one that was a text is what it was.
    ///
    /// # Errors
    /// As [`Manifest::salvage`].
    pub fn again(&self) -> Result<Self, Faults> {
        let Some(path) = &self.path else { return Ok(self.clone()) };
        let text = text_of(path, &self.file)?;
        let manifest = Self::read(&text, &self.file, &self.folder, Environment::of_process())?;
        Ok(Self { path: self.path.clone(), ..manifest })
    }

    /// Reads a manifest from its text, with the environment of this process. Paths are relative to the folder of
    /// `file_name`, which need not exist.
    ///
    /// # Errors
    /// All faults at once: of the syntax, else of the values.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Faults> {
        Self::parse_in(text, file_name, Environment::of_process())
    }

    /// The same with an environment of the caller's.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn parse_in(text: &str, file_name: &str, environment: Environment) -> Result<Self, Faults> {
        Self::read(text, file_name, folder_of(Path::new(file_name)), environment)?.sound()
    }

    fn read(text: &str, file: &str, folder: &Path, environment: Environment) -> Result<Self, Faults> {
        let mut report = Report::of(file);
        let Some(tree) = tree::parse(text, &mut report).filter(|_| report.count() == 0) else {
            return Err(report.into_faults().expect("a text that cannot be read has faults"));
        };
        let schema = schema_of::<ManifestTable>();
        let root_positions = positions_of_roots(&tree);
        let mut reader = Reader { folder, environment: &environment, report: &mut report };
        let Parts { host, tables, secrets, trusted_keys, order, own_faults, secret_faults } =
            reader.split(tree, Schema(&schema));
        let host = host.unwrap_or_else(|| reader.in_folder(default_of()));
        let listed = tables.len();
        let plugins = reader.plugins(tables, Schema(&schema));
        let is_whole = plugins.len() == listed;
        let faults = report.into_faults().into_iter().flatten().collect();
        Ok(Self {
            host,
            plugins,
            secrets,
            trusted_keys,
            order,
            file: file.to_owned(),
            path: None,
            folder: folder.to_owned(),
            environment,
            root_positions,
            faults,
            own_faults,
            secret_faults,
            is_whole,
        })
    }

    /// Lists only these plugins. What is wrong with who is left out is forgotten; they have no place in an order either, and a
    /// secret that none of the others may use need not be there.
    pub(crate) fn keep_only(&mut self, ids: &[String]) {
        self.plugins.retain(|entry| ids.contains(&entry.id));
        self.order = Order::default();
        let asked = self.plugins.iter().flat_map(|entry| entry.capabilities.iter().flatten());
        let mut faults = self.own_faults.clone();
        if asked.into_iter().any(|capability| secret_of(capability).is_some()) {
            faults.extend_from_slice(&self.secret_faults);
        }
        (self.faults, self.is_whole) = (faults, true);
    }

    /// What is wrong with the host's part, which then says nothing of the host: not even where its data is.
    pub(crate) fn own_faults(&self) -> Option<Faults> {
        Faults::of(self.own_faults.clone())
    }

    fn sound(self) -> Result<Self, Faults> {
        Faults::of(self.faults.clone()).map_or(Ok(self), Err)
    }

    /// What is wrong with it; not empty only when it was read by [`Manifest::salvage`].
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Whether every plugin's table could be read.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The settings of `plugin` as JSON, checked against its schema, with variables and secrets filled in. Settings
    /// that the manifest leaves out are left out: the plugin has its own defaults. Debug output hides all of it.
    ///
    /// # Errors
    /// All faults at once, in the order of the file.
    pub fn settings_for(&self, plugin: &PluginEntry, schema: &Value) -> Result<Secret, Vec<Fault>> {
        let mut report = Report::of(&self.file);
        let mut validator = Validator {
            subject: Subject::Settings(format!("plugin `{}`", plugin.id)),
            environment: &self.environment,
            folder: &self.folder,
            report: &mut report,
        };
        let settings = validator.check(&plugin.settings, Schema(schema));
        match report.into_faults() {
            None => Ok(Secret::new(settings.to_string())),
            Some(faults) => Err(faults.into_iter().collect()),
        }
    }

    /// A fault at `key` of a plugin's table, or at the table where it has no such key. For what only shows when
    /// files and plugins are looked at.
    #[must_use]
    pub fn fault_at(&self, plugin: &PluginEntry, key: &str, message: String, help: Option<String>) -> Fault {
        Fault {
            file: self.file.clone(),
            position: Some(plugin.position_of(key)),
            message,
            help,
            explanation: None,
        }
    }

    /// A fault at the root of that index in `host.roots`. For what only shows when folders are looked at.
    #[must_use]
    pub fn fault_at_root(&self, index: usize, message: String, help: Option<String>) -> Fault {
        Fault {
            file: self.file.clone(),
            position: self.root_positions.get(index).copied(),
            message,
            help,
            explanation: None,
        }
    }

    /// A fault at the item of that index in the list under `key` of a plugin's table.
    #[must_use]
    pub fn fault_at_item(
        &self,
        plugin: &PluginEntry,
        key: &str,
        index: usize,
        message: String,
        help: String,
    ) -> Fault {
        let position = plugin.position_of_item(key, index);
        Fault { position: Some(position), ..self.fault_at(plugin, key, message, Some(help)) }
    }

    /// How long `plugin` has to start.
    #[must_use]
    pub fn start_deadline(&self, plugin: &PluginEntry) -> Duration {
        Duration::from_secs(plugin.start_deadline_s.unwrap_or(self.host.start_deadline_s))
    }

    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The folder that paths are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// What `host.log` says is logged.
///
/// # Errors
/// When it is neither a level nor a list of levels by target; the text fits behind the name of the setting.
pub(crate) fn log_levels(text: &str) -> Result<Targets, String> {
    let directives = || text.split(',').map(str::trim);
    // A word alone would be read as a target of which everything is logged, so a misspelt level would be too.
    let lone = directives().filter(|directive| !directive.contains('='));
    if let Some(word) = lone.clone().find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("holds {}, which is no level", wording::shown(word)));
    }
    let levels: Targets = text.parse().map_err(|error| format!("is {}: {error}", wording::shown(text)))?;
    // Levels for some targets leave the others as they are, instead of silent.
    Ok(if lone.count() == 0 { levels.with_default(LevelFilter::INFO) } else { levels })
}

fn positions_of_roots(tree: &Located) -> Vec<Position> {
    let roots = tree.get("host").and_then(|host| host.get("roots"));
    match roots.map(|roots| &roots.content) {
        Some(Content::List(roots)) => roots.iter().map(|root| root.at).collect(),
        _ => Vec::new(),
    }
}

/// The folder that paths in a manifest at `path` are relative to.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn text_of(path: &Path, file: &str) -> Result<String, Fault> {
    let fault =
        |message| Fault { file: file.to_owned(), position: None, message, help: None, explanation: None };
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => fault("there is no such manifest".to_owned()),
        kind => fault(format!("the manifest cannot be read: {kind}")),
    };
    let bytes = bytes_of(path, LARGEST).map_err(|unread| match unread {
        Unread::NotAFile => Fault {
            help: Some("name the file itself; a pipe, a device or a folder is none".into()),
            ..fault("the manifest is not a regular file".into())
        },
        Unread::TooLong => fault(format!("the manifest has more than {LARGEST} bytes")),
        Unread::Failed(error) => unreadable(error),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let position = tree::end_of(&String::from_utf8_lossy(sound));
        let help = Some("save it as UTF-8".into());
        Fault { position: Some(position), help, ..fault("the manifest is not UTF-8 text".into()) }
    })
}
