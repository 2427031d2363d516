//! Several accounts at once: which are served, what outlasts a restart, and that none of them harms another.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex};

use transom_agent::credential::{
    CREDENTIALS, CREDENTIALS_CHANGED, Credential, Credentials, CredentialsChanged,
};
use transom_agent::provider::MODEL;
use transom_agent::storage::{
    STORAGE_READ, STORAGE_WRITE, StorageRow, StorageRows, StorageWrite, StorageWritten,
};
use transom_plugin_api::{Json, List, Maybe, SecretText};
use transom_provider_openai::OpenAi;
use transom_testkit::{Stand, both_ways, json};
use transom_upstream::loopback::Lists;

/// Nobody listens there.
const NOBODY: u16 = 1;

fn list(ids: &[&str]) -> (u16, String) {
    let models: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    (200, json!({"data": models}).to_string())
}

fn account(name: &str, port: u16, key: &str) -> Credential {
    Credential {
        name: name.into(),
        base_url: Maybe::Some(format!("http://127.0.0.1:{port}").as_str().into()),
        key: Maybe::Some(SecretText::from(key)),
    }
}

/// The accounts that are told, and how to tell others.
#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Vec<Credential>>>);

impl Keeper {
    fn tell(&self, credentials: impl Into<Vec<Credential>>) {
        *self.0.lock().expect("nobody panicked") = credentials.into();
    }

    fn serve(&self, stand: &Stand) {
        let told = self.0.clone();
        stand.serve(CREDENTIALS, move |(), context| {
            assert_eq!(context.caller(), "provider-openai");
            let credentials = told.lock().expect("nobody panicked").iter().cloned().collect();
            ready(Ok(Credentials { credentials }))
        });
    }
}

/// A place for documents that outlasts a stand.
#[derive(Clone, Default)]
struct Place(Arc<Mutex<BTreeMap<String, Json>>>);

impl Place {
    fn serve(&self, stand: &Stand) {
        let rows = self.0.clone();
        stand.serve(STORAGE_READ, move |read, _| {
            let rows = rows.lock().expect("nobody panicked");
            let found = rows.iter().filter(|(key, _)| key.starts_with(read.prefix.as_str()));
            let row = |(key, value): (&String, &Json)| StorageRow {
                key: key.as_str().into(),
                value: value.clone(),
            };
            ready(Ok(StorageRows { rows: found.map(row).collect(), more: false }))
        });
        let rows = self.0.clone();
        stand.serve(STORAGE_WRITE, move |written, _| {
            let mut rows = rows.lock().expect("nobody panicked");
            for StorageWrite { key, value } in written.writes {
                match value.into_option() {
                    Some(value) => rows.insert(key.into(), value),
                    None => rows.remove(key.as_str()),
                };
            }
            ready(Ok(StorageWritten {}))
        });
    }

    fn keys(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").keys().cloned().collect()
    }
}

fn names(stand: &Stand) -> Vec<String> {
    stand.stream_caller(MODEL).names().into_iter().map(|model| model.name.into()).collect()
}

async fn until_served(stand: &Stand, expected: &[&str]) {
    stand.until(|| names(stand) == expected).await;
}

#[test]
fn each_account_is_served_under_its_name_and_none_waits_for_another() {
    both_ways(async |stand| {
        // One never answers, one refuses the key, at one there is nobody, and one can be none.
        let silent = Lists::start(|_| None).await;
        let refusing = Lists::start(|_| Some((401, String::new()))).await;
        let good = Lists::start(|head| head.contains("Bearer sk-good").then(|| list(&["a", "b"]))).await;
        let keeper = Keeper::default();
        keeper.tell([
            account("silent", silent.port(), "k"),
            account("refusing", refusing.port(), "k"),
            account("nobody", NOBODY, "k"),
            account("not/one", NOBODY, "k"),
            account("good", good.port(), "sk-good"),
        ]);
        keeper.serve(&stand);
        let stand = stand.plugin::<OpenAi>(json!({"model": "mine", "list_models": false, "name": "own"}));
        stand.start().await.expect("it starts");
        until_served(&stand, &["good/a", "good/b", "own/mine"]).await;
        let models = stand.stream_caller(MODEL).names();
        let providers: Vec<_> = models.iter().map(|model| model.about.provider.as_str()).collect();
        assert_eq!(providers, ["good", "good", "openai"]);
        stand.stop().await;
    });
}

