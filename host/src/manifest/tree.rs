//! The manifest's text as a tree in which every key and value knows its place.

use std::fmt;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::{Position, Report};
use super::validate::one_each;

/// A value and where it stands.
#[derive(Clone, PartialEq)]
pub(super) struct Located {
    pub(super) at: Position,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, PartialEq)]
pub(super) enum Content {
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Moment,
    List(Vec<Located>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Located,
}

// What stands in a manifest may be a secret, so no part of it is ever printed as a whole.
impl fmt::Debug for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", self.content.kind())
    }
}

impl Content {
    /// What it is called in messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Text(_) => "text",
            Self::Moment => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Located {
    /// A table without entries.
    pub(super) fn empty_table(at: Position) -> Self {
        Self { at, content: Content::Table(Vec::new()) }
    }

    /// The value under `key`, when this is a table that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Takes the value under `key` out when `wanted` says so.
    pub(super) fn take_if(&mut self, key: &str, wanted: impl Fn(&Content) -> bool) -> Option<Self> {
        let Content::Table(entries) = &mut self.content else { return None };
        let index = entries.iter().position(|entry| entry.key == key && wanted(&entry.value.content))?;
        Some(entries.remove(index).value)
    }

    /// Takes what stands under `key` out, as a table that has nothing else.
    pub(super) fn part(&mut self, key: &str) -> Self {
        let taken = match &mut self.content {
            Content::Table(entries) => entries.extract_if(.., |entry| entry.key == key).collect(),
            _ => Vec::new(),
        };
        Self { at: self.at, content: Content::Table(taken) }
    }

    /// The items of a list; none for everything else.
    pub(super) fn into_items(self) -> Vec<Self> {
        if let Content::List(items) = self.content { items } else { Vec::new() }
    }

    /// The entries of a table; none for everything else.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Content::Table(entries) = &self.content { entries } else { &[] }
    }

    /// The text, when it is text.
    pub(super) fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }
}

/// What helps with every fault of syntax.
const SYNTAX: &str = "a manifest is written in TOML; https://toml.io shows how";

/// Reads a document. What is wrong with its syntax is reported, and then there is no tree.
pub(super) fn parse(text: &str, report: &mut Report<'_>) -> Option<Located> {
    let lines = Lines::of(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let (mut last, mut is_split) = (None, false);
    for error in &errors {
        let span = error.span().unwrap_or_default();
        let this = Some((span.start, error.message()));
        let named = if error.message() == "duplicate key" { text.get(span.clone()) } else { None };
        // One unclosed bracket is told once for each level it leaves open; and in a table that should have been another
        // one, each key is there twice.
        if this != last && !(is_split && named.is_some()) {
            is_split = named.is_some_and(|key| is_table_of_one(text, span.start, key));
            let help = if is_split { one_each("plugin") } else { SYNTAX.to_owned() };
            let named = named.map_or_else(String::new, |key| format!(" `{key}`"));
            report.say(lines.position(span.start), format!("{}{named}", error.message()), Some(help));
        }
        last = this;
    }
    let tree = Reader { lines, report }.table(document.span().start, document.get_ref());
    errors.is_empty().then_some(tree)
}

/// Whether `key`, which stands there, is the name of a plugin's table in single brackets.
fn is_table_of_one(text: &str, at: usize, key: &str) -> bool {
    let before = text.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default().trim_start();
    ["plugin", "plugins"].contains(&key) && before.starts_with('[')
}

/// The place after the last character of `text`.
pub(super) fn end_of(text: &str) -> Position {
    Lines::of(text).position(text.len())
}

struct Reader<'a, 'r, 'f> {
    lines: Lines<'a>,
    report: &'r mut Report<'f>,
}

