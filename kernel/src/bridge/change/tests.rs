//! One rule each: original, given, returned, and what is carried.

use serde_json::{Value as Json, json};

use super::super::tree::Flaw;
use super::super::tree::sample::{decoded, encoded};
use super::*;

mod properties;

fn check(original: Json, given: Json, returned: Json, expected: Json) {
    let carried = carry(&encoded(&original), &encoded(&given), &encoded(&returned)).unwrap();
    // As text, because the order of keys counts too.
    assert_eq!(decoded(&carried).to_string(), expected.to_string());
}

fn check_refused(original: Json, given: Json, returned: Json, path: &str, reason: Reason) {
    let refused = carry(&encoded(&original), &encoded(&given), &encoded(&returned)).unwrap_err();
    assert_eq!(refused, Unplaceable { path: path.to_owned(), reason });
}

#[test]
fn a_field_that_the_link_does_not_know_survives_its_change() {
    check(json!({ "a": 1, "b": 42 }), json!({ "a": 1 }), json!({ "a": 2 }), json!({ "a": 2, "b": 42 }));
}

#[test]
fn what_the_link_left_alone_is_the_original_byte_by_byte() {
    // 1 takes nine bytes here, and is not made shorter.
    let original = b"\x82\xa1a\xcf\0\0\0\0\0\0\0\x01\xa1b\x02";
    let carried = carry(original, b"\x82\xa1a\x01\xa1b\x02", b"\x82\xa1a\x01\xa1b\x03").unwrap();
    assert_eq!(carried, b"\x82\xa1a\xcf\0\0\0\0\0\0\0\x01\xa1b\x03");
    // Nothing needs to be read where nothing changed.
    assert_eq!(carry(original, b"\xc1", b"\xc1").unwrap(), original);
}

#[test]
fn another_encoding_of_the_same_number_is_no_change() {
    let original = b"\x82\xa1a\x01\xa1b\xcb\x3f\xe0\0\0\0\0\0\0";
    let (given, returned) =
        (b"\x82\xa1a\x01\xa1b\xca\x3f\0\0\0", b"\x82\xa1a\xcc\x01\xa1b\xcb\x3f\xe0\0\0\0\0\0\0");
    assert_eq!(carry(original, given, returned).unwrap(), original);
}

#[test]
fn another_order_of_keys_is_no_change() {
    let original = json!({ "a": 1, "b": { "c": 2, "d": 3, "x": 4 } });
    let given = json!({ "a": 1, "b": { "c": 2, "d": 3 } });
    check(original.clone(), given, json!({ "b": { "d": 3, "c": 2 }, "a": 1 }), original);
}

#[test]
fn fields_are_set_removed_and_changed_at_any_depth() {
    check(
        json!({ "in": { "deep": { "gone": 1, "old": [1], "x": "kept" }, "x": 0 }, "x": null }),
        json!({ "in": { "deep": { "gone": 1, "old": [1] } } }),
        json!({ "in": { "deep": { "old": [2], "new": { "y": true } } } }),
        json!({ "in": { "deep": { "old": [2], "x": "kept", "new": { "y": true } }, "x": 0 }, "x": null }),
    );
}

#[test]
fn a_field_that_is_set_wins_over_one_that_the_link_was_not_given() {
    check(json!({ "a": null }), json!({}), json!({ "a": 5 }), json!({ "a": 5 }));
}

#[test]
fn scalars_become_what_was_returned() {
    check(json!("a"), json!("a"), json!("b"), json!("b"));
    check(json!({ "a": 1, "x": 1 }), json!({ "a": 1 }), json!({ "a": -7 }), json!({ "a": -7, "x": 1 }));
    check(
        json!({ "a": 1, "x": 1 }),
        json!({ "a": 1 }),
        json!({ "a": { "b": [] } }),
        json!({ "a": { "b": [] }, "x": 1 }),
    );
    check(json!({ "a": {"x": 1} }), json!({ "a": {} }), json!({ "a": null }), json!({ "a": null }));
}

