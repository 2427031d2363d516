//! Server-sent events out of bytes, however the network cuts them.

use std::collections::VecDeque;
use std::mem::take;

use memchr::memchr2;
use transom_plugin_api::sabotage::sabotaged;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Its type; empty when it was not named.
    pub event: String,
    /// Its data, lines joined by `\n`.
    pub data: String,
}

/// An event that is larger than anybody should send.
#[derive(Debug, PartialEq)]
pub struct TooLarge;

/// Collects bytes into events.
///
/// Lines end with LF, CR or CRLF. Comments, unknown fields and events without data are skipped; a byte order mark
/// at the start is, too. What is not UTF-8 is replaced.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    line: Vec<u8>,
    event: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    is_first_line: bool,
    after_carriage_return: bool,
    frames: VecDeque<Frame>,
}

impl Decoder {
    /// An event may hold `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            event: Vec::new(),
            data: Vec::new(),
            has_data: false,
            is_first_line: true,
            after_carriage_return: false,
            frames: VecDeque::new(),
        }
    }

    /// Takes the next bytes. The events they complete come out of [`next`](Self::next), also those before an error.
    ///
    /// # Errors
    /// When an event is larger than the limit.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        let mut rest = bytes;
        if sabotaged("forget-split-lines") {
            self.line.clear();
        }
        // An empty piece says nothing about the line feed that a carriage return may still be waiting for.
        if !rest.is_empty() && take(&mut self.after_carriage_return) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr2(b'\r', b'\n', rest) {
            self.extend_line(&rest[..end])?;
            self.end_line();
            let ended_by = rest[end];
            rest = &rest[end + 1..];
            if ended_by == b'\r' {
                self.after_carriage_return = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.extend_line(rest)
    }

    /// Says that nothing follows: an event that was not closed by a blank line counts all the same.
    pub fn end(&mut self) {
        self.end_line();
        self.dispatch();
    }

    /// The next event that is complete.
    #[allow(clippy::should_implement_trait, reason = "more may come after none")]
    pub fn next(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.data.len() + self.line.len() + bytes.len() > self.limit {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) {
        let mut line = take(&mut self.line);
        if take(&mut self.is_first_line) && line.starts_with("\u{feff}".as_bytes()) {
            line.drain(..3);
        }
        if line.is_empty() {
            self.dispatch();
        } else {
            self.field(&line);
        }
        line.clear();
        self.line = line;
    }

    fn field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = colon.map_or((line, &[][..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => self.event = value.to_vec(),
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let (event, data) = (take(&mut self.event), take(&mut self.data));
        if take(&mut self.has_data) && !data.is_empty() {
            self.frames.push_back(Frame { event: text(event), data: text(data) });
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut decoder = Decoder::new(1_000);
        for piece in pieces {
            decoder.push(piece).expect("small enough");
        }
        decoder.end();
        std::iter::from_fn(|| decoder.next()).map(|frame| (frame.event, frame.data)).collect()
    }

    /// Decodes `stream` in one piece, in every two pieces, and byte by byte.
    #[track_caller]
    fn check(stream: &str, expected: &[(&str, &str)]) {
        let bytes = stream.as_bytes();
        let expected: Vec<_> = expected.iter().map(|&(event, data)| (event.into(), data.into())).collect();
        for cut in 0..=bytes.len() {
            assert_eq!(decoded(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
            assert_eq!(decoded(&[&bytes[..cut], &[], &bytes[cut..]]), expected, "cut twice at {cut}");
        }
        assert_eq!(decoded(&bytes.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
    }

    #[test]
    fn lines_end_in_three_ways() {
        for line_end in ["\n", "\r", "\r\n"] {
            let stream = ["data: {\"a\":1}", "", "data: b", "", ""].join(line_end);
            check(&stream, &[("", "{\"a\":1}"), ("", "b")]);
        }
    }

    #[test]
    fn the_ends_of_lines_may_be_mixed() {
        check("data: a\r\n\ndata: b\r\rdata: c\n\r\n", &[("", "a"), ("", "b"), ("", "c")]);
    }

    #[test]
    fn several_lines_of_data_are_one_event() {
        for line_end in ["\n", "\r", "\r\n"] {
            let stream = ["data: a", "data:", "data: b", "", ""].join(line_end);
            check(&stream, &[("", "a\n\nb")]);
        }
    }

    #[test]
    fn comments_unknown_fields_and_events_without_data_are_skipped() {
        check(": hello\n\nid: 7\nretry: 10\nfoo\n\nevent: x\n\ndata\n\ndata: a\n: more\n\n", &[("", "a")]);
    }

    #[test]
    fn only_one_space_behind_the_colon_is_dropped() {
        check("data:a\n\ndata:  b\n\ndata: a: b\n\n", &[("", "a"), ("", " b"), ("", "a: b")]);
    }

    #[test]
    fn an_event_has_the_type_it_was_given() {
        check("event: error\ndata: x\n\ndata: y\n\n", &[("error", "x"), ("", "y")]);
    }

    #[test]
    fn the_last_event_needs_no_blank_line() {
        check("data: a\n\ndata: b", &[("", "a"), ("", "b")]);
        check("data: a\n\ndata: b\n", &[("", "a"), ("", "b")]);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_once() {
        check("\u{feff}data: a\n\n\u{feff}data: b\n\n", &[("", "a")]);
    }

    #[test]
    fn characters_of_several_bytes_survive_every_cut() {
        check("data: äß€😀\n\n", &[("", "äß€😀")]);
    }

    #[test]
    fn what_is_not_text_is_replaced() {
        assert_eq!(decoded(&[b"data: a\xffb\n\n"]), [(String::new(), "a\u{fffd}b".to_owned())]);
    }

    #[test]
    fn an_event_that_is_too_large_is_refused_after_those_before_it() {
        let mut decoder = Decoder::new(20);
        assert_eq!(decoder.push(b"data: a\n\ndata: 0123456789\ndata: 0123456789"), Err(TooLarge));
        assert_eq!(decoder.next().map(|frame| frame.data).as_deref(), Some("a"));
        assert_eq!(decoder.next(), None);
    }
}
