//! What a conversation is called until someone says otherwise.

use transom_agent::message::{Chunk, Message, Role};

const LONGEST: usize = 80;

/// The title a message gives: the beginning of the first thing that a person wrote in it, if they wrote anything.
pub(crate) fn title_of(message: &Message) -> Option<String> {
    if message.role != Role::User {
        return None;
    }
    message.chunks.iter().find_map(words).map(shortened)
}

fn words(chunk: &Chunk) -> Option<&str> {
    match chunk {
        Chunk::Text { text } if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_cut_behind_80_characters_and_says_so() {
        let exactly = "ä".repeat(80);
        assert_eq!(shortened(&exactly), exactly);
        assert_eq!(shortened(&(exactly.clone() + "x")), exactly + "…");
    }

    #[test]
    fn only_words_of_a_person_make_a_title() {
        let assistant = Message::text("1", Role::Assistant, "hello");
        let silent = Message::text("2", Role::User, "");
        let person = Message::text("3", Role::User, "how are you?");
        assert_eq!((title_of(&assistant), title_of(&silent)), (None, None));
        assert_eq!(title_of(&person).as_deref(), Some("how are you?"));
    }
}