#[test]
fn a_default_that_the_link_read_and_left_is_not_written() {
    check(
        json!({ "a": 1, "x": 1 }),
        json!({ "a": 1, "b": 0 }),
        json!({ "a": 2, "b": 0 }),
        json!({ "a": 2, "x": 1 }),
    );
}

#[test]
fn a_default_that_the_link_read_and_changed_has_no_place() {
    let (original, given) = (json!({ "in": { "a": 1 } }), json!({ "in": { "a": 1, "b": 0 } }));
    let changed = json!({ "in": { "a": 1, "b": 5 } });
    check_refused(original.clone(), given.clone(), changed, "in.b", Reason::NoSuchField);
    let removed = json!({ "in": { "a": 1 } });
    check_refused(original, given, removed, "in.b", Reason::NoSuchField);
}

#[test]
fn an_absent_field_may_be_given_as_nil_and_then_set() {
    check(
        json!({ "a": 1 }),
        json!({ "a": 1, "b": null }),
        json!({ "a": 1, "b": 2 }),
        json!({ "a": 1, "b": 2 }),
    );
    check(json!({ "a": 1 }), json!({ "a": 1, "b": null }), json!({ "a": 2, "b": null }), json!({ "a": 2 }));
    check(json!({ "a": 1 }), json!({ "a": 1, "b": null }), json!({ "a": 2 }), json!({ "a": 2 }));
}

#[test]
fn a_variant_keeps_what_the_link_does_not_know_and_another_one_does_not() {
    let original = json!({ "type": "text", "text": "hi", "x": 1 });
    let given = json!({ "type": "text", "text": "hi" });
    check(
        original.clone(),
        given.clone(),
        json!({ "type": "text", "text": "ho" }),
        json!({ "type": "text", "text": "ho", "x": 1 }),
    );
    let image = json!({ "type": "image", "text": "hi" });
    check(original, given, image.clone(), image);
}

#[test]
fn a_type_that_is_no_text_tells_no_variant() {
    check(
        json!({ "type": { "a": 1, "x": 2 }, "x": 3 }),
        json!({ "type": { "a": 1 } }),
        json!({ "type": { "a": 2 } }),
        json!({ "type": { "a": 2, "x": 2 }, "x": 3 }),
    );
    check(
        json!({ "type": 1, "x": 3 }),
        json!({ "type": 1 }),
        json!({ "type": 2 }),
        json!({ "type": 2, "x": 3 }),
    );
}

#[test]
fn a_variant_that_the_link_does_not_know_is_kept_as_it_is() {
    let video = json!({ "type": "video", "frames": [1, 2, { "x": 3 }], "rate": 25 });
    let text = |text: &str, x: &str| json!({ "type": "text", "text": text, "x": x });
    let seen = |text: &str| json!({ "type": "text", "text": text });
    check(
        json!([text("a", "xa"), video, text("b", "xb")]),
        json!([seen("a"), video, seen("b")]),
        json!([video, seen("b"), seen("new")]),
        json!([video, text("b", "xb"), seen("new")]),
    );
}

/// A list of structs, each with a field that the link does not know; a name in capitals has none.
fn people(names: &str) -> Json {
    let person = |name: char| {
        let id = name.to_ascii_lowercase().to_string();
        if name.is_uppercase() {
            json!({ "name": id })
        } else {
            json!({ "name": id, "x": format!("of {id}") })
        }
    };
    json!({ "people": names.chars().map(person).collect::<Json>(), "x": 0 })
}

/// The same as the link sees them.
fn names(names: &str) -> Json {
    let person = |name: char| json!({ "name": name.to_ascii_lowercase().to_string() });
    json!({ "people": names.chars().map(person).collect::<Json>() })
}

fn check_people(original: &str, returned: &str, expected: &str) {
    check(people(original), names(original), names(returned), people(expected));
}

#[test]
fn elements_come_and_go_and_the_others_keep_what_is_theirs() {
    check_people("abc", "anbc", "aNbc");
    check_people("abc", "abcn", "abcN");
    check_people("abc", "nabc", "Nabc");
    check_people("abc", "ac", "ac");
    check_people("abc", "bc", "bc");
    check_people("abc", "", "");
    check_people("", "ab", "AB");
    check_people("abcde", "bncde", "bNcde");
}

