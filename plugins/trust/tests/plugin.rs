//! The plugin from outside: who finds something asks, and the operator answers.

#[path = "plugin/store.rs"]
mod store;

use std::fs;
use std::time::Duration;

use serde_json::{Value, json as value};
use transom_agent::reach::{CLI_COMMAND, CliCall, CliOutcome, HTTP_ROUTE, HttpRequest};
use transom_agent::trust::{Found, TRUST, TRUST_ASKED, TRUST_CHANGED, Trust, TrustChanged};
use transom_plugin_api::{CallErrorKind, Json, List, Maybe};
use transom_testkit::{Stand, both_ways, contract_check, json};
use transom_trust::KeepTrust;

use crate::store::Store;

fn digest(of: char) -> String {
    of.to_string().repeat(64)
}

fn found(stand: &Stand, of: char) -> Found {
    Found {
        folder: stand.root().to_str().expect("text").into(),
        name: "AGENTS.md".into(),
        sha256: digest(of).into(),
        purpose: "instructions for models".into(),
    }
}

async fn look(stand: &Stand, of: char) -> Trust {
    stand.caller(TRUST).call(found(stand, of)).await.expect("it answers")
}

async fn started(stand: Stand, store: &Store) -> Stand {
    let stand = stand.plugin::<KeepTrust>(json!({}));
    store.put_on(&stand);
    stand.start().await.expect("it starts");
    stand
}

async fn command(stand: &Stand, words: &[&str], json: bool) -> CliOutcome {
    let arguments: List<_> = words.iter().map(|word| (*word).into()).collect();
    stand
        .caller(CLI_COMMAND)
        .call_named("trust", CliCall { arguments, json, ..CliCall::default() })
        .await
        .expect("it runs")
}

async fn http(stand: &Stand, method: &str, body: Value) -> Result<Value, (CallErrorKind, String)> {
    let mut request = HttpRequest::new(method, "/trust");
    if method == "DELETE" {
        for (name, text) in body.as_object().into_iter().flatten() {
            request.query.insert(name.as_str(), text.as_str().expect("text").into());
        }
    } else {
        request.body = Json::from(body);
    }
    let reply = stand.caller(HTTP_ROUTE).call_named(&format!("{method} /trust"), request).await;
    reply.map(|reply| reply.body.value()).map_err(|error| (error.kind, error.message.into_string()))
}

#[test]
fn what_nobody_has_answered_is_listed_and_asked_once() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default()).await;
        let asked = stand.record(TRUST_ASKED);
        assert_eq!(command(&stand, &[], false).await.output, "nothing waits to be trusted\n");
        for of in ['a', 'a', 'b', 'b'] {
            assert_eq!(look(&stand, of).await, Trust::Unanswered);
        }
        assert_eq!(asked.all(), [found(&stand, 'a'), found(&stand, 'b')]);
        let folder = stand.root();
        let line = format!("{}  AGENTS.md  instructions for models  bbbbbbbbbbbb\n", folder.display());
        assert_eq!(command(&stand, &[], false).await.output, line);
        let told: Value = serde_json::from_str(&command(&stand, &[], true).await.output).expect("JSON");
        assert_eq!(told, http(&stand, "GET", Value::Null).await.expect("told"));
        assert_eq!(told["waiting"][0]["sha256"], digest('b'));
        stand.stop().await;
    });
}

#[test]
fn changed_content_is_not_trusted_until_it_is_answered_again() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default()).await;
        let changed = stand.record(TRUST_CHANGED);
        let folder = stand.root().to_str().expect("text").to_owned();
        look(&stand, 'a').await;
        let answered = command(&stand, &[&folder], false).await;
        assert!(answered.code == 0 && answered.output.ends_with("\ntrusted\n"), "{answered:?}");
        assert_eq!(
            changed.next().await,
            TrustChanged {
                folder: folder.as_str().into(),
                name: Maybe::Some("AGENTS.md".into()),
                sha256: Maybe::Some(digest('a').into()),
                trusted: Maybe::Some(true),
            }
        );
        assert_eq!(look(&stand, 'a').await, Trust::Trusted);
        assert_eq!(look(&stand, 'b').await, Trust::Unanswered);
        let answered = command(&stand, &[&folder, "--refuse"], true).await;
        assert_eq!(answered.code, 0, "{answered:?}");
        assert_eq!((look(&stand, 'b').await, look(&stand, 'a').await), (Trust::Refused, Trust::Trusted));
        stand.stop().await;
    });
}

