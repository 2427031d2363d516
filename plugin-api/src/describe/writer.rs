//! Writes a descriptor's JSON in constants.

use super::{Description, Piece};
use crate::abi::ABI_REVISION;
use crate::point::PointSpec;
use crate::port::{PortDecl, TypeDecl};
use crate::runtime::RuntimeChoice;

/// How deep the pieces of one text may nest. A contract inside a contract adds at most five levels of JSON, and a reader
/// of JSON takes 127.
const DEEPEST: usize = 20;

/// Counts bytes, and keeps them unless `N` is 0.
pub(super) struct Writer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Writer<N> {
    pub(super) const fn json(description: &Description) -> Self {
        let mut out = Self { bytes: [0; N], len: 0 };
        out.raw("{");
        out.identity(description);
        out.comma_key("capabilities");
        out.texts(description.capabilities);
        out.comma_key("ports");
        out.ports(description.ports);
        out.comma_key("types");
        out.types(description.ports);
        out.comma_key("settings");
        out.raw("{");
        out.pieces(description.settings, 0);
        out.raw("}}");
        out
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        self.bytes.split_at(self.len).0
    }

    const fn identity(&mut self, description: &Description) {
        let runtime = match description.runtime {
            RuntimeChoice::None => "none",
            RuntimeChoice::Tokio => "tokio",
        };
        self.key("id");
        self.text(description.id);
        self.comma_key("version");
        self.text(description.version);
        self.comma_key("about");
        self.text(description.about);
        self.comma_key("module");
        self.text(description.module);
        self.comma_key("abi");
        self.number(ABI_REVISION as u64);
        self.comma_key("sdk");
        self.text(env!("CARGO_PKG_VERSION"));
        self.comma_key("target");
        self.text(env!("TRANSOM_TARGET"));
        self.comma_key("rustc");
        self.text(env!("TRANSOM_RUSTC"));
        self.comma_key("panic");
        self.text(if description.aborts { "abort" } else { "unwind" });
        self.comma_key("runtime");
        self.text(runtime);
        self.comma_key("handover");
        self.text(if description.exclusive { "exclusive" } else { "beside" });
    }

    const fn ports(&mut self, ports: &[PortDecl]) {
        self.raw("[");
        let mut index = 0;
        while index < ports.len() {
            if index > 0 {
                self.raw(",");
            }
            self.port(&ports[index]);
            index += 1;
        }
        self.raw("]");
    }

    const fn port(&mut self, port: &PortDecl) {
        self.raw("{");
        self.key("role");
        self.text(port.role.as_str());
        self.point(&port.point);
        self.payload("input", &port.input);
        self.payload("output", &port.output);
        self.payload("about", &port.about);
        if port.optional {
            self.comma_key("optional");
            self.raw("true");
        }
        if !port.names.is_empty() {
            self.comma_key("names");
            self.texts(port.names);
        }
        if port.dynamic_names {
            self.comma_key("dynamicNames");
            self.raw("true");
        }
        if !port.stage.is_empty() {
            self.comma_key("stage");
            self.text(port.stage);
        }
        if !port.before.is_empty() {
            self.comma_key("before");
            self.texts(port.before);
        }
        if !port.after.is_empty() {
            self.comma_key("after");
            self.texts(port.after);
        }
        self.raw("}");
    }

    const fn point(&mut self, point: &PointSpec) {
        self.comma_key("point");
        self.text(point.name);
        self.comma_key("kind");
        self.text(point.kind.as_str());
        self.comma_key("deadlineMs");
        self.number(point.deadline_ms);
        self.comma_key("stages");
        self.texts(point.stages);
    }

    const fn payload(&mut self, key: &str, of: &TypeDecl) {
        self.comma_key(key);
        self.raw("{");
        self.key("name");
        self.text(of.name);
        self.comma_key("fingerprint");
        self.fingerprint(of);
        if of.revision != 1 {
            self.comma_key("revision");
            self.number(of.revision as u64);
        }
        self.raw("}");
    }

    /// The shape of each type once, under its fingerprint.
    const fn types(&mut self, ports: &[PortDecl]) {
        self.raw("{");
        let mut index = 0;
        let mut is_first = true;
        while index < ports.len() * PortDecl::TYPES {
            let of = nth_type(ports, index);
            if !is_before(ports, index, of) {
                if !is_first {
                    self.raw(",");
                }
                is_first = false;
                self.fingerprint(of);
                self.raw(":");
                self.pieces(of.shape, 0);
            }
            index += 1;
        }
        self.raw("}");
    }

    const fn fingerprint(&mut self, of: &TypeDecl) {
        self.raw("\"");
        self.put(&of.fingerprint.hex());
        self.raw("\"");
    }

    const fn pieces(&mut self, pieces: &[Piece], depth: usize) {
        assert!(depth <= DEEPEST, "payloads and settings nest at most 20 deep");
        let mut index = 0;
        while index < pieces.len() {
            match &pieces[index] {
                Piece::Text(text) => self.raw(text),
                Piece::Nested(nested) => self.pieces(nested, depth + 1),
            }
            index += 1;
        }
    }

    const fn texts(&mut self, texts: &[&str]) {
        self.raw("[");
        let mut index = 0;
        while index < texts.len() {
            if index > 0 {
                self.raw(",");
            }
            self.text(texts[index]);
            index += 1;
        }
        self.raw("]");
    }

    const fn comma_key(&mut self, key: &str) {
        self.raw(",");
        self.key(key);
    }

    const fn key(&mut self, key: &str) {
        self.text(key);
        self.raw(":");
    }

    const fn text(&mut self, text: &str) {
        self.raw("\"");
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            match bytes[index] {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                b'\n' => self.raw("\\n"),
                b'\t' => self.raw("\\t"),
                byte if byte < 0x20 => self.raw(" "),
                byte => self.put(&[byte]),
            }
            index += 1;
        }
        self.raw("\"");
    }

    const fn number(&mut self, number: u64) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.put(&[b'0' + (number % 10) as u8]);
    }

    const fn raw(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    const fn put(&mut self, bytes: &[u8]) {
        if N > 0 {
            let (_, free) = self.bytes.split_at_mut(self.len);
            free.split_at_mut(bytes.len()).0.copy_from_slice(bytes);
        }
        self.len += bytes.len();
    }
}

const fn nth_type(ports: &[PortDecl], index: usize) -> &TypeDecl {
    ports[index / PortDecl::TYPES].nth_type(index % PortDecl::TYPES)
}

/// Whether a type stands among the first `end` types of `ports` already.
const fn is_before(ports: &[PortDecl], end: usize, of: &TypeDecl) -> bool {
    let mut index = 0;
    while index < end {
        if nth_type(ports, index).fingerprint.equals(of.fingerprint) {
            return true;
        }
        index += 1;
    }
    false
}
