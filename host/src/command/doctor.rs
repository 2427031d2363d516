//! `transom doctor`: whether the logs are whole, and whether what is known about conversations follows from them.

use serde_json::{Value, json};

use super::conversation::{Failure, tell};
use super::keeper;
use super::status::{list, text_of};
use crate::control::{Question, ask, is_answered};
use crate::keeping::refusal;
use crate::program::{Common, DONE, FAILED};
use crate::terminal::{counted, shown};

pub(crate) async fn run(common: &Common) -> Result<u8, Failure> {
    let folder = common.data_folder_of_host()?;
    let mut examined = if is_answered(&folder) {
        ask(&folder, &Question::Doctor).map_err(|unanswered| Failure::failed(unanswered.message))?
    } else {
        let running = keeper::start(common).await?;
        let examined = running.keeping().examine().await;
        running.stop().await;
        examined.map_err(|error| Failure::failed(text_of(&refusal(&error), "error")))?
    };
    let faults = examined["faults"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
    for fault in &mut *faults {
        fault["help"] = json!(remedy(fault));
    }
    let is_well = faults.is_empty();
    examined["ok"] = json!(is_well);
    tell(common, &examined, |examined| shown(&described(examined)));
    Ok(if is_well { DONE } else { FAILED })
}

fn remedy(fault: &Value) -> String {
    let id = text_of(fault, "conversationId");
    if text_of(fault, "projection") == "file" {
        return "stop the host, and restore a backup from before".to_owned();
    }
    if text_of(fault, "projection") == "log" {
        return format!(
            "restore a backup from before, or give the conversation up with `transom delete {id}`"
        );
    }
    format!(
        "its log is whole: `transom fork {id}` makes a copy from that alone; then `transom delete {id}`, or restore a backup"
    )
}

fn described(examined: &Value) -> String {
    let number = |count: Option<u64>| usize::try_from(count.unwrap_or_default()).unwrap_or(usize::MAX);
    let conversations = counted(number(examined["conversations"].as_u64()), "conversation");
    let faults: Vec<&Value> = list(examined, "faults").collect();
    if faults.is_empty() {
        let is_empty = examined["conversations"] == 0;
        let note = if is_empty { ": the database is empty, as a new one is" } else { "" };
        return format!("{conversations}, no faults{note}\n");
    }
    let mut text = format!("{conversations}, {}\n", counted(faults.len(), "fault"));
    for fault in faults {
        let [id, projection, problem, help] =
            ["conversationId", "projection", "problem", "help"].map(|key| text_of(fault, key));
        let place = match projection {
            "file" => "the database".to_owned(),
            _ => format!("conversation `{id}`, {projection}"),
        };
        text += &format!("{place}: {problem}\n  help: {help}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_its_place_and_a_remedy() {
        let fault = |projection: &str| {
            let mut fault =
                json!({ "conversationId": "c", "projection": projection, "problem": "it is odd" });
            fault["help"] = json!(remedy(&fault));
            fault
        };
        let examined = json!({ "conversations": 2, "faults": [fault("log"), fault("turns")] });
        assert_eq!(
            described(&examined),
            "2 conversations, 2 faults\n\
             conversation `c`, log: it is odd\n  \
             help: restore a backup from before, or give the conversation up with `transom delete c`\n\
             conversation `c`, turns: it is odd\n  \
             help: its log is whole: `transom fork c` makes a copy from that alone; then `transom delete c`, or restore a backup\n"
        );
        let mut torn =
            json!({ "conversationId": "", "projection": "file", "problem": "page 3 is never used" });
        torn["help"] = json!(remedy(&torn));
        assert_eq!(
            described(&json!({ "conversations": 0, "faults": [torn] })),
            "0 conversations, 1 fault\n\
             the database: page 3 is never used\n  help: stop the host, and restore a backup from before\n"
        );
        assert_eq!(described(&json!({ "conversations": 1, "faults": [] })), "1 conversation, no faults\n");
        assert_eq!(
            described(&json!({ "conversations": 0, "faults": [] })),
            "0 conversations, no faults: the database is empty, as a new one is\n"
        );
    }
}
