//! Which places of a prompt the service is told to keep in its cache.
//!
//! Four of them at most: behind the tools, behind the system prompt, where the messages end, and where they ended in the
//! request before. The service looks for what it has only some twenty blocks before a mark; with a mark at the place that it
//! kept last, it finds it however much has come since.

use serde::Serialize;
use transom_plugin_api::StartError;

use super::turns::Turn;

/// How long the service keeps what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum CacheLife {
    /// Not at all.
    Off,
    /// Five minutes behind its last use.
    #[default]
    FiveMinutes,
    /// An hour.
    OneHour,
}

/// A mark on a block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Mark {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl CacheLife {
    /// Reads the setting `cache`.
    pub(crate) fn read(text: &str) -> Result<Self, StartError> {
        match text {
            "off" => Ok(Self::Off),
            "5m" => Ok(Self::FiveMinutes),
            "1h" => Ok(Self::OneHour),
            other => Err(StartError::new(format!("setting `cache` is `{other}`"))
                .help("set it to `off`, `5m` or `1h`")),
        }
    }

    /// The mark that asks for it.
    pub(super) const fn mark(self) -> Option<Mark> {
        match self {
            Self::Off => None,
            Self::FiveMinutes => Some(Mark { r#type: "ephemeral", ttl: None }),
            Self::OneHour => Some(Mark { r#type: "ephemeral", ttl: Some("1h") }),
        }
    }
}

/// Marks the end of the messages, and where they ended in the request before: that is in front of the last thing that
/// the model said.
pub(super) fn mark_turns(turns: &mut [Turn<'_>], mark: Option<Mark>) {
    let Some(mark) = mark else { return };
    let end = turns.len().checked_sub(1);
    let before = turns.iter().rposition(Turn::is_the_models).and_then(|at| at.checked_sub(1));
    for at in [end, before].into_iter().flatten() {
        turns[at].mark(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_one_of_three() {
        let read = |text| CacheLife::read(text).map_err(|error| error.to_string());
        assert_eq!(
            [read("off"), read("5m"), read("1h")],
            [Ok(CacheLife::Off), Ok(CacheLife::FiveMinutes), Ok(CacheLife::OneHour)]
        );
        assert!(read("2h").is_err_and(|error| error.contains("`2h`")));
    }
}
