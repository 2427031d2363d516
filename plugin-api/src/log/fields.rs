//! [`Fields`], the fields of one span or event on their way across.

use std::fmt::{self, Write};
use std::ops::Range;

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};

use crate::abi::RStr;
use crate::abi::trace::{RawField, RawValue};

/// Visited fields. Their texts stand one behind the other.
#[derive(Default)]
pub(super) struct Fields {
    fields: Vec<(u32, Kept)>,
    texts: String,
    callsite: Option<Identifier>,
}

enum Kept {
    /// No text.
    Plain(RawValue<'static>),
    Text(Range<usize>),
    Formatted(Range<usize>),
}

impl Fields {
    /// The callsite whose fields these are; unknown where there are none.
    pub(super) fn callsite(&self) -> Option<Identifier> {
        self.callsite.clone()
    }

    /// Lends them in the form in which they cross.
    pub(super) fn lend<R>(&self, take: impl FnOnce(&[RawField<'_>]) -> R) -> R {
        let text = |range: &Range<usize>| RStr::from_str(&self.texts[range.clone()]);
        let raw = |(index, kept): &(u32, Kept)| RawField {
            index: *index,
            value: match kept {
                Kept::Plain(value) => *value,
                Kept::Text(range) => RawValue::Text(text(range)),
                Kept::Formatted(range) => RawValue::Formatted(text(range)),
            },
        };
        let fields: Vec<RawField<'_>> = self.fields.iter().map(raw).collect();
        take(&fields)
    }

    fn keep(&mut self, field: &Field, kept: Kept) {
        self.callsite.get_or_insert_with(|| field.callsite());
        let index = u32::try_from(field.index()).unwrap_or(u32::MAX);
        self.fields.push((index, kept));
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, Kept::Plain(RawValue::Signed(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, Kept::Plain(RawValue::Unsigned(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, Kept::Plain(RawValue::Float(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, Kept::Plain(RawValue::Bool(value)));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let start = self.texts.len();
        self.texts.push_str(value);
        self.keep(field, Kept::Text(start..self.texts.len()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let start = self.texts.len();
        // Writing to a `String` fails only where a value's own formatting does; what it wrote until then is kept.
        let _ = write!(self.texts, "{value:?}");
        self.keep(field, Kept::Formatted(start..self.texts.len()));
    }
}
