//! `transom workspaces`: groups of conversations, and the folders they work in.

use serde_json::Value;

use super::conversation::{Failure, host, tell};
use super::status::{list, text_of};
use crate::program::{Common, DONE};
use crate::terminal::{counted, line_of, shown};

pub(crate) async fn run(common: &Common) -> Result<u8, Failure> {
    let workspaces = host(common)?.client.get("/workspaces").await?;
    tell(common, &workspaces, described);
    Ok(DONE)
}

fn described(workspaces: &Value) -> String {
    let id_of = |one: &Value| shown(text_of(one, "id"));
    let width =
        list(workspaces, "workspaces").map(|one| id_of(one).chars().count()).max().unwrap_or_default();
    let line = |one: &Value| {
        let (id, title) = (id_of(one), line_of(text_of(one, "title"), 30));
        let count = one["conversations"].as_u64().and_then(|count| usize::try_from(count).ok());
        let mut line = format!("{id:width$}  {:16}", counted(count.unwrap_or_default(), "conversation"));
        if title != id {
            line += &format!("  {title}");
        }
        if let Some(cwd) = one["defaultCwd"].as_str() {
            line += &format!("  {}", shown(cwd));
        }
        line.trim_end().to_owned() + "\n"
    };
    list(workspaces, "workspaces").map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workspace_is_told_with_its_title_and_its_folder() {
        let workspaces = json!({ "workspaces": [
            { "id": "team", "title": "The team", "defaultCwd": "/srv", "conversations": 1 },
            { "id": "default", "title": "default", "defaultCwd": null, "conversations": 12 },
        ] });
        assert_eq!(
            described(&workspaces),
            "team     1 conversation    The team  /srv\ndefault  12 conversations\n"
        );
    }
}
