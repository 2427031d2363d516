//! What a manifest takes from outside itself: `${NAME}` inside text, and secrets by reference.

use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt;
use std::io;
use std::path::Path;

use super::keyring::{self, Lacking, is_key_name};
use crate::regular_file::{Unread, bytes_of};

/// Where environment variables come from.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Those of the process when absent.
    fixed: Option<BTreeMap<String, String>>,
}

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::default()
    }

    /// These variables and no others, for tests and for embedders.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { fixed: Some(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect()) }
    }

    fn variable(&self, name: &str) -> Result<String, Problem> {
        let unset = || Problem::Unset(name.to_owned());
        match &self.fixed {
            Some(fixed) => fixed.get(name).cloned().ok_or_else(unset),
            None => std::env::var(name).map_err(|error| match error {
                VarError::NotPresent => unset(),
                VarError::NotUnicode(_) => Problem::NotText(format!("environment variable `{name}`")),
            }),
        }
    }

    /// Replaces each `${NAME}` in `written`; `$${` stands for a literal `${`.
    pub(super) fn fill_in(&self, written: &str) -> Result<String, Problem> {
        let mut out = String::new();
        let mut rest = written;
        while let Some(dollar) = rest.find('$') {
            out += &rest[..dollar];
            rest = &rest[dollar..];
            if let Some(after) = rest.strip_prefix("$${") {
                out += "${";
                rest = after;
            } else if let Some(after) = rest.strip_prefix("${") {
                let (name, after) = after.split_once('}').ok_or(Problem::Unclosed)?;
                out += &self.variable(checked_name(name)?)?;
                rest = after;
            } else {
                out.push('$');
                rest = &rest[1..];
            }
        }
        Ok(out + rest)
    }

    /// What a secret written as `written` is: the variable of `env:NAME`, the content of `file:PATH` (relative to
    /// `folder`, without a line break at its end), the key of `keyring:NAME`, likewise, else the text itself.
    pub(super) fn secret(&self, written: &str, folder: &Path) -> Result<String, Problem> {
        // Only what the manifest spells out is a reference: a variable's value never turns into one.
        if let Some(name) = written.strip_prefix("env:") {
            let name = self.fill_in(name)?;
            let value = self.variable(checked_name(&name)?)?;
            return if value.is_empty() {
                Err(Problem::Empty(format!("environment variable `{name}`")))
            } else {
                Ok(value)
            };
        }
        if let Some(name) = written.strip_prefix("keyring:") {
            return secret_in_keyring(&self.fill_in(name)?);
        }
        match written.strip_prefix("file:") {
            Some(path) => secret_in_file(&folder.join(self.fill_in(path)?)),
            None => self.fill_in(written),
        }
    }
}

// The values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.fixed.is_some() {
            "Environment(fixed, …)"
        } else {
            "Environment(process, …)"
        })
    }
}

/// Whether `written` takes something from the environment.
pub(super) fn is_filled_in(written: &str) -> bool {
    written.replace("$${", "").contains("${")
}

/// The most a secret's file may hold, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

fn secret_in_file(path: &Path) -> Result<String, Problem> {
    let shown = format!("file `{}`", path.display());
    let unreadable = |error: io::Error| Problem::Unreadable(shown.clone(), error.kind());
    let bytes = bytes_of(path, LONGEST_SECRET).map_err(|unread| match unread {
        Unread::NotAFile => Problem::NotAFile(shown.clone()),
        Unread::TooLong => Problem::TooLong(shown.clone()),
        Unread::Failed(error) => unreadable(error),
    })?;
    secret_in(bytes, shown)
}

fn secret_in_keyring(name: &str) -> Result<String, Problem> {
    if !is_key_name(name) {
        return Err(Problem::BadKeyName(name.to_owned()));
    }
    let key = keyring::key(name).map_err(|lacking| Problem::NoKey(name.to_owned(), lacking))?;
    secret_in(key, format!("key `{}` in the keyring", keyring::description(name)))
}