#[test]
fn elements_that_moved_take_along_what_is_theirs() {
    check_people("ab", "ba", "ba");
    check_people("abcd", "dbca", "dbca");
    check_people("abcd", "cdnab", "cdNab");
    check_people("abab", "bbaa", "bbaa");
}

#[test]
fn an_element_that_stands_twice_is_new_the_second_time() {
    check_people("ab", "aba", "abA");
}

#[test]
fn elements_that_changed_between_others_are_matched_by_position() {
    let person = |name: &str, age: u32, x: u32| json!({ "name": name, "age": age, "x": { "id": x } });
    let seen = |name: &str, age: u32| json!({ "name": name, "age": age });
    check(
        json!([person("a", 1, 10), person("b", 2, 20), person("c", 3, 30), person("d", 4, 40)]),
        json!([seen("a", 1), seen("b", 2), seen("c", 3), seen("d", 4)]),
        json!([seen("n", 0), seen("a", 1), seen("b", 5), seen("C", 3), seen("d", 4)]),
        json!([seen("n", 0), person("a", 1, 10), person("b", 5, 20), person("C", 3, 30), person("d", 4, 40)]),
    );
}

#[test]
fn a_run_that_grew_or_shrank_is_replaced_if_the_link_knows_all_of_it() {
    check_people("aBCd", "axyzd", "aXYZd");
    check_people("aBCd", "axd", "aXd");
    check(json!([[1, 2, 3], 0]), json!([[1, 2, 3], 0]), json!([[7, 8], 0]), json!([[7, 8], 0]));
}

#[test]
fn a_run_that_grew_or_shrank_has_no_place_if_the_link_does_not_know_all_of_it() {
    let check = |original: &str, returned: &str, path: &str, before, after| {
        let reason = Reason::RunReplaced { given: before, returned: after };
        check_refused(people(original), names(original), names(returned), path, reason);
    };
    check("aBcd", "axyzd", "people[2]", 2, 3);
    check("abcd", "axd", "people[1]", 2, 1);
}

#[test]
fn what_the_link_does_not_know_is_found_at_any_depth() {
    let reason = Reason::RunReplaced { given: 2, returned: 1 };
    check_refused(
        json!([{ "a": 1 }, { "in": [0, { "a": 1, "x": 2 }] }]),
        json!([{ "a": 1 }, { "in": [0, { "a": 1 }] }]),
        json!([{ "a": 2 }]),
        "[1]",
        reason,
    );
    check_refused(json!([0, [1, 2]]), json!([0, [1]]), json!([3]), "[1]", reason);
}

#[test]
fn what_only_the_encoding_hides_is_known_to_the_link() {
    let original = b"\x92\x81\xa1a\xcf\0\0\0\0\0\0\0\x01\x81\xa1a\xcb\x3f\xe0\0\0\0\0\0\0";
    let given = b"\x92\x81\xa1a\x01\x81\xa1a\xca\x3f\0\0\0";
    assert_eq!(carry(original, given, b"\x91\x05").unwrap(), b"\x91\x05");
}

#[test]
fn a_number_that_the_link_reads_with_a_loss_is_not_known_to_it() {
    let precise = encoded(&json!([0.1, 0.2]));
    let given = [&[0x92, 0xca][..], &0.1_f32.to_be_bytes(), &[0xca], &0.2_f32.to_be_bytes()].concat();
    let refused = carry(&precise, &given, b"\x91\x05").unwrap_err();
    assert_eq!(refused.path, "[0]");
    let changed = [&[0x92, 0xca][..], &0.1_f32.to_be_bytes(), &[0x07]].concat();
    assert_eq!(decoded(&carry(&precise, &given, &changed).unwrap()), json!([0.1, 7]));
}

#[test]
fn nil_that_the_link_was_not_given_is_nothing_to_lose() {
    check(json!([{ "a": 1, "b": null }]), json!([{ "a": 1 }]), json!([2, 3]), json!([2, 3]));
}

