//! The rule, step by step.

use transom_agent::conversation::CurrentTurn;
use transom_agent::provider::purpose;
use transom_agent::turn::TurnState;
use transom_plugin_api::Maybe;

use super::*;
use crate::money::tests::{prices, usage};

const MINUTE: i64 = 60_000;

fn book() -> Book {
    let terms = Terms { chance: 0.15, floor_usd: 0.05, stop_after_ms: 30 * MINUTE };
    Book::new(Rules { interval_ms: 240_000, terms })
}

fn known() -> Known {
    Known { prices: Some(prices()), lifetime_ms: Some(5 * MINUTE) }
}

fn conversation(last_activity_at: i64) -> Conversation {
    Conversation { last_activity_at, ..Conversation::new("c", 0) }
}

fn id() -> Text {
    "c".into()
}

fn opted_in(mode: Mode) -> Book {
    let mut book = book();
    book.choose(&id(), Record { enabled: true, mode, ..Record::default() });
    book
}

fn look(book: &mut Book, last_activity_at: i64, now_ms: i64) {
    let seen = book.seen("c").unwrap();
    book.looked(&seen, &conversation(last_activity_at), known(), now_ms);
}

fn answered(asked_at: i64) -> ModelAnswered {
    ModelAnswered {
        request_id: "r".into(),
        conversation_id: id(),
        model: "a/one".into(),
        purpose: purpose::TURN.into(),
        turn_id: Maybe::None,
        asked_at,
        duration_ms: 0,
        usage: Maybe::Some(usage(1_000_000, 990_000, 10_000)),
        end: AnswerEnd::Finished {},
    }
}

/// A turn that asks at one time and ends at another.
fn turn(book: &mut Book, asked_at: i64, ended_at: i64) {
    book.turn_started("c");
    book.turn_asked(&answered(asked_at), asked_at);
    book.turn_ended(&id(), ended_at);
}

fn asked(at: i64, due_at: Option<i64>) -> Asked {
    let (usage, known) = (usage(1_000_000, 990_000, 10_000), known());
    Asked { at, due_at, model: "a/one".into(), usage, cost_usd: Some(0.3), known }
}

#[test]
fn what_was_due_while_nobody_could_ask_is_not_made_up_for() {
    for (last_activity_at, now, expected) in [
        (0, 0, 240_000),
        (0, 239_999, 240_000),
        (0, 240_000, 480_000),
        (0, 1_000_000, 1_200_000),
        (5, 1_000_000, 1_200_005),
        (9_999, 0, 240_000),
        (i64::MAX, i64::MAX, i64::MAX),
    ] {
        let mut book = opted_in(Mode::Interval);
        look(&mut book, last_activity_at, now);
        assert_eq!(book.next_warm_at("c"), Some(expected), "{last_activity_at} {now}");
    }
}

#[test]
fn a_long_answer_does_not_make_the_next_request_late() {
    for (asked_at, ended_at, expected) in [(0, 100_000, 240_000), (0, 300_000, 300_000), (50, 60, 240_050)] {
        let mut book = opted_in(Mode::Interval);
        turn(&mut book, asked_at, ended_at);
        assert_eq!(book.next_warm_at("c"), Some(expected));
    }
}

#[test]
fn small_delays_do_not_add_up_and_large_ones_begin_anew() {
    for (at, due_at, expected) in [
        (240_000, Some(240_000), 480_000),
        (264_000, Some(240_000), 480_000),
        (264_001, Some(240_000), 504_001),
        (9_000_000, Some(240_000), 9_240_000),
        (100_000, None, 340_000),
    ] {
        let mut book = opted_in(Mode::Interval);
        assert_eq!(book.asked(&id(), &asked(at, due_at), at), Some(Some(expected)), "{at} {due_at:?}");
    }
}

#[test]
fn a_timer_that_comes_too_late_asks_nothing_until_a_turn_has_ended() {
    let mut book = opted_in(Mode::Gain);
    turn(&mut book, 0, 1_000);
    look(&mut book, 1_000, 1_000);
    assert_eq!(book.next_warm_at("c"), Some(270_000));
    assert_eq!(book.take_due(290_000).len(), 1);
    assert!(!book.may_ask(&conversation(0), 290_000));
    assert!(book.entry("c").unwrap().off.as_deref().unwrap().starts_with("the time to ask was missed"));
    look(&mut book, 1_000, 300_000);
    assert_eq!(book.next_warm_at("c"), None, "a look changes nothing of that");
    turn(&mut book, 400_000, 401_000);
    look(&mut book, 401_000, 401_000);
    assert_eq!((book.next_warm_at("c"), book.entry("c").unwrap().off.clone()), (Some(670_000), None));
    book.take_due(680_000);
    assert!(book.may_ask(&conversation(0), 680_000));
}

