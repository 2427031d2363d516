//! How many callsites a plugin can have, and how long their names can be.

use super::*;

fn line(target: &str) -> Description {
    Description::of_line(3, target)
}

#[test]
fn a_callsite_that_is_registered_again_is_the_same_and_another_plugins_is_another() {
    let first = register("parrot", line("a")).expect("it is taken");
    assert!(std::ptr::eq(first, register("parrot", line("a")).expect("it is taken")));
    assert!(!std::ptr::eq(first, register("parrot", line("b")).expect("it is taken")));
    assert!(!std::ptr::eq(first, register("budgie", line("a")).expect("it is taken")));
    assert_eq!(plugin_of(first.metadata()), Some("parrot"));
}

#[test]
fn a_plugin_with_too_many_callsites_keeps_those_it_has_and_others_are_not_concerned() {
    for number in 0..MOST {
        assert!(register("chatterbox", line(&number.to_string())).is_some(), "{number}");
    }
    assert!(register("chatterbox", line("one too many")).is_none());
    assert!(register("chatterbox", line("0")).is_some());
    assert!(register("quiet", line("0")).is_some());
}

#[test]
fn a_long_name_is_cut_between_characters() {
    let callsite = register("windbag", line(&"ä".repeat(200))).expect("it is taken");
    assert_eq!(callsite.metadata().target(), "ä".repeat(128));
    let odd = register("windbag", line(&format!("x{}", "ä".repeat(200)))).expect("it is taken");
    assert_eq!(odd.metadata().target(), format!("x{}", "ä".repeat(127)));
}
