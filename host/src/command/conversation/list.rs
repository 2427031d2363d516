//! `transom list`: the conversations there are.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::identity::{id, id_of, short};
use super::{Failure, host, tell};
use crate::client::path;
use crate::command::status::{list, text_of};
use crate::program::{Common, DONE};
use crate::terminal::{ago, line_of, note, now};

/// Characters of a title that are shown.
const TITLE: usize = 44;

/// List conversations, those that are active or idle
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom list\n  transom list --status active --workspace team\n  transom list --all 1e1d"
)]
pub(crate) struct Arguments {
    /// Only those whose id begins so
    #[arg(value_parser = id)]
    prefix: Option<String>,
    /// Only those that are in one of these states
    #[arg(long, value_enum, value_name = "STATUS", value_delimiter = ',', default_value = "active,idle")]
    status: Vec<Status>,
    /// Those that are closed, too
    #[arg(long, conflicts_with = "status")]
    all: bool,
    /// Only those of this workspace
    #[arg(long, short, value_name = "ID")]
    workspace: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Status {
    Active,
    Idle,
    Closed,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let names =
        arguments.status.iter().filter_map(|status| Some(status.to_possible_value()?.get_name().to_owned()));
    let status = names.collect::<Vec<_>>().join(",");
    let query = [
        ("status", (!arguments.all).then_some(status.as_str())),
        ("q", arguments.prefix.as_deref()),
        ("workspaceId", arguments.workspace.as_deref()),
    ];
    let listed = host.client.get(&path(&["conversations"], &query)).await?;
    if !common.json && list(&listed, "conversations").next().is_none() {
        note("no conversations");
    }
    tell(common, &listed, |listed| described(listed, now()));
    Ok(DONE)
}

fn described(listed: &Value, now: i64) -> String {
    let conversations: Vec<&Value> = list(listed, "conversations").collect();
    let ids: Vec<&str> = conversations.iter().map(|one| id_of(one)).collect();
    let ids = short(&ids);
    let width = ids.iter().map(String::len).max().unwrap_or_default();
    let line = |(one, id): (&&Value, &String)| {
        let last = ago(now, one["lastActivityAt"].as_i64().unwrap_or_default());
        let title = line_of(text_of(one, "title"), TITLE);
        format!("{id:width$}  {:7} {last:>11}  {title}", text_of(one, "status")).trim_end().to_owned() + "\n"
    };
    conversations.iter().zip(&ids).map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conversation_is_a_narrow_line() {
        let one = |id: &str, status: &str, title: &str| json!({ "id": id, "status": status, "title": title, "lastActivityAt": 0 });
        let listed = json!({ "conversations": [
            one("1e1d7a90-0000-4000-8000-000000000001", "active", "what\nis  this"),
            one("notes", "idle", &"long ".repeat(20)),
            one("n", "closed", ""),
        ] });
        let told = described(&listed, 180_000);
        assert_eq!(
            told,
            "1e1d7a90  active    3 min ago  what is this\n\
             notes     idle      3 min ago  long long long long long long long long lon…\n\
             n         closed    3 min ago\n"
        );
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    }
}
