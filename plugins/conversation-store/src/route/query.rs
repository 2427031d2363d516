//! What may stand behind the `?` of the store's routes.

use serde_json::{Value, json};
use transom_agent::conversation::{Query, Status};
use transom_agent::log::Read;
use transom_agent::refusal::{check_conversation_id, shown};
use transom_plugin_api::{CallError, List, Map, Text};

use crate::identity::check_workspace_id;
use crate::status;
use crate::store::diagnostics::Lately;

/// Minutes that are looked back upon when nobody says.
const MINUTES: i64 = 60;

/// Turns that are told one by one when nobody says, and at most.
const TURNS: i64 = 50;
const MOST_TURNS: i64 = 500;

/// The keys of [`list`], for those who list routes.
pub(crate) fn list_keys() -> Value {
    json!({
        "status": {"type": "string", "description": "`active`, `idle` or `closed`; several with commas."},
        "workspaceId": {"type": "string"},
        "q": {"type": "string", "description": "How the id begins."},
    })
}

/// The keys of [`read`].
pub(crate) fn read_keys() -> Value {
    json!({
        "sinceSeq": {"type": "integer", "minimum": 0, "description": "Only chunks behind it."},
        "beforeSeq": {"type": "integer", "minimum": 1, "description": "Only chunks before it."},
        "limit": {"type": "integer", "minimum": 1, "description": "Only so many: the newest, or the first."},
        "oldest": {"type": "boolean", "description": "Whether a limit leaves the first ones."},
    })
}

/// The keys of [`ended`].
pub(crate) fn ended_keys() -> Value {
    json!({
        "minutes": {"type": "integer", "minimum": 1, "default": MINUTES},
        "limit": {"type": "integer", "minimum": 1, "default": TURNS, "description": "At most 500."},
    })
}

/// The query of `GET /conversations`.
pub(crate) fn list(query: &Map<Text>) -> Result<Query, CallError> {
    refuse_unknown(query, &["status", "workspaceId", "q"])?;
    let workspace_id = query.get("workspaceId").cloned();
    workspace_id.iter().try_for_each(|id| check_workspace_id("workspaceId", id))?;
    Ok(Query {
        workspace_id: workspace_id.into(),
        status: query.get("status").map_or_else(|| Ok(List::new()), |names| statuses(names))?,
        prefix: query.get("q").cloned().unwrap_or_default(),
    })
}

/// The query of `GET /conversations/:id`.
pub(crate) fn read(id: &str, query: &Map<Text>) -> Result<Read, CallError> {
    check_conversation_id("id", id)?;
    refuse_unknown(query, &["sinceSeq", "beforeSeq", "limit", "oldest"])?;
    // No log is long enough for the difference between a huge limit and none to show.
    let limit = number(query, "limit", 1)?.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
    Ok(Read {
        conversation_id: id.into(),
        since_seq: number(query, "sinceSeq", 0)?.into(),
        before_seq: number(query, "beforeSeq", 1)?.into(),
        limit: limit.into(),
        oldest: flag(query, "oldest")?,
        ..Read::default()
    })
}

/// The query of `GET /diagnostics/turns` and `GET /diagnostics/streams`.
pub(crate) fn ended(query: &Map<Text>, now: i64) -> Result<Lately, CallError> {
    refuse_unknown(query, &["minutes", "limit"])?;
    let minutes = number(query, "minutes", 1)?.unwrap_or(MINUTES);
    let limit = number(query, "limit", 1)?.unwrap_or(TURNS).min(MOST_TURNS);
    let since = now.saturating_sub(minutes.saturating_mul(60_000));
    Ok(Lately { since, limit: u32::try_from(limit).unwrap_or(u32::MAX) })
}

fn flag(query: &Map<Text>, key: &str) -> Result<bool, CallError> {
    match query.get(key).map(Text::as_str) {
        None | Some("false" | "0") => Ok(false),
        Some("" | "true" | "1") => Ok(true),
        Some(text) => {
            let text = shown(text, 80);
            Err(CallError::invalid_input(format!("`{key}` is `{text}`, expected `true` or `false`")))
        }
    }
}

fn refuse_unknown(query: &Map<Text>, known: &[&str]) -> Result<(), CallError> {
    let unknown = query.iter().map(|(key, _)| key).filter(|key| !known.contains(key));
    let unknown = quoted(unknown);
    if unknown.is_empty() {
        return Ok(());
    }
    let known = quoted(known.iter().copied());
    Err(CallError::invalid_input(format!("the query contains {unknown}, expected only {known}")))
}

fn statuses(names: &str) -> Result<List<Status>, CallError> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let unknown = quoted(names.clone().filter(|name| status::named(name).is_none()));
    if unknown.is_empty() {
        return Ok(names.filter_map(status::named).collect());
    }
    let known = quoted(status::ALL.iter().map(status::name_of));
    Err(CallError::invalid_input(format!("`status` contains {unknown}, expected only {known}")))
}

