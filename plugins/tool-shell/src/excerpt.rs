//! [`Excerpt`]: the beginning and the end of a text of any length, within a bound.

use std::collections::VecDeque;

use transom_plugin_api::sabotage::sabotaged;

/// Keeps everything up to its bound, and beyond it the first half and the last.
#[derive(Debug)]
pub(crate) struct Excerpt {
    most: usize,
    head: String,
    /// Begins where the head ends, or, once something was dropped, somewhere behind it.
    tail: VecDeque<u8>,
    bytes: u64,
    line_ends: u64,
}

/// What is shown of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) head: String,
    /// Nothing where all of it is in the head.
    pub(crate) rest: Option<Rest>,
}

/// The end of a text of which the middle is left out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) left_out_bytes: u64,
    /// How many lines end in what is left out.
    pub(crate) left_out_lines: u64,
    pub(crate) tail: String,
}

impl Excerpt {
    pub(crate) fn of(most: usize) -> Self {
        Self { most, head: String::new(), tail: VecDeque::new(), bytes: 0, line_ends: 0 }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        self.line_ends += line_ends(text.as_bytes());
        let room = if self.tail.is_empty() { self.most / 2 - self.head.len() } else { 0 };
        let (first, rest) = text.split_at(text.floor_char_boundary(room));
        self.head.push_str(first);
        self.push_tail(rest.as_bytes());
    }

    /// What is missing of the bound in the head, because a code point did not fit, is given to the tail.
    fn push_tail(&mut self, bytes: &[u8]) {
        let most = self.most - self.head.len();
        if sabotaged("forget-the-tail") {
            self.tail.extend(bytes.iter().take(most - self.tail.len()));
            return;
        }
        let bytes =
            if sabotaged("keep-all-output") { bytes } else { &bytes[bytes.len().saturating_sub(most)..] };
        let too_many = (self.tail.len() + bytes.len()).saturating_sub(most);
        if !sabotaged("keep-all-output") {
            self.tail.drain(..too_many);
        }
        self.tail.extend(bytes);
    }

    /// Whether all of it is still here when so much is added.
    pub(crate) fn has_room_for(&self, text: &str) -> bool {
        self.bytes + text.len() as u64 <= self.most as u64
    }

    /// How much it holds, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// All of it, as long as nothing was dropped.
    pub(crate) fn whole(&self) -> String {
        let (first, second) = self.tail.as_slices();
        let tail = String::from_utf8_lossy(&[first, second].concat()).into_owned();
        self.head.clone() + &tail
    }

    /// What is to be shown. The middle is cut at ends of lines where there are some in the halves around it.
    pub(crate) fn shown(self) -> Shown {
        if self.held() as u64 == self.bytes {
            return Shown { head: self.whole(), rest: None };
        }
        let head = whole_lines(&self.head).to_owned();
        let tail: Vec<u8> = self.tail.into();
        let tail = lines_from_the_next(&tail);
        let shown_lines = line_ends(head.as_bytes()) + line_ends(tail);
        let tail = String::from_utf8_lossy(tail).into_owned();
        let rest = Rest {
            left_out_bytes: self.bytes - (head.len() + tail.len()) as u64,
            left_out_lines: self.line_ends - shown_lines,
            tail,
        };
        Shown { head, rest: Some(rest) }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Up to the end of the last whole line, unless that would give away more than half.
fn whole_lines(head: &str) -> &str {
    match head.rfind('\n') {
        Some(end) if end + 1 >= head.len() / 2 => &head[..=end],
        _ => head,
    }
}

/// From the next line on, unless that would give away more than half; else from the next code point on.
fn lines_from_the_next(tail: &[u8]) -> &[u8] {
    match tail.iter().position(|byte| *byte == b'\n') {
        Some(end) if end < tail.len() / 2 => &tail[end + 1..],
        _ => {
            let is_inside = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
            &tail[tail.iter().position(|byte| !is_inside(byte)).unwrap_or(tail.len())..]
        }
    }
}

#[cfg(test)]
mod tests;
