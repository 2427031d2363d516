//! [`Terms`]: how many requests may run at a provider, and how long a slot rests.

/// The limit that somebody has set at run time, or that followed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptLimit {
    /// Requests at once. At least 1.
    pub(crate) limit: u32,
    /// Whether the provider had too much of it, and it was lowered.
    pub(crate) reduced: bool,
}

/// A provider's: what was said at run time, and before that what stands in the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// In the settings.
    pub(crate) set: Option<u32>,
    /// At run time.
    pub(crate) kept: Option<KeptLimit>,
    /// In the settings, for all providers.
    pub(crate) usual_cooldown_ms: u64,
    /// At run time.
    pub(crate) kept_cooldown_ms: Option<u64>,
}

impl Terms {
    /// How many requests may run; any number when `None`.
    pub(crate) fn limit(&self) -> Option<u32> {
        self.kept.map(|kept| kept.limit).or(self.set)
    }

    /// Whether the limit was lowered by itself.
    pub(crate) fn is_reduced(&self) -> bool {
        self.kept.is_some_and(|kept| kept.reduced)
    }

    /// Milliseconds that a slot rests when it was given back.
    pub(crate) fn cooldown_ms(&self) -> u64 {
        self.kept_cooldown_ms.unwrap_or(self.usual_cooldown_ms)
    }

    /// One request less from now on, but never none. Whether that is less.
    pub(crate) fn reduce(&mut self) -> bool {
        let Some(limit) = self.limit().filter(|limit| *limit > 1) else { return false };
        self.kept = Some(KeptLimit { limit: limit - 1, reduced: true });
        true
    }

    /// Whether nobody has said anything about this provider.
    pub(crate) const fn are_default(&self) -> bool {
        self.set.is_none() && self.kept.is_none() && self.kept_cooldown_ms.is_none()
    }
}

/// The provider of a model: what stands before the first `/` of its name.
pub(crate) fn provider_of(model: &str) -> &str {
    model.split_once('/').map_or(model, |(provider, _)| provider)
}

/// Whether a provider can be called that: 1 to 64 characters of A–Z a–z 0–9 - _ .
pub(crate) fn is_provider(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_at_run_time_wins() {
        let terms = Terms { set: Some(4), usual_cooldown_ms: 350, ..Terms::default() };
        assert_eq!((terms.limit(), terms.cooldown_ms(), terms.is_reduced()), (Some(4), 350, false));
        let kept = Some(KeptLimit { limit: 2, reduced: true });
        let terms = Terms { kept, kept_cooldown_ms: Some(0), ..terms };
        assert_eq!((terms.limit(), terms.cooldown_ms(), terms.is_reduced()), (Some(2), 0, true));
    }

    #[test]
    fn a_limit_is_lowered_one_by_one_and_one_stays() {
        let mut terms = Terms { set: Some(3), ..Terms::default() };
        assert!(terms.reduce() && terms.reduce());
        assert_eq!((terms.limit(), terms.is_reduced()), (Some(1), true));
        assert!(!terms.reduce() && terms.limit() == Some(1));
        assert!(!Terms::default().reduce(), "without a limit there is nothing to lower");
    }

    #[test]
    fn the_provider_stands_before_the_first_slash() {
        assert_eq!((provider_of("a/b/c"), provider_of("a"), provider_of("/b")), ("a", "a", ""));
        assert!(is_provider("A-z_0.9") && is_provider(&"x".repeat(64)));
        assert!(
            !is_provider("") && !is_provider("a b") && !is_provider("ä") && !is_provider(&"x".repeat(65))
        );
    }
}
