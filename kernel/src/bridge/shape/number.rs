//! Numbers, and which of them holds every value of which other.

use std::fmt;

/// A number of one width, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// `u8` to `u64`.
    Unsigned(u32),
    /// `i8` to `i64`.
    Signed(u32),
    /// `f32` and `f64`.
    Float(u32),
}

impl Number {
    /// Every one that a contract may have.
    pub(crate) const ALL: [Self; 10] = [
        Self::Unsigned(8),
        Self::Unsigned(16),
        Self::Unsigned(32),
        Self::Unsigned(64),
        Self::Signed(8),
        Self::Signed(16),
        Self::Signed(32),
        Self::Signed(64),
        Self::Float(32),
        Self::Float(64),
    ];

    /// The number of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|number| number.to_string() == name)
    }

    /// Whether `wider` holds every value of this one exactly.
    pub(crate) fn fits(self, wider: Self) -> bool {
        match (self, wider) {
            (Self::Unsigned(bits), Self::Unsigned(room))
            | (Self::Signed(bits), Self::Signed(room))
            | (Self::Float(bits), Self::Float(room)) => bits <= room,
            (Self::Unsigned(bits), Self::Signed(room)) => bits < room,
            (Self::Unsigned(bits) | Self::Signed(bits), Self::Float(room)) => bits <= exact_bits(room),
            (Self::Signed(_), Self::Unsigned(_)) | (Self::Float(_), Self::Unsigned(_) | Self::Signed(_)) => {
                false
            }
        }
    }
}

/// Integers of this many bits are exact in a float.
fn exact_bits(float: u32) -> u32 {
    if float == 64 { f64::MANTISSA_DIGITS } else { f32::MANTISSA_DIGITS }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(bits) => write!(f, "u{bits}"),
            Self::Signed(bits) => write!(f, "i{bits}"),
            Self::Float(bits) => write!(f, "f{bits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    fn check(written: &str, expected: &str) {
        let of = Number::named(written).unwrap();
        let fits: Vec<String> =
            Number::ALL.into_iter().filter(|wider| of.fits(*wider)).map(|wider| wider.to_string()).collect();
        assert_eq!(fits.join(" "), expected, "{written} fits");
    }

    #[test]
    fn a_number_fits_where_all_its_values_are_exact() {
        check("u8", "u8 u16 u32 u64 i16 i32 i64 f32 f64");
        check("u16", "u16 u32 u64 i32 i64 f32 f64");
        check("u32", "u32 u64 i64 f64");
        check("u64", "u64");
        check("i8", "i8 i16 i32 i64 f32 f64");
        check("i16", "i16 i32 i64 f32 f64");
        check("i32", "i32 i64 f64");
        check("i64", "i64");
        check("f32", "f32 f64");
        check("f64", "f64");
    }
}
