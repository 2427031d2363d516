//! [`Signature`]: what stands beside a plugin's file as `FILE.minisig`, and [`TrustedKey`]: whose signatures count.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use minisign_verify::{Error, PublicKey};
use transom_plugin_api::sabotage::sabotaged;

/// Which key it is, as minisign shows it: 16 digits. It is a name and proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl KeyId {
    /// Of a key or a signature in base64: two bytes say what it is made with, the next eight are the id.
    fn of(base64: &str) -> Option<Self> {
        let mut bits: u128 = 0;
        for digit in base64.bytes().take(16) {
            bits = bits << 6 | u128::from(value_of(digit)?);
        }
        let bytes: [u8; 16] = bits.to_be_bytes();
        let id: [u8; 8] = bytes[6..14].try_into().ok()?;
        (base64.len() >= 16).then(|| Self(u64::from_le_bytes(id)))
    }
}

/// What a digit of base64 stands for.
const fn value_of(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// A public key whose owner is trusted to say which files may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    key: PublicKey,
    id: KeyId,
}

impl TrustedKey {
    /// From a public key of minisign: alone, `RW…`, or with the comment above it, as its file has it. `None` for anything
    /// else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = lines.find(|line| !line.starts_with("untrusted comment:"))?;
        if lines.next().is_some() {
            return None;
        }
        Some(Self { key: PublicKey::from_base64(line).ok()?, id: KeyId::of(line)? })
    }

    /// Which key it is.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
}

/// A signature that was read. What it says is not known before it is compared with a file's bytes.
#[derive(Clone)]
pub struct Signature {
    /// Where it stands.
    pub path: PathBuf,
    /// Which key it names.
    pub key: KeyId,
    content: minisign_verify::Signature,
}

/// Why nothing shows that a file is from somebody who is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureFlaw {
    /// There is none.
    Missing {
        /// Where it would stand.
        path: PathBuf,
    },
    /// It cannot be read.
    Unreadable {
        /// Where it stands.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// It is something else.
    Damaged {
        /// Where it stands.
        path: PathBuf,
    },
    /// It was made over the whole file instead of its hash, as minisign did before version 0.10.
    Old {
        /// Where it stands.
        path: PathBuf,
        /// Which key it names.
        key: KeyId,
    },
    /// It names a key that is not among those that are trusted.
    Stranger {
        /// Where it stands.
        path: PathBuf,
        /// Which key it names.
        key: KeyId,
        /// The keys that are trusted.
        trusted: Vec<KeyId>,
    },
    /// Whoever has the key did not sign these bytes.
    Forged {
        /// Where it stands.
        path: PathBuf,
        /// Which key it names.
        key: KeyId,
    },
}

impl SignatureFlaw {
    /// Which key the signature names, where it is one.
    #[must_use]
    pub const fn key(&self) -> Option<KeyId> {
        match self {
            Self::Missing { .. } | Self::Unreadable { .. } | Self::Damaged { .. } => None,
            Self::Old { key, .. } | Self::Stranger { key, .. } | Self::Forged { key, .. } => Some(*key),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "get its signature from who built it, or sign it with `minisign -S -m FILE` if that is you"
            }
            Self::Unreadable { .. } => "make it readable for this user",
            Self::Damaged { .. } => "get it again, or make it again with `minisign -S -m FILE`",
            Self::Old { .. } => "sign the file again with minisign 0.10 or later",
            Self::Stranger { .. } => {
                "find out whose key that is, and trust it only if you would let its owner run code here"
            }
            Self::Forged { .. } => {
                "get the file and its signature again from who built it; sign it again only if you built it"
            }
        }
    }
}

impl fmt::Display for SignatureFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "there is no signature `{}`", path.display()),
            Self::Unreadable { path, kind } => {
                write!(f, "its signature `{}` cannot be read: {kind}", path.display())
            }
            Self::Damaged { path } => write!(f, "`{}` is no signature of minisign", path.display()),
            Self::Old { path, key } => {
                write!(f, "its signature `{}` with key {key} has an old form", path.display())
            }
            Self::Stranger { path, key, trusted } => {
                let trusted: Vec<String> = trusted.iter().map(KeyId::to_string).collect();
                let (path, trusted) = (path.display(), trusted.join(", "));
                write!(f, "`{path}` is a signature with key {key}, and trusted is {trusted}")
            }
            Self::Forged { path, key } => {
                write!(f, "`{}`, a signature with key {key}, is not one of this file", path.display())
            }
        }
    }
}

impl std::error::Error for SignatureFlaw {}

/// The longest signature that is read, in bytes; minisign bounds its comments at 8 KiB.
const LONGEST: u64 = 16 * 1024;

