//! Gives a plugin's file another id of the same length: in its descriptor, in the name of its entry and in the table by
//! which the linker finds names.

use std::ops::Range;

use object::{File, Object, ObjectSection, ObjectSymbol};

/// A file whose plugin is called `id`, and where its tables are.
pub(crate) struct Template {
    bytes: Vec<u8>,
    id: String,
    /// The table of hashes, and the place of the entry's symbol among the symbols.
    hashes: Range<usize>,
    symbol: usize,
}

impl Template {
    pub(crate) fn of(bytes: Vec<u8>, id: &str) -> Self {
        let file = File::parse(&*bytes).expect("it is an ELF file");
        let section = file.section_by_name(".gnu.hash").expect("the linker made one");
        let (begin, length) = section.file_range().expect("it lies in the file");
        let name = symbol_of(id);
        let symbol = file.dynamic_symbols().find(|symbol| symbol.name() == Ok(&name));
        let symbol = symbol.expect("the entry is exported").index().0;
        let begin = usize::try_from(begin).expect("it is in memory");
        let hashes = begin..begin + usize::try_from(length).expect("it is in memory");
        Self { bytes, id: id.to_owned(), hashes, symbol }
    }

    /// The file under the first `count` ids that the linker's table has room for.
    pub(crate) fn copies(&self, count: usize) -> Vec<(String, Vec<u8>)> {
        let ids = (1..10_000).map(|number| format!("copy-{number:04}"));
        ids.filter_map(|id| Some((id.clone(), self.copy(&id)?))).take(count).collect()
    }

    /// `None` where the id belongs into another bucket of the table, where its symbol does not stand.
    fn copy(&self, id: &str) -> Option<Vec<u8>> {
        assert_eq!(id.len(), self.id.len(), "nothing moves");
        let (old, new) = (hash(&symbol_of(&self.id)), hash(&symbol_of(id)));
        let number = |at: usize| u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"));
        let [buckets, first, blooms, shift] = [0, 4, 8, 12].map(|at| number(self.hashes.start + at));
        if old % buckets != new % buckets {
            return None;
        }
        let mut bytes = self.bytes.clone();
        replace_all(&mut bytes, &self.id, id);
        replace_all(&mut bytes, &symbol_of(&self.id), &symbol_of(id));
        let bloom = self.hashes.start + 16 + (new / 64 % blooms) as usize * 8;
        let mut word = u64::from_le_bytes(bytes[bloom..bloom + 8].try_into().expect("eight bytes"));
        word |= 1 << (new % 64) | 1 << ((new >> shift) % 64);
        bytes[bloom..bloom + 8].copy_from_slice(&word.to_le_bytes());
        let chains = self.hashes.start + 16 + blooms as usize * 8 + buckets as usize * 4;
        let chain = chains + (self.symbol - first as usize) * 4;
        // The lowest bit says whether it is the last one in its bucket.
        let hashed = new & !1 | number(chain) & 1;
        bytes[chain..chain + 4].copy_from_slice(&hashed.to_le_bytes());
        Some(bytes)
    }
}

fn symbol_of(id: &str) -> String {
    transom_loader::symbol_of(id)
}

fn replace_all(bytes: &mut [u8], old: &str, new: &str) {
    let old = old.as_bytes();
    let places: Vec<usize> =
        (0..=bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert!(!places.is_empty(), "nothing to replace");
    for at in places {
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    }
}

/// The hash by which the GNU linker finds symbols.
fn hash(name: &str) -> u32 {
    name.bytes().fold(5381, |hash: u32, byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)))
}
