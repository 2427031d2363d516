//! What persons have answered, and how far it reaches.

use transom_agent::tool::Verdict;
use transom_plugin_api::Json;
use transom_testkit::{both_ways, json};

use crate::store::Store;
use crate::{answered, choices, command, is_asked, judged, started};

#[test]
fn attack_an_answer_from_before_quotes_were_read_means_no_more_than_it_did() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store, json!({})).await;
        let asked = "sh -c '\"touch pwned\"'";
        let choice = choices(&judged(&stand, "one", asked).await)[2].clone();
        answered(&stand, "one", asked, &choice).await;
        assert_eq!(judged(&stand, "one", asked).await, Verdict::Allow {});
        // As it was kept then.
        for row in store.kept().rows.values_mut() {
            let mut old = row.value();
            old.as_object_mut().expect("an object").remove("reads_quotes").expect("it is told");
            old["rule"] = "run_shell(sh -c \"touch pwned\")".into();
            *row = Json::from(old);
        }
        let stand = stand.stop().await.stand();
        let stand = started(stand, &store, json!({})).await;
        assert!(is_asked(&judged(&stand, "one", "sh -c 'touch pwned'").await));
        let listed = command(&stand, &[]).await.output;
        assert!(listed.contains("! it is from when rules had no quotes, and does not hold"), "{listed}");
        stand.stop().await;
    });
}

#[test]
fn attack_an_answer_means_the_words_that_were_asked_about_and_no_others() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default(), json!({})).await;
        for (asked, other) in [
            ("bash -c true \"; touch pwned\"", "bash -c \"true ; touch pwned\""),
            ("xargs rm \"a b\"", "xargs rm a b"),
            ("python3 -c pass ';x'", "python3 -c 'pass ;x'"),
            ("docker run alpine", "docker run -v /:/x alpine"),
            ("git log -p --ext-diff", "git log"),
        ] {
            let choice = choices(&judged(&stand, "one", asked).await)[1].clone();
            answered(&stand, "one", asked, &choice).await;
            assert_eq!(judged(&stand, "one", asked).await, Verdict::Allow {}, "{choice}");
            assert!(is_asked(&judged(&stand, "one", other).await), "{choice}: {other}");
        }
        stand.stop().await;
    });
}
