//! Which models an endpoint has.

use serde_json::Value;
use transom_agent::provider::{FailureClass, ModelInfo};

use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::format::WireFormat;

/// Bytes that a page of a list may hold.
const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// Pages that are asked for.
const MAX_PAGES: usize = 20;
/// Models that are taken from a list.
const MAX_MODELS: usize = 2_000;
/// Bytes that a model's id may hold.
const MAX_ID_BYTES: usize = 256;

/// A page of a list of models.
#[derive(Debug, Default)]
pub struct Page {
    /// The models on it.
    pub models: Vec<Listed>,
    /// Behind which id there are more.
    pub more_after: Option<String>,
}

/// A model of an endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// Its name behind the account's.
    pub id: String,
    /// What is known about it. Who provides it need not be said.
    pub info: ModelInfo,
    /// The most tokens that an answer of it may have.
    pub max_output_tokens: Option<u64>,
}

/// Whether a text can be the id of a model.
#[must_use]
pub fn is_model_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && !id.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Asks the endpoint for its models, page by page.
pub(crate) async fn fetch<F: WireFormat>(endpoint: &Endpoint) -> Result<Vec<Listed>, Failure> {
    let (mut listed, mut after) = (Vec::new(), None::<String>);
    for _ in 0..MAX_PAGES {
        let page = fetch_page::<F>(endpoint, after.as_deref()).await?;
        listed.extend(page.models);
        // One that leads nowhere new would be asked for again and again.
        let next = page.more_after.filter(|next| Some(next) != after.as_ref());
        if next.is_none() || listed.len() >= MAX_MODELS {
            break;
        }
        after = next;
    }
    Ok(in_order(listed, endpoint.provider()))
}

async fn fetch_page<F: WireFormat>(endpoint: &Endpoint, after: Option<&str>) -> Result<Page, Failure> {
    let response = endpoint.get(F::LIST_PATH, &F::page_query(after)).await?;
    let (body, failure) = endpoint.read(response, PAGE_BYTES).await;
    match failure {
        None => read::<F>(&body),
        Some(failure) => Err(failure),
    }
}

/// Milliseconds to wait behind failed attempt number `attempt`, counted from 0: from 2 s, doubled up to 10 min.
pub(crate) fn backoff_ms(attempt: u32) -> u64 {
    (2_000u64 << attempt.min(16)).min(600_000)
}

/// Whether asking again may help; not when nobody here knows what the class means.
pub(crate) fn may_pass(class: &FailureClass) -> bool {
    matches!(
        class,
        FailureClass::Network | FailureClass::Timeout | FailureClass::RateLimited | FailureClass::Overloaded
    )
}

fn read<F: WireFormat>(body: &[u8]) -> Result<Page, Failure> {
    let malformed = || {
        Failure::new(FailureClass::Protocol, "sent a list of models that is none")
            .detail(String::from_utf8_lossy(body).into_owned())
    };
    let value: Value = serde_json::from_slice(body).map_err(|_| malformed())?;
    F::page(&value).ok_or_else(malformed)
}

/// Sorted, each id once, without those that can be none.
fn in_order(mut listed: Vec<Listed>, provider: &str) -> Vec<Listed> {
    listed.retain(|model| is_model_id(&model.id));
    listed.sort_by(|one, other| one.id.cmp(&other.id));
    listed.dedup_by(|one, other| one.id == other.id);
    listed.truncate(MAX_MODELS);
    listed.iter_mut().for_each(|model| model.info.provider = provider.into());
    listed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback::{Server, response};
    use crate::plain::Plain;

    async fn fetched<const N: usize>(pages: [&str; N]) -> (Result<Vec<String>, Failure>, Vec<String>) {
        let server = Server::start(pages.map(|page| response("200 OK", "", page))).await;
        let listed = fetch::<Plain>(&server.endpoint(&Plain)).await;
        let heads = server.exchanges().await.into_iter().map(|exchange| exchange.head).collect();
        (listed.map(|listed| listed.into_iter().map(|model| model.id).collect()), heads)
    }

    #[tokio::test]
    async fn ids_are_sorted_and_unique_and_those_that_are_none_are_left_out() {
        let long = "x".repeat(MAX_ID_BYTES + 1);
        let list = format!(r#"{{"ids":["b","a/c","b","","a b","{long}"]}}"#);
        assert_eq!(fetched([&list]).await.0.expect("a list"), ["a/c", "b"]);
    }

    #[tokio::test]
    async fn further_pages_are_asked_for_with_the_key() {
        let (listed, heads) = fetched([r#"{"ids":["b"],"more":"b"}"#, r#"{"ids":["a"]}"#]).await;
        assert_eq!(listed.expect("a list"), ["a", "b"]);
        assert!(heads[0].starts_with("GET /list HTTP/1.1\r\n"), "{heads:?}");
        assert!(heads[1].starts_with("GET /list?after=b HTTP/1.1\r\n"), "{heads:?}");
        assert!(heads.iter().all(|head| head.contains("x-plain-key: sk-loopback\r\n")), "{heads:?}");
    }

    #[tokio::test]
    async fn a_page_that_leads_back_to_itself_is_the_last() {
        let page = r#"{"ids":["b"],"more":"b"}"#;
        assert_eq!(fetched([page, page]).await.0.expect("a list"), ["b"]);
    }

    #[tokio::test]
    async fn what_is_no_list_is_refused_with_its_text() {
        for body in ["", "<html>", "{}", r#"{"ids":7}"#] {
            let failure = fetched([body]).await.0.expect_err("refused");
            assert_eq!((failure.class, failure.detail.as_str()), (FailureClass::Protocol, body));
        }
    }

    #[test]
    fn waits_double_up_to_ten_minutes() {
        assert_eq!(
            [0, 1, 2, 8, 9, 4_000_000_000].map(backoff_ms),
            [2_000, 4_000, 8_000, 512_000, 600_000, 600_000]
        );
    }

    #[test]
    fn a_class_of_a_later_revision_is_not_tried_again() {
        let class = |word: &str| serde_json::from_value(Value::from(word)).expect("a class may be unknown");
        assert!(may_pass(&class("overloaded")) && !may_pass(&class("moonstruck")));
    }

    #[tokio::test]
    async fn a_refused_list_says_why() {
        let server = Server::start([response(
            "401 Unauthorized",
            "",
            r#"{"error":{"message":"bad key sk-loopback"}}"#,
        )])
        .await;
        let endpoint = server.endpoint(&Plain);
        let failure = fetch::<Plain>(&endpoint).await.expect_err("refused");
        assert!(!may_pass(&failure.class));
        assert_eq!(endpoint.message(&failure), "`plain` answered 401 Unauthorized: bad key (the key)");
    }
}
