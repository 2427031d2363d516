//! [`Tail`]: the last of what a server has said beside the protocol, for people.

use std::sync::{Mutex, PoisonError};

/// Bytes that are kept.
const BYTES: usize = 4 << 10;

/// The last bytes of a text.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// Whether something stood before them.
    is_cut: bool,
}

impl Tail {
    /// Puts more behind it.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_cut |= kept.bytes.len() + bytes.len() > BYTES;
        kept.bytes.extend_from_slice(&bytes[bytes.len().saturating_sub(BYTES)..]);
        let over = kept.bytes.len().saturating_sub(BYTES);
        kept.bytes.drain(..over);
    }

    /// What is kept, in whole lines where something stood before: the end of a secret could not be told from anything else.
    pub(crate) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.bytes.iter().position(|byte| *byte == b'\n');
        let begin = if kept.is_cut { first.map_or(kept.bytes.len(), |end| end + 1) } else { 0 };
        String::from_utf8_lossy(&kept.bytes[begin..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_lines_are_kept() {
        let tail = Tail::default();
        tail.push(b"key is s3cret\nsecond\n");
        assert_eq!(tail.text(), "key is s3cret\nsecond\n");
        tail.push(&[b'x'; BYTES - 10]);
        assert!(tail.text().starts_with("second\nx"), "half of the first line is not shown");
        tail.push(&[b'x'; BYTES]);
        assert!(tail.text().is_empty());
    }
}
