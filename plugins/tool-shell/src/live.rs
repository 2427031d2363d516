//! [`Live`]: what viewers see of a command while it runs, in few pieces that are never large.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use transom_plugin_api::sabotage::sabotaged;

use crate::stream::Stream;

/// Between two helpings.
const PAUSE: Duration = Duration::from_millis(50);
/// Pieces of a helping.
const PIECES: usize = 8;
/// Bytes of a piece.
const PIECE: usize = 8 << 10;
/// Bytes that may wait.
const WAITING: usize = PIECES * PIECE;
/// Pieces that may wait.
const WAITING_PIECES: usize = 256;
/// Bytes that are shown of one command.
const MOST: usize = 4 << 20;
/// What is shown in place of the first that is not.
const NOTICE: &str = "\n[not all of this is shown while it runs; the answer has its beginning and its end]\n";

/// Takes what was printed and gives out what is to be shown. Keeps no clock.
#[derive(Debug, Default)]
pub(crate) struct Live {
    waiting: VecDeque<(Stream, String)>,
    waiting_bytes: usize,
    /// Bytes that were taken in so far.
    taken: usize,
    has_noticed: bool,
    /// When the last helping was given out.
    given: Option<Instant>,
}

impl Live {
    /// Takes what was printed, or as much of it as may wait.
    pub(crate) fn push(&mut self, stream: Stream, text: &str) {
        let room = (WAITING - self.waiting_bytes.min(WAITING)).min(MOST - self.taken.min(MOST));
        let room = if self.waiting.len() < WAITING_PIECES { room } else { 0 };
        let room = if sabotaged("show-all-live") { text.len() } else { room };
        let (shown, hidden) = text.split_at(text.floor_char_boundary(room));
        self.wait(stream, shown);
        self.taken += shown.len();
        if !hidden.is_empty() && !std::mem::replace(&mut self.has_noticed, true) {
            self.wait(stream, NOTICE);
        }
    }

    fn wait(&mut self, stream: Stream, mut text: &str) {
        self.waiting_bytes += text.len();
        while !text.is_empty() {
            let last = self.waiting.back_mut().filter(|(of, piece)| *of == stream && piece.len() < PIECE - 3);
            let piece = match last {
                Some((_, piece)) => piece,
                None => &mut self.waiting.push_back_mut((stream, String::new())).1,
            };
            let (first, rest) = text.split_at(text.floor_char_boundary(PIECE - piece.len()));
            piece.push_str(first);
            text = rest;
        }
    }

    /// When something is to be given out; `None` while nothing waits.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        (!self.waiting.is_empty()).then(|| self.given.map_or(now, |given| given + PAUSE))
    }

    /// What is to be shown now.
    pub(crate) fn helping(&mut self, now: Instant) -> Vec<(Stream, String)> {
        if self.due(now).is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.given = Some(now);
        let pieces: Vec<_> = self.waiting.drain(..self.waiting.len().min(PIECES)).collect();
        self.waiting_bytes -= pieces.iter().map(|(_, piece)| piece.len()).sum::<usize>();
        pieces
    }

    /// Everything that still waits, at the end.
    pub(crate) fn rest(&mut self) -> Vec<(Stream, String)> {
        self.waiting_bytes = 0;
        self.waiting.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(pieces: &[(Stream, String)]) -> String {
        pieces.iter().map(|(_, piece)| piece.as_str()).collect()
    }

    #[test]
    fn the_first_words_are_shown_at_once_and_the_next_ones_together_after_a_pause() {
        let (mut live, start) = (Live::default(), Instant::now());
        assert_eq!(live.due(start), None);
        live.push(Stream::Out, "a");
        assert_eq!(live.helping(start), [(Stream::Out, "a".to_owned())]);
        live.push(Stream::Out, "b");
        live.push(Stream::Out, "c");
        live.push(Stream::Error, "d");
        assert_eq!(live.due(start), Some(start + PAUSE));
        assert_eq!(live.helping(start), []);
        assert_eq!(
            live.helping(start + PAUSE),
            [(Stream::Out, "bc".to_owned()), (Stream::Error, "d".to_owned())]
        );
        assert_eq!(live.due(start + PAUSE), None);
    }

    #[test]
    fn a_flood_is_shown_in_part_and_that_is_told_once() {
        let (mut live, mut now) = (Live::default(), Instant::now());
        let (mut shown, mut most_waiting) = (String::new(), 0);
        for _ in 0..4_000 {
            live.push(Stream::Out, &"🦀".repeat(16 << 10));
            most_waiting = most_waiting.max(live.waiting_bytes);
            let pieces = live.helping(now);
            assert!(pieces.len() <= PIECES && pieces.iter().all(|(_, piece)| piece.len() <= PIECE));
            shown += &text_of(&pieces);
            now += PAUSE / 3;
        }
        shown += &text_of(&live.rest());
        assert!(most_waiting <= WAITING + NOTICE.len(), "{most_waiting} bytes waited");
        assert!(shown.len() <= MOST + NOTICE.len(), "{} bytes were shown", shown.len());
        assert_eq!(shown.matches(NOTICE).count(), 1);
    }

    #[test]
    fn many_short_pieces_are_a_flood_too() {
        let (mut live, now) = (Live::default(), Instant::now());
        for _ in 0..10_000 {
            live.push(Stream::Out, "a");
            live.push(Stream::Error, "b");
        }
        let rest = live.rest();
        assert!(rest.len() <= WAITING_PIECES + 1, "{} pieces waited", rest.len());
        assert_eq!(text_of(&rest).matches(NOTICE).count(), 1);
        assert_eq!(live.due(now), None);
    }

    #[test]
    fn what_is_not_too_much_is_shown_whole_and_in_order() {
        let (mut live, mut now) = (Live::default(), Instant::now());
        let (mut shown, mut printed) = (String::new(), String::new());
        for number in 0..2_000 {
            let line = format!("{number} €\n");
            live.push(if number % 3 == 0 { Stream::Out } else { Stream::Error }, &line);
            printed += &line;
            shown += &text_of(&live.helping(now));
            now += PAUSE;
        }
        assert_eq!(shown, printed);
    }
}
