//! Enums without fields, as the words that stand for them in the database.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The word for a value; empty for one that is no word.
pub(crate) fn word_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The value of a word. Enums that grow keep what they do not know.
pub(crate) fn of_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use transom_agent::turn::EndReason;

    use super::*;

    #[test]
    fn a_word_is_the_one_that_clients_see_even_if_only_a_later_revision_knows_it() {
        assert_eq!(word_of(&EndReason::MaxSteps), "max-steps");
        assert_eq!(of_word("max-steps"), Some(EndReason::MaxSteps));
        let later = of_word::<EndReason>("tired").expect("it may be unknown");
        assert_eq!(word_of(&later), "tired");
    }
}
