//! Replaces text in text, and says why not when it is not clear what is meant.

/// What to put in the place of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Substitution<'a> {
    pub(crate) old: &'a str,
    pub(crate) new: &'a str,
    /// Everywhere; else the old text must occur exactly once.
    pub(crate) all: bool,
}

/// The text afterwards.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// How many places were changed.
    pub(crate) count: usize,
    /// The line of the first of them, counted from 1.
    pub(crate) line: usize,
}

/// Why nothing was replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// There is nothing to look for.
    Empty,
    /// Old and new are the same.
    Identical,
    /// The old text does not occur.
    NotFound,
    /// It occurs so many times, two overlapping places counted as two.
    NotUnique(usize),
    /// The outcome would have so many bytes, which is too many.
    TooLong(usize),
}

impl Substitution<'_> {
    /// Applies it to `text`, unless the outcome would be longer than `max_bytes`.
    ///
    /// In a text whose lines all end in CR LF, line feeds in old and new mean that ending too: whoever was shown the
    /// lines could not know.
    pub(crate) fn apply(self, text: &str, max_bytes: usize) -> Result<Substituted, Unclear> {
        if self.old.is_empty() {
            return Err(Unclear::Empty);
        }
        if self.old == self.new {
            return Err(Unclear::Identical);
        }
        if ends_lines_in_crlf(text) && !self.old.contains('\r') && !self.new.contains('\r') {
            let (old, new) = (self.old.replace('\n', "\r\n"), self.new.replace('\n', "\r\n"));
            return Substitution { old: &old, new: &new, ..self }.exactly(text, max_bytes);
        }
        self.exactly(text, max_bytes)
    }

    fn exactly(self, text: &str, max_bytes: usize) -> Result<Substituted, Unclear> {
        let Self { old, new, all } = self;
        let first = text.find(old).ok_or(Unclear::NotFound)?;
        let count = text.matches(old).count();
        if !all {
            is_unique(text, old, first, count)?;
        }
        let length = text.len() - count * old.len() + count.saturating_mul(new.len());
        if length > max_bytes {
            return Err(Unclear::TooLong(length));
        }
        Ok(Substituted { text: text.replace(old, new), count, line: text[..first].matches('\n').count() + 1 })
    }
}

fn is_unique(text: &str, old: &str, first: usize, count: usize) -> Result<(), Unclear> {
    let behind = first + text[first..].chars().next().map_or(1, char::len_utf8);
    match count {
        1 if text[behind..].contains(old) => Err(Unclear::NotUnique(2)),
        1 => Ok(()),
        _ => Err(Unclear::NotUnique(count)),
    }
}

fn ends_lines_in_crlf(text: &str) -> bool {
    let line_feeds = text.matches('\n').count();
    line_feeds > 0 && text.matches("\r\n").count() == line_feeds
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1_000;

    fn once(text: &str, old: &str, new: &str) -> Result<String, Unclear> {
        Substitution { old, new, all: false }.apply(text, MAX).map(|done| done.text)
    }

    fn everywhere(text: &str, old: &str, new: &str) -> Result<String, Unclear> {
        Substitution { old, new, all: true }.apply(text, MAX).map(|done| done.text)
    }

    #[test]
    fn one_place_is_replaced_and_its_line_told() {
        let done = Substitution { old: "zwei", new: "drei", all: false }.apply("eins\nzwei\n", MAX);
        assert_eq!(done, Ok(Substituted { text: "eins\ndrei\n".into(), count: 1, line: 2 }));
    }

    #[test]
    fn what_is_unclear_is_named_and_counted() {
        assert_eq!(once("a", "", "b"), Err(Unclear::Empty));
        assert_eq!(once("a", "a", "a"), Err(Unclear::Identical));
        assert_eq!(once("a", "b", "c"), Err(Unclear::NotFound));
        assert_eq!(once("a a a", "a", "b"), Err(Unclear::NotUnique(3)));
        assert_eq!(once("ääää", "äää", "b"), Err(Unclear::NotUnique(2)));
    }

    #[test]
    fn everywhere_goes_from_left_to_right_without_overlap() {
        assert_eq!(everywhere("aaa", "aa", "b").as_deref(), Ok("ba"));
        assert_eq!(everywhere("aXbXc", "X", "").as_deref(), Ok("abc"));
        assert_eq!(everywhere("a", "b", "c"), Err(Unclear::NotFound));
    }

    #[test]
    fn text_outside_ascii_is_replaced_whole() {
        assert_eq!(once("naïve 🦀 crab", "🦀", "蟹").as_deref(), Ok("naïve 蟹 crab"));
    }

    #[test]
    fn a_text_of_crlf_lines_stays_one() {
        assert_eq!(once("a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz").as_deref(), Ok("x\r\ny\r\nz\r\nc\r\n"));
        assert_eq!(once("a\r\nb\r\n", "b", "y\nz").as_deref(), Ok("a\r\ny\r\nz\r\n"));
    }

    #[test]
    fn line_endings_that_are_spelled_out_or_mixed_are_taken_as_they_are() {
        assert_eq!(once("a\r\nb\r\n", "a\r\nb", "x\ny").as_deref(), Ok("x\ny\r\n"));
        assert_eq!(once("a\r\nb\n", "a\nb", "x"), Err(Unclear::NotFound));
        assert_eq!(once("a\nb\n", "a", "x\r\ny").as_deref(), Ok("x\r\ny\nb\n"));
    }

    #[test]
    fn an_outcome_that_is_too_long_is_never_made() {
        let grown = Substitution { old: "a", new: &"b".repeat(500), all: true }.apply("aaa", MAX);
        assert_eq!(grown, Err(Unclear::TooLong(1_500)));
    }
}
