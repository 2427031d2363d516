//! What a conversation is doing: how that is written, and which changes are allowed.

use transom_agent::conversation::Status;

/// Every status, in the order in which they are listed to people.
pub(crate) const ALL: [Status; 3] = [Status::Active, Status::Idle, Status::Closed];

/// How a status is written in the database and in queries.
pub(crate) const fn name_of(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Idle => "idle",
        Status::Closed => "closed",
    }
}

/// The status that is written so.
pub(crate) fn named(name: &str) -> Option<Status> {
    ALL.into_iter().find(|status| name_of(*status) == name)
}

/// What a conversation does after a request to do `wanted`.
///
/// A turn that ends after its conversation was closed asks for `idle`, and must not open it again; only a turn that
/// begins does.
pub(crate) const fn next(now: Status, wanted: Status) -> Status {
    match (now, wanted) {
        (Status::Closed, Status::Idle) => Status::Closed,
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_wins_over_idle_and_gives_way_to_active() {
        assert_eq!(next(Status::Closed, Status::Idle), Status::Closed);
        assert_eq!(next(Status::Closed, Status::Active), Status::Active);
        assert_eq!(next(Status::Active, Status::Closed), Status::Closed);
        assert_eq!(next(Status::Active, Status::Idle), Status::Idle);
    }

    #[test]
    fn a_status_is_written_as_clients_see_it() {
        for status in ALL {
            assert_eq!(serde_json::to_value(status).expect("encodes"), name_of(status));
            assert_eq!(named(name_of(status)), Some(status));
        }
        assert_eq!(named("asleep"), None);
    }
}
