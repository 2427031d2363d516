//! Ids that nobody has used before.

use transom_plugin_api::Text;

/// Letters of an id that are random.
const RANDOM_LETTERS: usize = 6;

/// `<kind>-<time>-<letters>`, in digits and small letters: short, since the id of a turn stands in all of its messages.
pub(crate) fn fresh(kind: &str, now_ms: i64) -> Text {
    let time = u128::try_from(now_ms).unwrap_or(0);
    let letters = base36(uuid::Uuid::new_v4().as_u128());
    format!("{kind}-{}-{}", base36(time), &letters[letters.len().saturating_sub(RANDOM_LETTERS)..]).into()
}

fn base36(mut number: u128) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(u32::try_from(number % 36).unwrap_or(0), 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_plain_and_each_another() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| fresh("turn", 1_700_000_000_000)).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert!(id.starts_with("turn-loyw3v28-") && id.len() == 20, "{id}");
        }
        assert_eq!(base36(0), "0");
    }
}
