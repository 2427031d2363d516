//! What somebody wrote that may be anything, in a sentence.

/// Its beginning, so many characters at most, with what no line should hold escaped.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let cut: String = text.chars().take(most).collect();
    cut.escape_debug().to_string()
}
