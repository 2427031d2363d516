//! How messages name what they are about.

use std::fmt;

/// Whose values are checked.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// The manifest outside of its plugins.
    Manifest,
    /// What the host wants to know about a plugin.
    Plugin(String),
    /// A plugin's own settings.
    Settings(String),
}

/// A place in a tree, from the root of the subject.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Subject {
    /// Names the value at `path`.
    pub(super) fn name(&self, path: &Path<'_>) -> String {
        match (self, path) {
            (Self::Manifest, Path::Root) => "the manifest".into(),
            (Self::Manifest, _) => format!("`{path}`"),
            (Self::Plugin(plugin), Path::Root) => plugin.clone(),
            (Self::Plugin(plugin), _) => format!("`{path}` of {plugin}"),
            (Self::Settings(plugin), Path::Root) => format!("the table of settings of {plugin}"),
            (Self::Settings(plugin), _) => format!("setting `{path}` of {plugin}"),
        }
    }

    /// Names the key at `path`, which nobody knows.
    pub(super) fn unknown(&self, path: &Path<'_>) -> String {
        match self {
            Self::Manifest => format!("unknown key `{path}`"),
            Self::Plugin(plugin) => format!("unknown key `{path}` of {plugin}"),
            Self::Settings(plugin) => format!("unknown setting `{path}` of {plugin}"),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, key) => write!(f, "{}", bare(key)),
            Self::Key(parent, key) => write!(f, "{parent}.{}", bare(key)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A key as TOML writes it: in quotes unless it is a word.
fn bare(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { format!("{key:?}") }
}

/// Text as a message shows it: on one line, in backticks, cut where it gets long.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let cut: String = text.chars().take(LONGEST).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", cut.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}

/// Words in backticks, as a list in a sentence.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// The word that was probably meant.
pub(crate) fn nearest<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let spelled = |word: &str| word.to_lowercase().replace('-', "_");
    let written = spelled(written);
    // A third of the letters may be wrong: enough for two typing mistakes in a usual key.
    let allowed = (written.chars().count() / 3).max(1);
    let distances = words.into_iter().map(|word| (strsim::osa_distance(&written, &spelled(word)), word));
    distances
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_toml_writes_keys() {
        let table = Path::Key(&Path::Root, "tables");
        let item = Path::Item(&table, 3);
        assert_eq!(Path::Key(&item, "a b").to_string(), "tables[3].\"a b\"");
        assert_eq!(Path::Key(&Path::Root, "x\u{1b}").to_string(), "\"x\\u{1b}\"");
    }

    #[test]
    fn text_is_shown_on_one_line() {
        assert_eq!(shown("a\nb\u{1b}\"c'"), "`a\\nb\\u{1b}\"c'`");
        assert_eq!(shown(&"ä".repeat(70)), format!("`{}…`", "ä".repeat(60)));
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed([]), "");
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }

    #[test]
    fn the_nearest_word_is_suggested_unless_it_is_far() {
        let words = ["start_deadline_s", "stop_deadline_s", "data", "log"];
        assert_eq!(nearest("start-deadline-s", words), Some("start_deadline_s"));
        assert_eq!(nearest("dat", words), Some("data"));
        assert_eq!(nearest("adta", words), Some("data"));
        assert_eq!(nearest("LOG", words), Some("log"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest("", words), None);
    }
}
