//! [`Contents`]: the descriptors and entries in the bytes of a file, total on any bytes.

use std::collections::BTreeSet;
use std::env::consts::ARCH;

use object::elf::{ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG};
use object::{Architecture, File, Object, ObjectKind, ObjectSection, ObjectSymbol};
use transom_plugin_api::abi::plugin_table::SYMBOL_PREFIX;
use transom_plugin_api::describe::SECTION;
use transom_plugin_api::sabotage::sabotaged;

use crate::{Descriptor, Flaw, record};

/// Places in the first bytes of an ELF file, and what this host needs to find there.
const CLASS: usize = 4;
const BYTE_ORDER: usize = 5;
const HOST_CLASS: u8 = if cfg!(target_pointer_width = "64") { ELFCLASS64.0 } else { ELFCLASS32.0 };
const HOST_BYTE_ORDER: u8 = if cfg!(target_endian = "little") { ELFDATA2LSB.0 } else { ELFDATA2MSB.0 };

/// The most that the descriptors of one file may have together, in bytes. Read, a byte of JSON can take dozens in memory.
const MOST_DESCRIPTORS: u64 = 4 << 20;

/// What is in a plugin's file, as far as it can be known without running it.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// What each plugin in it says of itself: one in a plugin's own file, several where plugins are linked together.
    pub descriptors: Vec<Descriptor>,
    /// The plugin entries among the symbols it exports.
    pub entries: BTreeSet<String>,
    /// Whether it is a shared object; executables and object files are not, and cannot be loaded.
    pub shared: bool,
}

impl Contents {
    /// Reads the bytes of a file. Total: whatever the bytes are, the answer is contents or a flaw.
    ///
    /// # Errors
    /// When the bytes are not a whole ELF file for this machine with at least one descriptor.
    pub fn of(bytes: &[u8]) -> Result<Self, Flaw> {
        is_for_this_machine(bytes)?;
        let file = File::parse(bytes).map_err(damaged)?;
        if file.architecture() != host_architecture() {
            return Err(wrong_machine(&format!("{:?}", file.architecture()).to_lowercase()));
        }
        let mut names = Names::in_file_of(bytes.len());
        let descriptors = descriptors(&file, &mut names)?;
        if descriptors.is_empty() {
            return Err(Flaw::NoSection);
        }
        let entries = entries(&file, &mut names)?;
        Ok(Self { descriptors, entries, shared: file.kind() == ObjectKind::Dynamic })
    }

    /// What the plugin called `id` says of itself.
    #[must_use]
    pub fn descriptor(&self, id: &str) -> Option<&Descriptor> {
        self.descriptors.iter().find(|descriptor| descriptor.id == id)
    }
}

/// The first bytes alone tell foreign files and machines apart, also where the rest is missing.
fn is_for_this_machine(bytes: &[u8]) -> Result<(), Flaw> {
    if bytes.is_empty() {
        return Err(Flaw::Empty);
    }
    let magic = bytes.len().min(ELFMAG.len());
    if bytes[..magic] != ELFMAG[..magic] {
        return Err(Flaw::NotElf);
    }
    match bytes.get(CLASS) {
        Some(&class) if class == HOST_CLASS => {}
        Some(&class) if class == ELFCLASS32.0 => return Err(wrong_machine("a 32-bit machine")),
        Some(&class) if class == ELFCLASS64.0 => return Err(wrong_machine("a 64-bit machine")),
        _ => return Err(Flaw::Damaged { reason: "its class is unknown".into() }),
    }
    match bytes.get(BYTE_ORDER) {
        Some(&order) if order == HOST_BYTE_ORDER => Ok(()),
        Some(&order) if order == ELFDATA2LSB.0 => Err(wrong_machine("a little-endian machine")),
        Some(&order) if order == ELFDATA2MSB.0 => Err(wrong_machine("a big-endian machine")),
        _ => Err(Flaw::Damaged { reason: "its byte order is unknown".into() }),
    }
}

fn wrong_machine(found: &str) -> Flaw {
    Flaw::WrongMachine { found: found.to_owned(), expected: ARCH.to_owned() }
}

fn damaged(error: object::Error) -> Flaw {
    Flaw::Damaged { reason: error.to_string() }
}

