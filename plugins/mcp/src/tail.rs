//! [`Tail`]: the last of what a server has said beside the protocol, for people.

use std::sync::{Mutex, PoisonError};

/// Bytes that are kept.
const BYTES: usize = 4 << 10;

/// The last bytes of a text.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<Vec<u8>>);

impl Tail {
    /// Puts more behind it.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&bytes[bytes.len().saturating_sub(BYTES)..]);
        let over = kept.len().saturating_sub(BYTES);
        kept.drain(..over);
    }

    /// What is kept, without the part of a character at its beginning.
    pub(crate) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = kept.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
        String::from_utf8_lossy(&kept[begin..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_kept_from_the_beginning_of_a_character_on() {
        let tail = Tail::default();
        tail.push(&"é".repeat(BYTES).into_bytes());
        tail.push(b"x");
        let text = tail.text();
        assert_eq!(text.len(), BYTES - 1);
        assert!(text.starts_with('é') && text.ends_with("éx"));
    }
}
