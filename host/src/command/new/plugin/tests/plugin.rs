//! The plugin from outside, on a real kernel: linked into this test, and loaded from its file.

use door_bell::{DoorBell, RUNG};
use transom_agent::reach::{HTTP_ROUTE, HttpRequest};
use transom_testkit::{both_ways, contract_check, json};

#[test]
fn whoever_rings_is_announced_and_answered() {
    both_ways(async |stand| {
        let stand = stand.plugin::<DoorBell>(json!({"sound": "ding"}));
        let route = stand.caller(HTTP_ROUTE);
        let rung = stand.record(RUNG);
        stand.start().await.expect("it starts");

        let request = HttpRequest::new("GET", "/x/door-bell/Ada").with_param("who", "Ada");
        let reply = route.call_named("GET /x/door-bell/:who", request).await.expect("it answers");

        assert_eq!(reply.body.value(), json!({"who": "Ada", "sound": "ding, Ada"}));
        assert_eq!(rung.next().await.who, "Ada");
        stand.stop().await;
    });
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    contract_check::<DoorBell>(json!({}));
}
