//! What a conversation is doing: how that is written, and which changes are allowed.

use transom_agent::conversation::Status;
use transom_plugin_api::CallError;

/// Every status, in the order in which they are listed to people.
pub(crate) const ALL: [Status; 3] = [Status::Active, Status::Idle, Status::Closed];

/// How a status is written in the database and in queries.
pub(crate) fn name_of(status: &Status) -> &str {
    match status {
        Status::Active => "active",
        Status::Idle => "idle",
        Status::Closed => "closed",
        Status::Unknown(status) => status.tag(),
    }
}

/// Refuses a status that this store could not read again.
///
/// # Errors
/// `InvalidInput` with the name of the field.
pub(crate) fn check(status: &Status) -> Result<(), CallError> {
    let Status::Unknown(status) = status else { return Ok(()) };
    let known = ALL.each_ref().map(|status| format!("`{}`", name_of(status))).join(", ");
    Err(CallError::invalid_input(format!("`status` is `{}`, expected one of {known}", status.tag())))
}

/// The status that is written so.
pub(crate) fn named(name: &str) -> Option<Status> {
    ALL.into_iter().find(|status| name_of(status) == name)
}

/// What a conversation does after a request to do `wanted`.
///
/// A turn that ends after its conversation was closed asks for `idle`, and must not open it again; only a turn that
/// begins does.
pub(crate) fn next(now: &Status, wanted: &Status) -> Status {
    match (now, wanted) {
        (Status::Closed, Status::Idle) => Status::Closed,
        _ => wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn closed_wins_over_idle_and_gives_way_to_active() {
        assert_eq!(next(&Status::Closed, &Status::Idle), Status::Closed);
        assert_eq!(next(&Status::Closed, &Status::Active), Status::Active);
        assert_eq!(next(&Status::Active, &Status::Closed), Status::Closed);
        assert_eq!(next(&Status::Active, &Status::Idle), Status::Idle);
    }

    #[test]
    fn a_status_is_written_as_clients_see_it() {
        for status in ALL {
            assert_eq!(serde_json::to_value(&status).expect("encodes"), name_of(&status));
            assert_eq!(named(name_of(&status)), Some(status));
        }
        assert_eq!(named("asleep"), None);
    }

    #[test]
    fn a_status_of_a_later_revision_is_refused_by_its_name() {
        let asleep = serde_json::from_value(json!("asleep")).expect("a status may be unknown");
        let error = check(&asleep).expect_err("refused");
        assert_eq!(error.message, "`status` is `asleep`, expected one of `active`, `idle`, `closed`");
        assert_eq!(check(&Status::Idle), Ok(()));
    }
}
