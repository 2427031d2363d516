//! What may cross a point: [`Contract`] types, their [`Fingerprint`] and their shape.

#[doc(hidden)]
pub mod growing;
mod held;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::abi::ABI_REVISION;
use crate::describe::Piece;
use crate::{CallError, Json, List, Map, Maybe, SecretText, Shared, Text, codec};

/// A type that may cross a point: its bytes mean the same in every image, and serde can carry it further.
///
/// Written by [`#[contract]`](macro@crate::contract), never by hand.
///
/// # Safety
/// The layout is `#[repr(C)]` all the way down, every owned part is freed by the image that made it, and
/// [`FINGERPRINT`](Self::FINGERPRINT) changes whenever the layout or the meaning of a byte does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross a point",
    label = "no stable layout",
    note = "put `#[contract]` on your own types; for std types use `Text`, `List`, `Maybe`, `Map`, `Json` or `Shared`"
)]
pub unsafe trait Contract: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// What the payload is called in listings and diagnostics.
    const NAME: &'static str;
    /// Equal on two sides exactly when a pointer may be passed between them.
    const FINGERPRINT: Fingerprint;
    /// Which revision of the contract this is, for people; nothing is decided by it. 1 unless the contract says otherwise.
    const REVISION: u32 = 1;
    /// The encoded form as JSON, in pieces: by it one copy of a contract is judged to be readable as another.
    const SHAPE: &'static [Piece];

    /// What [`codec::encode`] does, at the end of what is there. A function of the contract's own crate, where it is compiled
    /// once for all plugins that use the contract.
    ///
    /// # Errors
    /// Those of [`codec::encode`].
    #[doc(hidden)]
    fn encode_to(&self, bytes: &mut Vec<u8>) -> Result<(), CallError> {
        codec::write(Self::NAME, self, bytes)
    }

    /// What [`codec::decode`] does, in the contract's own crate, too.
    ///
    /// # Errors
    /// Those of [`codec::decode`].
    #[doc(hidden)]
    fn decode_from(bytes: &[u8]) -> Result<Self, CallError> {
        codec::read(Self::NAME, bytes)
    }
}

/// 128 bits over a contract's name, fields, variants, types, offsets, sizes, alignments and the ABI revision.
///
/// It never covers crate names, crate versions, module paths or the compiler: moving a contract to another
/// crate or building it with another toolchain does not change it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Fingerprint([u64; 2]);

impl Fingerprint {
    // FNV-1a, 128 bits: small enough to run in const evaluation for every field of every contract.
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    /// Begins the fingerprint of a type of its own: `kind` is `struct`, `enum` or a facade name.
    #[must_use]
    pub const fn begin(kind: &str, name: &str, size: usize, align: usize) -> Self {
        Self::pack(Self::BASIS).number(ABI_REVISION as usize).text(kind).text(name).number(size).number(align)
    }

    /// Adds a field: its name, its place and the whole of its type.
    #[must_use]
    pub const fn field(self, name: &str, offset: usize, of: Self) -> Self {
        self.text("field").text(name).number(offset).with(of)
    }

    /// Adds an enum's variant; its fields follow.
    #[must_use]
    pub const fn variant(self, name: &str) -> Self {
        self.text("variant").text(name)
    }

    /// Adds the fingerprint of a part.
    #[must_use]
    pub const fn with(self, of: Self) -> Self {
        self.number(of.0[0] as usize).number(of.0[1] as usize)
    }

    /// As `==`, in constants.
    #[must_use]
    pub const fn equals(self, other: Self) -> bool {
        self.0[0] == other.0[0] && self.0[1] == other.0[1]
    }

    const fn text(self, text: &str) -> Self {
        let mut state = self.number(text.len()).unpack();
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            state = Self::step(state, bytes[index]);
            index += 1;
        }
        Self::pack(state)
    }

    const fn number(self, number: usize) -> Self {
        let mut state = self.unpack();
        let bytes = (number as u64).to_le_bytes();
        let mut index = 0;
        while index < bytes.len() {
            state = Self::step(state, bytes[index]);
            index += 1;
        }
        Self::pack(state)
    }

    const fn step(state: u128, byte: u8) -> u128 {
        (state ^ byte as u128).wrapping_mul(Self::PRIME)
    }

    const fn pack(state: u128) -> Self {
        Self([(state >> 64) as u64, state as u64])
    }

    const fn unpack(self) -> u128 {
        ((self.0[0] as u128) << 64) | self.0[1] as u128
    }

    /// The 32 hexadecimal digits of it, as they stand in a descriptor.
    #[must_use]
    pub const fn hex(self) -> [u8; 32] {
        let mut out = [0; 32];
        let mut index = 0;
        while index < 32 {
            let digit = ((self.unpack() >> (124 - index * 4)) & 0xf) as u8;
            out[index] = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
            index += 1;
        }
        out
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.unpack())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! primitive_contracts {
    ($($ty:ident)*) => {$(
        // SAFETY: a primitive with a layout of its own that the platform's C ABI fixes.
        unsafe impl Contract for $ty {
            const NAME: &'static str = stringify!($ty);
            const FINGERPRINT: Fingerprint =
                Fingerprint::begin("primitive", stringify!($ty), size_of::<$ty>(), align_of::<$ty>());
            const SHAPE: &'static [Piece] = &[Piece::Text(concat!("\"", stringify!($ty), "\""))];
        }
    )*};
}
primitive_contracts!(bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64);

// SAFETY: it has no bytes at all.
unsafe impl Contract for () {
    const NAME: &'static str = "()";
    const FINGERPRINT: Fingerprint = Fingerprint::begin("primitive", "()", 0, 1);
    const SHAPE: &'static [Piece] = &[Piece::Text("\"()\"")];
}

macro_rules! facade_contract {
    ($name:literal, $ty:ty, [$($shape:expr),*] $(, $inner:ident)?) => {
        // SAFETY: a facade type, `#[repr(C)]` or transparent over an `abi_stable` type, covered by the ABI revision.
        unsafe impl $(<$inner: Contract>)? Contract for $ty {
            const NAME: &'static str = $name;
            const FINGERPRINT: Fingerprint =
                Fingerprint::begin("facade", $name, size_of::<$ty>(), align_of::<$ty>())
                    $(.with(<$inner as Contract>::FINGERPRINT))?;
            const SHAPE: &'static [Piece] = &[$($shape),*];
        }
    };
}

macro_rules! container_contract {
    ($name:literal, $ty:ident, $key:literal) => {
        facade_contract!(
            $name,
            $ty<T>,
            [Piece::Text(concat!("{\"", $key, "\":")), Piece::Nested(T::SHAPE), Piece::Text("}")],
            T
        );
    };
}
facade_contract!("Text", Text, [Piece::Text("\"Text\"")]);
// Encoded, it is a text like any other.
facade_contract!("SecretText", SecretText, [Piece::Text("\"Text\"")]);
facade_contract!("Json", Json, [Piece::Text("\"Json\"")]);
container_contract!("List", List, "list");
container_contract!("Maybe", Maybe, "maybe");
container_contract!("Map", Map, "map");
container_contract!("Shared", Shared, "shared");

#[cfg(test)]
mod tests;
