//! Numbers the lines of a text as it is read, in memory that does not grow with the text.

use std::fmt::Write;
use std::io::{self, BufRead, Read};

use crate::desk::Gone;

/// Bytes of a line that are shown; the rest is counted.
pub(crate) const LINE_BYTES: usize = 4_000;

/// Which lines, and how much of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The first line, counted from 1.
    pub(crate) offset: u64,
    /// How many lines.
    pub(crate) limit: u64,
    /// Bytes after which no further line is begun.
    pub(crate) max_bytes: usize,
}

/// Numbered lines, each as `n: text` and a line feed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) text: String,
    /// The line to go on with; nothing when the text is at its end.
    pub(crate) next: Option<u64>,
}

/// Why there are no lines to show.
#[derive(Debug)]
pub(crate) enum Unshown {
    /// The text ends before the window, after so many lines.
    PastTheEnd(u64),
    /// Line so-and-so is not UTF-8.
    NotText(u64),
    /// Nobody waits for it any more.
    Abandoned,
    /// The system said no.
    Failed(io::Error),
}

impl From<io::Error> for Unshown {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Shows the lines in `window`. An empty text has no lines, and its first line can be asked for all the same.
pub(crate) fn number(mut text: impl BufRead, window: Window, gone: Gone<'_>) -> Result<Numbered, Unshown> {
    skip_to(&mut text, window.offset, gone)?;
    let mut numbered = Numbered::default();
    for line in window.offset.. {
        if text.fill_buf()?.is_empty() {
            return Ok(numbered);
        }
        if line - window.offset == window.limit || numbered.text.len() >= window.max_bytes {
            numbered.next = Some(line);
            break;
        }
        show_line(&mut text, line, &mut numbered.text, gone)?;
    }
    Ok(numbered)
}

fn skip_to(text: &mut impl BufRead, offset: u64, gone: Gone<'_>) -> Result<(), Unshown> {
    for passed in 0..offset - 1 {
        if skip_line(text, gone)? == (Skipped { bytes: 0, at_end: true }) {
            return Err(Unshown::PastTheEnd(passed));
        }
    }
    if offset > 1 && text.fill_buf()?.is_empty() {
        return Err(Unshown::PastTheEnd(offset - 1));
    }
    Ok(())
}

/// The rest of a line, passed over.
#[derive(PartialEq, Eq)]
struct Skipped {
    /// Its bytes, the line feed not counted.
    bytes: u64,
    /// Whether the text ended before a line feed came.
    at_end: bool,
}

/// One line may be as long as the whole text, so whether anybody still waits is asked along the way.
fn skip_line(text: &mut impl BufRead, gone: Gone<'_>) -> Result<Skipped, Unshown> {
    let mut bytes = 0;
    loop {
        if gone() {
            return Err(Unshown::Abandoned);
        }
        let stretch = text.fill_buf()?;
        let (length, end) = (stretch.len(), stretch.iter().position(|byte| *byte == b'\n'));
        text.consume(end.map_or(length, |end| end + 1));
        bytes += end.unwrap_or(length) as u64;
        if end.is_some() || length == 0 {
            return Ok(Skipped { bytes, at_end: end.is_none() });
        }
    }
}

fn show_line(text: &mut impl BufRead, line: u64, out: &mut String, gone: Gone<'_>) -> Result<(), Unshown> {
    let mut bytes = Vec::new();
    text.take(LINE_BYTES as u64).read_until(b'\n', &mut bytes)?;
    let is_whole = bytes.pop_if(|last| *last == b'\n').is_some();
    let hidden = if is_whole { 0 } else { skip_line(text, gone)?.bytes };
    let (shown, cut) = valid(&bytes, hidden > 0).ok_or(Unshown::NotText(line))?;
    let hidden = hidden + cut;
    let ending = if hidden > 0 { format!(" [{hidden} more bytes in this line]") } else { String::new() };
    let shown = if hidden > 0 { shown } else { shown.strip_suffix('\r').unwrap_or(shown) };
    writeln!(out, "{line}: {shown}{ending}").expect("a string takes everything");
    Ok(())
}

/// The bytes as text. Where a line was cut, a character may have been: its bytes then count as not shown.
fn valid(bytes: &[u8], is_cut: bool) -> Option<(&str, u64)> {
    match str::from_utf8(bytes) {
        Ok(text) => Some((text, 0)),
        Err(error) if is_cut && error.error_len().is_none() => {
            let (whole, part) = bytes.split_at(error.valid_up_to());
            Some((str::from_utf8(whole).ok()?, part.len() as u64))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    const ALL: Window = Window { offset: 1, limit: 500, max_bytes: 10_000 };

    fn shown(text: &[u8], window: Window) -> Numbered {
        // A buffer of a few bytes, so that lines and characters straddle it.
        number(BufReader::with_capacity(3, text), window, &|| false).expect("text")
    }

    fn unshown(text: &[u8], window: Window) -> Unshown {
        number(text, window, &|| false).expect_err("nothing to show")
    }

    #[test]
    fn lines_are_numbered_from_one_with_or_without_a_last_line_feed() {
        for text in ["a\n\nc\n", "a\n\nc"] {
            assert_eq!(shown(text.as_bytes(), ALL).text, "1: a\n2: \n3: c\n");
        }
        assert_eq!(shown(b"", ALL), Numbered::default());
    }

    #[test]
    fn a_window_says_where_to_go_on_and_the_end_does_not() {
        let window = Window { offset: 2, limit: 2, ..ALL };
        assert_eq!(shown(b"a\nb\nc\nd\n", window), Numbered { text: "2: b\n3: c\n".into(), next: Some(4) });
        assert_eq!(shown(b"a\nb\nc\n", window), Numbered { text: "2: b\n3: c\n".into(), next: None });
    }

    #[test]
    fn the_bound_in_bytes_ends_between_lines_and_lets_one_through() {
        let window = Window { max_bytes: 6, ..ALL };
        assert_eq!(shown(b"aaaaaaaaa\nb\n", window).next, Some(2));
        assert_eq!(shown(b"a\nb\nc\n", window).next, Some(3));
    }

    #[test]
    fn a_window_past_the_end_is_told_how_many_lines_there_are() {
        for (text, lines) in [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2)] {
            let past = Window { offset: lines + 2, ..ALL };
            assert!(matches!(unshown(text.as_bytes(), past), Unshown::PastTheEnd(found) if found == lines));
        }
        let next = Window { offset: 2, ..ALL };
        assert!(matches!(unshown(b"a\n", next), Unshown::PastTheEnd(1)));
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_its_rest_is_counted() {
        let line = "é".repeat(LINE_BYTES);
        let text = format!("{line}\nb\n");
        let cut = format!("1: {} [{LINE_BYTES} more bytes in this line]\n2: b\n", "é".repeat(LINE_BYTES / 2));
        assert_eq!(shown(text.as_bytes(), ALL).text, cut);
        let odd = shown(format!("x{text}").as_bytes(), ALL).text;
        assert!(odd.contains(&format!("é [{} more bytes in this line]\n2: b\n", LINE_BYTES + 2)), "{odd}");
    }

    #[test]
    fn a_line_that_just_fits_is_not_cut() {
        let line = "x".repeat(LINE_BYTES);
        for ending in ["", "\n"] {
            assert_eq!(shown(format!("{line}{ending}").as_bytes(), ALL).text, format!("1: {line}\n"));
        }
    }

    #[test]
    fn a_carriage_return_before_the_line_feed_is_not_shown() {
        assert_eq!(shown(b"a\r\nb\rc\r\n", ALL).text, "1: a\n2: b\rc\n");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused_with_their_line() {
        assert!(matches!(unshown(b"a\n\xff\n", ALL), Unshown::NotText(2)));
        assert!(matches!(unshown("é".as_bytes().split_at(1).0, ALL), Unshown::NotText(1)));
    }

    #[test]
    fn nobody_waiting_ends_the_way_to_a_far_line() {
        let window = Window { offset: u64::MAX, ..ALL };
        let endless = BufReader::new(io::repeat(b'x'));
        assert!(matches!(number(endless, window, &|| true), Err(Unshown::Abandoned)));
    }
}
