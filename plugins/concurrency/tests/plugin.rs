//! The plugin from outside, in front of requests that the test makes.

#[path = "plugin/scene.rs"]
mod scene;

mod plugin {
    mod generations;
    mod keeping;
    mod order;
    mod statuses;
}

#[test]
fn it_keeps_the_contract_of_plugins() {
    use transom_concurrency::Concurrency;
    use transom_testkit::{contract_check, json};
    contract_check::<Concurrency>(json!({}));
    contract_check::<Concurrency>(json!({"limits": {"p": 2}}));
}
