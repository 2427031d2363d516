//! [`Mutation`]: one way in which a file is changed, and how it is taken back.

use std::ops::Range;

use super::original::Original;
use super::random::Random;

/// Numbers at which readers of tables go wrong.
const AWKWARD: [u64; 10] =
    [0, 1, 7, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff];

/// Words of JSON that put the reader on another track.
const WORDS: [&[u8]; 8] = [b"{", b"}", b"[[", b"\"", b",", b"\\u001b", b"null", b"1e999"];

/// Bytes that were replaced, with what stood there before; and how much is left of the file.
#[derive(Debug, Default)]
pub(crate) struct Mutation {
    replaced: Vec<(usize, Vec<u8>)>,
    pub(crate) length: usize,
}

impl Mutation {
    /// Changes `bytes`, which are those of `original`.
    pub(crate) fn make(original: &Original, bytes: &mut [u8], random: &mut Random) -> Self {
        let mut mutation = Self { replaced: Vec::new(), length: bytes.len() };
        if random.below(2) == 0 {
            mutation.in_tables(original, bytes, random);
        } else {
            mutation.anywhere(bytes, random);
        }
        mutation
    }

    /// Takes it back.
    pub(crate) fn undo(self, bytes: &mut [u8]) {
        for (at, before) in self.replaced.into_iter().rev() {
            bytes[at..at + before.len()].copy_from_slice(&before);
        }
    }

    /// Puts `new` in the place of what stands there, as far as the file goes.
    pub(crate) fn replace(&mut self, bytes: &mut [u8], at: usize, new: &[u8]) {
        let end = bytes.len().min(at + new.len());
        self.replaced.push((at, bytes[at..end].to_vec()));
        bytes[at..end].copy_from_slice(&new[..end - at]);
    }

    fn in_tables(&mut self, original: &Original, bytes: &mut [u8], random: &mut Random) {
        for _ in 0..1 + random.below(3) {
            let place = random.one_of(&original.places).clone();
            let at = place.start + random.below(place.len());
            match random.below(6) {
                0 => self.replace(bytes, at, &[bytes[at] ^ 1 << random.below(8)]),
                1 => self.replace(bytes, at, &random.next().to_le_bytes()[..1 + random.below(8)]),
                2 => self.number(bytes, at, random),
                3 => self.replace(bytes, at, WORDS[random.below(WORDS.len())]),
                4 => self.copy(bytes, &place, at, random),
                _ => self.digit(bytes, &original.section, random),
            }
        }
    }

    /// An awkward number, or one near the file's length, where tables have theirs.
    fn number(&mut self, bytes: &mut [u8], at: usize, random: &mut Random) {
        let near = (bytes.len() as u64).wrapping_add(random.next() % 32).wrapping_sub(16);
        let number = if random.below(3) == 0 { near } else { *random.one_of(&AWKWARD) };
        let width = *random.one_of(&[1, 2, 4, 8]);
        self.replace(bytes, at / width * width, &number.to_le_bytes()[..width]);
    }

    fn copy(&mut self, bytes: &mut [u8], place: &Range<usize>, to: usize, random: &mut Random) {
        let from = place.start + random.below(place.len());
        let length = 1 + random.below(place.end - from);
        let copied = bytes[from..from + length].to_vec();
        self.replace(bytes, to, &copied);
    }

    /// Another character in the place of one that stands in a descriptor, so that it stays JSON more often than not.
    fn digit(&mut self, bytes: &mut [u8], section: &Range<usize>, random: &mut Random) {
        let at = section.start + random.below(section.len());
        if bytes[at].is_ascii_alphanumeric() {
            let new = *random.one_of(&b"0129azAZ-_ "[..]);
            self.replace(bytes, at, &[new]);
        }
    }

    fn anywhere(&mut self, bytes: &mut [u8], random: &mut Random) {
        if random.below(3) == 0 {
            // Most of the file is code: half of the cuts are near the beginning or the end, where the tables are.
            let whole = bytes.len();
            let near = random.below(4096.min(whole));
            let far = random.below(whole);
            self.length = *random.one_of(&[near, whole - near, far, far]);
            return;
        }
        for _ in 0..1 + random.below(64) {
            let at = random.below(bytes.len());
            self.replace(bytes, at, &random.next().to_le_bytes()[..1 + random.below(8)]);
        }
    }
}
