//! The descriptor, written as a constant: magic, length and JSON in the file's `.transom` section.
//!
//! Everything here is `const fn`, because what is not known at compile time cannot be read without running the
//! plugin. The JSON is produced twice, once to count its bytes and once to keep them.

use crate::abi::ABI_REVISION;
use crate::point::PointSpec;
use crate::port::{PortDecl, TypeDecl};
use crate::runtime::RuntimeChoice;

/// Name of the section that holds descriptors.
pub const SECTION: &str = ".transom";

/// Every record begins with it; the last byte is the version of the record's form.
pub const MAGIC: [u8; 8] = *b"TRANSOM\x01";

/// Bytes before the JSON: magic and a little-endian `u32` length.
pub const RECORD_HEAD: usize = MAGIC.len() + 4;

/// Text that is put together at compile time.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    /// Text as it is.
    Text(&'static str),
    /// Further pieces.
    Nested(&'static [Piece]),
}

/// What an exported plugin says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// The plugin's id.
    pub id: &'static str,
    /// Version of the plugin's crate.
    pub version: &'static str,
    /// One sentence: the first line of the crate's description.
    pub about: &'static str,
    /// The runtime it asks for.
    pub runtime: RuntimeChoice,
    /// Whether its panics abort the process.
    pub aborts: bool,
    /// What it asks to be granted.
    pub capabilities: &'static [&'static str],
    /// Its ports.
    pub ports: &'static [PortDecl],
    /// The inside of its settings' JSON Schema.
    pub settings: &'static [Piece],
}

/// How long the record of `description` is.
#[must_use]
pub const fn record_len(description: &Description) -> usize {
    RECORD_HEAD + Writer::<0>::json(description).len
}

/// The record of `description`, `N` bytes long as [`record_len`] says.
#[must_use]
pub const fn record<const N: usize>(description: &Description) -> [u8; N] {
    let json = Writer::<N>::json(description);
    assert!(json.len + RECORD_HEAD == N, "the record has the length that was counted");
    let length = (json.len as u32).to_le_bytes();
    let mut out = [0; N];
    let mut index = 0;
    while index < N {
        out[index] = if index < MAGIC.len() {
            MAGIC[index]
        } else if index < RECORD_HEAD {
            length[index - MAGIC.len()]
        } else {
            json.bytes[index - RECORD_HEAD]
        };
        index += 1;
    }
    out
}

/// The JSON inside a record made by [`record`].
pub(crate) fn json_of_record(record: &'static [u8]) -> &'static str {
    std::str::from_utf8(&record[RECORD_HEAD..]).expect("a record is written from text")
}

/// Counts bytes, and keeps the first `N` of them.
struct Writer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Writer<N> {
    const fn json(description: &Description) -> Self {
        let runtime = match description.runtime {
            RuntimeChoice::None => "none",
            RuntimeChoice::Tokio => "tokio",
        };
        Self { bytes: [0; N], len: 0 }
            .raw("{")
            .key("id")
            .text(description.id)
            .comma_key("version")
            .text(description.version)
            .comma_key("about")
            .text(description.about)
            .comma_key("abi")
            .number(ABI_REVISION as u64)
            .comma_key("sdk")
            .text(env!("CARGO_PKG_VERSION"))
            .comma_key("target")
            .text(env!("TRANSOM_TARGET"))
            .comma_key("rustc")
            .text(env!("TRANSOM_RUSTC"))
            .comma_key("panic")
            .text(if description.aborts { "abort" } else { "unwind" })
            .comma_key("runtime")
            .text(runtime)
            .comma_key("capabilities")
            .texts(description.capabilities)
            .comma_key("ports")
            .ports(description.ports)
            .comma_key("settings")
            .raw("{")
            .pieces(description.settings)
            .raw("}}")
    }

    const fn ports(self, ports: &[PortDecl]) -> Self {
        let mut out = self.raw("[");
        let mut index = 0;
        while index < ports.len() {
            if index > 0 {
                out = out.raw(",");
            }
            out = out.port(&ports[index]);
            index += 1;
        }
        out.raw("]")
    }

    const fn port(self, port: &PortDecl) -> Self {
        let mut out = self.raw("{").key("role").text(port.role.as_str()).point(&port.point);
        out = out.payload("input", &port.input).payload("output", &port.output).payload("about", &port.about);
        if port.optional {
            out = out.comma_key("optional").raw("true");
        }
        if !port.names.is_empty() {
            out = out.comma_key("names").texts(port.names);
        }
        if port.dynamic_names {
            out = out.comma_key("dynamicNames").raw("true");
        }
        if !port.stage.is_empty() {
            out = out.comma_key("stage").text(port.stage);
        }
        if !port.before.is_empty() {
            out = out.comma_key("before").texts(port.before);
        }
        if !port.after.is_empty() {
            out = out.comma_key("after").texts(port.after);
        }
        out.raw("}")
    }

    const fn point(self, point: &PointSpec) -> Self {
        self.comma_key("point")
            .text(point.name)
            .comma_key("kind")
            .text(point.kind.as_str())
            .comma_key("deadlineMs")
            .number(point.deadline_ms)
            .comma_key("stages")
            .texts(point.stages)
    }

    const fn payload(self, key: &str, of: &TypeDecl) -> Self {
        let mut out =
            self.comma_key(key).raw("{").key("name").text(of.name).comma_key("fingerprint").raw("\"");
        let hex = of.fingerprint.hex();
        let mut index = 0;
        while index < hex.len() {
            out = out.byte(hex[index]);
            index += 1;
        }
        out.raw("\"}")
    }

    const fn pieces(self, pieces: &[Piece]) -> Self {
        let mut out = self;
        let mut index = 0;
        while index < pieces.len() {
            out = match &pieces[index] {
                Piece::Text(text) => out.raw(text),
                Piece::Nested(nested) => out.pieces(nested),
            };
            index += 1;
        }
        out
    }

    const fn texts(self, texts: &[&str]) -> Self {
        let mut out = self.raw("[");
        let mut index = 0;
        while index < texts.len() {
            if index > 0 {
                out = out.raw(",");
            }
            out = out.text(texts[index]);
            index += 1;
        }
        out.raw("]")
    }

    const fn comma_key(self, key: &str) -> Self {
        self.raw(",").key(key)
    }

    const fn key(self, key: &str) -> Self {
        self.text(key).raw(":")
    }

    const fn text(self, text: &str) -> Self {
        let mut out = self.raw("\"");
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            out = match bytes[index] {
                b'"' => out.raw("\\\""),
                b'\\' => out.raw("\\\\"),
                b'\n' => out.raw("\\n"),
                b'\t' => out.raw("\\t"),
                byte if byte < 0x20 => out.raw(" "),
                byte => out.byte(byte),
            };
            index += 1;
        }
        out.raw("\"")
    }

    const fn number(self, number: u64) -> Self {
        let out = if number >= 10 { self.number(number / 10) } else { self };
        out.byte(b'0' + (number % 10) as u8)
    }

    const fn raw(self, text: &str) -> Self {
        let mut out = self;
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            out = out.byte(bytes[index]);
            index += 1;
        }
        out
    }

    const fn byte(mut self, byte: u8) -> Self {
        if self.len < N {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
        self
    }
}
