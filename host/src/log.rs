//! The log of this host and its plugins: one line each on standard error, for people or for programs.
//!
//! | file | subject |
//! |---|---|
//! | `levels` | who logs at which level |
//! | `owner` | whose line a target is, for plugins that are linked |
//! | `filter` | what is not logged: by level, and by how much there was of it |
//! | `floods` | how many lines a plugin may log |
//! | `lines` | spans and events as lines |
//! | `fields` | the fields of a span or an event |
//! | `text`, `json` | the two forms of a line |
//! | `traces` | the trace id of each span |

mod fields;
mod filter;
mod floods;
mod json;
mod levels;
mod lines;
mod owner;
mod text;
mod traces;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use transom_kernel::trace;

use crate::assembly::{Assembled, Source};
use crate::manifest::{HostSettings, LogFormat, log_levels};
use filter::{Filter, FloodLimiter};
use floods::Floods;
use levels::Levels;
use lines::Lines;
use traces::Traces;

/// Between the first line that a flood costs and the line that tells how many it were.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// Who stands for the host and whatever has no level of its own, where a plugin may be named.
pub(crate) const HOST: &str = "host";

/// The log of this process, once it has one of ours.
static LOG: OnceLock<Arc<Log>> = OnceLock::new();

/// How the log is to be.
pub(crate) struct Options<'a> {
    /// What [`log_levels`] accepts.
    pub(crate) levels: &'a str,
    /// Whether plugins have the levels that the manifest gives them.
    pub(crate) own_levels: bool,
    pub(crate) format: LogFormat,
    /// Lines that each plugin may log in a second.
    pub(crate) limit: u32,
    /// Whether traces are followed across the bus.
    pub(crate) traces: bool,
}

impl<'a> Options<'a> {
    /// As the manifest says, but for a format named on the command line.
    pub(crate) fn of(host: &'a HostSettings, format: Option<LogFormat>) -> Self {
        let format = format.unwrap_or(host.log_format);
        Self {
            levels: &host.log,
            own_levels: true,
            format,
            limit: host.log_limit,
            traces: host.traces.unwrap_or(format == LogFormat::Json),
        }
    }

    /// Warnings only, for a host that lives for one command.
    pub(crate) fn quiet(host: &HostSettings) -> Self {
        Self {
            levels: "warn",
            own_levels: false,
            format: LogFormat::Text,
            limit: host.log_limit,
            traces: host.traces.unwrap_or(false),
        }
    }
}

/// Sends the log to standard error. A process whose log somebody else has installed keeps that.
pub(crate) fn install(options: &Options<'_>) {
    let log = Arc::new(Log::new(options.levels, options.own_levels, options.limit));
    let write = |line: &str| {
        // Who cannot read the log has no other place to be told.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    };
    let lines = Lines::new(Arc::clone(&log), options.format, write);
    let layers = tracing_subscriber::registry().with(Traces).with(lines).with(Filter(Arc::clone(&log)));
    if layers.try_init().is_err() {
        return;
    }
    trace::set_limiter(Box::new(FloodLimiter(Arc::clone(&log))));
    if options.traces {
        trace::follow(Some(traces::current));
    }
    floods::tell_of(Arc::clone(&log), TELL_AFTER);
    let _ = LOG.set(log);
    trace::levels_changed();
}

/// Makes the plugins known that are to be started: whose lines are whose, and at which level.
pub(crate) fn introduce(plugins: &[Assembled]) {
    let Some(log) = LOG.get() else { return };
    {
        let mut levels = log.levels_mut();
        for plugin in plugins {
            if matches!(plugin.source, Source::Linked(_)) {
                levels.owners.add(&plugin.descriptor.module, &plugin.entry.id);
            }
            if let (true, Some(level)) = (log.own_levels, plugin.entry.log) {
                levels.set(&plugin.entry.id, Some(level.into()));
            }
        }
    }
    trace::levels_changed();
}

/// Tells what was suppressed and not told yet. To be called before the process ends.
pub(crate) fn finish() {
    if let Some(log) = LOG.get() {
        log.tell_suppressed();
    }
}

/// Who logs at which level.
///
/// # Errors
/// When the log is not ours; a sentence for a person.
pub(crate) fn listed<'a>(plugins: impl Iterator<Item = &'a str>) -> Result<Value, String> {
    let levels = ours()?.levels();
    let plugins: Vec<Value> = plugins
        .map(|plugin| {
            let own = levels.own(plugin).map(|level| level.to_string());
            json!({ "plugin": plugin, "level": own.as_deref().unwrap_or(&levels.text), "own": own.is_some() })
        })
        .collect();
    Ok(json!({ "host": levels.text, "plugins": plugins }))
}

/// Sets a level: of a plugin, where `host` takes its own away again, or of everything else.
///
/// # Errors
/// When the level is none; a sentence for a person.
pub(crate) fn set(who: &str, level: &str) -> Result<(), String> {
    let log = ours()?;
    if who == HOST {
        let everything = log_levels(level).map_err(|problem| format!("the level {problem}"))?;
        log.levels_mut().set_everything(everything, level);
    } else if level == HOST {
        log.levels_mut().set(who, None);
    } else {
        let known = level.parse::<LevelFilter>().ok().filter(|_| level.parse::<usize>().is_err());
        let known = known.ok_or_else(|| {
            format!(
                "`{}` is no level: write `error`, `warn`, `info`, `debug`, `trace` or `off`, or `host` for the host's",
                level.escape_debug()
            )
        })?;
        log.levels_mut().set(who, Some(known));
    }
    trace::levels_changed();
    Ok(())
}

fn ours() -> Result<&'static Log, String> {
    LOG.get().map(|log| &**log).ok_or_else(|| "the log of this host is not kept by Transom".to_owned())
}

/// What the parts of the log share.
pub(crate) struct Log {
    levels: RwLock<Levels>,
    own_levels: bool,
    floods: Floods,
}

impl Log {
    fn new(levels: &str, own_levels: bool, limit: u32) -> Self {
        let everything =
            log_levels(levels).unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
        Self { levels: RwLock::new(Levels::new(everything, levels)), own_levels, floods: Floods::new(limit) }
    }

    fn levels(&self) -> RwLockReadGuard<'_, Levels> {
        self.levels.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn levels_mut(&self) -> RwLockWriteGuard<'_, Levels> {
        self.levels.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plugin of a callsite, as far as that shows without running it.
    fn plugin_of(&self, metadata: &Metadata<'_>) -> Option<&'static str> {
        trace::plugin_of(metadata).or_else(|| self.levels().owners.of(metadata.target()))
    }

    /// The plugin that logs at a callsite now: also what a library logs for it, when it is called by the plugin's handler.
    fn plugin_at(&self, metadata: &Metadata<'_>) -> Option<&'static str> {
        let running = || (!owner::is_hosts(metadata.target())).then(transom_kernel::running_plugin).flatten();
        self.plugin_of(metadata).or_else(running)
    }

    fn tell_suppressed(&self) {
        for (plugin, lines) in self.floods.take_suppressed() {
            tracing::warn!(plugin, lines, "suppressed {lines} lines of `{plugin}`");
        }
    }
}
