//! Promises between the crates, and rules for the repository that no compiler keeps.

mod promises {
    mod abi;
    mod bundled;
    mod clients;
    mod dependencies;
    mod dialects;
    mod exit_codes;
    mod fingerprints;
    mod hooks;
    mod links;
    mod logs;
    mod pages;
    mod pains;
    mod plugin_pages;
    mod reachable;
    mod repository;
    mod restless;
    mod twenty;
    mod wording;
}
