//! [`Line`]: what is said about a crash, put together without allocating.

use std::ffi::c_int;

use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
use transom_kernel::Whereabouts;

/// Longer than any line: ids and points are short. What does not fit is cut off.
const MOST: usize = 512;

/// Whose crash it was.
pub(super) enum Culprit {
    /// The plugin that the kernel led the thread into.
    Led(Whereabouts),
    /// The plugin whose code the thread was at, although nobody led it there.
    Alone { plugin: &'static str, thread: [u8; 16] },
    /// No plugin, as far as can be known.
    Nobody { thread: [u8; 16] },
}

/// A line in a place of its own.
pub(super) struct Line {
    bytes: [u8; MOST],
    length: usize,
}

impl Line {
    pub(super) fn of(signal: c_int, is_overflow: bool, culprit: &Culprit) -> Self {
        let mut line = Self { bytes: [0; MOST], length: 0 };
        line.add(&["error: ", name_of(signal), if is_overflow { " (a stack overflow) " } else { " " }]);
        match culprit {
            Culprit::Led(Whereabouts { plugin, doing }) => {
                line.add(&["in plugin `", plugin, "` "]);
                line.add(&doing.words());
            }
            Culprit::Alone { plugin, thread } => {
                line.add(&["in plugin `", plugin, "` on thread `", text_of(thread)]);
                line.add(&["`, where the host did not lead it"]);
            }
            Culprit::Nobody { thread } => {
                line.add(&[
                    "on thread `",
                    text_of(thread),
                    "`, outside of what the host knows to be a plugin",
                ]);
            }
        }
        line.add(&["; the host ends with it"]);
        line.end();
        line
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds what fits. Not by `write!`, which takes more of a small stack.
    fn add(&mut self, pieces: &[&str]) {
        for piece in pieces {
            let taken = piece.len().min(MOST - self.length);
            self.bytes[self.length..self.length + taken].copy_from_slice(&piece.as_bytes()[..taken]);
            self.length += taken;
        }
    }

    /// A line ends, however long it is.
    fn end(&mut self) {
        self.length = self.length.min(MOST - 1);
        self.bytes[self.length] = b'\n';
        self.length += 1;
    }
}

const fn name_of(signal: c_int) -> &'static str {
    match signal {
        SIGSEGV => "SIGSEGV",
        SIGBUS => "SIGBUS",
        SIGILL => "SIGILL",
        SIGFPE => "SIGFPE",
        SIGABRT => "SIGABRT",
        _ => "a signal",
    }
}

/// The text before the zero that ends it.
fn text_of(name: &[u8]) -> &str {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    str::from_utf8(&name[..end]).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use transom_kernel::Doing;

    fn check(signal: c_int, is_overflow: bool, culprit: Culprit, expected: &str) {
        let line = Line::of(signal, is_overflow, &culprit);
        assert_eq!(str::from_utf8(line.as_bytes()), Ok(expected));
    }

    fn thread(name: &str) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes
    }

    #[test]
    fn a_line_names_the_signal_the_plugin_and_the_point() {
        let doing = Doing::Handling("http/route");
        check(
            SIGSEGV,
            false,
            Culprit::Led(Whereabouts { plugin: "unruly", doing }),
            "error: SIGSEGV in plugin `unruly` at `http/route`; the host ends with it\n",
        );
        check(
            SIGSEGV,
            true,
            Culprit::Led(Whereabouts { plugin: "unruly", doing: Doing::Starting }),
            "error: SIGSEGV (a stack overflow) in plugin `unruly` in its `start`; the host ends with it\n",
        );
    }

    #[test]
    fn a_thread_that_nobody_led_is_told_by_its_name() {
        check(
            SIGBUS,
            false,
            Culprit::Alone { plugin: "unruly", thread: thread("worker") },
            "error: SIGBUS in plugin `unruly` on thread `worker`, where the host did not lead it; the host ends with it\n",
        );
        check(
            SIGABRT,
            false,
            Culprit::Nobody { thread: thread("tokio-rt-worker") },
            "error: SIGABRT on thread `tokio-rt-worker`, outside of what the host knows to be a plugin; the host ends with it\n",
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_still_a_line() {
        let point: &'static str = Box::leak("x".repeat(2000).into_boxed_str());
        let at = Whereabouts { plugin: "unruly", doing: Doing::Handling(point) };
        let line = Line::of(SIGILL, false, &Culprit::Led(at));
        assert_eq!((line.as_bytes().len(), line.as_bytes().last()), (MOST, Some(&b'\n')));
    }
}
