//! What goes over between two dialects at every kind of point, both ways.

use serde_json::{Value, json};
use transom_plugin_api::CallErrorKind;

use super::copies::{COPIES, Copy, Kind, Outcome, POINTS, as_read_by, sample, touched};
use super::stage::{Stage, id};

/// One way between `base` and a copy.
struct Way<'a> {
    copy: &'a Copy,
    /// Who emits, applies or calls.
    from: &'a str,
    /// Who listens, is a link or serves.
    to: &'a str,
}

impl Way<'_> {
    fn outcome(&self, kind: Kind) -> Outcome {
        self.copy.outcome(kind, self.from != "base")
    }

    fn is_refused(&self, kind: Kind) -> bool {
        self.outcome(kind) == Outcome::Refused
    }

    /// Whole values go both ways over it.
    fn replied(&self, value: Value) -> Value {
        as_read_by(self.from, value)
    }
}

async fn for_all_ways(check: impl AsyncFn(&Stage, &Way<'_>)) {
    for copy in &COPIES {
        let stage = Stage::with(&["base", copy.name]).await;
        check(&stage, &Way { copy, from: "base", to: copy.name }).await;
        check(&stage, &Way { copy, from: copy.name, to: "base" }).await;
        stage.stop().await;
    }
}

#[tokio::test]
async fn a_listener_hears_an_event_in_its_own_words() {
    for_all_ways(async |stage, way| {
        let before = stage.told(way.to, "heard", &Value::Null).await;
        stage.told(way.from, "emit", &sample(way.from)).await;
        let heard = stage.told(way.to, "heard", &Value::Null).await;
        let mut expected = before.as_array().cloned().unwrap_or_default();
        if !way.is_refused(Kind::Event) {
            expected.push(as_read_by(way.to, sample(way.from)));
        }
        assert_eq!(heard, Value::Array(expected), "{} → {}", way.from, way.to);
    })
    .await;
}

#[tokio::test]
async fn a_queued_listener_hears_an_event_in_its_own_words() {
    for_all_ways(async |stage, way| {
        let before = stage.heard_later(way.to, 0).await;
        let own_before = stage.heard_later(way.from, 0).await.len();
        stage.told(way.from, "emit-later", &sample(way.from)).await;
        let own = stage.heard_later(way.from, own_before + 1).await;
        assert_eq!(own.last(), Some(&sample(way.from)), "an emitter hears itself as it is");
        let mut expected = before;
        if !way.is_refused(Kind::Event) {
            expected.push(as_read_by(way.to, sample(way.from)));
        }
        assert_eq!(stage.heard_later(way.to, expected.len()).await, expected, "{} → {}", way.from, way.to);
    })
    .await;
}

#[tokio::test]
async fn a_paced_event_is_heard_in_its_own_words_inline_and_from_a_mailbox_that_is_waited_for() {
    for_all_ways(async |stage, way| {
        let before = stage.heard_paced(way.to, 0).await;
        let own_before = stage.heard_paced(way.from, 0).await.len();
        // More than a mailbox holds, so that the emitter waits.
        for _ in 0..3 {
            stage.told(way.from, "emit-paced", &sample(way.from)).await;
        }
        let own = stage.heard_paced(way.from, own_before + 3).await;
        assert_eq!(own[own_before..], [(); 3].map(|()| sample(way.from)), "an emitter hears itself as it is");
        let mut expected = before;
        if !way.is_refused(Kind::Event) {
            expected.extend([(); 3].map(|()| as_read_by(way.to, sample(way.from))));
        }
        assert_eq!(stage.heard_paced(way.to, expected.len()).await, expected, "{} → {}", way.from, way.to);
    })
    .await;
}

#[tokio::test]
async fn a_link_changes_what_it_knows_and_keeps_the_rest() {
    for_all_ways(async |stage, way| {
        // The applier's own link is one of the chain.
        let alone = touched(sample(way.from));
        let (closed, open) = if way.is_refused(Kind::Filter) {
            (None, alone)
        } else {
            (Some(touched(alone.clone())), touched(alone))
        };
        let names = format!("{} → {}", way.from, way.to);
        match (stage.drive(way.from, "polish", "", &sample(way.from)).await, closed) {
            (Ok(polished), Some(expected)) => assert_eq!(polished, expected, "{names}"),
            (Err(error), None) => assert_eq!(&*error.plugin, id(way.to), "{names}: {error}"),
            (polished, _) => panic!("{names}: {polished:?}"),
        }
        assert_eq!(stage.told(way.from, "polish-open", &sample(way.from)).await, open, "{names}");
    })
    .await;
}

#[tokio::test]
async fn a_service_reads_the_request_and_its_caller_the_reply() {
    for_all_ways(async |stage, way| {
        let reply = stage.drive(way.from, "ask", way.to, &sample(way.from)).await;
        if way.is_refused(Kind::Service) {
            assert_eq!(reply.expect_err("no lane leads there").kind, CallErrorKind::NoProvider);
            return;
        }
        let expected = way.replied(touched(as_read_by(way.to, sample(way.from))));
        assert_eq!(reply.expect("it is answered"), expected, "{} → {}", way.from, way.to);
    })
    .await;
}

#[tokio::test]
async fn a_stream_is_read_item_by_item() {
    for_all_ways(async |stage, way| {
        let items = stage.drive(way.from, "list", way.to, &sample(way.from)).await;
        if way.is_refused(Kind::Service) {
            assert_eq!(items.expect_err("no lane leads there").kind, CallErrorKind::NoProvider);
            return;
        }
        let first = as_read_by(way.to, sample(way.from));
        let expected = [first.clone(), touched(first)].map(|item| way.replied(item));
        assert_eq!(items.expect("it is answered"), json!(expected), "{} → {}", way.from, way.to);
    })
    .await;
}

#[tokio::test]
async fn what_is_said_of_a_name_is_read_like_a_reply() {
    for_all_ways(async |stage, way| {
        let names = stage.told(way.from, "names", &Value::Null).await;
        let about = names.as_array().into_iter().flatten().find(|about| about[0] == json!(id(way.to)));
        assert_eq!(about.is_none(), way.is_refused(Kind::Service), "{} → {}", way.from, way.to);
        if let Some(about) = about {
            let about = &about[1];
            assert_eq!(about["label"], "");
            assert_eq!(about.get("floor").is_some(), way.from == "more");
        }
    })
    .await;
}

#[tokio::test]
async fn bridges_are_listed_and_counted_where_copies_differ_and_nowhere_else() {
    for copy in &COPIES {
        let stage = Stage::with(&["base", copy.name]).await;
        for (from, to) in [("base", copy.name), (copy.name, "base")] {
            for (point, kind) in POINTS {
                let expected = (copy.outcome(kind, from != "base") == Outcome::Bridged).then_some(0);
                assert_eq!(stage.carried(to, point), expected, "{from} → {to} at {point}");
            }
            let way = Way { copy, from, to };
            if way.outcome(Kind::Event) == Outcome::Bridged {
                stage.told(from, "emit", &sample(from)).await;
                stage.told(from, "emit", &sample(from)).await;
                assert_eq!(stage.carried(to, "dialect/heard"), Some(2), "{from} → {to}");
            }
        }
        stage.stop().await;
    }
}
