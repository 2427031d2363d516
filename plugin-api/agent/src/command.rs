//! Commands of several plugins, in the same manner: how their words are read, and which conversation a short id means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use transom_plugin_api::{CallError, CallErrorKind, Caller, Text};

use crate::conversation::{Conversation, Conversations, LONGEST_ID, Query};
use crate::reach::{CliCall, CliOutcome};
use crate::refusal::shown;

/// It did what was asked.
pub const DONE: u8 = 0;
/// It ran, and what was asked failed.
pub const FAILED: u8 = 1;
/// It was refused before anything ran.
pub const REFUSED: u8 = 2;

/// Characters that a short id has at least.
const SHORTEST: usize = 4;

/// What a command understands.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// What `--help` prints: what it does, how it is called, an example.
    pub help: &'static str,
    /// The words that it takes, by what they stand for, such as `ID`.
    pub words: &'static [&'static str],
    /// Options that stand alone, such as `--cancel`.
    pub flags: &'static [&'static str],
    /// Options with a value, such as `--keep`.
    pub options: &'static [&'static str],
}

/// The words of a call, read by a [`Manual`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    words: Vec<String>,
    flags: Vec<String>,
    options: BTreeMap<String, String>,
    cwd: String,
}

impl Manual {
    /// Reads a call.
    ///
    /// # Errors
    /// What is printed instead of running it: the help that was asked for, or what is wrong with the words.
    pub fn read(&self, call: &CliCall) -> Result<Words, CliOutcome> {
        let read = self.read_given(call)?;
        match self.words.get(read.words.len()) {
            Some(missing) => Err(self.refused(&format!("{missing} is missing"))),
            None => Ok(read),
        }
    }

    /// Reads a call that may lack words: those are empty.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_given(&self, call: &CliCall) -> Result<Words, CliOutcome> {
        let mut read = Words { cwd: call.cwd.as_str().to_owned(), ..Words::default() };
        let mut given = call.arguments.iter().map(Text::as_str);
        while let Some(word) = given.next() {
            let (name, value) =
                word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            if word == "--help" || word == "-h" {
                return Err(printed(self.help));
            } else if self.flags.contains(&word) {
                read.flags.push(word.to_owned());
            } else if self.options.contains(&name) {
                let value = value.or_else(|| given.next());
                let value = value.ok_or_else(|| self.refused(&format!("`{name}` lacks its value")))?;
                read.options.insert(name.to_owned(), value.to_owned());
            } else if word.starts_with('-') {
                return Err(self.refused(&format!("`{}` is no option of this command", shown(word, 40))));
            } else if read.words.len() < self.words.len() {
                read.words.push(word.to_owned());
            } else {
                return Err(self.refused(&format!("`{}` is one word too many", shown(word, 40))));
            }
        }
        Ok(read)
    }

    fn refused(&self, problem: &str) -> CliOutcome {
        refused(&format!("{problem}\n\n{}", self.help))
    }
}

impl Words {
    /// A word by its place among those of the manual.
    #[must_use]
    pub fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }

    /// Whether an option that stands alone was given.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The value of an option, if it was given.
    #[must_use]
    pub fn value(&self, option: &str) -> Option<&str> {
        self.options.get(option).map(String::as_str)
    }

    /// A path among the words, as it is meant in the folder in which the command was typed.
    #[must_use]
    pub fn path(&self, given: &str) -> String {
        if given.is_empty() || self.cwd.is_empty() {
            return given.to_owned();
        }
        let meant: PathBuf = Path::new(&self.cwd).join(given).components().collect();
        // Both were text.
        meant.to_string_lossy().into_owned()
    }

    /// The value of an option as a whole number.
    ///
    /// # Errors
    /// What is printed when it is none.
    pub fn number(&self, option: &str) -> Result<Option<u64>, CliOutcome> {
        self.value(option)
            .map(|value| {
                let wrong =
                    || refused(&format!("`{option}` is `{}`, expected a whole number", shown(value, 40)));
                value.parse().map_err(|_| wrong())
            })
            .transpose()
    }
}

/// A command that did what was asked, and prints this.
#[must_use]
pub fn printed(output: impl Into<Text>) -> CliOutcome {
    CliOutcome { output: output.into(), complaint: Text::new(), code: DONE }
}

/// A command that was refused before anything ran.
#[must_use]
pub fn refused(problem: &str) -> CliOutcome {
    CliOutcome { output: Text::new(), complaint: format!("error: {problem}").into(), code: REFUSED }
}

/// A command that ran and failed, with the code that says whether anything was done.
#[must_use]
pub fn failed(error: &CallError) -> CliOutcome {
    use CallErrorKind::{Conflict, Denied, InvalidInput, NotFound, Refused};
    let is_refusal = matches!(error.kind, Conflict | Denied | InvalidInput | NotFound | Refused);
    CliOutcome { code: if is_refusal { REFUSED } else { FAILED }, ..refused(&error.message) }
}

