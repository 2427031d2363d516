//! A key as it may be shown: enough to tell two apart, not enough to use one.

use transom_plugin_api::Secret;
use transom_plugin_api::sabotage::sabotaged;

/// Its first and last characters, and as many fewer of them as it is short.
pub(crate) fn masked(key: &Secret) -> String {
    let characters: Vec<char> = key.expose().chars().collect();
    let shown = match characters.len() {
        _ if sabotaged("show-the-whole-key") => return key.expose().to_owned(),
        0..=7 => 0,
        8..=10 => 1,
        11..=12 => 2,
        _ => 3,
    };
    let (first, last) = (&characters[..shown], &characters[characters.len() - shown..]);
    first.iter().chain(&['…']).chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_key_shows_more_of_its_ends_and_a_short_one_nothing() {
        for (key, shown) in [
            ("", "…"),
            ("1234567", "…"),
            ("12345678", "1…8"),
            ("1234567890", "1…0"),
            ("12345678901", "12…01"),
            ("123456789012", "12…12"),
            ("1234567890123", "123…123"),
            ("sk-0123456789abcdef", "sk-…def"),
            ("äöüäöüäö", "ä…ö"),
        ] {
            assert_eq!(masked(&Secret::new(key)), shown, "{key}");
        }
    }
}
