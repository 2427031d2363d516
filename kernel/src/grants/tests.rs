//! Points are granted where they are resolved, secrets where they are asked for.

use transom_plugin_api::abi::RStr;
use transom_plugin_api::abi::host_table::PortRequest;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::prelude::*;

use super::*;
use crate::descriptor::types_of;
use crate::kernel::{Kernel, KernelConfig};
use crate::seat::{Lineage, Seat};

const SAID: Event<Text> = Event::new("parrot/said");
const COUNT: Service<Text, u64> = Service::new("abacus/count");
const SCORE: Service<Text, u64> = Service::new("abacus/score");

#[derive(Ports)]
#[allow(dead_code, reason = "only its declaration matters")]
struct ParrotPorts {
    #[hears(SAID)]
    said: Listener<Text>,
    #[calls(COUNT, optional)]
    count: Caller<Text, u64>,
}

fn descriptor(capabilities: &[&str]) -> Descriptor {
    let ports: Vec<PortDescriptor> = ParrotPorts::DECLARED.iter().map(Into::into).collect();
    let rest = serde_json::json!({
        "id": "parrot", "version": "0.1.0", "about": "", "abi": 1, "sdk": "", "target": "", "rustc": "",
        "panic": "unwind", "runtime": "none", "capabilities": capabilities, "ports": [], "settings": {},
    });
    let descriptor: Descriptor = serde_json::from_value(rest).expect("a descriptor");
    Descriptor { ports, types: types_of(ParrotPorts::DECLARED), ..descriptor }
}

fn patterns(points: &[&str]) -> Grants {
    let patterns = points.iter().map(|point| PointPattern::new(point).expect("it is one"));
    Grants { points: Some(patterns.collect()), ..Grants::default() }
}

/// What a plugin gets that asks for a point as its `port`, by hand.
fn resolved(grants: Grants, port: u32, point: &'static str, output: PayloadType) -> Result<u32, CallError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let kernel = Kernel::new(KernelConfig::default(), runtime.handle().clone());
    let descriptor = descriptor(&[]);
    kernel.shared.admit(&descriptor);
    let seat = Seat::new(
        &kernel.shared,
        descriptor,
        "",
        Some(crate::FaultBudget::default()),
        Lineage::first(),
        grants,
    );
    let (input, about) = (PayloadType::of::<Text>(), PayloadType::of::<()>());
    kernel.shared.resolve(&seat, &PortRequest { port, point: RStr::from_str(point), input, output, about })
}

fn said(grants: Grants) -> Result<u32, CallError> {
    resolved(grants, 0, SAID.spec().name, PayloadType::of::<()>())
}

#[test]
fn a_point_that_is_not_granted_is_refused_where_it_is_resolved() {
    let refused = said(patterns(&["abacus/*", "parrot/sai"])).expect_err("it is not granted");
    assert_eq!(refused.kind, CallErrorKind::Denied);
    assert_eq!(
        refused.message,
        "plugin `parrot` is not granted the point `parrot/said`: add it to its `points` in the manifest"
    );
    assert!(said(patterns(&["parrot/said"])).is_ok());
    assert!(said(patterns(&["abacus/count", "parrot/*"])).is_ok());
    assert!(said(Grants::default()).is_ok());
}

#[test]
fn somebody_else_s_point_is_refused_whatever_is_granted() {
    for (port, grants) in
        [(0, Grants::default()), (1, patterns(&["abacus/*", "parrot/*"])), (9, Grants::default())]
    {
        let refused = resolved(grants, port, SCORE.spec().name, PayloadType::of::<u64>());
        assert_eq!(refused.map_err(|error| error.kind), Err(CallErrorKind::Denied));
    }
}

#[test]
fn a_point_that_a_plugin_does_without_leads_nowhere() {
    let count = |grants| resolved(grants, 1, COUNT.spec().name, PayloadType::of::<u64>());
    let (granted, void) = (count(Grants::default()), count(patterns(&["parrot/*"])));
    assert!(granted.is_ok() && void.is_ok() && granted != void, "{granted:?}, {void:?}");
}

#[test]
fn a_pattern_is_one_point_or_all_of_an_owner_s() {
    let covers = |pattern: &str, point: &str| PointPattern::new(pattern).expect(pattern).covers(point);
    assert!(covers("agent/turn.input", "agent/turn.input") && covers("agent/*", "agent/turn.input"));
    assert!(!covers("agent/turn.input", "agent/turn.inputs") && !covers("agent/turn", "agent/turn.input"));
    assert!(!covers("agent/*", "agents/turn") && !covers("agent/*", "agent"));
    for none in
        ["", "*", "/", "agent", "agent/", "/a", "*/a", "agent/turn.*", "agent/**", "a gent/b", "agent/ "]
    {
        assert_eq!(PointPattern::new(none), None, "{none}");
    }
}

fn secret(asked: &[&str], granted: Option<&[&str]>, name: &str) -> Result<Secret, CallError> {
    let grants = Grants {
        capabilities: granted.map(|granted| granted.iter().map(|one| (*one).to_owned()).collect()),
        secrets: [("door".to_owned(), Secret::new("s3same"))].into(),
        ..Grants::default()
    };
    grants.secret(&descriptor(asked), name).cloned()
}

#[test]
fn a_secret_is_for_who_asks_for_it_and_is_granted_it() {
    let door = "secrets:door";
    assert_eq!(secret(&[door], None, "door"), Ok(Secret::new("s3same")));
    assert_eq!(secret(&["net", door], Some(&[door]), "door"), Ok(Secret::new("s3same")));
    for (asked, granted, words) in [
        (&[][..], None, "add `secrets:door` to `capabilities` in its export"),
        (&["secrets:doors"], Some(&[door][..]), "add `secrets:door` to `capabilities` in its export"),
        (&[door], Some(&["net"]), "add `secrets:door` to its `capabilities` in the manifest"),
    ] {
        let refused = secret(asked, granted, "door").expect_err("it is not for it");
        assert_eq!(refused.kind, CallErrorKind::Denied);
        assert!(refused.message.contains(words), "{refused}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_told_with_its_key() {
    let missing = secret(&["secrets:gate"], None, "gate").expect_err("there is none");
    assert_eq!(missing.kind, CallErrorKind::NotFound);
    assert_eq!(missing.message, "there is no secret `gate`: add `gate` to `[secrets]` in the manifest");
    let odd = secret(&[], None, "../door\n").expect_err("it is no name");
    assert_eq!((odd.kind, odd.message.contains("door")), (CallErrorKind::Denied, false));
}

#[test]
fn what_is_granted_shows_no_secret() {
    let grants = Grants { secrets: [("door".to_owned(), Secret::new("s3same"))].into(), ..Grants::default() };
    let shown = format!("{grants:?}");
    assert!(shown.contains("door") && !shown.contains("s3same"), "{shown}");
}
