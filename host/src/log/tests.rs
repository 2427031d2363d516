//! Lines as they are written, and levels as they are kept.

use std::sync::Mutex;

use serde_json::json;
use tracing::subscriber::with_default;

use super::*;

/// What `body` logs, in this format and at these levels.
fn logged(levels: &str, format: LogFormat, prepare: impl Fn(&mut Levels), body: impl Fn()) -> String {
    let written = Arc::new(Mutex::new(String::new()));
    let log = Arc::new(Log::new(levels, true, 1000));
    prepare(&mut log.levels_mut());
    let into = Arc::clone(&written);
    let write = move |line: &str| into.lock().expect("nobody panics here").push_str(line);
    let lines = Lines::new(Arc::clone(&log), format, write);
    let subscriber = tracing_subscriber::registry().with(Traces).with(lines).with(Filter(log));
    with_default(subscriber, body);
    let written = written.lock().expect("nobody panics here");
    written.clone()
}

/// The lines without their times, which are checked to have one.
fn without_times(lines: &str) -> String {
    let is_time = |time: &str| time.len() == 27 && time.ends_with('Z') && time.contains('T');
    let line = |line: &str| match line.split_once(' ') {
        Some((time, rest)) if is_time(time) => format!("{rest}\n"),
        _ => format!("| {line}\n"),
    };
    lines.lines().map(line).collect()
}

fn a_story() {
    let span = tracing::info_span!("chapter", page = 3, title = tracing::field::Empty);
    span.record("title", "Storms");
    let _entered = span.enter();
    tracing::info!(target: "tale::sea", wind = 8.5, ship = "Ada", rope = ?Some(1), "the sea\x1b[31m\n2026 rose");
    tracing::warn!(target: "transom_kernel::seat", plugin = "skills", "it failed");
}

#[test]
fn a_line_for_people_cannot_be_forged() {
    let owners = |levels: &mut Levels| levels.owners.add("tale", "teller");
    let lines = without_times(&logged("info", LogFormat::Text, owners, a_story));
    assert_eq!(
        lines,
        " INFO tale::sea: chapter{page=3 title=\"Storms\"}: the sea\\u{1b}[31m\n\
         |     2026 rose wind=8.5 ship=\"Ada\" rope=Some(1) plugin=teller\n \
         WARN transom_kernel::seat: chapter{page=3 title=\"Storms\"}: it failed plugin=skills\n"
    );
}

#[test]
fn a_line_for_programs_is_one_object() {
    let owners = |levels: &mut Levels| levels.owners.add("tale", "teller");
    let lines = logged("info", LogFormat::Json, owners, a_story);
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let [first, second] = &lines[..] else { panic!("{lines:?}") };
    let mut expected = json!({
        "level": "info", "plugin": "teller", "target": "tale::sea", "message": "the sea\u{1b}[31m\n2026 rose",
        "spans": [{"name": "chapter", "fields": {"page": 3, "title": "Storms"}}],
        "fields": {"wind": 8.5, "ship": "Ada", "rope": "Some(1)"},
    });
    expected["time"] = first["time"].clone();
    expected["traceId"] = first["traceId"].clone();
    assert_eq!(first, &expected);
    assert_eq!((&second["plugin"], &second["traceId"]), (&json!("skills"), &first["traceId"]));
    assert_eq!(second.get("fields"), None);
    let trace = first["traceId"].as_str().expect("text");
    assert!(trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()), "{trace}");
}

#[test]
fn a_root_span_goes_on_with_the_trace_it_brings_and_no_other_does() {
    let theirs = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{theirs}-00f067aa0ba902b7-01");
    let traces = |body: &dyn Fn()| -> Vec<String> {
        let lines = logged("info", LogFormat::Json, |_| {}, body);
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"));
        lines.map(|line| line["traceId"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let found = traces(&|| {
        tracing::info!("in no span");
        let inner = |_: &tracing::Span| tracing::info_span!("inner", traceparent = "nonsense");
        for root in [
            tracing::info_span!("root", traceparent),
            tracing::info_span!("root", traceparent = "nonsense"),
            tracing::info_span!("root"),
        ] {
            root.in_scope(|| inner(&root).in_scope(|| tracing::info!("inside")));
        }
    });
    let [none, adopted, one, other] = &found[..] else { panic!("{found:?}") };
    assert_eq!((none.as_str(), adopted.as_str()), ("", theirs));
    assert!(one.len() == 32 && other.len() == 32 && one != other, "{found:?}");
}

#[test]
fn a_plugin_with_a_level_of_its_own_is_not_ruled_by_the_hosts() {
    let prepare = |levels: &mut Levels| {
        levels.owners.add("parrot", "parrot");
        levels.owners.add("budgie", "budgie");
        levels.set("parrot", Some(LevelFilter::DEBUG));
        levels.set("budgie", Some(LevelFilter::OFF));
    };
    let lines = logged("warn,tale=info", LogFormat::Text, prepare, || {
        tracing::debug!(target: "parrot::cage", "one");
        tracing::trace!(target: "parrot::cage", "no");
        tracing::error!(target: "budgie", "no");
        tracing::info!(target: "other", "no");
        tracing::warn!(target: "other", "two");
        tracing::info!(target: "tale", "three");
    });
    let said: Vec<&str> = lines.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(said, ["one plugin=parrot", "two", "three"]);
}

#[test]
fn what_a_talkative_library_says_of_its_insides_is_logged_at_debug_alone() {
    let talk = || {
        tracing::info!(target: "rmcp::service", "inside");
        tracing::warn!(target: "rmcp::service", "amiss");
        tracing::info!(target: "rmcpish", "other");
    };
    let said = |levels: &str| {
        let lines = logged(levels, LogFormat::Text, |_| {}, talk);
        lines.lines().filter_map(|line| line.split(": ").nth(1).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(said("info"), ["amiss", "other"]);
    assert_eq!(said("info,rmcp=debug"), ["inside", "amiss", "other"]);
    assert_eq!(said("debug"), ["inside", "amiss", "other"]);
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let lines = logged("info", LogFormat::Text, |_| {}, || tracing::info!("{}", "ä".repeat(100_000)));
    assert!(lines.len() < 40_000 && lines.ends_with("ä… (167232 bytes left out)\n"), "{}", lines.len());
}