/// The text that was found in `shown`, without a line break at its end.
fn secret_in(bytes: Vec<u8>, shown: String) -> Result<String, Problem> {
    let text = String::from_utf8(bytes).map_err(|_| Problem::NotText(shown.clone()))?;
    let secret =
        text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if secret.is_empty() { Err(Problem::Empty(shown)) } else { Ok(secret.to_owned()) }
}

fn checked_name(name: &str) -> Result<&str, Problem> {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    if is_name { Ok(name) } else { Err(Problem::BadName(name.to_owned())) }
}

/// Why something could not be taken from outside. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Unset(String),
    Unclosed,
    BadName(String),
    Empty(String),
    NotText(String),
    Unreadable(String, io::ErrorKind),
    NotAFile(String),
    TooLong(String),
    BadKeyName(String),
    NoKey(String, Lacking),
}

impl Problem {
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Unset(name) => Some(format!("set `{name}` before the host starts")),
            Self::Unclosed => Some("close it with `}`, or write `$${` for a literal `${`".into()),
            Self::BadName(_) => Some("a name is letters, digits and `_`, and begins with no digit".into()),
            Self::Unreadable(..) => Some("a path is relative to the manifest's folder".into()),
            Self::BadKeyName(_) => Some("use 1 to 64 characters of `A–Z a–z 0–9 - _ .`".into()),
            Self::NoKey(name, Lacking::NotThere | Lacking::Over) => {
                let key = keyring::description(name);
                Some(format!(
                    "type `keyctl padd user {key} @u` as the user of the host, then the secret and Ctrl-D"
                ))
            }
            Self::NoKey(_, Lacking::Forbidden) => {
                Some("containers often forbid it; use `file:PATH` or `env:NAME` there".into())
            }
            Self::NoKey(_, Lacking::Failed(_)) => None,
            Self::Empty(_) | Self::NotText(_) | Self::NotAFile(_) | Self::TooLong(_) => None,
        }
    }
}