/// What `object` calls the machine this host is built for.
fn host_architecture() -> Architecture {
    match ARCH {
        "x86_64" if cfg!(target_pointer_width = "32") => Architecture::X86_64_X32,
        "x86_64" => Architecture::X86_64,
        "x86" => Architecture::I386,
        "aarch64" => Architecture::Aarch64,
        "arm" => Architecture::Arm,
        "riscv64" => Architecture::Riscv64,
        "loongarch64" => Architecture::LoongArch64,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        _ => Architecture::Unknown,
    }
}

/// Names out of the tables of a file. Thousands of them may lie over one another in one long text, and be read for hours:
/// all together they are not much longer than a file that is sound.
struct Names {
    left: usize,
}

impl Names {
    const fn in_file_of(bytes: usize) -> Self {
        // The linker lets a name be the end of another one, so the sum may be somewhat more than the file.
        Self { left: bytes.saturating_mul(2) }
    }

    fn read<'a>(&mut self, name: object::Result<&'a [u8]>) -> Result<&'a [u8], Flaw> {
        let name = name.map_err(damaged)?;
        let left = if sabotaged("read-overlapping-names") {
            Some(self.left)
        } else {
            self.left.checked_sub(name.len())
        };
        self.left = left.ok_or_else(|| Flaw::Damaged { reason: "its names overlap".into() })?;
        Ok(name)
    }
}

fn descriptors(file: &File<'_>, names: &mut Names) -> Result<Vec<Descriptor>, Flaw> {
    let mut found = Vec::new();
    let mut bytes = 0;
    for section in file.sections() {
        if names.read(section.name_bytes())? != SECTION.as_bytes() {
            continue;
        }
        bytes += section.size().min(MOST_DESCRIPTORS + 1);
        if bytes > MOST_DESCRIPTORS {
            return Err(Flaw::SaysTooMuch { limit: MOST_DESCRIPTORS });
        }
        found.extend(record::descriptors(section.data().map_err(damaged)?)?);
    }
    Ok(found)
}

