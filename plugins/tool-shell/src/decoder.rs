//! [`Decoder`]: text out of bytes that arrive in pieces, however they are cut.

use transom_plugin_api::sabotage::sabotaged;

/// Holds the beginning of a code point back until the rest of it is there. What is no UTF-8 becomes U+FFFD, just as if all
/// had arrived in one piece.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    held: Vec<u8>,
}

impl Decoder {
    /// The text that is complete with these bytes.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> String {
        if sabotaged("cut-code-points") {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let (mut text, mut rest) = (String::with_capacity(all.len()), &all[..]);
        loop {
            let Err(error) = str::from_utf8(rest).map(|good| text.push_str(good)) else { return text };
            let (good, bad) = rest.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(good));
            let Some(length) = error.error_len() else {
                self.held = bad.to_vec();
                return text;
            };
            text.push(char::REPLACEMENT_CHARACTER);
            rest = &bad[length..];
        }
    }

    /// What there is to say when nothing comes any more.
    pub(crate) fn end(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of code point, and every kind of damage.
    const BYTES: &[u8] =
        b"a\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80z\xff\xe2\x82x\xf0\x9f\xa6\xc0\xed\xa0\x80\xf4\x90\n\xe2\x82";

    fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut decoder = Decoder::default();
        let mut text: String = pieces.into_iter().map(|piece| decoder.decode(piece)).collect();
        text.push_str(&decoder.end());
        text
    }

    #[test]
    fn a_cut_at_any_byte_changes_nothing() {
        let whole = String::from_utf8_lossy(BYTES);
        for first in 0..=BYTES.len() {
            for second in first..=BYTES.len() {
                let pieces = [&BYTES[..first], &BYTES[first..second], &BYTES[second..]];
                assert_eq!(decoded(pieces), whole, "cut at {first} and {second}");
            }
        }
        assert_eq!(decoded(BYTES.chunks(1)), whole);
    }

    #[test]
    fn what_may_still_become_a_code_point_is_held_back_and_no_more_than_that() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(b"ab\xe2\x82"), "ab");
        assert_eq!(decoder.held.len(), 2);
        assert_eq!(decoder.decode(b"\xac"), "€");
        assert_eq!((decoder.held.len(), decoder.end().as_str()), (0, ""));
    }
}
