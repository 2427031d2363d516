//! Where in a document a byte lies.

use std::fmt::Write;

use rmp::Marker;

/// Steps of a path that are shown.
const SHOWN_STEPS: usize = 8;
/// Characters of a key that are shown.
const SHOWN_OF_KEY: usize = 40;

/// The path to the value in which the byte before `offset` lies, or, behind the end of a document that ends early, to the one
/// that is missing; empty for the whole document.
pub(super) fn near(document: &[u8], offset: usize) -> String {
    let mut walk = Walk { document, at: 0, open: Vec::new() };
    while walk.step(offset).is_some() {}
    walk.path()
}

/// A way through a document, value after value.
struct Walk<'a> {
    document: &'a [u8],
    at: usize,
    /// The lists and maps around it, the outermost first.
    open: Vec<Open<'a>>,
}

/// A list or map, and which of its values is looked at.
struct Open<'a> {
    left: usize,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    /// An element of a list.
    Element(usize),
    /// A key of a map, or what stands behind it.
    Key,
    Value(&'a [u8]),
}

impl<'a> Walk<'a> {
    /// Goes on to the next value, unless this is the one.
    fn step(&mut self, offset: usize) -> Option<()> {
        let head = Head::of(self.document.get(self.at..)?)?;
        let value =
            self.document.get(self.at..self.at + head.bytes).filter(|_| self.at + head.bytes < offset)?;
        self.at += head.bytes;
        match head.holds {
            Holds::Nothing => self.next(value),
            Holds::Elements(0) | Holds::Entries(0) => self.next(&[]),
            Holds::Elements(left) => self.open.push(Open { left, step: Step::Element(0) }),
            Holds::Entries(left) => self.open.push(Open { left, step: Step::Key }),
        }
        Some(())
    }

    /// Behind a value that is over.
    fn next(&mut self, over: &'a [u8]) {
        while let Some(open) = self.open.last_mut() {
            match open.step {
                Step::Key => return open.step = Step::Value(over),
                Step::Element(index) => open.step = Step::Element(index + 1),
                Step::Value(_) => open.step = Step::Key,
            }
            open.left -= 1;
            if open.left > 0 {
                return;
            }
            self.open.pop();
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for open in self.open.iter().take(SHOWN_STEPS) {
            // Writing to a string cannot fail.
            let _ = match open.step {
                Step::Element(index) => write!(path, "[{index}]"),
                Step::Key => Ok(()),
                Step::Value(key) if path.is_empty() => write!(path, "{}", shown(key)),
                Step::Value(key) => write!(path, ".{}", shown(key)),
            };
        }
        if self.open.len() > SHOWN_STEPS {
            path.push('…');
        }
        path
    }
}

/// A key, as it was read: its text stands behind its marker.
fn shown(key: &[u8]) -> String {
    let begin = match key.first().map(|first| Marker::from_u8(*first)) {
        Some(Marker::FixStr(_)) => 1,
        Some(Marker::Str8) => 2,
        Some(Marker::Str16) => 3,
        _ => return "?".to_owned(),
    };
    let text = String::from_utf8_lossy(key.get(begin..).unwrap_or_default());
    text.chars().take(SHOWN_OF_KEY).flat_map(char::escape_debug).collect()
}

/// What a value begins with: how long it is, and what stands behind it.
struct Head {
    /// Of the whole value; of a list or map, of what stands before its contents.
    bytes: usize,
    holds: Holds,
}

enum Holds {
    Nothing,
    Elements(usize),
    Entries(usize),
}

impl Head {
    /// None where the document ends early, or is none.
    fn of(document: &[u8]) -> Option<Self> {
        use Marker as M;
        let marker = Marker::from_u8(*document.first()?);
        let length = |width: usize| {
            let bytes = document.get(1..=width)?;
            Some(bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte)))
        };
        let value = |bytes: usize| Some(Self { bytes, holds: Holds::Nothing });
        let text = |width: usize, more: usize| value((1 + width + more).checked_add(length(width)?)?);
        let list = |bytes: usize, count: usize| Some(Self { bytes, holds: Holds::Elements(count) });
        let map = |bytes: usize, count: usize| Some(Self { bytes, holds: Holds::Entries(count) });
        match marker {
            M::Null | M::False | M::True | M::FixPos(_) | M::FixNeg(_) => value(1),
            M::U8 | M::I8 => value(2),
            M::U16 | M::I16 | M::FixExt1 => value(3),
            M::FixExt2 => value(4),
            M::U32 | M::I32 | M::F32 => value(5),
            M::FixExt4 => value(6),
            M::U64 | M::I64 | M::F64 => value(9),
            M::FixExt8 => value(10),
            M::FixExt16 => value(18),
            M::FixStr(length) => value(1 + usize::from(length)),
            M::Str8 | M::Bin8 => text(1, 0),
            M::Str16 | M::Bin16 => text(2, 0),
            M::Str32 | M::Bin32 => text(4, 0),
            M::Ext8 => text(1, 1),
            M::Ext16 => text(2, 1),
            M::Ext32 => text(4, 1),
            M::FixArray(count) => list(1, count.into()),
            M::Array16 => list(3, length(2)?),
            M::Array32 => list(5, length(4)?),
            M::FixMap(count) => map(1, count.into()),
            M::Map16 => map(3, length(2)?),
            M::Map32 => map(5, length(4)?),
            M::Reserved => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_byte_lies_in_the_value_that_holds_it() {
        let document = rmp_serde::to_vec_named(&json!({"a": [1, {"b": "xyz"}], "c": {}, "d": true})).unwrap();
        // 83 a1 'a' 92 01 81 a1 'b' a3 'x' 'y' 'z' a1 'c' 80 a1 'd' c3
        let places = [
            "", "", "", "", "a", "a[0]", "a[1]", "a[1]", "a[1]", "a[1].b", "a[1].b", "a[1].b", "a[1].b", "",
            "", "c", "", "", "d",
        ];
        for (offset, place) in places.iter().enumerate() {
            assert_eq!(near(&document, offset), *place, "byte {offset}");
        }
    }

    #[test]
    fn where_a_document_ends_early_it_is_what_is_missing() {
        let document = rmp_serde::to_vec_named(&json!({"a": [1, 2]})).unwrap();
        assert_eq!(near(&document[..3], 4), "a");
        assert_eq!(near(&document[..5], 6), "a[1]");
        assert_eq!(near(&[], 0), "");
    }

    #[test]
    fn bytes_that_are_no_document_have_a_place_too() {
        let mut lengths = vec![0x93, 0xdb, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(near(&lengths, 6), "[0]");
        lengths[1] = 0xc1;
        assert_eq!(near(&lengths, 2), "[0]");
        let deep = vec![0x91; 1_000];
        assert_eq!(near(&deep, 150), "[0][0][0][0][0][0][0][0]…");
        assert_eq!(near(&[0x81, 0xa2, b'\n', 0xff, 0x91], 5), "\\n\u{fffd}");
        assert_eq!(near(&[0x81, 0x05, 0x91, 0x07], 4), "?[0]");
    }
}
