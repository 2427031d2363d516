//! What an author is told about ports that cannot be.

use super::expand;
use crate::expansion::source;

fn check(item: &str, expected: &str) {
    let refused = expand(source(item)).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(refused, Err(expected.to_owned()), "{item}");
}

fn check_port(attributes: &str, expected: &str) {
    check(&format!("struct ParrotPorts {{ {attributes} port: Handle<Text> }}"), expected);
}

#[test]
fn a_port_without_a_role_is_told_the_roles_there_are() {
    check_port(
        "",
        "say what the plugin does here: #[says(…)], #[hears(…)], #[applies(…)], #[links(…)], #[calls(…)] or #[serves(…)]",
    );
}

#[test]
fn a_port_has_one_role() {
    check_port("#[says(SAID)] #[hears(SAID)]", "one port does one thing; add a second field");
}

#[test]
fn a_term_stands_only_where_it_means_something() {
    for (attribute, expected) in [
        ("#[hears(SAID, optional)]", "`optional` goes with calls"),
        ("#[calls(ASK, names = [\"a\"])]", "`names` goes with serves"),
        ("#[calls(ASK, names = \"dynamic\")]", "`names` goes with serves"),
        ("#[hears(SAID, stage = \"late\")]", "`stage` goes with links"),
        ("#[says(SAID, before = [\"audit\"])]", "`before` goes with links, hears"),
        ("#[serves(ASK, after = [\"audit\"])]", "`after` goes with links, hears"),
    ] {
        check_port(attribute, expected);
    }
}

#[test]
fn a_term_nobody_knows_is_told_with_those_that_are_known() {
    check_port(
        "#[calls(ASK, mandatory = true)]",
        "expected `optional`, `names`, `stage`, `before` or `after`",
    );
}

#[test]
fn lists_and_texts_are_told_apart() {
    check_port("#[serves(ASK, names = \"one\")]", "expected a list such as [\"one\", \"two\"]");
    check_port("#[serves(ASK, names = [one])]", "expected text in quotes");
    check_port("#[links(WORDS, stage = [\"late\"])]", "expected text in quotes");
}

#[test]
fn ports_are_a_struct_with_names() {
    check("struct ParrotPorts(Emitter<Text>);", "ports have names");
    check("enum ParrotPorts { Said }", "`Ports` is derived for a struct of handles");
}

#[test]
fn every_role_is_accepted_with_its_terms() {
    let item = "struct ParrotPorts {
        #[says(SAID)] a: Emitter<Text>,
        #[hears(SAID, before = [\"x\"], after = [\"y\"])] b: Listener<Text>,
        #[applies(WORDS)] c: Applier<Text>,
        #[links(WORDS, stage = \"late\", before = [\"x\"], after = [\"y\"])] d: Link<Text>,
        #[calls(ASK, optional)] e: Caller<Text, Text>,
        #[serves(TELL, names = [\"one\"])] f: Server<Text, Text, Text>,
        #[serves(TELL, names = \"dynamic\")] g: Server<Text, Text, Text>,
    }";
    assert!(expand(source(item)).is_ok());
    assert!(expand(source("struct NoPorts;")).is_ok());
}
