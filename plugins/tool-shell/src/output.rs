//! [`Output`]: what a command prints, on its way to the viewers, the answer and the file.

use std::time::Instant;

use crate::decoder::Decoder;
use crate::excerpt::{Excerpt, Rest};
use crate::live::Live;
use crate::spill::{Place, Spill};
use crate::stream::Stream;

/// Tells the viewers of something that was printed.
pub(crate) type Show = Box<dyn FnMut(Stream, &str) + Send>;

/// Takes what is printed, of both streams, in the order in which it is read. What it holds is bounded, however much that is.
pub(crate) struct Output {
    decoders: [Decoder; 2],
    excerpt: Excerpt,
    spill: Spill,
    live: Live,
    show: Show,
}

impl Output {
    /// At most so many bytes are for the answer.
    pub(crate) fn new(most: usize, spill: Spill, show: Show) -> Self {
        Self { decoders: Default::default(), excerpt: Excerpt::of(most), spill, live: Live::default(), show }
    }

    pub(crate) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let text = self.decoders[stream as usize].decode(bytes);
        self.add(stream, &text);
    }

    fn add(&mut self, stream: Stream, text: &str) {
        if self.spill.is_unused() && !self.excerpt.has_room_for(text) {
            // Up to here the excerpt has all of it.
            self.spill.write(&self.excerpt.whole());
        }
        if !self.spill.is_unused() {
            self.spill.write(text);
        }
        self.excerpt.push(text);
        self.live.push(stream, text);
    }

    /// When viewers are to be shown something next.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        self.live.due(now)
    }

    /// Shows viewers what is due.
    pub(crate) fn show(&mut self, now: Instant) {
        for (stream, piece) in self.live.helping(now) {
            (self.show)(stream, &piece);
        }
    }

    /// Nothing comes any more: the text for the answer. It ends with a line's end, or is empty.
    pub(crate) fn end(mut self) -> String {
        for stream in Stream::BOTH {
            let text = self.decoders[stream as usize].end();
            self.add(stream, &text);
        }
        for (stream, piece) in self.live.rest() {
            (self.show)(stream, &piece);
        }
        let shown = self.excerpt.shown();
        let text = match shown.rest {
            None => shown.head,
            Some(rest) => on_a_line(shown.head) + &left_out(&rest, &self.spill.place()) + &rest.tail,
        };
        on_a_line(text)
    }
}

fn on_a_line(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn left_out(rest: &Rest, place: &Place<'_>) -> String {
    let (bytes, lines) = (rest.left_out_bytes, rest.left_out_lines);
    let place = match place {
        Place::All(path) => {
            format!("all of it is in {0}, of which `sed -n '1,200p' {0}` shows lines", quoted(path))
        }
        Place::Beginning(path, most) => {
            format!(
                "the first {most} bytes are in {0}, of which `sed -n '1,200p' {0}` shows lines",
                quoted(path)
            )
        }
        Place::Failed(reason) => format!("they are lost, since they could not be written: {reason}"),
        Place::Nowhere => "they are lost".to_owned(),
    };
    format!("[{bytes} bytes and {lines} ends of lines are left out here; {place}]\n")
}

/// As one word of a shell.
fn quoted(path: &std::path::Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
