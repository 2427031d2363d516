//! A [`Signer`]: signs files as minisign does, with a key of the test's own.

use std::path::Path;

use blake2::{Blake2b512, Digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

/// Somebody with a key.
pub(crate) struct Signer {
    key: Ed25519KeyPair,
    id: [u8; 8],
}

impl Signer {
    /// Another seed is another key.
    pub(crate) fn of(seed: u8) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed has 32 bytes");
        Self { key, id: [seed; 8] }
    }

    /// The public key, as the manifest has it.
    pub(crate) fn public_key(&self) -> String {
        base64(&[b"Ed", &self.id[..], self.key.public_key().as_ref()].concat())
    }

    /// Which key it is, as minisign shows it.
    pub(crate) fn id(&self) -> String {
        format!("{:016X}", u64::from_le_bytes(self.id))
    }

    /// Puts a signature beside a file.
    pub(crate) fn sign(&self, file: &Path) {
        let hash = Blake2b512::digest(std::fs::read(file).expect("it is there"));
        let signature = self.key.sign(&hash);
        let comment = "timestamp:1700000000\tfile:plugin";
        let whole = self.key.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let text = format!(
            "untrusted comment: of a test\n{}\ntrusted comment: {comment}\n{}\n",
            base64(&[b"ED", &self.id[..], signature.as_ref()].concat()),
            base64(whole.as_ref())
        );
        std::fs::write(format!("{}.minisig", file.display()), text).expect("it can be written");
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let bits =
            (0..3).fold(0, |bits, index| bits << 8 | u32::from(three.get(index).copied().unwrap_or(0)));
        let digit = |place: u32| char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]);
        let written = 1 + three.len() as u32;
        (0..4).map(|place| if place < written { digit(place) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(four).collect()
}
