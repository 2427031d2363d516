//! [`NamePattern`]: which names a model means, as shells and `.gitignore` write it.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use crate::problem::Problem;

/// Bytes of a pattern.
const MOST_BYTES: usize = 1_000;

/// `*` and `?` stay within one name, `**` goes across folders, `{a,b}` is either, `[a-z]` one of these. Without a `/` it is for
/// names at any depth, with one for paths from the searched folder, with one at its end for folders alone.
#[derive(Debug)]
pub(crate) struct NamePattern {
    glob: GlobMatcher,
    /// It is for a name, wherever that stands.
    is_for_names: bool,
    is_for_folders: bool,
}

impl NamePattern {
    /// Reads the pattern that stands in the field `argument`.
    pub(crate) fn of(argument: &str, text: &str) -> Result<Self, Problem> {
        check(argument, text)?;
        let path = text.strip_prefix("./").unwrap_or(text);
        let name = path.strip_suffix('/').unwrap_or(path);
        // As in a shell, nothing that a name can hold goes across a `/`.
        let glob = GlobBuilder::new(name).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| {
            Problem::new(format!("`{argument}` is no pattern for names: {}", error.kind()))
        })?;
        Ok(Self {
            glob: glob.compile_matcher(),
            is_for_names: !name.contains('/') && path == text,
            is_for_folders: name != path,
        })
    }

    /// Whether it fits to a path from the searched folder.
    pub(crate) fn fits(&self, path: &Path, is_folder: bool) -> bool {
        let part = if self.is_for_names { path.file_name().map(Path::new) } else { Some(path) };
        (is_folder || !self.is_for_folders) && part.is_some_and(|part| self.glob.is_match(part))
    }
}

fn check(argument: &str, text: &str) -> Result<(), Problem> {
    let length = text.len();
    if length == 0 || length > MOST_BYTES {
        return Err(Problem::new(format!("`{argument}` has {length} bytes, expected 1 to {MOST_BYTES}")));
    }
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return Err(Problem::new(format!(
            "`{argument}` is `{text}`, expected a pattern for what is below `path`, without a `/` at its beginning or `..`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        let is_folder = path.ends_with('/');
        NamePattern::of("glob", pattern)
            .expect(pattern)
            .fits(Path::new(path.trim_end_matches('/')), is_folder)
    }

    fn refusal(pattern: &str) -> String {
        NamePattern::of("glob", pattern).expect_err(pattern).to_string()
    }

    #[test]
    fn without_a_slash_it_is_for_names_at_any_depth_and_with_one_for_paths() {
        for path in ["a.rs", "src/a.rs", "src/deep/a.rs"] {
            assert!(fits("*.rs", path) && fits("**/*.rs", path), "{path}");
        }
        assert!(fits("./*.rs", "a.rs") && !fits("./*.rs", "src/a.rs"));
        assert!(fits("src/*.rs", "src/a.rs"));
        assert!(!fits("src/*.rs", "src/deep/a.rs") && !fits("src/*.rs", "more/src/a.rs"));
        assert!(fits("src/**/a.rs", "src/a.rs") && fits("src/**/a.rs", "src/x/y/a.rs"));
    }

    #[test]
    fn alternatives_classes_and_escapes_are_known() {
        assert!(fits("*.{rs,toml}", "x/Cargo.toml") && fits("{src,tests}/*", "tests/a"));
        assert!(fits("[a-c]?.txt", "b1.txt") && !fits("[!a-c]?.txt", "b1.txt"));
        assert!(fits(r"\*.txt", "*.txt") && !fits(r"\*.txt", "a.txt"));
        assert!(!fits("*.RS", "a.rs"));
    }

    #[test]
    fn with_a_slash_at_its_end_it_is_for_folders() {
        assert!(fits("src/", "a/src/") && !fits("src/", "a/src"));
        assert!(fits("a/*/", "a/src/") && fits("src", "src/"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        assert_eq!(refusal("a[b"), "`glob` is no pattern for names: unclosed character class; missing ']'");
        assert_eq!(refusal(""), "`glob` has 0 bytes, expected 1 to 1000");
        assert_eq!(refusal(&"x".repeat(1_001)), "`glob` has 1001 bytes, expected 1 to 1000");
        for outside in ["/etc/*", "../*", "a/../b"] {
            assert!(refusal(outside).contains("expected a pattern for what is below `path`"), "{outside}");
        }
        assert!(NamePattern::of("glob", &"{".repeat(1_000)).is_err());
    }
}
