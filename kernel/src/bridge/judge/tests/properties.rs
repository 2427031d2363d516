//! What holds for whatever shapes there are.

use super::generate::{Chance, changed, shape, value};
use super::model::reads;
use crate::bridge::judge::{can_carry_back, judge, loses};
use crate::bridge::shape::{Field, Number, Shape};

/// Calls `claim` with shapes of up to four levels, each with one that differs from it in a few things.
fn for_shapes(mut claim: impl FnMut(&mut Chance, &Shape, &Shape)) {
    let mut chance = Chance(7);
    for round in 0..4_000 {
        let one = shape(&mut chance, 4);
        let mut other = changed(&mut chance, &one);
        if round % 3 == 0 {
            other = changed(&mut chance, &other);
        }
        claim(&mut chance, &one, &other);
    }
}

/// The shape with `change` made to the fields of its outermost struct or of all its variants.
fn with_fields(of: &Shape, change: impl Fn(&mut Vec<Field>)) -> Shape {
    let mut of = of.clone();
    match &mut of {
        Shape::Struct(of) => change(&mut of.fields),
        Shape::Enum(of) if of.tag.is_some() => of.variants.iter_mut().for_each(|one| change(&mut one.fields)),
        Shape::List(inner) | Shape::Map(inner) | Shape::Maybe(inner) | Shape::Shared(inner) => {
            **inner = with_fields(inner, change);
        }
        _ => {}
    }
    of
}

fn extra(default: bool) -> Field {
    Field { name: "extra".to_owned(), shape: Shape::Number(Number::Unsigned(8)), default, was: Vec::new() }
}

/// Every part shared that can be without a field saying something else.
fn shared(of: &Shape) -> Shape {
    let of = with_fields(of, |fields| {
        for field in fields.iter_mut().filter(|field| field.unless_left_out().is_none()) {
            field.shape = shared(&field.shape);
        }
    });
    Shape::Shared(Box::new(of))
}

#[test]
fn a_shape_fits_itself_and_loses_nothing() {
    for_shapes(|_, one, _| {
        assert_eq!(judge(one, one), Ok(()), "{one:?}");
        assert_eq!(can_carry_back(one, one), Ok(()), "{one:?}");
        assert_eq!(loses(one, one), Vec::<String>::new(), "{one:?}");
    });
}

#[test]
fn a_field_that_nobody_reads_changes_no_judgement_and_is_lost() {
    let mut losses = 0;
    for_shapes(|_, one, other| {
        let more = with_fields(one, |fields| fields.push(extra(false)));
        assert_eq!(judge(&more, other), judge(one, other), "{one:?} read as {other:?}");
        let lost = loses(&more, one);
        assert!(lost.iter().all(|path| path.ends_with("extra")), "{lost:?}");
        assert_eq!(lost.is_empty(), more == *one);
        losses += lost.len();
    });
    assert!(losses > 100, "only {losses} were met");
}

#[test]
fn a_default_that_a_reader_adds_changes_no_judgement() {
    for_shapes(|_, one, other| {
        let more = with_fields(other, |fields| fields.push(extra(true)));
        assert_eq!(judge(one, &more), judge(one, other), "{one:?} read as {other:?}");
    });
}

#[test]
fn sharing_changes_no_judgement() {
    for_shapes(|_, one, other| {
        assert_eq!(judge(&shared(one), &shared(other)), judge(one, other), "{one:?} read as {other:?}");
    });
}

#[test]
fn what_a_link_gives_back_was_readable_before() {
    for_shapes(|_, one, other| {
        if can_carry_back(one, other).is_ok() {
            assert_eq!(judge(one, other), Ok(()), "{one:?} lent to {other:?}");
        }
    });
}

#[test]
fn the_judge_finds_what_decoding_would() {
    let (mut fitting, mut refused) = (0, 0);
    for_shapes(|chance, one, other| {
        let mut unread = None;
        for _ in 0..400 {
            let written = value(chance, one);
            assert!(reads(one, &written), "{written} as {one:?}");
            if !reads(other, &written) {
                unread = Some(written);
                break;
            }
        }
        match judge(one, other) {
            Ok(()) => {
                fitting += 1;
                assert_eq!(unread, None, "{one:?} was read as {other:?}");
            }
            // The name of a variant is text, but nobody would mean to read it as such: stricter on purpose.
            Err(misfits) if misfits.iter().all(|misfit| misfit.expected == "`Text`") => {}
            Err(misfits) => {
                refused += 1;
                assert!(
                    unread.is_some(),
                    "{misfits:?} in {one:?} read as {other:?}, but all values are read"
                );
            }
        }
    });
    assert!(fitting > 500 && refused > 500, "{fitting} fit, {refused} do not");
}
