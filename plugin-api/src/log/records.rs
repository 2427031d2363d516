//! Records of the crate `log` in a dylib, forwarded as events under the record's own target.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::abi::RStr;
use crate::abi::trace::{RawField, RawParent, RawValue, Sink, Site};

static RECORDS: OnceLock<Records> = OnceLock::new();

/// Takes every record of this image, unless the plugin installed a logger before.
pub(super) fn install(sink: Sink) {
    let records = RECORDS.get_or_init(|| Records { sink, sites: RwLock::default() });
    if log::set_logger(records).is_ok() {
        levels_changed();
    }
}

/// Asks anew which levels the host is interested in.
pub(super) fn levels_changed() {
    if let Some(records) = RECORDS.get() {
        log::set_max_level(records.max_level());
    }
}

struct Records {
    sink: Sink,
    sites: RwLock<HashMap<u8, HashMap<String, Site>>>,
}

impl Records {
    fn max_level(&self) -> LevelFilter {
        let most = self.sink.max_level().into_level();
        most.map_or(LevelFilter::Off, |level| match super::level_number(level) {
            1 => LevelFilter::Error,
            2 => LevelFilter::Warn,
            3 => LevelFilter::Info,
            4 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        })
    }

    /// Records have no callsites; one stands for all of a level and target.
    fn site(&self, metadata: &Metadata<'_>) -> Option<Site> {
        let (level, target) = (number(metadata.level()), metadata.target());
        let known = |sites: &HashMap<u8, HashMap<String, Site>>| sites.get(&level)?.get(target).copied();
        if let Some(site) = known(&self.sites.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(site);
        }
        let site = self.sink.register_line(level, target, target)?;
        let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        sites.entry(level).or_default().insert(target.to_owned(), site);
        Some(site)
    }
}

impl Log for Records {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.site(metadata).is_some_and(|site| self.sink.is_enabled(site))
    }

    fn log(&self, record: &Record<'_>) {
        let Some(site) = self.site(record.metadata()) else { return };
        if !self.sink.is_enabled(site) || !self.sink.admits(site) {
            return;
        }
        let message = record.args().to_string();
        let value = RawValue::Formatted(RStr::from_str(&message));
        self.sink.event(site, RawParent::Current, &[RawField { index: 0, value }]);
    }

    fn flush(&self) {}
}

const fn number(level: Level) -> u8 {
    match level {
        Level::Error => 1,
        Level::Warn => 2,
        Level::Info => 3,
        Level::Debug => 4,
        Level::Trace => 5,
    }
}
