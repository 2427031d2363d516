//! Named breaks of promises, to prove that a test would notice.
//!
//! They exist only in builds with `--cfg sabotage`; there the variable `TRANSOM_SABOTAGE` names the one to commit. See
//! `docs/reliability.md` for the table promise → test → break and the command that runs them all.

/// Whether the break called `name` is to be committed. Always false, and compiled away, in an ordinary build.
#[cfg(not(sabotage))]
#[inline(always)]
#[must_use]
pub const fn sabotaged(_name: &str) -> bool {
    false
}

/// Whether the break called `name` is to be committed.
#[cfg(sabotage)]
#[must_use]
pub fn sabotaged(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("TRANSOM_SABOTAGE").ok()).as_deref() == Some(name)
}
