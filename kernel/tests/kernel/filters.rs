//! Filters: the order of links, and what becomes of a value when a link fails.

use std::future::pending;

use transom_plugin_api::prelude::*;

use super::support::{Diary, Parcel, kernel};

const OPEN: Filter<Parcel> = Filter::fail_open("depot/label").deadline_ms(50).stages(&["print", "check"]);
const CLOSED: Filter<Parcel> = Filter::fail_closed("depot/admission").deadline_ms(50);

#[derive(Ports)]
struct Applies {
    #[applies(OPEN)]
    open: Applier<Parcel>,
    #[applies(CLOSED)]
    closed: Applier<Parcel>,
}

#[derive(Ports)]
struct Links {
    #[links(OPEN)]
    open: Link<Parcel>,
    #[links(CLOSED)]
    closed: Link<Parcel>,
}

#[derive(Ports)]
struct Checks {
    #[links(OPEN, stage = "check")]
    open: Link<Parcel>,
}

fn stamp(mark: &'static str) -> impl Fn(Parcel, CallContext) -> std::future::Ready<Result<Parcel, Refusal>> {
    move |mut parcel, _| {
        parcel.label.push_str(mark);
        std::future::ready(Ok(parcel))
    }
}

#[tokio::test]
async fn without_links_the_value_comes_back_as_it_was() {
    let kernel = kernel();
    let (_, applies) = kernel.resident::<Applies>("depot").expect("seats");
    let parcel = Parcel::labelled("as is");
    assert_eq!(applies.open.apply(parcel.clone()).await, Ok(parcel));
    assert!(!applies.open.is_linked());
}

#[tokio::test]
async fn who_applies_a_filter_can_tell_whether_anybody_has_a_say() {
    let kernel = kernel();
    let (_, applies) = kernel.resident::<Applies>("depot").expect("seats");
    let (_, check) = kernel.resident::<Checks>("a-check").expect("seats");
    assert!(!applies.open.is_linked());
    check.open.link(stamp("!")).expect("links");
    assert!(applies.open.is_linked() && !applies.closed.is_linked());
}

#[tokio::test]
async fn links_run_by_stage_then_by_id_and_each_sees_what_the_last_one_left() {
    let kernel = kernel();
    let (_, applies) = kernel.resident::<Applies>("depot").expect("seats");
    let (_, check) = kernel.resident::<Checks>("a-check").expect("seats");
    let (_, b) = kernel.resident::<Links>("b").expect("seats");
    let (_, c) = kernel.resident::<Links>("c").expect("seats");
    check.open.link(stamp("!")).expect("links");
    c.open.link(stamp("c")).expect("links");
    b.open.link(stamp("b")).expect("links");
    assert_eq!(applies.open.apply(Parcel::default()).await.map(|parcel| parcel.label), Ok("bc!".into()));
}

#[tokio::test(start_paused = true)]
async fn at_a_fail_open_point_a_link_that_refuses_panics_or_hangs_changes_nothing() {
    let kernel = kernel();
    let (_, applies) = kernel.resident::<Applies>("depot").expect("seats");
    let seats = ["a", "b", "c", "d", "e"].map(|id| kernel.resident::<Links>(id).expect("seats").1);
    seats[0].open.link(stamp("first ")).expect("links");
    seats[1]
        .open
        .link(|mut parcel, _| {
            parcel.label.push_str("spoilt");
            std::future::ready(Err(Refusal::new("no")))
        })
        .expect("links");
    seats[2].open.link(|_, _| async { panic!("dropped it") }).expect("links");
    seats[3].open.link(|_, _| pending()).expect("links");
    seats[4].open.link(stamp("last")).expect("links");
    let label = applies.open.apply(Parcel::default()).await.map(|parcel| parcel.label);
    assert_eq!(label, Ok("first last".into()));
}

#[tokio::test(start_paused = true)]
async fn at_a_fail_closed_point_the_first_failure_ends_the_chain_and_names_the_plugin() {
    let (kernel, diary) = (kernel(), Diary::default());
    let (_, applies) = kernel.resident::<Applies>("depot").expect("seats");
    let (_, guard) = kernel.resident::<Links>("guard").expect("seats");
    let (_, later) = kernel.resident::<Links>("later").expect("seats");
    guard
        .closed
        .link(|parcel: Parcel, _| async move {
            match parcel.weight {
                0 => Ok(parcel),
                1 => Err(Refusal::new("too heavy")),
                2 => panic!("dropped it"),
                _ => pending().await,
            }
        })
        .expect("links");
    let written = diary.clone();
    later
        .closed
        .link(move |parcel, _| {
            written.write("reached");
            std::future::ready(Ok(parcel))
        })
        .expect("links");
    let apply = async |weight| applies.closed.apply(Parcel { weight, ..Parcel::default() }).await;
    assert!(apply(0).await.is_ok());
    for (weight, kind) in
        [(1, CallErrorKind::Refused), (2, CallErrorKind::Panicked), (3, CallErrorKind::Deadline)]
    {
        let error = apply(weight).await.expect_err("the guard does not let it through");
        assert_eq!((error.kind, error.plugin.as_str()), (kind, "guard"), "{error}");
    }
    assert_eq!(diary.lines(), ["reached"]);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_waits_goes_on_where_it_was() {
    let kernel = kernel();
    let (_, applies) = kernel.resident::<Applies>("depot").expect("seats");
    let (host, slow) = kernel.resident::<Links>("slow").expect("seats");
    let (_, then) = kernel.resident::<Links>("then").expect("seats");
    slow.open
        .link(move |mut parcel, _| {
            let slept = host.sleep(std::time::Duration::from_millis(20));
            async move {
                slept.await;
                parcel.label.push_str("slept ");
                Ok(parcel)
            }
        })
        .expect("links");
    then.open.link(stamp("on")).expect("links");
    assert_eq!(applies.open.apply(Parcel::default()).await.map(|parcel| parcel.label), Ok("slept on".into()));
}
