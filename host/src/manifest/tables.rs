//! The tables of `transom.toml` as settings of the host, so that what is read and the schema are one source.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tracing::level_filters::LevelFilter;
use transom_plugin_api::describe::{Piece, text_of};
use transom_plugin_api::settings::Setting;
use transom_plugin_api::{Secret, Settings, SettingsError};

/// What a Transom host runs, and how.
#[derive(Settings)]
#[expect(dead_code, reason = "its parts are read one by one, so that each fault finds its place")]
pub(super) struct ManifestTable {
    /// The host itself.
    host: Option<HostSettings>,
    /// The plugins, one table each. The order does not matter.
    plugin: Vec<PluginTable>,
    /// Secrets that plugins may be granted, each as `env:NAME`, `file:PATH` or `keyring:NAME`.
    secrets: BTreeMap<String, Secret>,
    /// For a point, plugins in the order in which they are to stand there; the others keep their places.
    order: BTreeMap<String, Vec<String>>,
}

/// How the host itself runs.
#[derive(Clone, Debug, PartialEq, Settings)]
pub struct HostSettings {
    /// Folder for everything the host and its plugins keep, relative to the manifest's folder. Left out, it is
    /// `$XDG_DATA_HOME/transom`.
    pub data: Option<PathBuf>,
    /// Folders that agents may work in. Relative to the manifest's folder.
    #[setting(default = ["."])]
    pub roots: Vec<PathBuf>,
    /// What is logged: a level (`error`, `warn`, `info`, `debug` or `trace`), or levels by target.
    #[setting(default = "info")]
    pub log: String,
    /// How the log is written: `text`, for people, or `json`, one object a line.
    #[setting(default = "text")]
    pub log_format: LogFormat,
    /// Lines that each plugin may log in a second, and five times as many at once; errors are counted by themselves. 1 to
    /// 1000000.
    #[setting(default = 200, min = 1, max = 1_000_000)]
    pub log_limit: u32,
    /// Whether a trace is followed across the bus: into queued events, background tasks and `CallContext`s. Left out, it is
    /// where the log is JSON.
    pub traces: Option<bool>,
    /// Seconds all plugins together have to stop. 1 to 3600.
    #[setting(default = 10, min = 1, max = 3600)]
    pub stop_deadline_s: u64,
    /// Seconds a plugin has to start, unless its own table says otherwise. 1 to 3600.
    #[setting(default = 10, min = 1, max = 3600)]
    pub start_deadline_s: u64,
    /// Seconds a handler may keep a thread busy until the host ends with exit code 70, for a supervisor to start it again.
    /// Left out, it never ends for that. 1 to 3600.
    #[setting(min = 1, max = 3600)]
    pub watchdog_s: Option<u64>,
    /// Seconds between two lines of the log about memory and what takes it; 0 for none. 0 to 86400.
    #[setting(default = 60, max = 86_400)]
    pub memory_log_s: u64,
    /// Images of earlier generations that may stay in memory, since none can be taken out: past it plugins are reloaded
    /// only after a restart. 1 to 100000.
    #[setting(default = 200, min = 1, max = 100_000)]
    pub retired_images: u64,
    /// Whether a plugin that does not start ends the host.
    #[setting(default = false)]
    pub strict: bool,
    /// Public keys of minisign, each as it is (`RW…`) or as `file:PATH`: a plugin's `source` must have a signature with one of
    /// them beside it, `SOURCE.minisig`. Left out, no signature is looked at.
    pub trusted_keys: Option<Vec<String>>,
    /// Whether plugin files run only from sealed memory, never from a private copy.
    #[setting(default = false)]
    pub sealed: bool,
}

/// One plugin to run.
#[derive(Debug, Settings)]
pub(super) struct PluginTable {
    /// The plugin's id: lower-case words joined by `-`.
    pub(super) id: String,
    /// The plugin's shared library, relative to the manifest's folder. Without it the plugin is one that is linked in.
    pub(super) source: Option<PathBuf>,
    /// How it is attached: `dylib` when it has a source, else `linked`.
    pub(super) attach: Option<Attach>,
    /// Whether the host ends when this plugin does not start.
    #[setting(default = false)]
    pub(super) required: bool,
    /// What the plugin is granted of what it asks for: all of it, and nothing else. Left out, it is nothing for a plugin with
    /// a source, and what it asks for for one that is linked in.
    pub(super) capabilities: Option<Vec<Capability>>,
    /// The points it may be at: names, or `owner/*`. Left out, it is all that it declares.
    pub(super) points: Option<Vec<Point>>,
    /// Seconds it has to start, instead of the host's `start_deadline_s`. 1 to 3600.
    #[setting(min = 1, max = 3600)]
    pub(super) start_deadline_s: Option<u64>,
    /// What it logs, in place of what `host.log` says.
    pub(super) log: Option<LogLevel>,
    /// How many faults it may have before it is quarantined.
    pub(super) faults: Option<FaultsTable>,
    /// The plugin's own settings.
    #[expect(
        dead_code,
        reason = "taken out before this is read: only the plugin's schema tells how to check them"
    )]
    settings: Option<OwnSettings>,
}

