//! [`LogLine`]: what was logged on a stand.
//!
//! One subscriber serves the whole process. It tells the stands apart by the tokio runtime that a thread has entered,
//! which is that of the test; `start` and `stop` of plugins have entered it too.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use tokio::runtime::{Handle, Id};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How grave it is. Nothing below `DEBUG` is kept; a dylib says nothing below `INFO`.
    pub level: Level,
    /// Where it was said: the module, unless the line names another target.
    pub target: String,
    /// The message, and behind it the fields as ` name=value`.
    pub message: String,
    /// Names of the spans around it, the outermost first. Those of a dylib do not come over.
    pub spans: Vec<String>,
}

/// The lines of one stand.
#[derive(Default)]
pub(crate) struct Logbook(Mutex<Vec<LogLine>>);

impl Logbook {
    /// Opens a book for what is logged on `runtime`.
    pub(crate) fn open(runtime: &Handle) -> Arc<Self> {
        install();
        let book = Arc::new(Self::default());
        let mut books = lock(&BOOKS);
        books.retain(|(_, book)| book.strong_count() > 0);
        books.push((runtime.id(), Arc::downgrade(&book)));
        book
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        lock(&self.0).clone()
    }
}

static BOOKS: Mutex<Vec<(Id, Weak<Logbook>)>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Shown by the test runner with a test that failed.
        let shown = tracing_subscriber::fmt::layer().with_test_writer().with_ansi(false);
        let shown = shown.with_filter(LevelFilter::INFO);
        let kept = Keep.with_filter(LevelFilter::DEBUG);
        // A test program that has a subscriber of its own keeps it, and then no line is kept here.
        let _ = tracing_subscriber::registry().with(kept).with(shown).try_init();
    });
}

struct Keep;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let (Some(plugin), None) = (&fields.plugin, &fields.from) {
            // The kernel's own lines name a plugin; a line out of a dylib is the plugin's.
            let _ = write!(fields.others, " plugin={plugin:?}");
        }
        let spans = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        let line = LogLine {
            level: *event.metadata().level(),
            target: fields.from.unwrap_or_else(|| event.metadata().target().to_owned()),
            message: fields.message + &fields.others,
            spans: spans.map(|span| span.name().to_owned()).collect(),
        };
        let runtime = Handle::try_current().ok().map(|runtime| runtime.id());
        for (of, book) in lock(&BOOKS).iter() {
            // A thread that a plugin made for itself belongs to no runtime: every stand gets its lines.
            if runtime.is_none_or(|runtime| runtime == *of)
                && let Some(book) = book.upgrade()
            {
                lock(&book.0).push(line.clone());
            }
        }
    }
}

/// The message, the target of a line that came out of a dylib, and the other fields.
#[derive(Default)]
struct Fields {
    message: String,
    from: Option<String>,
    plugin: Option<String>,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "from" => self.from = Some(value.to_owned()),
            "plugin" => self.plugin = Some(value.to_owned()),
            "message" => value.clone_into(&mut self.message),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a `String` cannot fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.others, " {}={value:?}", field.name())
        };
    }
}
