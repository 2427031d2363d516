//! [`Callsite`], a place in a dylib's code as the host's `tracing` knows it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use tracing::callsite::{self, Identifier};
use tracing::field::{Field, FieldSet};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use transom_plugin_api::abi::RStr;
use transom_plugin_api::abi::trace::{ALWAYS, EVENT, NEVER, RawCallsite, SOMETIMES, SPAN};
use transom_plugin_api::sabotage::sabotaged;

/// How many callsites one plugin may have, all generations together. They are never freed.
const MOST: usize = 16_384;

/// The longest name, target or path, in bytes; what is longer is cut.
const LONGEST: usize = 256;

/// The most fields, with `plugin`: what `tracing` itself is tested with.
pub(crate) const MOST_FIELDS: usize = 32;

/// The field that says how many of an event's own are missing.
const LEFT_OUT: &str = "fields_left_out";

/// One callsite of a plugin. Its address is what the plugin holds.
pub(crate) struct Callsite {
    pub(crate) plugin: &'static str,
    /// How many of its own fields it has here; those behind are left out.
    pub(crate) kept: usize,
    /// How many are left out.
    pub(crate) left_out: u64,
    interest: AtomicU8,
    registered: OnceLock<Registered>,
}

struct Registered {
    metadata: Metadata<'static>,
    fields: Vec<Field>,
}

/// What makes a callsite: two that agree in all of it are one, so that a reload costs nothing here.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Description {
    name: String,
    target: String,
    level: u8,
    kind: u8,
    file: String,
    line: u32,
    module: String,
    fields: Vec<String>,
}

impl Description {
    pub(crate) fn of(raw: &RawCallsite<'_>, names: &[RStr<'_>]) -> Self {
        Self {
            name: cut(raw.name.as_str()),
            target: cut(raw.target.as_str()),
            level: raw.level,
            kind: raw.kind,
            file: cut(raw.file.as_str()),
            line: raw.line,
            module: cut(raw.module.as_str()),
            fields: names.iter().map(|name| cut(name.as_str())).collect(),
        }
    }

    /// A line of text without a callsite.
    pub(crate) fn of_line(level: u8, target: &str) -> Self {
        Self {
            name: "line".to_owned(),
            target: cut(target),
            level,
            kind: EVENT,
            file: String::new(),
            line: 0,
            module: String::new(),
            fields: vec!["message".to_owned()],
        }
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}

#[derive(Default)]
struct Registry {
    known: HashMap<(&'static str, Description), &'static Callsite>,
    counts: HashMap<&'static str, usize>,
    /// By the address of its metadata.
    by_metadata: HashMap<usize, &'static Callsite>,
}

static REGISTRY: RwLock<Option<Registry>> = RwLock::new(None);

/// The callsite of `plugin` that is described so; `None` when the plugin has too many.
pub(crate) fn register(plugin: &'static str, described: Description) -> Option<&'static Callsite> {
    let key = (plugin, described);
    let known = |registry: &Option<Registry>| registry.as_ref()?.known.get(&key).copied();
    if let Some(known) = known(&REGISTRY.read().unwrap_or_else(PoisonError::into_inner)) {
        return Some(known);
    }
    let made = {
        let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known(&registry) {
            return Some(known);
        }
        let registry = registry.get_or_insert_default();
        let count = registry.counts.entry(plugin).or_default();
        *count += 1;
        if *count <= MOST {
            let made = Callsite::leaked(plugin, &key.1);
            registry.by_metadata.insert(std::ptr::from_ref(made.metadata()).addr(), made);
            registry.known.insert(key, made);
            Ok(made)
        } else {
            Err(*count == MOST + 1)
        }
    };
    // Without the lock: `tracing` asks subscribers, and they may ask whose callsite it is.
    match made {
        Ok(made) => {
            callsite::register(made);
            Some(made)
        }
        Err(is_first) => {
            if is_first {
                tracing::warn!(
                    plugin,
                    "it logs from more than {MOST} places; what comes from others is lost"
                );
            }
            None
        }
    }
}

/// The plugin whose callsite this is, when it is one of a dylib. What linked plugins log is the host's own for `tracing`.
#[must_use]
pub fn plugin_of(metadata: &Metadata<'_>) -> Option<&'static str> {
    of_metadata(metadata).map(|callsite| callsite.plugin)
}

pub(crate) fn of_metadata(metadata: &Metadata<'_>) -> Option<&'static Callsite> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    registry.as_ref()?.by_metadata.get(&std::ptr::from_ref(metadata).addr()).copied()
}

impl Callsite {
    fn leaked(plugin: &'static str, described: &Description) -> &'static Self {
        let own = described.fields.len();
        // `plugin` stands before them, and `fields_left_out` behind them where there are too many.
        let kept = if own < MOST_FIELDS { own } else { MOST_FIELDS - 2 };
        let callsite: &'static Self = Box::leak(Box::new(Self {
            plugin,
            kept,
            left_out: (own - kept) as u64,
            interest: AtomicU8::new(SOMETIMES),
            registered: OnceLock::new(),
        }));
        let mut names = vec!["plugin"];
        names.extend(described.fields[..kept].iter().map(|name| field_name(name)));
        if kept < own {
            names.push(LEFT_OUT);
        }
        let fields = FieldSet::new(names.leak(), Identifier(callsite));
        let metadata = Metadata::new(
            leaked(&described.name),
            leaked(&described.target),
            level_of(described.level),
            known(&described.file),
            (described.line > 0).then_some(described.line),
            known(&described.module),
            fields,
            kind_of(described.kind),
        );
        let fields = metadata.fields().iter().collect();
        callsite.registered.get_or_init(|| Registered { metadata, fields });
        callsite
    }

    fn registered(&self) -> &Registered {
        self.registered.get().expect("it is complete before anybody has it")
    }

    pub(crate) fn metadata(&self) -> &Metadata<'static> {
        &self.registered().metadata
    }

    /// The fields: `plugin`, its own, and perhaps the count of those left out.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.registered().fields
    }

    /// How interested the host is, as it crosses.
    pub(crate) fn interest(&self) -> u8 {
        if sabotaged("log-what-is-switched-off") { ALWAYS } else { self.interest.load(Ordering::Relaxed) }
    }
}

impl callsite::Callsite for Callsite {
    fn set_interest(&self, interest: Interest) {
        let interest = match interest {
            interest if interest.is_never() => NEVER,
            interest if interest.is_always() => ALWAYS,
            _ => SOMETIMES,
        };
        self.interest.store(interest, Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        &self.registered().metadata
    }
}

/// An author's own field `plugin` must not pass for ours.
fn field_name(name: &str) -> &'static str {
    if name == "plugin" { "field.plugin" } else { leaked(name) }
}

fn leaked(text: &str) -> &'static str {
    crate::seat::intern(text)
}

fn known(text: &str) -> Option<&'static str> {
    (!text.is_empty()).then(|| leaked(text))
}

const fn level_of(level: u8) -> Level {
    match level {
        0 | 1 => Level::ERROR,
        2 => Level::WARN,
        3 => Level::INFO,
        4 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

const fn kind_of(kind: u8) -> Kind {
    if kind & SPAN != 0 {
        Kind::SPAN
    } else if kind & EVENT != 0 {
        Kind::EVENT
    } else {
        Kind::HINT
    }
}

#[cfg(test)]
mod tests;