/// How many faults a plugin may have.
#[derive(Debug, Settings)]
pub(super) struct FaultsTable {
    /// The fault that is one too many: with 5, the fifth. 1 to 1000000.
    #[setting(default = 5, min = 1, max = 1_000_000)]
    pub(super) limit: u32,
    /// Seconds after which a fault is forgotten. 1 to 86400.
    #[setting(default = 60, min = 1, max = 86_400)]
    pub(super) within_s: u64,
}

/// How a plugin is attached to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Settings)]
pub enum Attach {
    /// Compiled into the program.
    Linked,
    /// Loaded from its shared library.
    Dylib,
}

macro_rules! words {
    ($($(#[$doc:meta])* $word:ident: $pattern:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $word(pub(super) String);

        impl Setting for $word {
            // Editors look at the pattern. The host has better words for what does not match it.
            const SCHEMA: &'static [Piece] =
                &[Piece::Text(concat!(r#""type":"string","pattern":""#, $pattern, "\""))];
            fn read(value: Value) -> Result<Self, SettingsError> {
                String::read(value).map(Self)
            }
        }
    )*};
}
words! {
    /// A capability.
    Capability: "^(fs|net|process|secrets:[a-z0-9]+(-[a-z0-9]+)*)$";
    /// A point, or all of an owner's.
    Point: "^[^/*\\\\s]+/([^*\\\\s]+|[*])$";
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Settings, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// How much a plugin logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Settings)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// Warnings, too.
    Warn,
    /// What happens, too.
    Info,
    /// What helps to find a mistake, too.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::OFF,
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// A table about which only a plugin knows more.
#[derive(Debug)]
pub(super) struct OwnSettings;

impl Setting for OwnSettings {
    const SCHEMA: &'static [Piece] = &[Piece::Text(r#""type":"object""#)];
    fn read(_: Value) -> Result<Self, SettingsError> {
        Ok(Self)
    }
}

/// The JSON Schema of `T`.
pub(super) fn schema_of<T: Setting>() -> Value {
    let text = format!("{{{}}}", text_of(T::SCHEMA));
    serde_json::from_str(&text).expect("the derive writes JSON")
}

/// `T` where the manifest says nothing about it.
pub(super) fn default_of<T: Settings>() -> T {
    T::from_json("{}").expect("every setting of it has a default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_the_host_has_its_defaults() {
        let expected = HostSettings {
            data: None,
            roots: vec![".".into()],
            log: "info".into(),
            log_format: LogFormat::Text,
            log_limit: 200,
            traces: None,
            stop_deadline_s: 10,
            start_deadline_s: 10,
            watchdog_s: None,
            memory_log_s: 60,
            retired_images: 200,
            strict: false,
            trusted_keys: None,
            sealed: false,
        };
        assert_eq!(default_of::<HostSettings>(), expected);
    }

    #[test]
    fn the_schema_holds_every_table() {
        let schema = schema_of::<ManifestTable>();
        assert!(schema["properties"]["host"]["properties"]["data"].is_object());
        assert_eq!(schema["properties"]["secrets"]["additionalProperties"]["writeOnly"], true);
        assert_eq!(schema["properties"]["order"]["additionalProperties"]["items"]["type"], "string");
        for (key, pattern) in [
            ("capabilities", "^(fs|net|process|secrets:[a-z0-9]+(-[a-z0-9]+)*)$"),
            ("points", r"^[^/*\s]+/([^*\s]+|[*])$"),
        ] {
            let listed = &schema["properties"]["plugin"]["items"]["properties"][key];
            assert_eq!((&listed["type"], &listed["items"]["pattern"]), (&"array".into(), &pattern.into()));
        }
        assert_eq!(schema["properties"]["plugin"]["items"]["required"], serde_json::json!(["id"]));
        assert_eq!(
            schema["properties"]["plugin"]["items"]["properties"]["attach"]["enum"],
            serde_json::json!(["linked", "dylib"])
        );
    }
}
