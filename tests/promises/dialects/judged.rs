//! Whether two dialects can work together is known before any of their code runs.

use transom_kernel::{Descriptor, Plan, PlanFault, plan};
use transom_plugin_api::port::Role;

use super::copies::{COPIES, Outcome, POINTS};
use super::stage::{descriptor, id};

/// The plan where of all ports those at one point are there: one plugin emits, applies or calls, the other answers.
fn plan_at(point: &str, outer: &str, own: &str) -> Result<Plan, Vec<PlanFault>> {
    let with = |name: &str, is_outer: bool| {
        let mut descriptor: Descriptor = descriptor(name);
        let is_outer_port = |role: Role| matches!(role, Role::Says | Role::Applies | Role::Calls);
        descriptor.ports.retain(|port| port.point == point && is_outer_port(port.role) == is_outer);
        descriptor
    };
    plan(&[], &[with(outer, true), with(own, false)])
}

fn outcome_at(point: &str, outer: &str, own: &str) -> Outcome {
    match plan_at(point, outer, own) {
        Ok(plan) if plan.lanes.is_empty() => Outcome::Equal,
        Ok(_) => Outcome::Bridged,
        Err(_) => Outcome::Refused,
    }
}

#[test]
fn every_pair_is_judged_as_the_table_says() {
    for copy in COPIES {
        for (point, kind) in POINTS {
            let outcomes = (outcome_at(point, copy.name, "base"), outcome_at(point, "base", copy.name));
            let expected = (copy.outcome(kind, true), copy.outcome(kind, false));
            assert_eq!(outcomes, expected, "`{}` and `base` at `{point}`", copy.name);
        }
    }
}

#[test]
fn a_plan_lists_every_lane() {
    let planned = plan(&[], &[descriptor("base"), descriptor("more")]).expect("all of it can be bridged");
    let lanes: Vec<_> =
        planned.lanes.iter().map(|lane| (&*lane.point, &*lane.from, lane.is_refused)).collect();
    let expected =
        POINTS.iter().flat_map(|(point, _)| ["dialect", "dialect-more"].map(|from| (*point, from, false)));
    assert_eq!(lanes, expected.collect::<Vec<_>>());
    let equal = plan(&[], &[descriptor("base"), descriptor("twin")]).expect("they are equal");
    assert_eq!(equal.lanes, []);
}

#[test]
fn a_caller_that_does_without_is_planned_without_its_lane() {
    let mut caller = descriptor("retyped");
    caller.ports.retain(|port| port.point == "dialect/ask" && port.role == Role::Calls);
    caller.ports.iter_mut().for_each(|port| port.optional = true);
    let planned = plan(&[], &[descriptor("base"), caller]).expect("it does without");
    let lanes: Vec<_> = planned.lanes.iter().map(|lane| (&*lane.from, lane.is_refused)).collect();
    assert_eq!(lanes, [("dialect-retyped", true)]);
}

#[test]
fn a_refusal_names_who_where_and_why() {
    for copy in COPIES {
        for (point, kind) in POINTS {
            for (outer, own) in [(copy.name, "base"), ("base", copy.name)] {
                if copy.outcome(kind, outer != "base") == Outcome::Refused {
                    let faults = plan_at(point, outer, own).expect_err("it is refused");
                    check_refusal(&faults, copy.name, point);
                }
            }
        }
    }
}

fn check_refusal(faults: &[PlanFault], guest: &str, point: &str) {
    let [fault] = faults else { panic!("there is one fault: {faults:?}") };
    let text = fault.to_string();
    assert_eq!(fault.plugin, id(guest), "{text}");
    assert!(text.lines().count() <= 5, "{text}");
    let path = if guest == "renamed" && text.contains("`mass`") { "`mass`" } else { "`weight`" };
    let revision = if guest == "retyped" { 1 } else { 2 };
    let named = [
        format!("`{point}`"),
        "`Parcel`".to_owned(),
        path.to_owned(),
        format!("`{}` 0.1.0 has revision {revision}", id(guest)),
        "`dialect` 0.1.0 has revision 1".to_owned(),
    ];
    for part in named {
        assert!(text.contains(&part), "{part} is missing in\n{text}");
    }
}

#[test]
fn what_is_wrong_both_ways_is_told_once() {
    let faults =
        plan(&[], &[descriptor("base"), descriptor("less")]).expect_err("the owner needs the weight");
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let again = told.iter().enumerate().filter(|(place, fault)| told[..*place].contains(fault));
    assert_eq!(again.count(), 0, "{told:#?}");
}

/// The refusal that the guide shows.
pub(super) const REFUSAL: &str = "\
plugin `dialect-renamed`: cannot take part in `dialect/heard`: its `Parcel` and that of `dialect` cannot be bridged
  at `weight`: `dialect` expects `u32`, `dialect-renamed` has nothing: it has no default
  `dialect-renamed` 0.1.0 has revision 2 of `Parcel`, `dialect` 0.1.0 has revision 1
  help: build `dialect` against revision 2 of `Parcel`, that of `dialect-renamed` 0.1.0, or use an older `dialect-renamed`";

#[test]
fn a_refusal_tells_what_to_build_against() {
    let faults =
        plan_at("dialect/heard", "renamed", "base").expect_err("the owner does not know the new name");
    assert_eq!(faults[0].to_string(), REFUSAL);
}
