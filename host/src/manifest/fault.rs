//! [`Fault`]: something wrong in the manifest, with its place and a remedy.

use std::fmt;

use transom_kernel::LaneRefusal;

use crate::terminal::listed;

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
    pub explanation: Option<Box<LaneRefusal>>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(f, &[])
    }
}

impl Fault {
    /// `others` are further points at which the same two plugins do not fit.
    fn tell(&self, f: &mut fmt::Formatter<'_>, others: &[&str]) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if !others.is_empty() {
            write!(f, "\n  nor do the two fit at {}; `transom explain` tells why", listed(others))?;
        }
        write!(f, "\n  --> {}", self.file)?;
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
        for (index, (fault, others)) in self.told().iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "\n" })?;
            fault.tell(f, others)?;
        }
        Ok(())
    }
}

impl Faults {
    /// What a person is told: of all that two plugins do not agree in, the first, and the other points.
    fn told(&self) -> Vec<(&Fault, Vec<&str>)> {
        let mut told: Vec<(&Fault, Vec<&str>)> = Vec::new();
        for fault in &self.0 {
            let Some(refusal) = &fault.explanation else {
                told.push((fault, Vec::new()));
                continue;
            };
            let is_of_the_two = |(first, _): &&mut (&Fault, _)| {
                first.explanation.as_ref().is_some_and(|first| first.plugins == refusal.plugins)
            };
            match told.iter_mut().find(is_of_the_two) {
                None => told.push((fault, Vec::new())),
                Some((first, others)) => {
                    let known = first.explanation.as_ref().map(|first| first.point.as_str());
                    let point = refusal.point.as_str();
                    if known != Some(point) && !others.contains(&point) {
                        others.push(point);
                    }
                }
            }
        }
        told
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

    /// Those that were found behind so many others.
    pub(super) fn behind(&self, count: usize) -> Vec<Fault> {
        self.faults.iter().skip(count).cloned().collect()
    }

    pub(super) fn into_faults(self) -> Option<Faults> {
        Faults::of(self.faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(message: &str, refusal: Option<(&str, [&str; 2])>) -> Fault {
        let refusal = refusal.map(|(point, plugins)| {
            let plugins = plugins.map(str::to_owned);
            Box::new(LaneRefusal { point: point.to_owned(), plugins, text: String::new() })
        });
        let file = "transom.toml".to_owned();
        Fault { file, position: None, message: message.to_owned(), help: None, explanation: refusal }
    }

    #[test]
    fn two_plugins_that_do_not_fit_at_many_points_are_told_once() {
        let pair = |point| fault(&format!("no `{point}`"), Some((point, ["a", "b"])));
        let mut all = vec![pair("x/1"), pair("x/1"), fault("no file", None)];
        all.extend(["x/2", "x/2", "x/3"].map(pair));
        all.push(fault("no `x/2`", Some(("x/2", ["a", "c"]))));
        let faults = Faults::of(all).expect("there are some");
        let expected = "error: no `x/1`\n  nor do the two fit at `x/2`, `x/3`; `transom explain` tells why\n  --> transom.toml\n\
                        error: no file\n  --> transom.toml\nerror: no `x/2`\n  --> transom.toml";
        assert_eq!(faults.to_string(), expected);
        assert_eq!(faults.as_slice().len(), 7, "programs get all of them");
    }
}
