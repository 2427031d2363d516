//! What the tests share: a kernel, and the payload they send around.

use std::sync::{Arc, Mutex};

use transom_kernel::{Kernel, KernelConfig};
use transom_plugin_api::prelude::*;

/// A payload as plugins send it: an id, two integers and some text.
#[contract]
#[derive(Default, Eq)]
pub(crate) struct Parcel {
    pub(crate) id: u64,
    pub(crate) weight: i64,
    pub(crate) shelf: i64,
    pub(crate) label: Text,
}

impl Parcel {
    pub(crate) fn labelled(label: &str) -> Self {
        Self { label: label.into(), ..Self::default() }
    }
}

pub(crate) fn kernel() -> Kernel {
    Kernel::new(KernelConfig::default(), tokio::runtime::Handle::current())
}

/// What happened, in order, told by many.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.lock().expect("no test panics while it writes").push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics while it writes").clone()
    }
}