#[test]
fn lists_of_other_lengths_are_refused() {
    check_refused(
        json!({ "a": [[1, 2, 3]] }),
        json!({ "a": [[1, 2]] }),
        json!({ "a": [[1]] }),
        "a[0]",
        Reason::LengthsDiffer { original: 3, given: 2 },
    );
}

#[test]
fn another_kind_of_original_is_refused() {
    let check = |original: Json, given: Json, returned: Json| {
        check_refused(
            json!([{ "a": original }]),
            json!([{ "a": given }]),
            json!([{ "a": returned }]),
            "[0].a",
            Reason::KindsDiffer,
        );
    };
    check(json!([1]), json!({ "b": 1 }), json!({ "b": 2 }));
    check(json!({ "b": 1 }), json!([1]), json!([2]));
    check(json!({ "b": 1 }), json!(1), json!(2));
    check(json!(1), json!([1]), json!([2]));
    check(json!([1]), json!({ "b": 1 }), json!(null));
}

#[test]
fn many_entries_and_elements_are_counted_right() {
    let object = |without: std::ops::Range<u32>, end: u32| -> Json {
        let numbers = (0..end).filter(|number| !without.contains(number));
        Json::Object(numbers.map(|number| (number.to_string(), json!(number))).collect())
    };
    check(object(0..0, 20), object(0..10, 20), object(0..11, 70_000), object(10..11, 70_000));
    let people = "a".repeat(20);
    check_people(&people, &"a".repeat(70_000), &(people.clone() + &"A".repeat(69_980)));
}

#[test]
fn a_long_list_that_was_turned_and_thinned_keeps_what_is_its() {
    let numbers = |range: std::ops::Range<u32>| range.map(|number| json!({ "a": number, "x": number }));
    let seen = |range: std::ops::Range<u32>| range.map(|number| json!({ "a": number }));
    check(
        numbers(0..5_000).collect(),
        seen(0..5_000).collect(),
        seen(3_000..5_000).chain(seen(1..3_000)).collect(),
        numbers(3_000..5_000).chain(numbers(1..3_000)).collect(),
    );
}

#[test]
fn the_document_that_cannot_be_read_is_named() {
    let (one, two, bad) = (&b"\x01"[..], &b"\x02"[..], &b"\x91"[..]);
    let check = |original, given, returned, document, text: &str| {
        let refused = carry(original, given, returned).unwrap_err();
        let fault = ReadFault { offset: 1, flaw: Flaw::Truncated };
        assert_eq!(refused.reason, Reason::Unreadable { document, fault });
        assert_eq!(refused.to_string(), text);
    };
    let told =
        |who: &str| format!("a change has no place: {who} cannot be read: it ends too early, at byte 1");
    check(bad, one, two, Document::Original, &told("the original"));
    check(one, bad, two, Document::Given, &told("what the link was given"));
    check(one, two, bad, Document::Returned, &told("what the link returned"));
}

#[test]
fn a_refusal_says_where_and_why() {
    let refused = |original: Json, given: Json, returned: Json| {
        carry(&encoded(&original), &encoded(&given), &encoded(&returned)).unwrap_err().to_string()
    };
    assert_eq!(
        refused(
            json!([[{ "a": { "x": 1 } }]]),
            json!([[{ "a": { "b": 0 } }]]),
            json!([[{ "a": { "b": 1 } }]])
        ),
        "a change of `[0][0].a.b` has no place: the original has no such field",
    );
    assert_eq!(
        refused(people("ab"), names("ab"), names("n")),
        "a change of `people[0]` has no place: elements were replaced, 2 by 1, and they hold what the link does not \
         know",
    );
    assert_eq!(
        refused(json!([1]), json!([1, 2]), json!([1, 3])),
        "a change has no place: the original has 1 elements, and the link was given 2",
    );
    assert_eq!(
        refused(json!([1]), json!(1), json!(2)),
        "a change has no place: the original is of another kind than what the link was given",
    );
}