impl Signature {
    /// The one that stands beside a plugin's file.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn beside(file: &Path) -> Result<Self, SignatureFlaw> {
        let mut path = file.as_os_str().to_owned();
        path.push(".minisig");
        let path = PathBuf::from(path);
        let text = text_of(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SignatureFlaw::Missing { path: path.clone() },
            io::ErrorKind::InvalidData => SignatureFlaw::Damaged { path: path.clone() },
            kind => SignatureFlaw::Unreadable { path: path.clone(), kind },
        })?;
        let key = text.lines().nth(1).and_then(KeyId::of);
        match (minisign_verify::Signature::decode(&text), key) {
            (Ok(content), Some(key)) => Ok(Self { path, key, content }),
            _ => Err(SignatureFlaw::Damaged { path }),
        }
    }

    /// Whether it is one of `bytes` with one of `keys`; answers with which.
    pub(crate) fn verify(self, bytes: &[u8], keys: &[TrustedKey]) -> Result<KeyId, SignatureFlaw> {
        let Self { path, key, content } = self;
        if sabotaged("trust-any-key") {
            return Ok(key);
        }
        let mut meant = keys.iter().filter(|trusted| trusted.id == key).peekable();
        if meant.peek().is_none() {
            let trusted = keys.iter().map(TrustedKey::id).collect();
            return Err(SignatureFlaw::Stranger { path, key, trusted });
        }
        // An id is no proof, so that two keys may share one.
        let outcomes: Vec<_> = meant.map(|trusted| trusted.key.verify(bytes, &content, false)).collect();
        match outcomes.iter().find(|outcome| outcome.is_ok()).or(outcomes.first()) {
            Some(Ok(())) => Ok(key),
            Some(Err(Error::UnexpectedAlgorithm)) => Err(SignatureFlaw::Old { path, key }),
            _ => Err(SignatureFlaw::Forged { path, key }),
        }
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    // Asked before opening, because opening a pipe waits for its other end.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and both signatures are minisign's own, over the four bytes `test`.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNED: &str = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1556193335\tfile:test\n\
        y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n";
    const OLD: &str = "untrusted comment: signature from minisign secret key\n\
        RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\n\
        trusted comment: timestamp:1555779966\tfile:test\n\
        QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==\n";
    const ID: &str = "E7620F1842B4E81F";

    fn key(text: &str) -> TrustedKey {
        TrustedKey::parse(text).expect("it is a key")
    }

    /// What is said of `bytes` with `signature` beside them; `FILE` stands for the path.
    fn said(bytes: &[u8], signature: &str, keys: &[TrustedKey]) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("libparrot.so");
        fs::write(folder.path().join("libparrot.so.minisig"), signature).expect("it can be written");
        let signed = Signature::beside(&file).and_then(|signature| signature.verify(bytes, keys));
        let path = file.display().to_string();
        signed.map(|key| key.to_string()).map_err(|flaw| flaw.to_string().replace(&path, "FILE"))
    }

    #[test]
    fn what_minisign_signed_is_recognised_and_nothing_else_is() {
        let trusted = [key(KEY)];
        assert_eq!(said(b"test", SIGNED, &trusted), Ok(ID.into()));
        let forged = format!("`FILE.minisig`, a signature with key {ID}, is not one of this file");
        assert_eq!(said(b"Test", SIGNED, &trusted), Err(forged.clone()));
        // The comment is signed as well.
        let retold = SIGNED.replace("file:test", "file:best");
        assert_eq!(said(b"test", &retold, &trusted), Err(forged));
        let old = format!("its signature `FILE.minisig` with key {ID} has an old form");
        assert_eq!(said(b"test", OLD, &trusted), Err(old));
    }

    #[test]
    fn a_key_that_is_not_trusted_is_told_with_those_that_are() {
        // Another owner: the id differs in one digit.
        let other = key(&KEY.replacen("RWQf6", "RWQf7", 1));
        let stranger = format!("`FILE.minisig` is a signature with key {ID}, and trusted is {}", other.id());
        assert_eq!(said(b"test", SIGNED, std::slice::from_ref(&other)), Err(stranger));
        assert_eq!(said(b"test", SIGNED, &[other, key(KEY)]), Ok(ID.into()));
    }

    #[test]
    fn of_two_keys_with_one_id_each_is_tried() {
        let namesake = key(&KEY.replacen("i53ml", "i53mm", 1));
        assert_eq!(namesake.id(), key(KEY).id());
        let forged = format!("`FILE.minisig`, a signature with key {ID}, is not one of this file");
        assert_eq!(said(b"test", SIGNED, std::slice::from_ref(&namesake)), Err(forged));
        assert_eq!(said(b"test", SIGNED, &[namesake, key(KEY)]), Ok(ID.into()));
    }

    #[test]
    fn what_is_no_signature_is_told() {
        let damaged = || Err("`FILE.minisig` is no signature of minisign".to_owned());
        let lines: Vec<&str> = SIGNED.lines().collect();
        for text in [
            String::new(),
            "untrusted comment: nothing\n".to_owned(),
            lines[..3].join("\n"),
            SIGNED.replace("RUQf", "RU"),
            SIGNED.replace("RUQf", "RÜQf"),
            format!("{SIGNED}{}", "x".repeat(20_000)),
        ] {
            assert_eq!(said(b"test", &text, &[key(KEY)]), damaged(), "{text}");
        }
        let missing =
            Signature::beside(Path::new("/nowhere/libparrot.so")).err().map(|flaw| flaw.to_string());
        assert_eq!(missing.as_deref(), Some("there is no signature `/nowhere/libparrot.so.minisig`"));
    }

    #[test]
    fn a_key_is_read_alone_or_from_its_file() {
        let file = format!("untrusted comment: minisign public key {ID}\n{KEY}\n");
        assert_eq!(key(&file), key(KEY));
        assert_eq!(key(KEY).id().to_string(), ID);
        for text in ["", "RWQf6", "untrusted comment: nothing", &format!("{KEY}\n{KEY}"), SIGNED] {
            assert_eq!(TrustedKey::parse(text), None, "{text}");
        }
    }
}
