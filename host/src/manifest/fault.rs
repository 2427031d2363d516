//! [`Fault`]: something wrong in the manifest, with its place and a remedy.

use std::fmt;

/// A place in a file, as editors count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as the operator named it.
    pub file: String,
    /// Where in the file; `None` when it is about the file as a whole.
    pub position: Option<Position>,
    /// What is wrong, in lower case, without a full stop. Never contains a resolved secret.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// All there is to say, where that is more than a fault should be: what `transom explain` prints.
    pub explanation: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n  --> {}", self.message, self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl std::error::Error for Fault {}

/// All faults of a manifest, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Puts faults in the order of the file; `None` when there are none.
    #[must_use]
    pub fn of(mut faults: Vec<Fault>) -> Option<Self> {
        faults.sort_by_key(|fault| fault.position);
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// The faults, in the order of the file.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Gathers the faults of one file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    file: &'a str,
    faults: Vec<Fault>,
}

impl<'a> Report<'a> {
    pub(super) fn of(file: &'a str) -> Self {
        Self { file, faults: Vec::new() }
    }

    pub(super) fn say(&mut self, position: Position, message: String, help: Option<String>) {
        self.faults.push(Fault {
            file: self.file.to_owned(),
            position: Some(position),
            message,
            help,
            explanation: None,
        });
    }

    /// How many there are so far: a part was sound when the number has not changed over it.
    pub(super) fn count(&self) -> usize {
        self.faults.len()
    }

    pub(super) fn into_faults(self) -> Option<Faults> {
        Faults::of(self.faults)
    }
}
