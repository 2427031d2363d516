//! The part of a line that is worth showing.

use std::ops::Range;

/// Bytes of a line that are shown.
pub(crate) const SHOWN_BYTES: usize = 500;

/// Bytes that are shown before a match.
const BEFORE: usize = 100;

/// The line, which may end in CR LF; of a long one the surroundings of `matched`, and how much more there is. Bytes that are
/// not UTF-8 show as `�`.
pub(crate) fn excerpt(line: &[u8], matched: Range<usize>) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() <= SHOWN_BYTES {
        return String::from_utf8_lossy(line).into_owned();
    }
    // No further right than needed: near the end, all that is left is shown.
    let start = matched.start.saturating_sub(BEFORE).min(line.len() - SHOWN_BYTES);
    let (start, end) = (boundary(line, start), boundary(line, start + SHOWN_BYTES));
    let before = if start > 0 { "…" } else { "" };
    let behind = if end < line.len() { "…" } else { "" };
    let shown = String::from_utf8_lossy(&line[start..end]);
    format!("{before}{shown}{behind} [{} more bytes in this line]", line.len() - (end - start))
}

/// The beginning of the character at `index`.
fn boundary(line: &[u8], index: usize) -> usize {
    let is_continued = |index: &usize| line.get(*index).is_some_and(|byte| byte & 0xC0 == 0x80);
    let first = index.saturating_sub(3);
    (first..=index).rev().find(|index| !is_continued(index)).unwrap_or(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_line_is_shown_whole_without_its_ending() {
        assert_eq!(excerpt(b"hello\r\n", 0..1), "hello");
        assert_eq!(excerpt(b"hello", 9..9), "hello");
        assert_eq!(excerpt(b"\n", 0..0), "");
        let just = "x".repeat(SHOWN_BYTES);
        assert_eq!(excerpt(format!("{just}\n").as_bytes(), 0..1), just);
    }

    #[test]
    fn a_long_line_is_cut_around_the_match() {
        let line = format!("{}needle{}", "a".repeat(1_000), "b".repeat(1_000));
        let expected =
            format!("…{}needle{}… [1506 more bytes in this line]", "a".repeat(100), "b".repeat(394));
        assert_eq!(excerpt(line.as_bytes(), 1_000..1_006), expected);
        let first = excerpt(line.as_bytes(), 3..4);
        assert!(first.starts_with("aaaa") && first.ends_with("… [1506 more bytes in this line]"), "{first}");
        let last = excerpt(line.as_bytes(), 2_005..2_006);
        assert_eq!(last, format!("…{} [1506 more bytes in this line]", "b".repeat(500)));
    }

    #[test]
    fn characters_are_not_cut_in_two() {
        let line = "é".repeat(1_000);
        for start in 500..504 {
            let shown = excerpt(line.as_bytes(), start..start + 1);
            assert!(!shown.contains('\u{fffd}'), "{shown}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced_one_by_one() {
        assert_eq!(excerpt(b"a\xffb\xfe\n", 0..1), "a\u{fffd}b\u{fffd}");
        let wild = vec![0x80; 2_000];
        assert!(excerpt(&wild, 700..701).len() < 4 * SHOWN_BYTES);
    }
}
