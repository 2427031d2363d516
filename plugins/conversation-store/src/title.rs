//! What a conversation is called until someone says otherwise, and what no title shows.

use std::borrow::Cow;

use transom_agent::message::{Chunk, Message, Role};
use transom_plugin_api::sabotage::sabotaged;

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

/// A title as it may stand in any line: without what controls a terminal or turns the direction of the text around it;
/// what begins a new line is a space.
pub(crate) fn plain(title: &str) -> Cow<'_, str> {
    if !title.chars().any(is_unseen) || sabotaged("keep-what-controls") {
        return Cow::Borrowed(title);
    }
    let mut plain = String::with_capacity(title.len());
    for character in title.chars() {
        match character {
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' if plain.ends_with(' ') => {}
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => plain.push(' '),
            unseen if is_unseen(unseen) => {}
            seen => plain.push(seen),
        }
    }
    Cow::Owned(plain)
}

/// Whether a character is no part of a line: it controls something, or turns the direction of text.
fn is_unseen(character: char) -> bool {
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}')
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
    fn a_title_neither_controls_a_terminal_nor_turns_text() {
        for (title, shown) in [
            ("grüße 👨\u{200d}👩", "grüße 👨\u{200d}👩"),
            ("one\r\ntwo\tthree", "one two three"),
            ("\u{1b}[2Jboo\0", "[2Jboo"),
            ("invoice\u{202e}fdp.exe\u{2066}", "invoicefdp.exe"),
            ("a\u{2028}b\u{85}c", "a b c"),
        ] {
            assert_eq!(plain(title), shown);
        }
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
