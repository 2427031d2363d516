//! Reads a script from text: plain words are said, `[[directives]]` do the rest.

use crate::directive::{self, BadDirective, Read};
use crate::script::{Action, Script};

/// Reads `text` as a script.
///
/// White space behind a directive belongs to it. What is said or thought behind a call of a tool comes in the next
/// step, when the tool has answered.
pub(crate) fn parse(text: &str) -> Result<Script, BadDirective> {
    if !has_directives(text) {
        return Ok(Script::saying(text));
    }
    let mut script = Script::default();
    let mut rest = text;
    while let Some(at) = directive::find(rest) {
        say(&mut script, &rest[..at]);
        let (read, behind) = directive::read(&rest[at..])?;
        match read {
            Read::Action(action) => script.push(action),
            Read::Step => script.begin_step(),
        }
        rest = behind.trim_start();
    }
    say(&mut script, rest);
    Ok(script)
}

/// Whether `text` holds a directive, good or bad.
pub(crate) fn has_directives(text: &str) -> bool {
    directive::find(text).is_some()
}

fn say(script: &mut Script, words: &str) {
    if !words.trim().is_empty() {
        script.push(Action::Say(words.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::Json;

    use super::*;

    fn steps(text: &str) -> Vec<Vec<Action>> {
        let script = parse(text).expect("a good script");
        (0..).map_while(|number| script.step(number).cloned()).collect()
    }

    fn said(words: &str) -> Action {
        Action::Say(words.into())
    }

    fn call(tool: &str, input: &str) -> Action {
        Action::Call { tool: tool.into(), input: Json::parse(input).expect("JSON") }
    }

    #[test]
    fn text_without_directives_is_said_as_it_is() {
        for text in ["", " two  spaces\n", "[[1, 2], [3]]", "[[ -f x ]]", "[[Some Page]]", "[[", "[[[["] {
            assert_eq!(steps(text), [[said(text)]]);
        }
    }

    #[test]
    fn words_and_directives_keep_their_order() {
        let expected = [[said("Hello "), Action::Think("hm".into()), said("world")]];
        assert_eq!(steps("Hello [[think: hm]] world"), expected);
    }

    #[test]
    fn what_is_said_behind_a_call_comes_in_the_next_step() {
        let expected = [
            vec![said("Look: "), call("a", "{}"), call("b", "{\"x\":[[1]]}"), Action::Pace(3)],
            vec![said("Done."), Action::SayResults],
        ];
        assert_eq!(
            steps("Look: [[tool: a]] [[tool: b {\"x\":[[1]]}]] [[pace: 3]]\nDone.[[results]]"),
            expected
        );
    }

    #[test]
    fn a_step_can_be_begun_by_hand() {
        assert_eq!(steps("[[tool: a]][[step]][[hang]]"), [vec![call("a", "{}")], vec![Action::Hang]]);
    }

    #[test]
    fn a_directive_behind_a_stray_bracket_is_found() {
        assert_eq!(steps("[[[hang]]"), [[said("["), Action::Hang]]);
    }

    #[test]
    fn the_first_bad_directive_is_the_one_reported() {
        let error = parse("fine [[pace: fast]] [[nonsense]]").expect_err("bad").to_string();
        assert!(error.contains("`[[pace: fast]]`"), "{error}");
    }
}
