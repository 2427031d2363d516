//! Promises between the crates, and rules for the repository that no compiler keeps.

mod promises {
    mod bundled;
    mod dependencies;
    mod dialects;
    mod exit_codes;
    mod fingerprints;
    mod links;
    mod reachable;
    mod repository;
    mod twenty;
    mod wording;
}
