//! [`Subject`]: what an answer is about, from one content of a file to a whole folder.

use std::path::{Component, Path};

use sha2::{Digest, Sha256};
use transom_agent::refusal::shown;
use transom_agent::trust::Found;
use transom_plugin_api::CallError;

/// Bytes of a folder, as the system limits them.
const LONGEST_FOLDER: usize = 4096;
/// Bytes of the name of a file in it.
const LONGEST_NAME: usize = 1024;
/// Digits of a digest.
const DIGITS: usize = 64;
/// Characters that a refusal shows.
const SHOWN: usize = 200;

/// What an answer is about. It orders by folder, then file, then content, the wider before the narrower.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// Absolute, symlinks resolved.
    pub(crate) folder: String,
    /// A file in it; whatever is in the folder when absent.
    pub(crate) name: Option<String>,
    /// The content of that file; whatever it says when absent. Never without a name.
    pub(crate) sha256: Option<String>,
}

impl Subject {
    /// A subject that came in from outside.
    ///
    /// # Errors
    /// `InvalidInput` that names the field.
    pub(crate) fn new(folder: &str, name: Option<&str>, sha256: Option<&str>) -> Result<Self, CallError> {
        check_folder(folder)?;
        name.map_or(Ok(()), check_name)?;
        sha256.map_or(Ok(()), check_digest)?;
        if name.is_none() && sha256.is_some() {
            return Err(CallError::invalid_input(
                "field `name` is missing; `sha256` is the digest of a file",
            ));
        }
        let (name, sha256) = (name.map(str::to_owned), sha256.map(str::to_owned));
        Ok(Self { folder: folder.to_owned(), name, sha256 })
    }

    /// The one content that was found.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn found(found: &Found) -> Result<Self, CallError> {
        Self::new(&found.folder, Some(&found.name), Some(&found.sha256))
    }

    /// The subjects whose answers hold for this one, the narrowest first.
    pub(crate) fn and_wider(&self) -> [Self; 3] {
        let file = Self { sha256: None, ..self.clone() };
        let folder = Self { name: None, ..file.clone() };
        [self.clone(), file, folder]
    }

    /// Whether an answer about this one is an answer about the other one, too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let is_any_or = |mine: &Option<String>, theirs: &Option<String>| mine.is_none() || mine == theirs;
        self.folder == other.folder
            && is_any_or(&self.name, &other.name)
            && is_any_or(&self.sha256, &other.sha256)
    }

    /// The same as a key of bounded length.
    pub(crate) fn key(&self) -> String {
        let mut digest = Sha256::new();
        for part in [Some(&self.folder), self.name.as_ref(), self.sha256.as_ref()] {
            // With its length, so that no two subjects look the same.
            digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            digest.update(part.map_or("", String::as_str));
        }
        format!("{:x}", digest.finalize())
    }
}

fn check_folder(folder: &str) -> Result<(), CallError> {
    let path = Path::new(folder);
    let is = |problem: &str| {
        Err(CallError::invalid_input(format!("`folder` is `{}`, {problem}", shown(folder, SHOWN))))
    };
    match folder.len() {
        length if length > LONGEST_FOLDER => Err(CallError::invalid_input(format!(
            "`folder` has {length} bytes, expected at most {LONGEST_FOLDER}"
        ))),
        _ if !path.is_absolute() => is("expected an absolute path"),
        _ if path.components().any(|part| part == Component::ParentDir) => is("expected a path without `..`"),
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), CallError> {
    let length = name.len();
    if (1..=LONGEST_NAME).contains(&length) {
        return Ok(());
    }
    Err(CallError::invalid_input(format!("`name` has {length} bytes, expected 1 to {LONGEST_NAME}")))
}

fn check_digest(sha256: &str) -> Result<(), CallError> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() == DIGITS && sha256.bytes().all(is_digit) {
        return Ok(());
    }
    let shown = shown(sha256, SHOWN);
    Err(CallError::invalid_input(format!("`sha256` is `{shown}`, expected {DIGITS} of `0–9 a–f`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(folder: &str, name: Option<&str>, sha256: Option<&str>) -> Subject {
        Subject::new(folder, name, sha256).expect("it is one")
    }

    #[test]
    fn a_wider_answer_covers_the_narrower_subjects_of_its_folder() {
        let digest = "a".repeat(64);
        let (folder, file) = (subject("/f", None, None), subject("/f", Some("n"), None));
        let content = subject("/f", Some("n"), Some(&digest));
        assert!(folder.covers(&file) && folder.covers(&content) && file.covers(&content));
        assert!(!content.covers(&file) && !file.covers(&folder));
        for other in [subject("/f/g", Some("n"), None), subject("/f", Some("m"), None)] {
            assert!(!file.covers(&other) && !content.covers(&other), "{other:?}");
        }
        assert_eq!(content.and_wider(), [content.clone(), file, folder]);
    }

    #[test]
    fn what_names_nothing_is_refused_with_the_field() {
        let digest = "A".repeat(64);
        for (folder, name, sha256, told) in [
            ("f", None, None, "`folder` is `f`, expected an absolute path"),
            ("/f/../g", None, None, "`folder` is `/f/../g`, expected a path without `..`"),
            ("/f", Some(""), None, "`name` has 0 bytes, expected 1 to 1024"),
            ("/f", None, Some("a"), "`sha256` is `a`, expected 64 of `0–9 a–f`"),
            ("/f", Some("n"), Some(&*digest), &*format!("`sha256` is `{digest}`, expected 64 of `0–9 a–f`")),
        ] {
            assert_eq!(Subject::new(folder, name, sha256).expect_err("refused").message, told);
        }
        let alone = Subject::new("/f", None, Some(&"a".repeat(64))).expect_err("refused");
        assert_eq!(alone.message, "field `name` is missing; `sha256` is the digest of a file");
        let long = Subject::new(&format!("/{}", "x".repeat(4096)), None, None).expect_err("refused");
        assert_eq!(long.message, "`folder` has 4097 bytes, expected at most 4096");
    }

    #[test]
    fn no_two_subjects_have_one_key() {
        let all = [
            subject("/f", None, None),
            subject("/f", Some("n"), None),
            subject("/f/n", None, None),
            subject("/f", Some("n"), Some(&"a".repeat(64))),
            subject("/f", Some(&format!("n{}", "a".repeat(64))), None),
        ];
        let keys: std::collections::BTreeSet<_> = all.iter().map(Subject::key).collect();
        assert_eq!(keys.len(), all.len());
    }
}
