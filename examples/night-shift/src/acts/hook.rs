//! Hooks of the operator's: one forbids a command, one changes another, and what they leave alone runs as it is.

use serde_json::{Value, json};

use super::berth::Berth;
use crate::guards::Guards;
use crate::journal::note;
use crate::log::Log;
use crate::random::Random;

/// The command: a line with the colour, in a file.
const SCRIPT: (&str, &str) = ("paint.sh", "echo \"$1\" >> paint.txt\n");

/// What it leaves.
const PAINT: &str = "paint.txt";

/// What a model asks for. Black is forbidden, red becomes white.
const COLOURS: [&str; 3] = ["black", "red", "blue"];

/// Why.
const REASON: &str = "no black sails on this ship";

/// The operator's file.
pub(crate) fn file() -> Value {
    let decision = json!({ "hookSpecificOutput": {
        "hookEventName": "PreToolUse", "permissionDecision": "allow", "updatedInput": { "command": painted("white") },
    } });
    let forbids = format!("if grep -q '{}'; then echo '{REASON}' >&2; exit 2; fi", painted("black"));
    let changes = format!("if grep -q '{}'; then echo '{decision}'; fi", painted("red"));
    let hook = |command: String| json!({ "type": "command", "command": command });
    json!({ "hooks": { "PreToolUse": [{ "matcher": "Bash", "hooks": [hook(forbids), hook(changes)] }] } })
}

pub(super) async fn forbids_and_changes(berth: &Berth<'_>, random: &mut Random) -> Result<Guards, String> {
    berth.write(SCRIPT.0, SCRIPT.1)?;
    let first = random.below(COLOURS.len() as u64) as usize;
    note(&format!("a hook forbids one command of {} and changes another", berth.conversation));
    let mut colours = COLOURS;
    colours.rotate_left(first);
    for colour in colours {
        berth.call("run_shell", &json!({ "command": painted(colour) })).await?;
    }
    let (log, mut painted) = (berth.log_at_rest().await?, berth.lines(PAINT));
    painted.sort_unstable();
    Ok(judged(&log, &painted))
}

fn painted(colour: &str) -> String {
    format!("sh {} {colour}", SCRIPT.0)
}

fn judged(log: &Log, ran: &[String]) -> Guards {
    let mut seen = Guards { forbidden: 1, changed: 1, ..Guards::default() };
    seen.judge(*ran == ["blue", "white"], || format!("commands for blue and white were to run: {ran:?}"));
    let faults = log.faults();
    seen.judge(faults.is_empty(), || faults.join("; "));
    let failed: Vec<_> = log.of_type("tool-result").filter(|result| result["isError"] == true).collect();
    let is_told =
        matches!(failed[..], [one] if one["content"].as_str().is_some_and(|text| text.contains(REASON)));
    seen.judge(is_told, || format!("a model was to be told that one command is forbidden: {failed:?}"));
    let changed: Vec<_> = log.of_type("input-changed").map(|changed| &changed["input"]["command"]).collect();
    seen.judge(changed == [&json!(painted("white"))], || {
        format!("the log was to have one input that was changed: {changed:?}")
    });
    seen
}
