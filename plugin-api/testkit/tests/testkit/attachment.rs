//! One test, and plugins attached in each way.

use std::cell::RefCell;

use transom_plugin_api::hosting::Attach;
use transom_testkit::{Stand, both_ways, fault, json};
use transom_unruly::{Follower, ORDER, Unruly};

use super::parrot::Parrot;

#[test]
fn a_test_runs_with_the_plugin_linked_and_with_its_file() {
    let ways = RefCell::new(Vec::new());
    both_ways(async |stand| {
        let stand = stand.plugin::<Follower>(json!({})).plugin::<Unruly>(json!({}));
        let order = stand.caller(ORDER);
        stand.start().await.expect("both start");
        assert_eq!(order.call("sit".into()).await, Ok("sit".into()));
        ways.borrow_mut().push(stand.status("unruly").attach);
        assert_eq!(stand.status("follower").attach, stand.status("unruly").attach);
        stand.stop().await;
    });
    assert_eq!(*ways.borrow(), [Attach::Linked, Attach::Dylib]);
}

#[test]
fn why_a_plugin_does_not_start_is_told_in_both_ways() {
    both_ways(async |stand| {
        let stand = stand.plugin::<Unruly>(json!({"manner": "error"})).plugin::<Follower>(json!({}));
        let refused = stand.start().await.expect_err("it does not feel like it");
        let reasons: Vec<&str> = refused.reasons.iter().map(|(plugin, _)| plugin.as_str()).collect();
        assert_eq!(reasons, ["unruly", "follower"]);
        assert!(refused.to_string().contains("help: ask nicely"), "{refused}");
    });
}

#[test]
fn a_plugin_without_a_file_is_told_with_the_remedy() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("made");
    let told = std::panic::catch_unwind(|| {
        runtime.block_on(async { drop(Stand::of_files().plugin::<Parrot>(json!({}))) });
    });
    let told = told.expect_err("it is written in this test");
    let told = told.downcast_ref::<String>().expect("a text");
    assert!(told.contains("libtestkit.so") && told.contains("help: put the test into"), "{told}");
}

#[tokio::test]
#[should_panic(
    expected = "the test cannot take part at `unruly/order`: plugin `test` cannot provide the service"
)]
async fn a_stub_beside_the_plugin_that_provides_the_service_is_refused() {
    let stand = Stand::new().plugin::<Unruly>(json!({}));
    stand.start().await.expect("it starts");
    stand.serve(ORDER, fault::never_answers());
}