impl Reader<'_, '_, '_> {
    fn table(&mut self, at: usize, table: &DeTable<'_>) -> Located {
        let mut entries: Vec<Entry> = table.iter().map(|(key, value)| self.entry(key, value)).collect();
        entries.sort_by_key(|entry| entry.at);
        Located { at: self.lines.position(at), content: Content::Table(entries) }
    }

    fn entry(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Entry {
        let at = self.lines.position(key.span().start);
        Entry { key: key.get_ref().clone().into_owned(), at, value: self.value(value) }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Located {
        let at = value.span().start;
        let content = match value.get_ref() {
            DeValue::Boolean(truth) => Content::Boolean(*truth),
            DeValue::Integer(number) => Content::Integer(self.integer(at, number)),
            DeValue::Float(number) => Content::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::String(text) => Content::Text(text.clone().into_owned()),
            DeValue::Datetime(_) => Content::Moment,
            DeValue::Array(items) => Content::List(items.iter().map(|item| self.value(item)).collect()),
            DeValue::Table(table) => return self.table(at, table),
        };
        Located { at: self.lines.position(at), content }
    }

    fn integer(&mut self, at: usize, number: &DeInteger<'_>) -> i128 {
        i128::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
            let message = format!("the number has {} digits, expected at most 38", number.as_str().len());
            self.report.say(self.lines.position(at), message, None);
            0
        })
    }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        // A byte order mark has no width.
        Position { line, column: before.chars().filter(|character| *character != '\u{feff}').count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_faults(text: &str, expected: &[&str]) {
        let mut report = Report::of("transom.toml");
        parse(text, &mut report);
        let faults: Vec<_> =
            report.into_faults().into_iter().flatten().map(|fault| fault.to_string()).collect();
        assert_eq!(faults, expected);
    }

    fn tree(text: &str) -> Located {
        parse(text, &mut Report::of("transom.toml")).expect("it is sound")
    }

    fn check_place(text: &str, path: &[&str], line: usize, column: usize) {
        let root = tree(text);
        let node = path.iter().fold(&root, |node, key| node.get(key).expect("the key is there"));
        assert_eq!(node.at, Position { line, column });
    }

    #[test]
    fn values_know_their_places() {
        check_place("a = 1\n\nb = { c = 'x', d = 2 }\n", &["b", "d"], 3, 20);
        check_place("[t]\n[t.u]\nx = true", &["t", "u"], 2, 1);
        check_place("[t]\n[t.u]\nx = true", &["t", "u", "x"], 3, 5);
    }

    #[test]
    fn columns_count_characters() {
        check_place("a = { 'äöü' = 1, b = 2 }", &["a", "b"], 1, 22);
        check_place("\u{feff}a = 1", &["a"], 1, 5);
        check_place("x = 1\r\ny = 2\r\n", &["y"], 2, 5);
    }

    #[test]
    fn numbers_are_read_in_every_base() {
        let root = tree("a = 0xff\nb = -1_000\nc = 18446744073709551616\nd = 1e3");
        assert!(root.get("a").is_some_and(|node| node.content == Content::Integer(255)));
        assert!(root.get("b").is_some_and(|node| node.content == Content::Integer(-1000)));
        assert!(root.get("c").is_some_and(|node| node.content == Content::Integer(1 << 64)));
        assert!(root.get("d").is_some_and(|node| node.content == Content::Float(1000.0)));
    }

    #[test]
    fn an_endless_number_is_a_fault() {
        let text = format!("a = {}", "9".repeat(50));
        check_faults(
            &text,
            &["error: the number has 50 digits, expected at most 38\n  --> transom.toml:1:5"],
        );
    }

    #[test]
    fn every_syntax_error_is_told_once_with_its_place() {
        check_faults(
            "a = 1\na = 2\nb = [[[\n",
            &[
                "error: duplicate key `a`\n  --> transom.toml:2:1\n  help: a manifest is written in TOML; https://toml.io shows how",
                "error: unclosed array, expected `]`\n  --> transom.toml:3:8\n  help: a manifest is written in TOML; https://toml.io shows how",
            ],
        );
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        let whole = "[host]\ndata = \"ä\\u00e9\"\n[[plugin]]\nid='a'\nsettings = { a.b = [1, 0x2, 3.5e1, 1979-05-27] }\n";
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            for noise in ["", "[", "\"", "=", "\0", "'''", "\u{feff}", "{", "}"] {
                let text = format!("{}{noise}{}", &whole[..end], &whole[end..]);
                parse(&text, &mut Report::of("transom.toml"));
                parse(&text[..end + noise.len()], &mut Report::of("transom.toml"));
            }
        }
        parse(&format!("a = {}", "[".repeat(100_000)), &mut Report::of("transom.toml"));
        parse(&vec!["a"; 50_000].join("."), &mut Report::of("transom.toml"));
    }
}