#[test]
fn an_answer_is_for_what_the_person_was_shown() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default()).await;
        let folder = stand.root().to_str().expect("text").to_owned();
        look(&stand, 'a').await;
        assert!(command(&stand, &[], false).await.output.contains("aaaaaaaaaaaa"));
        look(&stand, 'b').await;
        let refused = command(&stand, &[&folder], false).await;
        assert_eq!((refused.code, refused.output.as_str()), (2, ""));
        assert!(
            refused.complaint.contains("changed since") && refused.complaint.contains("bbbbbbbbbbbb"),
            "{refused:?}"
        );
        assert_eq!(look(&stand, 'b').await, Trust::Unanswered);
        assert_eq!(command(&stand, &[&folder, "--file", "AGENTS.md"], false).await.code, 0);
        assert_eq!((look(&stand, 'b').await, look(&stand, 'a').await), (Trust::Trusted, Trust::Unanswered));
        stand.stop().await;
    });
}

#[test]
fn answers_and_what_waits_are_there_after_a_restart_and_a_reload() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store).await;
        let folder = stand.root().to_str().expect("text").to_owned();
        look(&stand, 'a').await;
        command(&stand, &[&folder], false).await;
        look(&stand, 'b').await;
        let before = http(&stand, "GET", Value::Null).await.expect("told");
        stand.reload::<KeepTrust>(json!({}), Duration::from_secs(10)).await.expect("it is replaced");
        assert_eq!(http(&stand, "GET", Value::Null).await.expect("told"), before);
        let stand = stand.stop().await.stand();
        let stand = started(stand, &store).await;
        assert_eq!(http(&stand, "GET", Value::Null).await.expect("told"), before);
        assert_eq!((look(&stand, 'a').await, store.count("answer/")), (Trust::Trusted, 1));
        stand.until(|| store.count("waiting/") == 0).await;
        stand.stop().await;
    });
}

#[test]
fn a_folder_or_a_file_may_be_trusted_whatever_is_in_it_and_answers_be_forgotten() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default()).await;
        let folder = stand.root().to_str().expect("text").to_owned();
        for file in [&[][..], &["--file", "AGENTS.md"]] {
            let always = [&[folder.as_str(), "--always"], file].concat();
            assert_eq!(command(&stand, &always, false).await.code, 0);
            assert_eq!((look(&stand, 'a').await, look(&stand, 'b').await), (Trust::Trusted, Trust::Trusted));
            let forget = [&[folder.as_str(), "--forget"], file].concat();
            assert_eq!(command(&stand, &forget, false).await.output, "1 answer is forgotten\n");
            assert_eq!(look(&stand, 'a').await, Trust::Unanswered);
            assert_eq!(command(&stand, &forget, false).await.output, "nothing was answered there\n");
        }
        stand.stop().await;
    });
}

