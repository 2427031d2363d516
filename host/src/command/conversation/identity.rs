//! Ids of conversations: how they look, how they are shown, and what a short one stands for.

use std::collections::BTreeSet;

use serde_json::Value;
use transom_plugin_api::sabotage::sabotaged;

use super::Failure;
use crate::client::{Client, Problem, path};
use crate::terminal::line_of;

/// Characters from which on an id counts as whole.
const WHOLE: usize = 32;
/// Characters that a short id has at least.
const SHORTEST: usize = 4;
/// Characters of a whole id that are shown, where that is enough.
const SHOWN: usize = 8;
/// Conversations that are named when an id stands for several.
const NAMED: usize = 5;

/// Reads an id, or the beginning of one.
pub(crate) fn id(text: &str) -> Result<String, String> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_id = (1..=128).contains(&text.len()) && text.bytes().all(is_known) && text != "." && text != "..";
    is_id
        .then(|| text.to_owned())
        .ok_or_else(|| "expected 1 to 128 of `A–Z a–z 0–9 - _ .`, not `.` or `..`".to_owned())
}

/// The conversation that is meant; a short id stands for the only one that begins so.
pub(crate) async fn find(client: &Client, given: &str) -> Result<String, Failure> {
    find_or_tell(client, given, "`transom list --all` lists them").await
}

/// As [`find`], with other help when there is none.
pub(crate) async fn find_or_tell(client: &Client, given: &str, help: &str) -> Result<String, Failure> {
    let found = choose(given, &beginning_so(client, given).await?, |_| true)?;
    found.ok_or_else(|| Failure::refused(format!("there is no conversation `{given}`")).with_help(help))
}

/// The conversation that is meant, or a new one of this id. A short id stands for a whole one only, so that a new name may
/// be the beginning of another's.
pub(crate) async fn find_or_new(client: &Client, given: &str) -> Result<String, Failure> {
    let listed = match beginning_so(client, given).await {
        // Nothing lists conversations here, and the message may be taken nevertheless.
        Err(problem) if problem.status == Some(404) => Value::Null,
        listed => listed?,
    };
    Ok(choose(given, &listed, |id| id.len() >= WHOLE)?.unwrap_or_else(|| given.to_owned()))
}

async fn beginning_so(client: &Client, given: &str) -> Result<Value, Problem> {
    client.get(&path(&["conversations"], &[("q", Some(given))])).await
}

fn choose(given: &str, listed: &Value, may_be: impl Fn(&str) -> bool) -> Result<Option<String>, Failure> {
    let listed = listed["conversations"].as_array().map(Vec::as_slice).unwrap_or_default();
    if listed.iter().any(|one| id_of(one) == given) {
        return Ok(Some(given.to_owned()));
    }
    if !(SHORTEST..WHOLE).contains(&given.len()) {
        return Ok(None);
    }
    let begin_so: Vec<&Value> =
        listed.iter().filter(|one| id_of(one).starts_with(given) && may_be(id_of(one))).collect();
    match begin_so.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(id_of(one).to_owned())),
        [one, ..] if sabotaged("take-the-first-of-many") => Ok(Some(id_of(one).to_owned())),
        several => Err(ambiguous(given, several)),
    }
}

fn ambiguous(given: &str, several: &[&Value]) -> Failure {
    let mut message = format!("`{given}` stands for {} conversations", several.len());
    for one in several.iter().take(NAMED) {
        let title = line_of(one["title"].as_str().unwrap_or_default(), 40);
        message += &format!("\n  {}  {title}", id_of(one));
    }
    let more = several.len().saturating_sub(NAMED);
    if more > 0 {
        message += &format!("\n  and {more} more");
    }
    Failure::refused(message).with_help("give more of the id")
}

/// How the ids of listed conversations are shown: as short as they can be told apart among these.
pub(crate) fn short(ids: &[&str]) -> Vec<String> {
    let cut =
        |id: &str, length: usize| id.get(..length).filter(|_| id.len() >= WHOLE).unwrap_or(id).to_owned();
    let told_apart = |length: &usize| {
        let cut: BTreeSet<String> = ids.iter().map(|id| cut(id, *length)).collect();
        cut.len() == ids.len()
    };
    let length = (SHOWN..128).step_by(4).find(told_apart).unwrap_or(128);
    ids.iter().map(|id| cut(id, length)).collect()
}

pub(crate) fn id_of(conversation: &Value) -> &str {
    conversation["id"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LONG: &str = "1e1d7a90-0000-4000-8000-000000000001";

    fn chosen(given: &str, ids: &[&str], may_be: fn(&str) -> bool) -> Result<Option<String>, String> {
        let listed: Vec<Value> =
            ids.iter().map(|id| json!({ "id": id, "title": format!("about {id}") })).collect();
        choose(given, &json!({ "conversations": listed }), may_be).map_err(|failure| failure.message)
    }

    #[test]
    fn a_short_id_stands_for_the_only_one_that_begins_so() {
        let any = |_: &str| true;
        assert_eq!(chosen("1e1d", &[LONG], any), Ok(Some(LONG.to_owned())));
        assert_eq!(chosen("note", &["notes", "notes-2", "note"], any), Ok(Some("note".to_owned())));
        assert_eq!(chosen("none", &[], any), Ok(None));
        assert_eq!(chosen("1e1", &[LONG], any), Ok(None), "too short to stand for another");
        assert_eq!(chosen(&LONG[..32], &[LONG], any), Ok(None), "long enough to be whole");
        let told = chosen("note", &["notes", "notes-2"], any).expect_err("two");
        assert_eq!(
            told,
            "`note` stands for 2 conversations\n  notes  about notes\n  notes-2  about notes-2\n  help: give more of the id"
        );
    }

    #[test]
    fn of_many_only_five_are_named() {
        let ids: Vec<String> = (0..8).map(|number| format!("note-{number}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let told = chosen("note", &ids, |_| true).expect_err("eight");
        assert!(told.contains("note-4") && !told.contains("note-5") && told.contains("and 3 more"), "{told}");
    }

    #[test]
    fn a_new_name_may_be_the_beginning_of_another() {
        assert_eq!(chosen("work", &["workshop"], |id| id.len() >= WHOLE), Ok(None));
        assert_eq!(chosen("1e1d", &[LONG], |id| id.len() >= WHOLE), Ok(Some(LONG.to_owned())));
    }

    #[test]
    fn ids_are_shown_as_short_as_they_can_be_told_apart() {
        let other = "1e1d7a90-0001-4000-8000-000000000001";
        assert_eq!(short(&[LONG, "a-name-of-its-own"]), ["1e1d7a90", "a-name-of-its-own"]);
        assert_eq!(short(&[LONG, other]), ["1e1d7a90-0000-40", "1e1d7a90-0001-40"]);
        assert_eq!(short(&[]), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_id_is_told_apart() {
        for text in ["", ".", "..", "a/b", "a b", "ü", &"a".repeat(129)] {
            assert!(id(text).is_err(), "{text}");
        }
        for text in ["c", "1e1d", LONG, "a_b.c-d", &"a".repeat(128)] {
            assert_eq!(id(text).as_deref(), Ok(text));
        }
    }
}
