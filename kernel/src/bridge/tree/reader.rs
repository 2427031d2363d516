//! Reading a document, within bounds.

use rmp::Marker;

use super::{Entry, Flaw, Key, Map, ReadFault, Tree, Value};

/// How deep lists and maps may be nested: far beyond what a contract needs, far below what a stack can take.
pub(super) const DEEPEST: usize = 128;

/// A list or map makes room for this many before it has read them.
const ROOM: usize = 16;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Reads a node that lies in `depth` lists and maps.
    pub(super) fn tree(&mut self, depth: usize) -> Result<Tree<'a>, ReadFault> {
        let start = self.offset;
        let value = self.value(depth)?;
        Ok(Tree { bytes: &self.bytes[start..self.offset], value })
    }

    /// Nothing may follow.
    pub(super) fn finish(&self) -> Result<(), ReadFault> {
        if self.offset == self.bytes.len() { Ok(()) } else { Err(self.fault(Flaw::Trailing)) }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, ReadFault> {
        use Marker as M;
        let marker = self.marker()?;
        let length = self.length(marker)?;
        Ok(match marker {
            M::Null => Value::Nil,
            M::False => Value::Boolean(false),
            M::True => Value::Boolean(true),
            M::FixPos(number) => Value::Unsigned(number.into()),
            M::U8 | M::U16 | M::U32 | M::U64 => Value::Unsigned(self.number(length)?),
            M::FixNeg(number) => Value::of_signed(number.into()),
            M::I8 | M::I16 | M::I32 | M::I64 => Value::of_signed(self.signed(length)?),
            M::F32 => Value::of_float(self.single()?.into()),
            M::F64 => Value::of_float(f64::from_bits(self.number(length)?)),
            M::FixStr(_) | M::Str8 | M::Str16 | M::Str32 => Value::Text(self.text(length)?),
            M::Bin8 | M::Bin16 | M::Bin32 => Value::Bytes(self.take(length)?),
            M::FixArray(_) | M::Array16 | M::Array32 => Value::List(self.list(length, depth)?),
            M::FixMap(_) | M::Map16 | M::Map32 => Value::Map(self.map(length, depth)?),
            M::Reserved => return Err(self.fault(Flaw::Reserved)),
            _ => self.extension(length)?,
        })
    }

    fn marker(&mut self) -> Result<Marker, ReadFault> {
        Ok(Marker::from_u8(self.take(1)?[0]))
    }

    /// The length of what follows: of a number or a text in bytes, of a list or a map in elements or entries.
    fn length(&mut self, marker: Marker) -> Result<usize, ReadFault> {
        use Marker as M;
        let width_of_length = match marker {
            M::U8 | M::I8 | M::FixExt1 => return Ok(1),
            M::U16 | M::I16 | M::FixExt2 => return Ok(2),
            M::U32 | M::I32 | M::F32 | M::FixExt4 => return Ok(4),
            M::U64 | M::I64 | M::F64 | M::FixExt8 => return Ok(8),
            M::FixExt16 => return Ok(16),
            M::FixStr(length) | M::FixArray(length) | M::FixMap(length) => return Ok(length.into()),
            M::Str8 | M::Bin8 | M::Ext8 => 1,
            M::Str16 | M::Bin16 | M::Ext16 | M::Array16 | M::Map16 => 2,
            M::Str32 | M::Bin32 | M::Ext32 | M::Array32 | M::Map32 => 4,
            M::Null | M::False | M::True | M::FixPos(_) | M::FixNeg(_) | M::Reserved => return Ok(0),
        };
        let length = self.number(width_of_length)?;
        usize::try_from(length).map_err(|_| self.fault(Flaw::Truncated))
    }

    fn list(&mut self, length: usize, depth: usize) -> Result<Vec<Tree<'a>>, ReadFault> {
        self.enter(length, depth)?;
        let mut elements = Vec::with_capacity(length.min(ROOM));
        for _ in 0..length {
            elements.push(self.tree(depth + 1)?);
        }
        Ok(elements)
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Map<'a>, ReadFault> {
        self.enter(length, depth)?;
        let mut entries = Vec::with_capacity(length.min(ROOM));
        for _ in 0..length {
            entries.push(Entry { key: self.key()?, value: self.tree(depth + 1)? });
        }
        Map::new(entries).map_err(|twice| self.fault_at(twice.bytes, Flaw::KeyTwice))
    }

    /// Each element takes a byte at least, so a length that cannot be is told before anything is read.
    fn enter(&self, length: usize, depth: usize) -> Result<(), ReadFault> {
        if depth >= DEEPEST {
            return Err(self.fault(Flaw::TooDeep));
        }
        if length > self.bytes.len() - self.offset {
            return Err(self.fault(Flaw::Truncated));
        }
        Ok(())
    }

    fn key(&mut self) -> Result<Key<'a>, ReadFault> {
        let start = self.offset;
        let marker = self.marker()?;
        let length = self.length(marker)?;
        if !matches!(marker, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32) {
            return Err(ReadFault { offset: start, flaw: Flaw::KeyNotText });
        }
        let text = self.text(length)?;
        Ok(Key { bytes: &self.bytes[start..self.offset], text })
    }

    fn text(&mut self, length: usize) -> Result<&'a str, ReadFault> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.fault_at(bytes, Flaw::NotUtf8))
    }

    fn extension(&mut self, length: usize) -> Result<Value<'a>, ReadFault> {
        let kind = self.take(1)?[0].cast_signed();
        Ok(Value::Extension(kind, self.take(length)?))
    }

    fn single(&mut self) -> Result<f32, ReadFault> {
        let bytes = self.take(4)?;
        Ok(f32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn signed(&mut self, width: usize) -> Result<i64, ReadFault> {
        let unused = 64 - 8 * width;
        Ok((self.number(width)? << unused).cast_signed() >> unused)
    }

    fn number(&mut self, width: usize) -> Result<u64, ReadFault> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ReadFault> {
        let end = self.offset.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.offset..end));
        let taken = taken.ok_or_else(|| self.fault(Flaw::Truncated))?;
        self.offset += length;
        Ok(taken)
    }

    fn fault(&self, flaw: Flaw) -> ReadFault {
        ReadFault { offset: self.offset, flaw }
    }

    /// A fault at the start of `part`, which was read from this document.
    fn fault_at(&self, part: &[u8], flaw: Flaw) -> ReadFault {
        ReadFault { offset: part.as_ptr().addr() - self.bytes.as_ptr().addr(), flaw }
    }
}