/// The conversation that `given` means among all of them.
///
/// # Errors
/// As [`meant`], and what the conversation store says.
pub async fn conversation(
    list: &Caller<Query, Conversations>,
    given: &str,
) -> Result<Conversation, CallError> {
    let query = Query { prefix: given.into(), ..Query::default() };
    meant(given, &list.call(query).await?.conversations).cloned()
}

/// The conversation that `given` means among those whose ids begin so: the one of that id, else the only one, when enough of it is
/// given.
///
/// # Errors
/// `InvalidInput` with a sentence when none or several are meant.
pub fn meant<'a>(given: &str, found: &'a [Conversation]) -> Result<&'a Conversation, CallError> {
    if let Some(exactly) = found.iter().find(|conversation| conversation.id == given) {
        return Ok(exactly);
    }
    let given = shown(given, LONGEST_ID);
    match found {
        [only] if given.chars().count() >= SHORTEST => Ok(only),
        [] => Err(CallError::not_found(format!("there is no conversation whose id begins with `{given}`"))),
        [_] => Err(CallError::invalid_input(format!(
            "`{given}` is too short, expected at least {SHORTEST} characters of an id"
        ))),
        [first, second, ..] => Err(CallError::invalid_input(format!(
            "`{given}` may be `{}`, `{}`{}; give more of the id",
            first.id,
            second.id,
            if found.len() > 2 { " or others" } else { "" }
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: Manual =
        Manual { help: "how it goes", words: &["ID"], flags: &["--all"], options: &["--keep"] };

    fn read(words: &[&str]) -> Result<Words, (String, u8)> {
        let arguments = words.iter().map(|word| Text::from(*word)).collect();
        let outcome = MANUAL.read(&CliCall { arguments, ..CliCall::default() });
        outcome.map_err(|told| (format!("{}{}", told.output, told.complaint), told.code))
    }

    #[test]
    fn words_flags_and_options_may_come_in_any_order() {
        for words in [&["a", "--all", "--keep", "3"][..], &["--keep=3", "--all", "a"]] {
            let read = read(words).expect("understood");
            assert_eq!((read.word(0), read.has("--all"), read.number("--keep")), ("a", true, Ok(Some(3))));
            assert_eq!((read.word(1), read.has("--keep"), read.value("--all")), ("", false, None));
        }
    }

    #[test]
    fn a_path_is_meant_where_the_command_was_typed() {
        let typed_in = |cwd: &str| Words { cwd: cwd.to_owned(), ..Words::default() };
        for (given, meant) in
            [(".", "/home/a"), ("b/./c", "/home/a/b/c"), ("../b", "/home/a/../b"), ("/b", "/b"), ("", "")]
        {
            assert_eq!(typed_in("/home/a").path(given), meant);
        }
        assert_eq!(typed_in("").path("b"), "b", "where that is not known it is left to whoever reads it");
    }

    #[test]
    fn words_that_may_be_missing_are_empty_and_none_is_one_too_many() {
        let given = |words: &[&str]| {
            let arguments = words.iter().map(|word| Text::from(*word)).collect();
            MANUAL.read_given(&CliCall { arguments, ..CliCall::default() }).map_err(|told| told.code)
        };
        assert_eq!(given(&["--all"]).expect("understood").word(0), "");
        assert_eq!(given(&["a"]).expect("understood").word(0), "a");
        assert_eq!(given(&["a", "b"]), Err(REFUSED));
    }

    #[test]
    fn what_is_not_understood_is_told_with_the_help() {
        for (words, told) in [
            (&[][..], "error: ID is missing\n\nhow it goes"),
            (&["a", "b"], "error: `b` is one word too many\n\nhow it goes"),
            (&["a", "--al"], "error: `--al` is no option of this command\n\nhow it goes"),
            (&["a", "--keep"], "error: `--keep` lacks its value\n\nhow it goes"),
        ] {
            assert_eq!(read(words), Err((told.to_owned(), REFUSED)));
        }
        assert_eq!(read(&["--all", "--help"]), Err(("how it goes".to_owned(), DONE)));
        let wrong = read(&["a", "--keep", "x"]).expect("understood").number("--keep").expect_err("no number");
        assert_eq!(wrong.complaint, "error: `--keep` is `x`, expected a whole number");
    }

    #[test]
    fn a_short_id_means_the_only_one_that_begins_so() {
        let found = |ids: &[&str]| ids.iter().map(|id| Conversation::new(*id, 0)).collect::<Vec<_>>();
        let told = |given: &str, ids: &[&str]| match meant(given, &found(ids)) {
            Ok(meant) => meant.id.to_string(),
            Err(error) => error.message.to_string(),
        };
        assert_eq!(told("abcd", &["abcdef"]), "abcdef");
        assert_eq!(told("abc", &["abc", "abcdef"]), "abc");
        assert_eq!(told("abc", &["abcdef"]), "`abc` is too short, expected at least 4 characters of an id");
        assert_eq!(told("abcd", &[]), "there is no conversation whose id begins with `abcd`");
        assert_eq!(
            told("abcd", &["abcde", "abcdf", "abcdg"]),
            "`abcd` may be `abcde`, `abcdf` or others; give more of the id"
        );
    }
}
