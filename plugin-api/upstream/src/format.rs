//! [`WireFormat`]: how a service is spoken to, and [`Reader`]: what it answers.

use reqwest::header::{HeaderMap, InvalidHeaderValue};
use serde_json::Value;
use transom_agent::provider::{FailureClass, ModelRequest};

use crate::answer::Told;
use crate::catalogue::Page;
use crate::failure::Complaint;
use crate::sse::Frame;

/// What one service does differently from another: where it is asked, in which words, and what its own words mean.
pub trait WireFormat: Send + Sync + 'static {
    /// What reads an answer.
    type Reader: Reader;

    /// The service, as [`ModelInfo::provider`](transom_agent::provider::ModelInfo::provider) says it for accounts at its own
    /// address.
    const SERVICE: &'static str;
    /// The address of the service itself, where an account names none.
    const BASE_URL: &'static str;
    /// How an address is written, for somebody whose own is none.
    const BASE_URL_HELP: &'static str;
    /// The path of a request, below the address.
    const REQUEST_PATH: &'static [&'static str];
    /// The path of the list of models, below the address.
    const LIST_PATH: &'static [&'static str];

    /// The headers of each request, those with the key among them.
    ///
    /// # Errors
    /// When the key holds a character that no header may have.
    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, InvalidHeaderValue>;

    /// The body for `request`. The same request always becomes the same bytes.
    ///
    /// # Errors
    /// When something of it has no JSON form.
    fn body(&self, request: &ModelRequest, target: &Target<'_>) -> Result<Vec<u8>, serde_json::Error>;

    /// Who reads the answer to `request`.
    fn reader(&self, request: &ModelRequest, target: &Target<'_>) -> Self::Reader;

    /// In which class a complaint falls; without a status it stood in the middle of a stream.
    fn class(complaint: &Complaint, status: Option<u16>) -> FailureClass;

    /// The query that asks for the page of the list behind `after`, or for the first.
    fn page_query(after: Option<&str>) -> Vec<(&'static str, String)>;

    /// A page of the list; none when it is no list.
    fn page(list: &Value) -> Option<Page>;
}

/// The model that a request is for, as far as the request does not say it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The service behind it: the thoughts that bear its name may be given back.
    pub provider: &'a str,
    /// The most tokens that an answer of it may have, when the service told.
    pub max_output_tokens: Option<u64>,
}

/// Reads one answer, frame by frame.
pub trait Reader: Send + 'static {
    /// Whether an answer that comes to its end without saying so was cut off, even when the model had finished.
    const NEEDS_ITS_MARK: bool;

    /// Takes the next frame, and tells what it says.
    fn hear(&mut self, frame: &Frame, told: &mut Told);
}
