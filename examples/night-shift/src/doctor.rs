//! [`Doctor`]: what the store says when it examines itself.

use serde_json::{Value, json};

use crate::operator::{Operator, Ran};

/// A verdict.
#[derive(Debug)]
pub(crate) enum Doctor {
    /// The night broke off before it was asked for.
    NotAsked,
    /// How many conversations were examined, and what is wrong.
    Examined(u64, Vec<String>),
}

impl Doctor {
    /// Asks `transom doctor`.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(crate) async fn asked(operator: &Operator) -> Result<Self, String> {
        Ok(Self::of(&operator.run(&["doctor", "--json"]).await?))
    }

    /// Its exit code says whether all is well, so that what it found is read whatever that is.
    fn of(ran: &Ran) -> Self {
        let Ran { code, said, errors, .. } = ran;
        let diagnosis: Option<Value> = serde_json::from_str(said).ok();
        match diagnosis
            .as_ref()
            .and_then(|diagnosis| diagnosis["faults"].as_array().zip(diagnosis["conversations"].as_u64()))
        {
            Some((faults, conversations)) => {
                Self::Examined(conversations, faults.iter().map(ToString::to_string).collect())
            }
            None => Self::Examined(0, vec![format!("no verdict, exit code {code:?}: {said}{errors}")]),
        }
    }

    pub(crate) fn faults(&self) -> &[String] {
        match self {
            Self::NotAsked => &[],
            Self::Examined(_, faults) => faults,
        }
    }

    pub(crate) fn document(&self) -> Value {
        match self {
            Self::NotAsked => Value::Null,
            Self::Examined(conversations, faults) => {
                json!({ "conversations": conversations, "faults": faults.len() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: i32, said: &str, errors: &str, expected: usize) {
        let [said, errors] = [said, errors].map(str::to_owned);
        let verdict = Doctor::of(&Ran { what: String::new(), code: Some(code), said, errors });
        assert_eq!(verdict.faults().len(), expected, "{verdict:?}");
    }

    #[test]
    fn a_verdict_is_read_whatever_the_exit_code_and_none_is_a_fault() {
        check(0, r#"{"conversations":8,"faults":[]}"#, "", 0);
        check(1, r#"{"conversations":8,"faults":[{"projection":"turns"},{"projection":"log"}]}"#, "", 2);
        check(1, "", "the host cannot be asked", 1);
        check(2, "", "error: unrecognized subcommand 'doctor'", 1);
    }
}