fn entries(file: &File<'_>, names: &mut Names) -> Result<BTreeSet<String>, Flaw> {
    let mut entries = BTreeSet::new();
    for symbol in file.dynamic_symbols().filter(|symbol| symbol.is_definition() && symbol.is_global()) {
        let name = names.read(symbol.name_bytes())?;
        if let Ok(name) = str::from_utf8(name)
            && name.starts_with(SYMBOL_PREFIX)
        {
            entries.insert(name.to_owned());
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Elf, descriptor, plugin_file, record};

    fn check(bytes: &[u8], expected: Flaw) {
        assert_eq!(Contents::of(bytes), Err(expected));
    }

    #[test]
    fn a_plugin_file_says_what_is_in_it_and_how_to_enter_it() {
        let contents = Contents::of(&plugin_file(&["parrot", "spend-limit"])).expect("it is a plugin file");
        assert_eq!(contents.descriptors, [descriptor("parrot"), descriptor("spend-limit")]);
        assert_eq!(
            contents.entries,
            ["transom_plugin_parrot", "transom_plugin_spend_limit"].map(String::from).into()
        );
        assert!(contents.shared);
        assert_eq!(contents.descriptor("spend-limit").map(|one| one.id.as_str()), Some("spend-limit"));
        assert_eq!(contents.descriptor("nobody"), None);
    }

    #[test]
    fn sections_of_the_same_name_are_all_read() {
        let elf = Elf { sections: vec![record("parrot"), vec![0; 3], record("audit")], ..Elf::default() };
        let contents = Contents::of(&elf.bytes()).expect("it is a plugin file");
        assert_eq!(contents.descriptors, [descriptor("parrot"), descriptor("audit")]);
    }

    #[test]
    fn no_bytes_are_empty() {
        check(&[], Flaw::Empty);
    }

    #[test]
    fn foreign_files_are_not_elf() {
        for foreign in [
            &b"\x7fEL"[1..],
            b"MZ\x90\0",
            b"#!/bin/sh\n",
            b"\xcf\xfa\xed\xfe",
            b"!<arch>\n",
            b"TRANSOM\x01",
            b"\0",
        ] {
            check(foreign, Flaw::NotElf);
        }
    }

    #[test]
    fn a_file_for_another_processor_names_both() {
        let elf = Elf { machine: object::elf::EM_RISCV, ..Elf::of(&["parrot"]) };
        check(&elf.bytes(), wrong_machine("riscv64"));
    }

    #[test]
    fn a_file_for_another_word_size_or_byte_order_names_it() {
        let mut narrow = plugin_file(&["parrot"]);
        narrow[CLASS] = ELFCLASS32.0;
        check(&narrow, wrong_machine("a 32-bit machine"));
        let mut big = plugin_file(&["parrot"]);
        big[BYTE_ORDER] = ELFDATA2MSB.0;
        check(&big, wrong_machine("a big-endian machine"));
    }

    #[test]
    fn a_library_without_the_section_holds_no_plugin() {
        check(&Elf::default().bytes(), Flaw::NoSection);
        check(&Elf { sections: vec![vec![0; 32]], ..Elf::default() }.bytes(), Flaw::NoSection);
    }

    #[test]
    fn an_executable_is_read_and_is_not_shared() {
        let elf = Elf { kind: object::elf::ET_EXEC, ..Elf::of(&["parrot"]) };
        assert!(!Contents::of(&elf.bytes()).expect("it is readable").shared);
    }

    #[test]
    fn a_file_cut_off_anywhere_is_a_flaw() {
        let whole = plugin_file(&["parrot", "audit"]);
        for length in 0..whole.len() {
            Contents::of(&whole[..length]).expect_err("a part of a file is no plugin");
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_contents_or_a_flaw() {
        let whole = plugin_file(&["parrot"]);
        for index in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[index] ^= change;
                let _ = Contents::of(&changed);
            }
        }
    }

    #[test]
    fn many_changed_bytes_are_contents_or_a_flaw() {
        let whole = plugin_file(&["parrot", "audit"]);
        let mut random = crate::testing::Random(7);
        for _ in 0..20_000 {
            let mut changed = whole.clone();
            for _ in 0..1 + random.below(12) {
                let index = random.below(changed.len());
                changed[index] = random.below(256) as u8;
            }
            changed.truncate(changed.len() - random.below(2) * random.below(changed.len()));
            let _ = Contents::of(&changed);
        }
    }

    #[test]
    fn descriptors_without_end_are_not_read() {
        let longest = usize::try_from(MOST_DESCRIPTORS).expect("it fits");
        let of = |sections| Elf { sections, ..Elf::of(&["parrot"]) }.bytes();
        Contents::of(&of(vec![record("parrot"), vec![0; longest / 2]])).expect("this much may be said");
        let too_much = Flaw::SaysTooMuch { limit: MOST_DESCRIPTORS };
        check(&of(vec![record("parrot"), vec![0; longest]]), too_much.clone());
        check(&of(vec![vec![0; 1 << 19]; 9]), too_much);
    }

    #[test]
    fn names_that_lie_over_one_another_are_not_read_one_by_one() {
        // One name of 64 KiB and 60,000 others that are parts of it: 2 GB to be read, in a file of 1.5 MB.
        let long = "x".repeat(1 << 16);
        let mut symbols = vec![long.clone()];
        symbols.extend((0..60_000).map(|_| String::new()));
        let elf = Elf { symbols, ..Elf::of(&["parrot"]) };
        let mut bytes = elf.bytes();
        let names = bytes.windows(64).position(|window| window == &long.as_bytes()[..64]).expect("the name");
        // The table stands right before its names, an entry of 24 bytes for each: all get the first one's name.
        let first =
            bytes[..names].windows(6).position(|window| window == [1, 0, 0, 0, 0x11, 0]).expect("a symbol");
        for entry in (first..names - 24).step_by(24) {
            bytes[entry..entry + 4].copy_from_slice(&1_u32.to_le_bytes());
        }
        check(&bytes, Flaw::Damaged { reason: "its names overlap".into() });
    }

    #[test]
    fn the_running_program_is_described_like_any_file() {
        let program = std::env::current_exe().and_then(std::fs::read).expect("the program is readable");
        let contents = Contents::of(&program).expect("a test below exports a plugin");
        let linked = crate::linked().expect("the records are whole");
        assert_eq!(contents.descriptors, linked.into_iter().map(|one| one.descriptor).collect::<Vec<_>>());
    }
}
