//! Names of models that may end in `*`.

/// The entry whose pattern fits `name`: the one with most characters before its `*`, and before all of them the one that is the
/// name itself.
pub(crate) fn longest<'a, T>(entries: impl Iterator<Item = (&'a str, T)>, name: &str) -> Option<T> {
    let fits = entries.filter_map(|(pattern, value)| Some((weight(pattern, name)?, value)));
    fits.max_by_key(|(weight, _)| *weight).map(|(_, value)| value)
}

/// How closely `pattern` fits; `None` when it does not.
fn weight(pattern: &str, name: &str) -> Option<usize> {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning).then_some(beginning.len()),
        None => (pattern == name).then_some(usize::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_counts_and_the_name_itself_before_all() {
        let patterns = ["*", "a/*", "a/model-*", "a/model-1", "a/model-1*"];
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(
                longest(patterns.iter().map(|pattern| (*pattern, *pattern)), name),
                expected,
                "{name}"
            );
        };
        check("a/model-1", Some("a/model-1"));
        check("a/model-10", Some("a/model-1*"));
        check("a/model-2", Some("a/model-*"));
        check("a/other", Some("a/*"));
        check("b/other", Some("*"));
        assert_eq!(longest([("a", 1)].into_iter(), "b"), None);
        assert_eq!(longest([("a*b", 1)].into_iter(), "axb"), None, "only the end is open");
    }
}
