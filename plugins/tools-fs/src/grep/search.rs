//! [`Search`]: reads one file after the other, each in bounded memory and only as long as somebody waits.

use std::io::{self, Cursor, Read};
use std::path::Path;

use grep_matcher::LineTerminator;
use grep_regex::RegexMatcher;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};
use transom_plugin_api::sabotage::sabotaged;

use super::report::{Report, Wanted};
use crate::desk::Gone;
use crate::folder::OpenFile;
use crate::list_dir::one_line;
use crate::read_file::{head, is_binary};
use crate::tool::Job;

/// One search in many files.
pub(crate) struct Search<'a> {
    job: &'a Job<'a>,
    matcher: &'a RegexMatcher,
    searcher: Searcher,
    report: Report,
    missed: Missed,
}

/// Files that were not searched, or not to their end.
#[derive(Default)]
struct Missed {
    binary: u64,
    unread: u64,
    partly: u64,
    /// The first of those.
    first_partly: String,
}

impl<'a> Search<'a> {
    pub(crate) fn new(job: &'a Job<'a>, matcher: &'a RegexMatcher, wanted: Wanted) -> Self {
        let searcher = SearcherBuilder::new()
            .line_terminator(LineTerminator::crlf())
            .before_context(wanted.context)
            .after_context(wanted.context)
            .heap_limit(Some(job.limits.line_bytes))
            // Both are decided by the head of a file, as in `read_file`.
            .binary_detection(BinaryDetection::none())
            .bom_sniffing(false)
            .build();
        Self { job, matcher, searcher, report: Report::new(wanted), missed: Missed::default() }
    }

    /// Searches the file at `path`, from the turn's folder.
    pub(crate) fn file(&mut self, path: &Path, mut open: OpenFile) {
        match head(&mut open.file) {
            Ok(head) if is_binary(&head) => self.missed.binary += 1,
            Ok(head) => self.text(path, head, open),
            Err(_) => self.missed_file(),
        }
    }

    /// A file could not be opened.
    pub(crate) fn missed_file(&mut self) {
        self.missed.unread += 1;
    }

    fn text(&mut self, path: &Path, head: Vec<u8>, open: OpenFile) {
        let most = self.job.limits.searched_bytes;
        let text = Cursor::new(head).chain(open.file).take(most);
        let text = Attended { text, gone: self.job.gone };
        let path = one_line(path.as_os_str());
        let hits = self.report.of_file(&path, self.matcher);
        let outcome = self.searcher.search_reader(self.matcher, text, hits);
        if outcome.is_err() || open.metadata.len() > most {
            self.missed.partly += 1;
            if self.missed.partly == 1 {
                self.missed.first_partly = path;
            }
        }
    }

    pub(crate) fn answer(self, gaps: Vec<String>) -> String {
        let notes = self.missed.told(&self.job.limits);
        self.report.answer(notes.into_iter().chain(gaps))
    }
}

impl Missed {
    fn told(&self, limits: &crate::tool::Limits) -> Vec<String> {
        let Self { binary, unread, partly, first_partly } = self;
        let binary = (*binary > 0).then(|| format!("binary files, not searched: {binary}"));
        let unread = (*unread > 0).then(|| format!("files that could not be read: {unread}"));
        let partly = (*partly > 0).then(|| {
            format!(
                "files searched only in part, since they cannot be read further, have more than {} bytes or a line of \
                 more than {}: {partly}, the first is `{first_partly}`",
                limits.searched_bytes, limits.line_bytes
            )
        });
        [binary, unread, partly].into_iter().flatten().collect()
    }
}

/// A text that ends with an error as soon as nobody waits for it.
struct Attended<'a, R> {
    text: R,
    gone: Gone<'a>,
}

impl<R: Read> Read for Attended<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.gone)() && !sabotaged("search-for-nobody") {
            return Err(io::Error::other("nobody waits for it"));
        }
        self.text.read(buffer)
    }
}