#[test]
fn what_happens_while_it_is_looked_at_counts_more_than_what_is_found() {
    let mut book = opted_in(Mode::Interval);
    let seen = book.seen("c").unwrap();
    book.turn_started("c");
    book.looked(&seen, &conversation(0), known(), 0);
    assert_eq!((book.next_at(), book.entry("c").unwrap().is_active), (None, true));
    let seen = book.seen("c").unwrap();
    turn(&mut book, 5, 5);
    let turn = Maybe::Some(CurrentTurn { turn_id: "t".into(), state: TurnState::Running });
    book.looked(&seen, &Conversation { turn, ..conversation(0) }, known(), 0);
    assert_eq!((book.next_warm_at("c"), book.entry("c").unwrap().is_active), (Some(240_005), false));
}

#[test]
fn what_nobody_has_told_is_noticed_before_it_is_asked() {
    let turn = Maybe::Some(CurrentTurn { turn_id: "t".into(), state: TurnState::Parked });
    let closed = Conversation { status: Status::Closed, ..conversation(0) };
    let other = Conversation { created_at: 1, ..conversation(0) };
    for (known, is_opted_in, next_at) in [
        (Conversation { turn, ..conversation(0) }, true, Some(300_000)),
        (closed, false, None),
        (other, false, None),
    ] {
        let mut book = opted_in(Mode::Interval);
        look(&mut book, 0, 0);
        book.take_due(240_000);
        assert!(!book.may_ask(&known, 240_000));
        assert_eq!((book.entry("c").is_some(), book.next_at()), (is_opted_in, next_at), "{known:?}");
        assert_eq!(book.next_warm_at("c"), None);
    }
}

#[test]
fn an_answer_that_comes_when_a_turn_has_begun_counts_for_nothing() {
    let mut book = opted_in(Mode::Interval);
    book.turn_started("c");
    assert_eq!(book.asked(&id(), &asked(1, None), 1), None);
    assert_eq!(book.entry("c").unwrap().record.last_warm_at, None);
}

#[test]
fn another_model_or_a_summary_makes_gain_wait_for_the_next_turn() {
    let chosen = Conversation { model: Maybe::Some("b/two".into()), ..conversation(0) };
    for (is_summed_up, other) in [(true, conversation(0)), (false, chosen)] {
        let mut book = opted_in(Mode::Gain);
        turn(&mut book, 0, 0);
        look(&mut book, 0, 0);
        assert!(book.next_warm_at("c").is_some());
        if is_summed_up {
            book.summed_up(&id(), 10);
        } else {
            book.changed(&other, 10);
        }
        assert_eq!(book.take_due(10)[0].task, Task::Look);
        let seen = book.seen("c").unwrap();
        book.looked(&seen, &other, known(), 10);
        assert_eq!(book.next_warm_at("c"), None);
        assert!(book.entry("c").unwrap().off.is_some());
    }
}

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn whatever_happens_a_conversation_has_one_timer_at_most_and_none_in_a_turn() {
    let mut dice = Dice(1);
    let mut book = book();
    let mut now = 0;
    for step in 0..20_000 {
        now += i64::try_from(dice.roll(100_000)).unwrap();
        let mode = if dice.roll(2) == 0 { Mode::Interval } else { Mode::Gain };
        match dice.roll(12) {
            0 => book.choose(&id(), Record { enabled: dice.roll(4) > 0, mode, ..Record::default() }),
            1 => book.restore(&id(), Record { enabled: true, mode, ..Record::default() }, now),
            2 => book.turn_started("c"),
            3 => book.turn_asked(&answered(now - 5), now),
            4 => book.turn_ended(&id(), now),
            5 => drop(book.take_due(now)),
            6 => drop(book.failed(&id(), "no luck", now)),
            7 => drop(book.asked(&id(), &asked(now, None), now)),
            8 if book.seen("c").is_some() => look(&mut book, now - 10, now),
            9 => drop(book.may_ask(&conversation(now), now)),
            10 => book.summed_up(&id(), now),
            11 if dice.roll(20) == 0 => {
                book.changed(&Conversation { status: Status::Closed, ..conversation(now) }, now);
            }
            _ => book.changed(&conversation(now), now),
        }
        let armed = book.entries.values().filter(|entry| entry.timer.is_some()).count();
        assert_eq!(book.timers.len(), armed, "step {step}");
        let asks = |entry: &Entry| entry.timer.is_some_and(|timer| timer.task == Task::Warm);
        assert!(book.entries.values().all(|entry| !entry.is_active || !asks(entry)), "step {step}");
    }
}
