//! Values that go through a plugin which does not know all of them.

use serde_json::{Value, json};

use super::copies::{as_read_by, sample, touched};
use super::stage::{Stage, id};

#[tokio::test]
async fn a_variant_that_is_not_known_is_handed_on_unchanged() {
    let stage = Stage::with(&["base", "variant"]).await;
    stage.told("variant", "emit", &sample("variant")).await;
    let kept = stage.told("base", "heard", &Value::Null).await[0].clone();
    assert_eq!(kept["seal"], json!({"type": "wire", "strands": 4}));
    stage.told("base", "emit", &kept).await;
    let heard = stage.told("variant", "heard", &Value::Null).await;
    assert_eq!(heard.as_array().and_then(|heard| heard.last()), Some(&sample("variant")));
    stage.stop().await;
}

#[tokio::test]
async fn a_chain_of_three_dialects_loses_nothing() {
    let stage = Stage::with(&["base", "more", "variant"]).await;
    for from in ["base", "more", "variant"] {
        let polished = stage.told(from, "polish", &sample(from)).await;
        assert_eq!(polished, touched(touched(touched(sample(from)))), "{from}");
    }
    stage.stop().await;
}

#[tokio::test]
async fn a_change_to_a_field_that_only_the_link_has_is_a_failure_of_the_link() {
    let stage = Stage::with(&["base", "more"]).await;
    let mut parcel = sample("base");
    parcel["label"] = json!("to the attic");
    let closed = stage.drive("base", "polish", "", &parcel).await.expect_err("the change has no place");
    assert_eq!(&*closed.plugin, id("more"), "{closed}");
    assert!(closed.message.contains("floor"), "{closed}");
    // Its own link has done its part; the other's is undone.
    assert_eq!(stage.told("base", "polish-open", &parcel).await, touched(parcel));
    stage.stop().await;
}

#[tokio::test]
async fn listeners_of_one_dialect_share_what_was_read_for_them() {
    let stage = Stage::with(&["base", "more"]).await;
    stage.told("base", "emit-later", &sample("base")).await;
    assert_eq!(stage.heard_later("more", 1).await, [as_read_by("more", sample("base"))]);
    assert_eq!(stage.told("more", "are-one", &Value::Null).await, true);
    stage.stop().await;
}
