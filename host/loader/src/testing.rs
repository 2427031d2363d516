//! Small ELF files, put together by hand so that they can lie, and a plugin of this very program.

use object::elf::{ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_AARCH64, EM_X86_64, ET_DYN, FileType, Machine};
use serde_json::{Value, json};
use transom_plugin_api::abi::ABI_REVISION;
use transom_plugin_api::describe::MAGIC;

use crate::{Descriptor, TARGET, symbol_of};

/// The descriptor of a plugin with one port, as its file would carry it.
pub(crate) fn descriptor_json(id: &str) -> Value {
    let payload = |name| json!({"name": name, "fingerprint": "0123456789abcdef0123456789abcdef"});
    json!({
        "id": id,
        "version": "0.1.0",
        "about": "Repeats what it hears",
        "abi": ABI_REVISION,
        "sdk": "0.1.0",
        "target": TARGET,
        "rustc": "1.95.0",
        "panic": "unwind",
        "runtime": "none",
        "handover": "beside",
        "capabilities": ["net"],
        "ports": [{
            "role": "serves",
            "point": "zoo/birds",
            "kind": "named-service",
            "deadlineMs": 30000,
            "stages": [],
            "input": payload("Text"),
            "output": payload("Text"),
            "about": payload("Bird"),
            "names": ["grey", "green"],
            "dynamicNames": true,
        }],
        "settings": {"type": "object", "additionalProperties": false, "properties": {}, "required": []},
    })
}

pub(crate) fn descriptor(id: &str) -> Descriptor {
    serde_json::from_value(descriptor_json(id)).expect("it is a descriptor")
}

/// A record around `json`.
pub(crate) fn record_of(json: &str) -> Vec<u8> {
    let length = u32::try_from(json.len()).expect("it is short");
    [&MAGIC[..], &length.to_le_bytes(), json.as_bytes()].concat()
}

pub(crate) fn record(id: &str) -> Vec<u8> {
    record_of(&descriptor_json(id).to_string())
}

/// A shared library with the records and entries of these plugins.
pub(crate) fn plugin_file(ids: &[&str]) -> Vec<u8> {
    Elf::of(ids).bytes()
}

/// The parts of an ELF file that a reader of plugins looks at.
#[derive(Clone)]
pub(crate) struct Elf {
    pub(crate) kind: FileType,
    pub(crate) machine: Machine,
    pub(crate) sections: Vec<Vec<u8>>,
    pub(crate) symbols: Vec<String>,
}

impl Default for Elf {
    fn default() -> Self {
        Self { kind: ET_DYN, machine: MACHINE, sections: Vec::new(), symbols: Vec::new() }
    }
}

/// The machines that tests run on.
const MACHINE: Machine = if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 };

const HEADER: usize = 64;
const SECTION_NAMES: &[u8] = b"\0.transom\0.dynsym\0.dynstr\0.shstrtab\0";

impl Elf {
    pub(crate) fn of(ids: &[&str]) -> Self {
        let section = ids.iter().flat_map(|id| record(id)).collect();
        let symbols = ids.iter().map(|id| symbol_of(id)).chain(["malloc".into()]).collect();
        Self { sections: vec![section], symbols, ..Self::default() }
    }

    /// Header, contents of the sections, then the section headers: whatever is cut off takes these with it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (names, symbols) = self.symbol_table();
        let string_index = self.sections.len() as u32 + 2;
        let mut headers = vec![SectionHeader::default()];
        let mut body = Vec::new();
        let mut add = |contents: &[u8], mut header: SectionHeader| {
            header.offset = (HEADER + body.len()) as u64;
            header.size = contents.len() as u64;
            body.extend_from_slice(contents);
            body.resize(body.len().next_multiple_of(8), 0);
            headers.push(header);
        };
        for section in &self.sections {
            add(section, SectionHeader { name: 1, kind: 1, ..SectionHeader::default() });
        }
        add(
            &symbols,
            SectionHeader { name: 10, kind: 11, link: string_index, entry: 24, ..SectionHeader::default() },
        );
        add(&names, SectionHeader { name: 18, kind: 3, ..SectionHeader::default() });
        add(SECTION_NAMES, SectionHeader { name: 26, kind: 3, ..SectionHeader::default() });
        let mut file = self.header(HEADER + body.len(), headers.len());
        file.extend(body);
        file.extend(headers.iter().flat_map(SectionHeader::bytes));
        file
    }

    fn header(&self, section_headers: usize, count: usize) -> Vec<u8> {
        let mut header = vec![0; HEADER];
        header[..ELFMAG.len()].copy_from_slice(&ELFMAG);
        (header[4], header[5], header[6]) = (ELFCLASS64.0, ELFDATA2LSB.0, 1);
        header[16..18].copy_from_slice(&self.kind.0.to_le_bytes());
        header[18..20].copy_from_slice(&self.machine.0.to_le_bytes());
        header[20] = 1;
        header[40..48].copy_from_slice(&(section_headers as u64).to_le_bytes());
        header[52..54].copy_from_slice(&(HEADER as u16).to_le_bytes());
        header[58..60].copy_from_slice(&64_u16.to_le_bytes());
        header[60..62].copy_from_slice(&(count as u16).to_le_bytes());
        header[62..64].copy_from_slice(&(count as u16 - 1).to_le_bytes());
        header
    }

    /// Names and entries: global data symbols that are defined in section 1.
    fn symbol_table(&self) -> (Vec<u8>, Vec<u8>) {
        let mut names = vec![0];
        let mut symbols = vec![0; 24];
        for name in &self.symbols {
            symbols.extend((names.len() as u32).to_le_bytes());
            symbols.extend([0x11, 0, 1, 0]);
            symbols.extend([0; 16]);
            names.extend(name.as_bytes());
            names.push(0);
        }
        (names, symbols)
    }
}

#[derive(Default)]
struct SectionHeader {
    name: u32,
    kind: u32,
    offset: u64,
    size: u64,
    link: u32,
    entry: u64,
}

impl SectionHeader {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.name.to_le_bytes());
        bytes.extend(self.kind.to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend(self.size.to_le_bytes());
        bytes.extend(self.link.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(self.entry.to_le_bytes());
        bytes
    }
}

/// The same numbers in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A plugin of this program, so that what the export macro writes is what is read.
mod exported {
    use transom_plugin_api::prelude::*;

    /// A bird was seen.
    #[contract]
    pub(crate) struct Seen {
        /// Its name.
        pub(crate) name: Text,
    }

    const SEEN: Event<Seen> = Event::new("zoo/bird.seen");
    const ASK: Service<Text, u64> = Service::new("zoo/birds.count").deadline_ms(250);

    /// Watches "birds".
    #[derive(Settings)]
    pub(crate) struct Watcher {
        /// Key of the observatory.
        _key: Option<Secret>,
        /// Birds at once.
        #[setting(default = 3, min = 1, max = 9)]
        _flock: u64,
    }

    #[derive(Ports)]
    pub(crate) struct WatcherPorts {
        #[hears(SEEN)]
        seen: Listener<Seen>,
        #[calls(ASK, optional)]
        _ask: Caller<Text, u64>,
    }

    impl Plugin for Watcher {
        type Ports = WatcherPorts;

        async fn start(self, ports: WatcherPorts, _host: Host) -> Result<(), StartError> {
            ports.seen.inline(|_, _| {})
        }
    }

    export_plugin!(Watcher, id = "bird-watcher", capabilities = ["net"]);
}
