//! [`Problem`]: why a tool could not do what it was asked, in words for the model.

use std::{fmt, io};

/// One sentence that names what is wrong and, where there is one, the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem(String);

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// `what` was tried at `path` and the system said no.
    pub(crate) fn at(path: &str, what: &str, error: &io::Error) -> Self {
        Self(format!("`{path}` cannot be {what}: {}", reason(error)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The system's reason without its number, which tells a model nothing.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "the system denies permission".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => {
            let text = error.to_string();
            let end = text.find(" (os error").unwrap_or(text.len());
            text[..end].to_lowercase()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_path_and_the_reason_in_words() {
        let missing = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(
            Problem::at("a.txt", "read", &missing).to_string(),
            "`a.txt` cannot be read: it does not exist"
        );
        let looped = io::Error::from_raw_os_error(libc::ELOOP);
        assert_eq!(
            Problem::at("a", "read", &looped).to_string(),
            "`a` cannot be read: too many levels of symbolic links"
        );
    }
}
