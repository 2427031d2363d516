//! How the pattern of a rule for commands is read: words, quotes, and what stands for anything.
//!
//! A pattern has words as a command has them: what stands in quotes belongs to one word, and stands for itself. Rules that allow have to mean
//! a command word for word; rules that ask or forbid mean whatever reads like it.

use transom_plugin_api::sabotage::sabotaged;

use crate::command_line::{BETWEEN_WORDS, IN_A_WORD, MAGIC, PARTS, is_of_program, is_of_the_shell};

/// Characters that a pattern of names stands for something with, beside those that stand for anything here, too.
const OF_GLOBS: [char; 5] = ['[', ']', '{', '}', '\\'];

/// A character of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sign {
    character: char,
    is_quoted: bool,
}

impl Sign {
    fn stands_for_anything(self) -> bool {
        matches!(self.character, '*' | '?') && !self.is_quoted
    }

    fn ends_a_word(self) -> bool {
        self.character.is_ascii_whitespace() && !self.is_quoted
    }
}

/// The words of a pattern; one with a quote that is not closed has no quotes.
fn words(pattern: &str) -> Vec<Vec<Sign>> {
    let signs = signs(pattern);
    let unquoted = || pattern.chars().map(|character| Some(Sign { character, is_quoted: false })).collect();
    let signs: Vec<Option<Sign>> = signs.unwrap_or_else(unquoted);
    let is_end = |sign: &Option<Sign>| sign.is_some_and(Sign::ends_a_word);
    let words = signs.split(is_end).filter(|word| !word.is_empty());
    words.map(|word| word.iter().flatten().copied().collect()).collect()
}

/// The characters of a pattern, with `None` where a quote is, so that words with nothing in them are told from none; `None` where a quote
/// is not closed.
fn signs(pattern: &str) -> Option<Vec<Option<Sign>>> {
    let (mut signs, mut quote) = (Vec::new(), None);
    for character in pattern.chars() {
        match quote {
            Some(open) if open == character => quote = None,
            None if matches!(character, '\'' | '"') => {
                quote = Some(character);
                signs.push(None);
            }
            _ => signs.push(Some(Sign { character, is_quoted: quote.is_some() })),
        }
    }
    quote.is_none().then_some(signs)
}

/// The globs of a pattern that has to mean a command word for word.
pub(crate) fn exact(pattern: &str) -> Vec<String> {
    let literal = |sign: &Sign| match sign.character {
        ' ' if !sabotaged("forget-where-words-end") => IN_A_WORD.to_string(),
        _ if sign.stands_for_anything() => sign.character.to_string(),
        other => literal(other),
    };
    let words = words(pattern);
    let words: Vec<String> = words.iter().map(|word| word.iter().map(literal).collect()).collect();
    with_nothing_behind(words.join(&BETWEEN_WORDS.to_string()))
}

/// The globs of a pattern that means whatever reads like it: as it is written, and without its quotes.
pub(crate) fn wide(pattern: &str) -> Vec<String> {
    let sign = |character: char| match character {
        '*' | '?' => character.to_string(),
        other => literal(other),
    };
    let words = words(pattern);
    let words = words.iter().map(|word| word.iter().map(|one| sign(one.character)).collect::<String>());
    let unquoted = words.collect::<Vec<_>>().join(" ");
    let mut globs = with_nothing_behind(pattern.chars().map(sign).collect());
    if !globs.contains(&unquoted) {
        globs.extend(with_nothing_behind(unquoted));
    }
    globs
}

/// A program with nothing behind it is one with anything behind it, too.
fn with_nothing_behind(glob: String) -> Vec<String> {
    let alone = glob.strip_suffix(" *").map(str::to_owned);
    [Some(glob), alone].into_iter().flatten().collect()
}

fn literal(character: char) -> String {
    match character {
        '\\' => "[\\\\]".to_owned(),
        '*' | '?' => format!("[{character}]"),
        other if OF_GLOBS.contains(&other) => format!("[{other}]"),
        other => other.to_string(),
    }
}

/// A word as a pattern that means it alone.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !MAGIC.contains(&c) && !"'\";&|".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    // Between single quotes everything stands for itself but they.
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

/// Why no command is meant by a pattern, where none is.
pub(crate) fn never_means(pattern: &str) -> Option<String> {
    let words = words(pattern);
    let first = words.first()?;
    let is_odd = |sign: &&Sign| !sign.is_quoted && !sign.stands_for_anything() && is_magic(sign.character);
    if let Some(Sign { character, .. }) = words.iter().flatten().find(is_odd) {
        return Some(match PARTS.contains(character) {
            true => {
                format!("a command line is taken apart at `{character}`; write a rule for each part of it")
            }
            false => format!("no rule means a command with `{character}` outside of quotes"),
        });
    }
    let program: String = first.iter().map(|sign| sign.character).collect();
    let is_open = first.iter().any(|sign| sign.stands_for_anything());
    let is_program = program.chars().all(is_of_program) && !is_of_the_shell(&program);
    let is_none = !is_open && (program.is_empty() || !is_program);
    is_none.then(|| format!("no rule means a command that begins with `{program}`"))
}

/// Whether a shell does something with a character outside of quotes.
fn is_magic(character: char) -> bool {
    PARTS.contains(&character) || MAGIC.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_quoted_is_read_as_itself() {
        for word in ["", "a", "a b", "it's", "\"", "'\"'", "*", "a;b", "$x", "\\", "a\nb", "ä", "--x=1"] {
            let read = words(&quoted(word));
            let [read] = &read[..] else { panic!("{word:?} is {read:?}") };
            assert_eq!(read.iter().map(|sign| sign.character).collect::<String>(), word);
            assert!(!read.iter().any(|sign| sign.stands_for_anything()), "{word:?}");
        }
        assert_eq!((quoted("a b"), quoted("--x=1")), ("'a b'".to_owned(), "--x=1".to_owned()));
    }

    #[test]
    fn what_no_command_can_be_is_told() {
        for (pattern, told) in [
            ("curl * | sh", Some("a command line is taken apart at `|`; write a rule for each part of it")),
            ("cd / && ls", Some("a command line is taken apart at `&`; write a rule for each part of it")),
            ("echo $HOME", Some("no rule means a command with `$` outside of quotes")),
            ("cat ~/x", Some("no rule means a command with `~` outside of quotes")),
            ("if *", Some("no rule means a command that begins with `if`")),
            ("export *", Some("no rule means a command that begins with `export`")),
            ("A=1 make", Some("no rule means a command that begins with `A=1`")),
            ("'rm -rf *'", Some("no rule means a command that begins with `rm -rf *`")),
            ("*.env*", None),
            ("git commit -m \"x; y\"", None),
            ("sudo *", None),
            ("./run.sh 'a|b'", None),
        ] {
            assert_eq!(never_means(pattern).as_deref(), told, "{pattern}");
        }
    }
}
