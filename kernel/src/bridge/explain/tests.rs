//! The words of a refusal.

use crate::bridge::judge::{Misfit, Reason};

use super::{Explanation, Holder};

fn misfit(path: &str, expected: &str, found: &str, reason: Reason) -> Misfit {
    Misfit {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
        reason,
        is_returned: false,
    }
}

fn tokens() -> Misfit {
    misfit("turns[].usage.inputTokens", "`u64`", "`Text`", Reason::OtherKind)
}

fn cost() -> Misfit {
    misfit("cost", "`u64`", "nothing", Reason::Missing)
}

fn explanation(revisions: (u32, u32), misfits: &[Misfit]) -> Explanation<'_> {
    Explanation {
        point: "agent/turn.input",
        contract: "TurnInput",
        plugin: Holder { plugin: "spend-limit", version: "1.2.0", revision: revisions.0 },
        owner: Holder { plugin: "session-orchestrator", version: "1.3.0", revision: revisions.1 },
        plugin_reads: true,
        misfits,
    }
}

fn check_line(explanation: Explanation<'_>, expected: &str) {
    let text = explanation.to_string();
    assert!(text.lines().any(|line| line == expected), "{expected}\nis not in\n{text}");
}

const SHORT: &str = "\
plugin `spend-limit` cannot take part in `agent/turn.input`: its `TurnInput` and that of `session-orchestrator` cannot be bridged
  at `turns[].usage.inputTokens`: `spend-limit` expects `u64`, `session-orchestrator` has `Text`: the two are written differently; and 2 more, which `transom explain` tells
  `spend-limit` 1.2.0 has revision 2 of `TurnInput`, `session-orchestrator` 1.3.0 has revision 3
  help: build `spend-limit` against revision 3 of `TurnInput`, that of `session-orchestrator` 1.3.0";

const LONG: &str = "\
plugin `spend-limit` cannot take part in `agent/turn.input`: its `TurnInput` and that of `session-orchestrator` cannot be bridged
  at `turns[].usage.inputTokens`: `spend-limit` expects `u64`, `session-orchestrator` has `Text`: the two are written differently
  at `cost`: `spend-limit` expects `u64`, `session-orchestrator` has nothing: it has no default
  `spend-limit` 1.2.0 has revision 2 of `TurnInput`, `session-orchestrator` 1.3.0 has revision 3
  help: build `spend-limit` against revision 3 of `TurnInput`, that of `session-orchestrator` 1.3.0

two copies of a contract are bridged when every value of the one can be read in the other:
";

#[test]
fn a_refusal_names_the_place_the_builds_and_the_remedy_in_five_lines() {
    let misfits = [tokens(), cost(), cost()];
    let text = explanation((2, 3), &misfits).to_string();
    assert_eq!(text, SHORT);
    assert!(text.lines().count() <= 5);
}

#[test]
fn one_misfit_is_told_without_a_count_of_others() {
    let misfits = [cost()];
    let text = explanation((2, 3), &misfits).to_string();
    assert!(!text.contains("more"), "{text}");
}

#[test]
fn the_whole_of_it_has_every_misfit_on_a_line_and_then_the_rules() {
    let misfits = [tokens(), cost()];
    let text = explanation((2, 3), &misfits).long();
    assert!(text.starts_with(LONG), "{text}");
    for word in ["default", "`Maybe`", "`Json`", "grows", "filter"] {
        assert!(text[LONG.len()..].contains(word), "the rules say nothing of {word}: {text}");
    }
}

#[test]
fn who_reads_is_who_expects() {
    let misfits = [cost()];
    let writes = Explanation { plugin_reads: false, ..explanation((2, 3), &misfits) };
    check_line(
        writes,
        "  at `cost`: `session-orchestrator` expects `u64`, `spend-limit` has nothing: it has no default",
    );
    let returned = [Misfit { is_returned: true, ..misfit("count", "`u32`", "`u64`", Reason::DoesNotFit) }];
    check_line(
        explanation((2, 3), &returned),
        "  at `count`: `session-orchestrator` expects `u32`, `spend-limit` may return `u64`: not every value fits",
    );
}

#[test]
fn a_misfit_of_the_whole_value_has_no_path() {
    let misfits = [misfit("", "`u64`", "`Json`", Reason::Unbounded)];
    check_line(
        explanation((2, 3), &misfits),
        "  the value itself: `spend-limit` expects `u64`, `session-orchestrator` has `Json`: anything may stand there",
    );
}

#[test]
fn whoever_is_behind_is_to_be_built_again() {
    let misfits = [cost()];
    check_line(
        explanation((4, 3), &misfits),
        "  help: build `session-orchestrator` against revision 4 of `TurnInput`, that of `spend-limit` 1.2.0, \
         or use an older `spend-limit`",
    );
    check_line(
        explanation((3, 3), &misfits),
        "  help: build `spend-limit` against revision 3 of `TurnInput`, that of `session-orchestrator` 1.3.0, \
         and raise the revision when the contract changes: these differ under one number",
    );
}

#[test]
fn names_can_neither_add_lines_nor_steer_a_terminal() {
    let misfits = [misfit("a\nb", "`\u{1b}[31m`", "`x\r`", Reason::OtherKind), cost()];
    let hostile = Explanation {
        point: "a\nb",
        contract: "a\nb",
        plugin: Holder { plugin: "a\nb", version: "a\nb", revision: 1 },
        ..explanation((1, 1), &misfits)
    };
    let hostile = Explanation { owner: hostile.plugin, ..hostile };
    assert_eq!(hostile.to_string().lines().count(), 4);
    for text in [hostile.to_string(), hostile.long()] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}
