//! [`Subscriptions`]: what plugins push to one connection.

use std::collections::HashMap;

use futures_util::future::AbortHandle;
use serde_json::{Map, Value};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, CallErrorKind, Json};

use crate::asked::{Asked, Operation};

/// Bytes that the fields of a subscription may have: they are kept as long as it lasts.
const MOST_FIELDS: usize = 4_096;

/// What is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    /// Under which the plugin answers.
    pub(crate) name: String,
    /// The fields of the message in the order of their names, without those that are `null`.
    fields: String,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Begin,
    End,
}

/// The subscriptions of one connection.
#[derive(Default)]
pub(crate) struct Subscriptions {
    open: HashMap<Subject, Open>,
    last: u64,
}

struct Open {
    number: u64,
    stop: AbortHandle,
}

impl Subject {
    /// What an operation would be about if somebody registered subscriptions of that name.
    pub(crate) fn of(asked: &Asked) -> Option<(Self, Wish)> {
        let Operation::Registered(input) = &asked.operation else { return None };
        let (name, word) = asked.op.rsplit_once('.')?;
        let wish = match word {
            "subscribe" => Wish::Begin,
            "unsubscribe" => Wish::End,
            _ => return None,
        };
        let Value::Object(fields) = input.value() else { return None };
        let mut fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        let fields = Value::Object(Map::from_iter(fields)).to_string();
        Some((Self { name: name.to_owned(), fields }, wish))
    }

    /// The fields as the plugin is given them.
    pub(crate) fn input(&self) -> Json {
        Json::parse(&self.fields).unwrap_or_default()
    }
}

impl Subscriptions {
    /// Whether that is subscribed to.
    pub(crate) fn has(&self, subject: &Subject) -> bool {
        self.open.contains_key(subject)
    }

    /// Makes sure that there may be one more.
    ///
    /// # Errors
    /// `Refused` when there are `most` already, `InvalidInput` when its fields are too long to be kept.
    pub(crate) fn check_room(&self, subject: &Subject, most: usize) -> Result<(), CallError> {
        if self.open.len() >= most {
            let message = format!("this connection has {most} subscriptions at plugins already: end one");
            return Err(CallError::new(CallErrorKind::Refused, message));
        }
        let bytes = subject.fields.len();
        if bytes > MOST_FIELDS {
            let message =
                format!("the fields of the subscription have {bytes} bytes, expected at most {MOST_FIELDS}");
            return Err(CallError::invalid_input(message));
        }
        Ok(())
    }

    /// Keeps one; the number by which it is known.
    pub(crate) fn begin(&mut self, subject: Subject, stop: AbortHandle) -> u64 {
        self.last += 1;
        self.open.insert(subject, Open { number: self.last, stop });
        self.last
    }

    /// One has ended by itself.
    pub(crate) fn ended(&mut self, subject: &Subject, number: u64) {
        if self.open.get(subject).is_some_and(|open| open.number == number) {
            self.open.remove(subject);
        }
    }

    /// Ends one, if it is there.
    pub(crate) fn end(&mut self, subject: &Subject) {
        if let Some(open) = self.open.remove(subject)
            && !sabotaged("push-on-behind-the-end")
        {
            open.stop.abort();
        }
    }

    /// Ends all of them.
    pub(crate) fn end_all(&mut self) {
        self.open.drain().for_each(|(_, open)| open.stop.abort());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(message: &str) -> Option<(Subject, Wish)> {
        Subject::of(&Asked::read(message, || "new".into()).unwrap())
    }

    #[test]
    fn the_same_fields_in_any_order_are_the_same_subscription() {
        let (one, wish) = subject(r#"{"type":"a.b.subscribe","id":1,"x":1,"y":"z","w":null}"#).unwrap();
        assert_eq!((one.name.as_str(), wish), ("a.b", Wish::Begin));
        let (other, wish) = subject(r#"{"y":"z","type":"a.b.unsubscribe","x":1}"#).unwrap();
        assert_eq!((&other, wish), (&one, Wish::End));
        assert_eq!(one.input().as_str(), r#"{"x":1,"y":"z"}"#);
        assert_ne!(subject(r#"{"type":"a.b.subscribe","x":2,"y":"z"}"#).unwrap().0, one);
    }

    #[test]
    fn other_operations_are_none() {
        for message in [
            r#"{"type":"subscribe"}"#,
            r#"{"type":"a.list"}"#,
            r#"{"type":"chat.subscribe","conversationId":"c"}"#,
        ] {
            assert_eq!(subject(message), None, "{message}");
        }
    }

    #[test]
    fn what_is_kept_of_a_subscription_is_bounded() {
        let long = format!(r#"{{"type":"a.subscribe","x":"{}"}}"#, "x".repeat(MOST_FIELDS));
        let (subject, _) = subject(&long).unwrap();
        let refused = Subscriptions::default().check_room(&subject, 1).unwrap_err();
        assert_eq!(refused.kind, CallErrorKind::InvalidInput);
    }
}