/// What stands after "it needs".
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(name) => write!(f, "environment variable `{name}`, which is not set"),
            Self::Unclosed => f.write_str("an environment variable, but its `${` is not closed"),
            Self::BadName(name) => {
                write!(f, "environment variable `{}`, which is no name", name.escape_debug())
            }
            Self::Empty(what) => write!(f, "{what}, which is empty"),
            Self::NotText(what) => write!(f, "{what}, which is not UTF-8 text"),
            Self::Unreadable(what, io::ErrorKind::NotFound) => write!(f, "{what}, which does not exist"),
            Self::Unreadable(what, kind) => write!(f, "{what}, which cannot be read: {kind}"),
            Self::NotAFile(what) => write!(f, "{what}, which is not a regular file"),
            Self::TooLong(what) => write!(f, "{what}, which is longer than {LONGEST_SECRET} bytes"),
            Self::BadKeyName(name) => write!(f, "key `{}`, which is no name of one", name.escape_debug()),
            Self::NoKey(name, lacking) => {
                write!(f, "key `{}` in the keyring, which ", keyring::description(name))?;
                match lacking {
                    Lacking::NotThere => f.write_str("is not there"),
                    Lacking::Over => f.write_str("has expired or was revoked"),
                    Lacking::Forbidden => f.write_str("this system does not let the host read"),
                    Lacking::Failed(number) => {
                        write!(f, "cannot be read: {}", io::Error::from_raw_os_error(*number))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::of([("HOME", "/home/ada"), ("EMPTY", ""), ("TRICK", "env:HOME"), ("N_1", "ä")])
    }

    fn check(written: &str, expected: Result<&str, Problem>) {
        assert_eq!(environment().fill_in(written), expected.map(String::from), "{written}");
    }

    #[test]
    fn variables_are_filled_in_wherever_they_stand() {
        check("", Ok(""));
        check("${HOME}", Ok("/home/ada"));
        check("a${HOME}/b${N_1}c${EMPTY}", Ok("a/home/ada/bäc"));
    }

    #[test]
    fn a_doubled_dollar_keeps_the_braces() {
        check("$${HOME}", Ok("${HOME}"));
        check("$5 $$ a$", Ok("$5 $$ a$"));
        check("$${${HOME}}", Ok("${/home/ada}"));
    }

    #[test]
    fn what_cannot_be_filled_in_says_why() {
        check("${NOBODY}", Err(Problem::Unset("NOBODY".into())));
        check("${HOME", Err(Problem::Unclosed));
        check("${}", Err(Problem::BadName(String::new())));
        check("${HOME:-x}", Err(Problem::BadName("HOME:-x".into())));
        check("${1A}", Err(Problem::BadName("1A".into())));
    }

    #[test]
    fn only_unescaped_braces_take_from_the_environment() {
        assert!(is_filled_in("a${B}"));
        assert!(!is_filled_in("a$${B}"));
        assert!(!is_filled_in("$B"));
    }

    #[test]
    fn a_secret_is_what_its_reference_leads_to() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), "s3cret\r\n").expect("it is written");
        let secret = |written: &str| environment().secret(written, folder.path());
        assert_eq!(secret("env:HOME"), Ok("/home/ada".into()));
        assert_eq!(secret("file:key"), Ok("s3cret".into()));
        assert_eq!(secret("plain"), Ok("plain".into()));
        assert_eq!(secret("${HOME}"), Ok("/home/ada".into()));
    }

    #[test]
    fn a_key_that_is_not_there_is_a_problem_with_what_to_type() {
        let name = format!("test-{}-none", std::process::id());
        let problem =
            environment().secret(&format!("keyring:{name}"), Path::new("/")).expect_err("nobody has it");
        let told = (problem.to_string(), problem.help().unwrap_or_default());
        if told.0.contains("does not let the host read") {
            eprintln!("skipped: this system forbids the kernel's keyrings");
            return;
        }
        assert_eq!(told.0, format!("key `transom:{name}` in the keyring, which is not there"));
        assert!(told.1.starts_with(&format!("type `keyctl padd user transom:{name} @u`")), "{told:?}");
    }

    #[test]
    fn what_the_keyring_says_is_told_in_words() {
        let told = |lacking| Problem::NoKey("a".into(), lacking);
        let beginning = "key `transom:a` in the keyring, which ";
        for (lacking, words) in [
            (Lacking::NotThere, "is not there"),
            (Lacking::Over, "has expired or was revoked"),
            (Lacking::Forbidden, "this system does not let the host read"),
        ] {
            assert_eq!(told(lacking).to_string(), format!("{beginning}{words}"));
            assert!(told(lacking).help().is_some());
        }
        let failed = told(Lacking::Failed(libc::EIO)).to_string();
        assert!(failed.starts_with(&format!("{beginning}cannot be read: ")), "{failed}");
        for name in ["", "a b", "a:b"] {
            let bad = environment().secret(&format!("keyring:{name}"), Path::new("/"));
            assert_eq!(bad, Err(Problem::BadKeyName(name.into())));
        }
        let filled_in = environment().secret("keyring:a${HOME}", Path::new("/"));
        assert_eq!(filled_in, Err(Problem::BadKeyName("a/home/ada".into())));
    }

    #[test]
    fn the_value_of_a_variable_is_never_a_reference() {
        assert_eq!(environment().secret("${TRICK}", Path::new("/")), Ok("env:HOME".into()));
    }

    #[test]
    fn a_secret_that_is_not_there_is_a_problem() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("empty"), "\n").expect("it is written");
        std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).expect("it is written");
        std::fs::write(folder.path().join("long"), vec![b'x'; LONGEST_SECRET as usize + 1])
            .expect("it is written");
        let problem =
            |written: &str| environment().secret(written, folder.path()).expect_err("it is a problem");
        assert_eq!(problem("env:EMPTY"), Problem::Empty("environment variable `EMPTY`".into()));
        assert_eq!(problem("env:"), Problem::BadName(String::new()));
        assert!(matches!(problem("file:empty"), Problem::Empty(_)));
        assert!(matches!(problem("file:binary"), Problem::NotText(_)));
        assert!(matches!(problem("file:long"), Problem::TooLong(_)));
        assert!(matches!(problem("file:"), Problem::NotAFile(_)));
        assert!(matches!(problem("file:none"), Problem::Unreadable(_, io::ErrorKind::NotFound)));
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", environment()), "Environment(fixed, …)");
    }
}
