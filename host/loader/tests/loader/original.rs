//! [`Original`]: the file that is changed, and where in it the tables are that lead to its descriptors.

use std::ops::Range;
use std::path::{Path, PathBuf};

use transom_loader::Contents;
use transom_plugin_api::abi::ABI_REVISION;

/// What the file may have at most, in bytes: less than 1 MiB, so that many a change meets what is read.
const LARGEST: usize = (1 << 20) - 1;

/// A plugin's file that is sound, with settings and a port of each kind.
pub(crate) struct Original {
    pub(crate) bytes: Vec<u8>,
    pub(crate) contents: Contents,
    /// Header, tables and section: what is read of it.
    pub(crate) places: Vec<Range<usize>>,
    /// The section with the descriptors.
    pub(crate) section: Range<usize>,
}

impl Original {
    /// The file that is kept of this revision of the ABI: small, stripped, and the same wherever the test runs.
    pub(crate) fn read() -> Self {
        let path = path();
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(bytes.len() <= LARGEST, "{} bytes", bytes.len());
        let contents = Contents::of(&bytes).expect("it is sound");
        let (places, section) = places(&bytes);
        Self { bytes, contents, places, section }
    }
}

/// Other crates use this file too, so their folder is no help.
fn path() -> PathBuf {
    let file = format!("tests/fixtures/abi/{ABI_REVISION}/veteran.so");
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file())
        .expect("it is kept for each revision")
}

/// Where the header is, the section headers and what the reader finds by them; and the section of descriptors.
fn places(bytes: &[u8]) -> (Vec<Range<usize>>, Range<usize>) {
    let number = |at: usize, width: usize| {
        bytes[at..at + width].iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, count, names) = (number(40, 8), number(60, 2), number(62, 2));
    let header = |index: usize| table + index * 64;
    let range = |index: usize| {
        let begin = number(header(index) + 24, 8);
        begin..begin + number(header(index) + 32, 8)
    };
    let kind = |index: usize| number(header(index) + 4, 4);
    let section_names = range(names);
    let name = |index: usize| &bytes[section_names.start + number(header(index), 4)..];
    let section =
        (0..count).find(|index| name(*index).starts_with(b".transom\0")).expect("it has the section");
    let symbols = (0..count).find(|index| kind(*index) == 11).expect("it has dynamic symbols");
    let texts = number(header(symbols) + 40, 4);
    let mut places = vec![0..64, section_names.clone(), range(symbols), range(texts), range(section)];
    // The entries of the table by which those are found.
    places.extend([section, symbols, texts, names].map(|index| header(index)..header(index) + 64));
    // Where a record begins, more often than its length would have it.
    let begin = range(section).start;
    places.extend([begin..begin + 12, begin..begin + 64]);
    (places, range(section))
}