#[test]
fn accounts_come_and_go_while_the_provider_runs() {
    both_ways(async |stand| {
        let first = Lists::start(|_| Some(list(&["a"]))).await;
        let second = Lists::start(|head| head.contains("Bearer new").then(|| list(&["b"]))).await;
        let keeper = Keeper::default();
        keeper.tell([account("one", first.port(), "k"), account("two", second.port(), "old")]);
        keeper.serve(&stand);
        let changed = stand.emitter(CREDENTIALS_CHANGED);
        let say = |plugin: &str| changed.emit(&CredentialsChanged { plugin: plugin.into() });
        let stand = stand.plugin::<OpenAi>(json!({"list_models": false}));
        stand.start().await.expect("it starts");
        until_served(&stand, &["one/a"]).await;

        keeper.tell([account("two", second.port(), "new")]);
        say("another-provider");
        assert_eq!(names(&stand), ["one/a"], "what is meant for others changes nothing");
        say("provider-openai");
        until_served(&stand, &["two/b"]).await;

        keeper.tell([]);
        say("provider-openai");
        until_served(&stand, &[]).await;
        stand.stop().await;
    });
}

#[test]
fn the_account_of_the_settings_comes_before_one_that_is_told_unless_it_has_no_key() {
    both_ways(async |stand| {
        let told = Lists::start(|_| Some(list(&["told"]))).await;
        let keeper = Keeper::default();
        keeper.tell([account("openai", told.port(), "k"), account("z", told.port(), "k")]);
        keeper.serve(&stand);
        let settings = json!({"base_url": format!("http://127.0.0.1:{NOBODY}"), "model": "mine", "key": "k"});
        let stand = stand.plugin::<OpenAi>(settings);
        stand.start().await.expect("it starts");
        until_served(&stand, &["openai/mine", "z/told"]).await;

        let other = stand.stop().await.stand();
        keeper.serve(&other);
        let other = other.plugin::<OpenAi>(json!({}));
        other.start().await.expect("it starts");
        until_served(&other, &["openai/told", "z/told"]).await;
        other.stop().await;
    });
}

#[test]
fn models_that_were_listed_are_there_after_a_restart_and_stay_while_nobody_answers() {
    both_ways(async |stand| {
        let lists = Arc::new(Mutex::new(Some(list(&["a", "b"]))));
        let answer = lists.clone();
        let server = Lists::start(move |_| answer.lock().expect("nobody panicked").clone()).await;
        let (keeper, place) = (Keeper::default(), Place::default());
        keeper.tell([account("one", server.port(), "k")]);
        let started = async |stand: Stand| {
            keeper.serve(&stand);
            place.serve(&stand);
            let stand = stand.plugin::<OpenAi>(json!({"list_models": false}));
            stand.start().await.expect("it starts");
            stand
        };
        let stand = started(stand).await;
        stand.until(|| place.keys() == ["models/one"]).await;
        let stopped = stand.stop().await;

        // Now it is silent: what was known is all there is.
        *lists.lock().expect("nobody panicked") = None;
        let stand = started(stopped.stand()).await;
        until_served(&stand, &["one/a", "one/b"]).await;
        let stopped = stand.stop().await;

        // It answers again, and one of the models is gone.
        *lists.lock().expect("nobody panicked") = Some(list(&["b", "c"]));
        let stand = started(stopped.stand()).await;
        until_served(&stand, &["one/b", "one/c"]).await;
        let stopped = stand.stop().await;

        // At another address there are other models.
        let elsewhere = Lists::start(|_| None).await;
        keeper.tell([account("one", elsewhere.port(), "k"), account("on", server.port(), "k")]);
        let stand = started(stopped.stand()).await;
        until_served(&stand, &["on/b", "on/c"]).await;
        stand.stop().await;
    });
}

#[test]
fn a_place_that_keeps_nothing_harms_nobody() {
    both_ways(async |stand| {
        let server = Lists::start(|_| Some(list(&["a"]))).await;
        let keeper = Keeper::default();
        keeper.tell([account("one", server.port(), "k")]);
        keeper.serve(&stand);
        let refuse = || transom_plugin_api::CallError::failed("the disk is full");
        stand.serve(STORAGE_WRITE, move |_, _| ready(Err(refuse())));
        stand.serve(STORAGE_READ, |_, _| {
            let nonsense = StorageRow { key: "models/one".into(), value: json!([7]).into() };
            ready(Ok(StorageRows { rows: List::from([nonsense]), more: false }))
        });
        let stand = stand.plugin::<OpenAi>(json!({"list_models": false}));
        stand.start().await.expect("it starts");
        until_served(&stand, &["one/a"]).await;
        let said = || stand.log().iter().any(|line| line.message.contains("the disk is full"));
        stand.until(said).await;
        stand.stop().await;
    });
}
