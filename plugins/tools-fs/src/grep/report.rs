//! [`Report`]: what is shown of the lines that match, as they are found. What is beyond the limits is only counted.

use std::io;

use grep_matcher::Matcher;
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkContext, SinkContextKind, SinkMatch};

use crate::excerpt::excerpt;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Lines around each match; 0 where names are told alone.
    pub(crate) context: usize,
    /// Names alone; then files are counted in the place of lines.
    pub(crate) files_only: bool,
    /// Matching lines that are shown.
    pub(crate) limit: u64,
    /// Bytes of the answer after which nothing more is shown.
    pub(crate) max_bytes: usize,
}

pub(crate) struct Report {
    wanted: Wanted,
    text: String,
    /// Matching lines, or files, that were found.
    found: u64,
    /// How many of them are shown.
    shown: u64,
    files: u64,
    searched: u64,
}

impl Report {
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self { wanted, text: String::new(), found: 0, shown: 0, files: 0, searched: 0 }
    }

    /// Takes in what matches in the next file.
    pub(crate) fn of_file<'a>(&'a mut self, path: &'a str, matcher: &'a RegexMatcher) -> Hits<'a> {
        self.searched += 1;
        let has_gap = self.wanted.context > 0 && !self.text.is_empty();
        Hits { report: self, path, matcher, is_first: true, has_gap }
    }

    pub(crate) fn answer(mut self, notes: impl Iterator<Item = String>) -> String {
        self.text += &format!("[{}]\n", self.counts());
        for note in notes {
            self.text += &format!("[{note}]\n");
        }
        self.text
    }

    fn counts(&self) -> String {
        let Self { found, shown, files, searched, .. } = self;
        let counts = match (found, self.wanted.files_only) {
            (0, _) => return format!("nothing matches; files searched: {searched}"),
            (_, false) => format!("matching lines: {found}, in {files} of {searched} searched files"),
            (_, true) => format!("matching files: {files} of {searched} searched"),
        };
        if shown == found {
            return counts;
        }
        format!("{counts}; the first {shown} are shown: narrow the search, or raise `limit`")
    }

    /// Whether a match that is found now is shown. Once one was not, no later one is.
    fn is_open(&self) -> bool {
        let Wanted { limit, max_bytes, .. } = self.wanted;
        self.shown == self.found && self.shown < limit && self.text.len() < max_bytes
    }

    fn show(&mut self, line: &str) -> bool {
        let fits = self.text.len() + line.len() < self.wanted.max_bytes;
        if fits {
            self.text += line;
            self.text.push('\n');
        }
        fits
    }
}

/// What matches in one file.
pub(crate) struct Hits<'a> {
    report: &'a mut Report,
    path: &'a str,
    matcher: &'a RegexMatcher,
    is_first: bool,
    /// Lines were passed over since the last one that was shown.
    has_gap: bool,
}

impl Hits<'_> {
    fn show(&mut self, line: &str) -> bool {
        if self.has_gap && !self.report.text.is_empty() && !self.report.show("--") {
            return false;
        }
        self.has_gap = false;
        self.report.show(line)
    }

    fn line_of(&self, found: &SinkMatch<'_>) -> String {
        let line = found.bytes();
        let place = self.matcher.find(line).ok().flatten().map_or(0..0, |place| place.start()..place.end());
        let number = found.line_number().unwrap_or_default();
        format!("{}:{number}: {}", self.path, excerpt(line, place))
    }
}

impl Sink for Hits<'_> {
    type Error = io::Error;

    /// Answers whether further matches of this file are of interest.
    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        let files_only = self.report.wanted.files_only;
        if self.report.is_open() {
            let line = if files_only { self.path.to_owned() } else { self.line_of(found) };
            self.report.shown += u64::from(self.show(&line));
        }
        self.report.found += 1;
        self.report.files += u64::from(std::mem::take(&mut self.is_first));
        Ok(!files_only)
    }

    fn context(&mut self, _: &Searcher, line: &SinkContext<'_>) -> io::Result<bool> {
        let report = &self.report;
        let is_shown = match line.kind() {
            // It belongs to the match that follows …
            SinkContextKind::Before => report.is_open(),
            // … or to the last one.
            _ => report.shown == report.found,
        };
        if is_shown {
            let number = line.line_number().unwrap_or_default();
            let text = format!("{}-{number}- {}", self.path, excerpt(line.bytes(), 0..0));
            self.show(&text);
        }
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> io::Result<bool> {
        self.has_gap = true;
        Ok(true)
    }
}
