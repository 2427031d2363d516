//! [`Format`]: how a stream of documents is written, as the client prefers.

use axum::body::Bytes;
use axum::http::header::{ACCEPT, HeaderMap};

/// The ways to write a stream of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// NDJSON: a document on each line.
    Lines,
    /// Server-sent events: a document in each event.
    Events,
}

impl Format {
    /// What the client prefers; lines when it does not care.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let accepted: Vec<_> =
            headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let accepted = accepted.join(",");
        let events = preference(&accepted, "text/event-stream");
        let lines = preference(&accepted, "application/x-ndjson");
        let is_acceptable = events.0 > 0;
        if is_acceptable && events > lines { Self::Events } else { Self::Lines }
    }

    /// For `Content-Type`.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }

    /// One document, ready to be sent. Lines have no place for its id.
    pub(crate) fn written(self, json: &str, id: Option<&str>) -> Bytes {
        // A document may come with line breaks between its parts (within texts they are escaped), and here a line
        // break ends it.
        let json = json.replace(['\n', '\r'], " ");
        let text = match (self, id) {
            (Self::Lines, _) => json + "\n",
            (Self::Events, Some(id)) if is_event_id(id) => format!("id: {id}\ndata: {json}\n\n"),
            (Self::Events, _) => format!("data: {json}\n\n"),
        };
        Bytes::from(text)
    }
}

/// Whether a client would give it back as it is.
fn is_event_id(id: &str) -> bool {
    !id.contains(['\n', '\r', '\0'])
}

/// How much a media type is wanted: by quality in thousandths, then by how exactly it is named.
fn preference(accepted: &str, media_type: &str) -> (u16, u8) {
    let ranges =
        accepted.split(',').filter_map(|range| Some((exactness(range, media_type)?, quality(range)?)));
    ranges.max_by_key(|(exactness, _)| *exactness).map_or((0, 0), |(exactness, quality)| (quality, exactness))
}

/// How exactly a range names the media type; `None` when it does not.
fn exactness(range: &str, media_type: &str) -> Option<u8> {
    let range = range.split(';').next()?.trim();
    if range.eq_ignore_ascii_case(media_type) {
        return Some(3);
    }
    if range == "*/*" {
        return Some(1);
    }
    let group = range.strip_suffix("/*")?;
    let (wanted, _) = media_type.split_once('/')?;
    group.eq_ignore_ascii_case(wanted).then_some(2)
}

/// The weight of a range, in thousandths; `None` when it cannot be read.
fn quality(range: &str) -> Option<u16> {
    let parameters = range.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let weight = parameters
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, _)| name.eq_ignore_ascii_case("q"));
    let Some((_, weight)) = weight else { return Some(1_000) };
    let weight: f32 = weight.parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    // Between 0 and 1000, so nothing is cut off.
    Some((weight * 1_000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(accept: &[&str]) -> Format {
        Format::preferred(&accept.iter().map(|value| (ACCEPT, value.parse().unwrap())).collect())
    }

    #[test]
    fn events_come_only_when_they_are_preferred() {
        let rules: [(&[&str], Format); 15] = [
            (&[], Format::Lines),
            (&[""], Format::Lines),
            (&["*/*"], Format::Lines),
            (&["application/json"], Format::Lines),
            (&["application/x-ndjson"], Format::Lines),
            (&["text/event-stream"], Format::Events),
            (&["Text/Event-Stream"], Format::Events),
            (&["text/event-stream; charset=utf-8"], Format::Events),
            (&["text/event-stream, */*"], Format::Events),
            (&["text/*"], Format::Events),
            (&["application/x-ndjson", "text/event-stream;q=0.9"], Format::Lines),
            (&["application/x-ndjson;q=0.2", "text/event-stream;q=0.9"], Format::Events),
            (&["text/event-stream;q=0.5, */*"], Format::Lines),
            (&["text/event-stream;q=0"], Format::Lines),
            (&["text/event-stream;q=lots"], Format::Lines),
        ];
        for (accept, format) in rules {
            assert_eq!(preferred(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn a_document_stays_on_its_line() {
        let pretty = "{\n  \"text\": \"a\\nb\"\r\n}";
        assert_eq!(Format::Lines.written(pretty, None), "{   \"text\": \"a\\nb\"  }\n");
        assert_eq!(Format::Events.written("[1]", None), "data: [1]\n\n");
        assert_eq!(Format::Events.written(pretty, None).iter().filter(|byte| **byte == b'\n').count(), 2);
    }

    #[test]
    fn an_event_has_its_id_unless_no_client_could_give_it_back() {
        assert_eq!(Format::Events.written("1", Some("0:7:0")), "id: 0:7:0\ndata: 1\n\n");
        assert_eq!(Format::Lines.written("1", Some("0:7:0")), "1\n");
        for id in ["a\nb", "a\rb", "a\0b"] {
            assert_eq!(Format::Events.written("1", Some(id)), "data: 1\n\n");
        }
    }
}