#[test]
fn over_http_an_answer_is_about_one_content_a_file_or_a_folder() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default()).await;
        let folder = stand.root().to_str().expect("text").to_owned();
        let link = stand.root().parent().expect("a folder around it").join("link");
        std::os::unix::fs::symlink(stand.root(), &link).expect("linked");
        look(&stand, 'a').await;
        let body = value!({"folder": link, "name": "AGENTS.md", "sha256": digest('a'), "trusted": true});
        let told = http(&stand, "PUT", body).await.expect("kept");
        assert_eq!(
            (told["waiting"].as_array().map(Vec::len), &told["answers"][0]["folder"]),
            (Some(0), &value!(folder))
        );
        assert_eq!((look(&stand, 'a').await, look(&stand, 'b').await), (Trust::Trusted, Trust::Unanswered));
        http(&stand, "PUT", value!({"folder": folder, "trusted": false})).await.expect("kept");
        assert_eq!((look(&stand, 'a').await, look(&stand, 'b').await), (Trust::Refused, Trust::Refused));
        let misspelled = http(&stand, "DELETE", value!({"folder": folder, "nam": "AGENTS.md"})).await;
        let told = "`nam` in the query is unknown; known are `folder`, `name`, `sha256`";
        assert_eq!(misspelled.expect_err("refused"), (CallErrorKind::InvalidInput, told.to_owned()));
        let forgotten = http(&stand, "DELETE", value!({"folder": folder})).await.expect("forgotten");
        assert_eq!(forgotten, value!({"forgotten": 1}));
        let again = http(&stand, "DELETE", value!({"folder": folder})).await.expect_err("nothing is left");
        assert_eq!(again.0, CallErrorKind::NotFound);
        stand.stop().await;
    });
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    both_ways(async |stand| {
        let stand = started(stand, &Store::default()).await;
        for (body, told) in [
            (Value::Null, "the body is no object"),
            (value!({"folder": "/"}), "field `trusted` is missing, expected `true` or `false`"),
            (value!({"trusted": true}), "field `folder` is missing"),
            (value!({"folder": 1, "trusted": true}), "field `folder` is `1`, expected text"),
            (value!({"folder": "f", "trusted": true}), "`folder` is `f`, expected an absolute path"),
            (
                value!({"folder": "/f", "trust": 1}),
                "field `trust` is unknown; known are `folder`, `name`, `sha256`, `trusted`",
            ),
        ] {
            let refused = http(&stand, "PUT", body).await.expect_err("refused");
            assert_eq!(refused, (CallErrorKind::InvalidInput, told.to_owned()));
        }
        for (words, told) in [
            (&["."][..], "`folder` is `.`, expected an absolute path"),
            (&["--refuse"], "FOLDER is missing"),
            (&["/", "--refuse", "--always"], "`--refuse`, `--always` and `--forget` exclude each other"),
            (&["/"], "nothing waits to be trusted in `/`"),
        ] {
            let refused = command(&stand, words, false).await;
            assert!(refused.code == 2 && refused.complaint.contains(told), "{refused:?}");
        }
        let call =
            CliCall { arguments: ["."].map(Into::into).into(), cwd: "/f".into(), ..CliCall::default() };
        let typed_there = stand.caller(CLI_COMMAND).call_named("trust", call).await.expect("it runs");
        assert!(typed_there.complaint.contains("nothing waits to be trusted in `/f`"), "{typed_there:?}");
        let help = command(&stand, &["--help"], false).await;
        assert!(help.code == 0 && help.output.contains("Example:"), "{help:?}");
        let nowhere = Found { folder: "/a/../b".into(), ..found(&stand, 'a') };
        let refused = stand.caller(TRUST).call(nowhere).await.expect_err("refused");
        assert_eq!(refused.kind, CallErrorKind::InvalidInput);
        stand.stop().await;
    });
}

#[test]
fn an_answer_that_cannot_be_kept_does_not_hold() {
    both_ways(async |stand| {
        let store = Store::default();
        let stand = started(stand, &store).await;
        let folder = stand.root().to_str().expect("text").to_owned();
        look(&stand, 'a').await;
        stand.until(|| store.count("waiting/") == 1).await;
        store.kept().is_full = true;
        assert_eq!(command(&stand, &[&folder], false).await.code, 1);
        assert_eq!(look(&stand, 'a').await, Trust::Unanswered);
        store.kept().is_full = false;
        assert_eq!(command(&stand, &[&folder], false).await.code, 0);
        assert_eq!(look(&stand, 'a').await, Trust::Trusted);
        stand.stop().await;
    });
}

#[test]
fn folders_of_the_settings_are_trusted_with_all_below_them() {
    both_ways(async |stand| {
        let below = stand.root().join("below");
        fs::create_dir(&below).expect("made");
        let stand = {
            let root = stand.root();
            stand.plugin::<KeepTrust>(json!({"folders": [root]}))
        };
        Store::default().put_on(&stand);
        stand.start().await.expect("it starts");
        let found = Found { folder: below.to_str().expect("text").into(), ..found(&stand, 'a') };
        assert_eq!(stand.caller(TRUST).call(found).await, Ok(Trust::Trusted));
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<KeepTrust>(json!({}));
    contract_check::<KeepTrust>(json!({"folders": ["/"]}));
}
