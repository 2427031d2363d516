//! Percent-encoding undone, in paths and queries.

/// A part of a path.
pub(crate) fn path_part(text: &str) -> Result<String, String> {
    decoded(text.bytes().collect())
}

/// The pairs of a query, in order. A `+` is a space, as forms and `URLSearchParams` write it.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = Result<(String, String), String>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((query_part(key)?, query_part(value)?))
    })
}

fn query_part(text: &str) -> Result<String, String> {
    decoded(text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect())
}

fn decoded(encoded: Vec<u8>) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = &encoded[..];
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (byte, tail) = escaped_byte(tail).ok_or("has a `%` without two hexadecimal digits")?;
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 when it is decoded".to_owned())
}

fn escaped_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, tail) = text.split_at_checked(2)?;
    let [high, low] = [digits[0], digits[1]].map(|digit| char::from(digit).to_digit(16));
    Some((u8::try_from(high? * 16 + low?).ok()?, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_the_bytes_they_stand_for() {
        for (encoded, text) in [("a%20b", "a b"), ("a+b", "a+b"), ("%C3%A4%2f", "ä/"), ("", ""), ("%25", "%")]
        {
            assert_eq!(path_part(encoded).as_deref(), Ok(text), "{encoded}");
        }
    }

    #[test]
    fn broken_escapes_are_refused() {
        for encoded in ["%", "%4", "%zz", "a%+1", "%C3", "%ff", "%C3%28"] {
            assert!(path_part(encoded).is_err(), "{encoded}");
        }
    }

    #[test]
    fn a_query_is_pairs() {
        let pairs: Result<Vec<_>, _> = query_pairs("a=1&b+c=x%26y&&flag&a=2&=v&d=e=f").collect();
        let pairs = pairs.unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b c", "x&y"), ("flag", ""), ("a", "2"), ("", "v"), ("d", "e=f")]);
        assert!(query_pairs("a=%ff").any(|pair| pair.is_err()));
    }
}
