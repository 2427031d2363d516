//! [`Request`]: what a model asks to be run, checked.
//!
//! A model wrote it, so every complaint names the field, what stands there and what belongs there.

use std::time::Duration;

use serde_json::{Map, Value};
use transom_plugin_api::Json;

use crate::tool::Times;

/// The longest word that the system passes to a program, without the NUL behind it.
const LONGEST_COMMAND: usize = (128 << 10) - 1;

/// A checked input of `run_shell`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) command: String,
    /// How long it may run.
    pub(crate) limit: Duration,
}

impl Request {
    /// # Errors
    /// What is wrong, for the model.
    pub(crate) fn of(input: &Json, times: &Times) -> Result<Self, String> {
        let Value::Object(mut fields) = input.value() else {
            return Err(format!("the input is {}, expected a JSON object", kind_of(&input.value())));
        };
        let (command, limit) = (command(&mut fields)?, limit(&mut fields, times)?);
        match fields.keys().next() {
            None => Ok(Self { command, limit }),
            Some(unknown) => {
                Err(format!("`{unknown}` is not an input of this tool, which takes `command`, `timeoutMs`"))
            }
        }
    }
}

fn command(fields: &mut Map<String, Value>) -> Result<String, String> {
    let command = match take(fields, "command") {
        Some(Value::String(command)) => command,
        Some(other) => return Err(format!("`command` is {}, expected text", kind_of(&other))),
        None => return Err("`command` is missing, expected text".to_owned()),
    };
    if command.trim().is_empty() {
        return Err("`command` is blank, expected a command of the shell".to_owned());
    }
    if command.contains('\0') {
        return Err("`command` has a NUL in it, which no command can have".to_owned());
    }
    if command.len() > LONGEST_COMMAND {
        let length = command.len();
        return Err(format!(
            "`command` has {length} bytes, expected at most {LONGEST_COMMAND}; write it into a file and run that"
        ));
    }
    Ok(command)
}

fn limit(fields: &mut Map<String, Value>, times: &Times) -> Result<Duration, String> {
    let Some(value) = take(fields, "timeoutMs") else { return Ok(times.default.min(times.most)) };
    match value.as_u64() {
        Some(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds).min(times.most)),
        _ => Err(format!("`timeoutMs` is {}, expected a whole number of at least 1", shown(&value))),
    }
}

// Models write `null` for what they mean to leave out.
fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        other => kind_of(other).to_owned(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(input: Value) -> Result<Request, String> {
        let times = Times {
            default: Duration::from_secs(2),
            most: Duration::from_secs(9),
            kill_after: Duration::ZERO,
        };
        Request::of(&input.into(), &times)
    }

    fn check(input: Value, complaint: &str) {
        assert_eq!(request(input), Err(complaint.to_owned()));
    }

    #[test]
    fn the_limit_is_what_was_asked_for_but_never_above_the_setting() {
        let limit = |input: Value| request(input).expect("it is right").limit.as_millis();
        assert_eq!(limit(json!({"command": "ls"})), 2_000);
        assert_eq!(limit(json!({"command": "ls", "timeoutMs": null})), 2_000);
        assert_eq!(limit(json!({"command": "ls", "timeoutMs": 1})), 1);
        assert_eq!(limit(json!({"command": "ls", "timeoutMs": u64::MAX})), 9_000);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_belongs_there() {
        check(json!("ls"), "the input is text, expected a JSON object");
        check(json!({}), "`command` is missing, expected text");
        check(json!({"command": ["ls"]}), "`command` is a list, expected text");
        check(json!({"command": " \n"}), "`command` is blank, expected a command of the shell");
        check(json!({"command": "a\0b"}), "`command` has a NUL in it, which no command can have");
        for (wrong, told) in [(json!(0), "0"), (json!(-1), "-1"), (json!(1.5), "1.5"), (json!("9"), "text")] {
            let complaint = format!("`timeoutMs` is {told}, expected a whole number of at least 1");
            check(json!({"command": "ls", "timeoutMs": wrong}), &complaint);
        }
        check(
            json!({"command": "ls", "timeout": 7}),
            "`timeout` is not an input of this tool, which takes `command`, `timeoutMs`",
        );
        check(
            json!({"command": "a".repeat(200_000)}),
            "`command` has 200000 bytes, expected at most 131071; write it into a file and run that",
        );
    }

    #[test]
    fn the_longest_command_there_is_can_be_run() {
        let command = format!(": {}", "a".repeat(LONGEST_COMMAND - 2));
        assert!(request(json!({"command": command})).is_ok());
        let ran = std::process::Command::new("/bin/sh").arg("-c").arg(command).status().expect("it runs");
        assert!(ran.success());
    }
}
