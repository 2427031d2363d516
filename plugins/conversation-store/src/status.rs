//! What a conversation is doing: how that is written.

use transom_agent::conversation::Status;

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

/// The status that is written so.
pub(crate) fn named(name: &str) -> Option<Status> {
    ALL.into_iter().find(|status| name_of(status) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_as_clients_see_it() {
        for status in ALL {
            assert_eq!(serde_json::to_value(&status).expect("encodes"), name_of(&status));
            assert_eq!(named(name_of(&status)), Some(status));
        }
        assert_eq!(named("asleep"), None);
    }
}