fn number(query: &Map<Text>, key: &str, least: i64) -> Result<Option<i64>, CallError> {
    let Some(text) = query.get(key) else { return Ok(None) };
    let number = text.parse::<i64>().ok().filter(|number| *number >= least);
    number.map(Some).ok_or_else(|| {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<i64>().is_err()
        {
            let text = shown(text, 80);
            return CallError::invalid_input(format!(
                "`{key}` is `{text}`, which is too large, expected at most {}",
                i64::MAX
            ));
        }
        let text = shown(text, 80);
        CallError::invalid_input(format!("`{key}` is `{text}`, expected a whole number, {least} or more"))
    })
}

/// At most eight names.
fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.take(8).map(|name| format!("`{}`", shown(name, 80))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::{CallErrorKind, Maybe};

    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Map<Text> {
        pairs.iter().map(|(key, value)| (*key, Text::from(*value))).collect()
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(outcome: Result<T, CallError>, message: &str) {
        let error = outcome.expect_err("refused");
        assert_eq!((error.kind, error.message.as_str()), (CallErrorKind::InvalidInput, message));
    }

    #[test]
    fn an_empty_query_asks_for_everything() {
        assert_eq!(list(&Map::new()), Ok(Query::default()));
        assert_eq!(list(&query(&[("status", ""), ("q", "")])), Ok(Query::default()));
        let everything = Read { conversation_id: "c".into(), ..Read::default() };
        assert_eq!(read("c", &Map::new()), Ok(everything));
    }

    #[test]
    fn statuses_and_a_prefix_are_taken_over() {
        let statuses = List::from([Status::Active, Status::Closed]);
        let wanted = Query { status: statuses, prefix: "ab".into(), workspace_id: Maybe::Some("w".into()) };
        let asked = query(&[("status", "active, closed"), ("q", "ab"), ("workspaceId", "w")]);
        assert_eq!(list(&asked), Ok(wanted));
    }

    #[test]
    fn what_is_unknown_is_named() {
        refused(
            list(&query(&[("status", "idle,asleep,gone")])),
            "`status` contains `asleep`, `gone`, expected only `active`, `idle`, `closed`",
        );
        refused(
            list(&query(&[("page", "2")])),
            "the query contains `page`, expected only `status`, `workspaceId`, `q`",
        );
        let refusal = "`workspaceId` is `W`, expected 1 to 40 of `a–z 0–9`, and hyphens between them";
        refused(list(&query(&[("workspaceId", "W")])), refusal);
        refused(
            read("c", &query(&[("since", "2")])),
            "the query contains `since`, expected only `sinceSeq`, `beforeSeq`, `limit`, `oldest`",
        );
    }

    #[test]
    fn a_window_is_taken_over() {
        let window = read("c", &query(&[("sinceSeq", "0"), ("beforeSeq", "9"), ("limit", "99999999999")]));
        let window = window.expect("accepted");
        assert_eq!(window.since_seq, Maybe::Some(0));
        assert_eq!(window.before_seq, Maybe::Some(9));
        assert_eq!(window.limit, Maybe::Some(u32::MAX));
    }

    #[test]
    fn a_number_out_of_its_bounds_is_refused_with_its_field() {
        refused(
            read("c", &query(&[("sinceSeq", "-1")])),
            "`sinceSeq` is `-1`, expected a whole number, 0 or more",
        );
        refused(
            read("c", &query(&[("beforeSeq", "0")])),
            "`beforeSeq` is `0`, expected a whole number, 1 or more",
        );
        refused(
            read("c", &query(&[("sinceSeq", "9223372036854775808")])),
            "`sinceSeq` is `9223372036854775808`, which is too large, expected at most 9223372036854775807",
        );
        refused(read("c", &query(&[("limit", "0")])), "`limit` is `0`, expected a whole number, 1 or more");
        refused(
            read("c", &query(&[("limit", "many")])),
            "`limit` is `many`, expected a whole number, 1 or more",
        );
        refused(
            read("c", &query(&[("limit", "1e3")])),
            "`limit` is `1e3`, expected a whole number, 1 or more",
        );
    }

    #[test]
    fn an_id_that_cannot_be_is_refused() {
        refused(read("a b", &Map::new()), "`id` contains ` `, expected only `A–Z a–z 0–9 - _ .`");
    }

    #[test]
    fn the_oldest_part_is_read_when_that_is_said() {
        for (text, oldest) in [("", true), ("true", true), ("1", true), ("false", false)] {
            assert_eq!(read("c", &query(&[("oldest", text)])).map(|read| read.oldest), Ok(oldest));
        }
        refused(read("c", &query(&[("oldest", "maybe")])), "`oldest` is `maybe`, expected `true` or `false`");
    }

    #[test]
    fn ended_turns_are_looked_for_in_an_hour_and_never_more_than_500_are_told() {
        let hour = 3_600_000;
        assert_eq!(ended(&Map::new(), hour + 1), Ok(Lately { since: 1, limit: 50 }));
        let wanted = query(&[("minutes", "1"), ("limit", "501")]);
        assert_eq!(ended(&wanted, hour), Ok(Lately { since: hour - 60_000, limit: 500 }));
        let wanted = query(&[("minutes", &i64::MAX.to_string())]);
        assert!(ended(&wanted, hour).is_ok_and(|lately| lately.since < 0));
        refused(
            ended(&query(&[("minutes", "0")]), hour),
            "`minutes` is `0`, expected a whole number, 1 or more",
        );
    }
}
