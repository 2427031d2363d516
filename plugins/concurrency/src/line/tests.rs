//! The rule alone, with times that the test makes up.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::terms::KeptLimit;

fn line(limit: u32, cooldown_ms: u64) -> Line {
    let terms = Terms { set: Some(limit), usual_cooldown_ms: cooldown_ms, ..Terms::default() };
    Line { terms, ..Line::default() }
}

fn request(since: i64) -> SlotRequest {
    SlotRequest { model: "p/m".into(), conversation_id: "c".into(), purpose: "turn".into(), since }
}

/// Asks and settles; who asked is `ticket`.
fn ask(line: &mut Line, since: i64, ticket: Ticket, now: i64) -> watch::Receiver<Standing> {
    let told = line.ask(ticket, request(since));
    line.settle(now);
    told
}

fn standing(told: &watch::Receiver<Standing>) -> Standing {
    *told.borrow()
}

fn queued(ahead: u32) -> Standing {
    Standing::Queued { ahead, paused_until: None }
}

#[test]
fn who_has_waited_longest_comes_first_and_of_two_as_old_who_came_first() {
    let mut line = line(1, 0);
    let runs = ask(&mut line, 50, 1, 100);
    let (young, old, twin) =
        (ask(&mut line, 30, 2, 100), ask(&mut line, 10, 3, 100), ask(&mut line, 10, 4, 100));
    line.settle(200);
    assert_eq!(standing(&runs), Standing::Granted);
    assert_eq!([standing(&old), standing(&twin), standing(&young)], [queued(0), queued(1), queued(2)]);
    for (held, next) in [((50, 1), &old), ((10, 3), &twin), ((10, 4), &young)] {
        assert!(line.leave(held.0, held.1, 100));
        line.settle(100);
        assert_eq!(standing(next), Standing::Granted);
    }
}

#[test]
fn a_slot_that_was_given_back_counts_until_it_has_rested() {
    let mut line = line(1, 350);
    ask(&mut line, 1, 1, 0);
    let next = ask(&mut line, 2, 2, 0);
    line.leave(1, 1, 1_000);
    line.settle(1_349);
    assert_eq!((standing(&next), line.in_use(), line.next_change()), (queued(0), 1, Some(1_350)));
    line.settle(1_350);
    assert_eq!((standing(&next), line.in_use()), (Standing::Granted, 1));
}

#[test]
fn nothing_is_made_during_a_pause_and_a_shorter_one_does_not_end_it() {
    let mut line = line(5, 0);
    line.pause(0, 30_000);
    line.pause(10, 1_000);
    let told = ask(&mut line, 1, 1, 20);
    assert_eq!(standing(&told), Standing::Queued { ahead: 0, paused_until: Some(30_000) });
    line.settle(29_999);
    assert_ne!(standing(&told), Standing::Granted);
    line.settle(30_000);
    assert_eq!(standing(&told), Standing::Granted);
}

#[test]
fn who_gives_up_leaves_nothing_behind() {
    let mut line = line(1, 350);
    ask(&mut line, 1, 1, 0);
    let (gone, behind) = (ask(&mut line, 2, 2, 0), ask(&mut line, 3, 3, 0));
    assert_eq!(standing(&behind), queued(1));
    assert!(!line.leave(2, 2, 0) && !line.leave(2, 2, 0), "it held no slot");
    line.settle(100);
    assert_eq!((standing(&behind), line.in_use(), line.waits()), (queued(0), 1, 1));
    drop(gone);
}

#[test]
fn how_it_stands_is_told_to_all_at_once_and_not_for_each_who_goes() {
    let mut line = line(1, 0);
    let _runs = ask(&mut line, 0, 1, 1_000);
    let last = ask(&mut line, 50, 50, 1_000);
    for ticket in 2..=9 {
        ask(&mut line, 1, ticket, 1_000);
    }
    assert_eq!((standing(&last), line.next_change()), (queued(0), Some(1_100)));
    line.settle(1_099);
    assert_eq!(standing(&last), queued(0));
    line.settle(1_100);
    assert_eq!((standing(&last), line.next_change()), (queued(8), None));
}

#[test]
fn a_lower_limit_takes_no_slot_away_and_grants_none_before_there_is_room() {
    let mut line = line(3, 0);
    let held: Vec<_> = (1..=3).map(|ticket| ask(&mut line, 0, ticket, 0)).collect();
    line.terms.kept = Some(KeptLimit { limit: 1, reduced: true });
    let next = ask(&mut line, 0, 4, 0);
    for (ticket, granted) in [(1, false), (2, false), (3, true)] {
        line.leave(0, ticket, 0);
        line.settle(0);
        assert_eq!(standing(&next) == Standing::Granted, granted);
    }
    assert!(held.iter().all(|told| standing(told) == Standing::Granted));
}

#[test]
fn a_slot_of_an_earlier_generation_is_let_go_at_its_time_at_the_latest() {
    let mut line = line(1, 0);
    let held = Held { request: request(0), granted_at: 0, inherited_until: Some(500) };
    line.held.insert(7, held);
    let next = ask(&mut line, 0, 8, 0);
    assert_eq!((standing(&next), line.next_change()), (queued(0), Some(500)));
    line.settle(500);
    assert_eq!(standing(&next), Standing::Granted);
}

#[test]
fn a_line_in_which_nothing_is_said_held_or_waited_for_is_idle() {
    let mut line = Line::default();
    assert!(line.is_idle());
    ask(&mut line, 0, 1, 0);
    assert!(!line.is_idle(), "a slot is held");
    line.leave(0, 1, 0);
    assert!(line.is_idle(), "without a limit no slot rests");
    line.pause(0, 10);
    assert!(!line.is_idle() && line.next_change() == Some(10));
    line.settle(10);
    assert!(line.is_idle());
}

/// Numbers that look like chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A line, and everybody who stands in it, by ticket: since when, and what they are told.
struct Play {
    line: Line,
    people: BTreeMap<Ticket, (i64, watch::Receiver<Standing>)>,
    now: i64,
    limit: u32,
}

impl Play {
    fn granted(&self) -> usize {
        self.people.values().filter(|(_, told)| standing(told) == Standing::Granted).count()
    }

    /// One thing happens.
    fn step(&mut self, chance: &mut Chance, ticket: Ticket) {
        let before: BTreeSet<Ticket> = self.line.held.keys().copied().collect();
        match chance.below(12) {
            0..=4 => {
                let since = self.now - chance.below(50) as i64;
                self.people.insert(ticket, (since, self.line.ask(ticket, request(since))));
            }
            5..=8 => self.somebody_leaves(chance),
            9 => self.line.pause(self.now, self.now + chance.below(200) as i64),
            10 => {
                self.limit = 1 + chance.below(6) as u32;
                self.line.terms.kept = Some(KeptLimit { limit: self.limit, reduced: false });
            }
            _ => self.now += chance.below(100) as i64,
        }
        self.line.settle(self.now);
        let is_granted_now = self.line.held.keys().any(|ticket| !before.contains(ticket));
        assert!(!is_granted_now || self.line.in_use() <= self.limit as usize, "limit {}", self.limit);
        assert_eq!(self.granted(), self.line.held.len());
    }

    fn somebody_leaves(&mut self, chance: &mut Chance) {
        let nth = chance.below(self.people.len().max(1) as u64) as usize;
        let Some(ticket) = self.people.keys().nth(nth).copied() else { return };
        let (since, told) = self.people.remove(&ticket).unwrap();
        let held = standing(&told) == Standing::Granted;
        assert_eq!(self.line.leave(since, ticket, self.now), held);
    }

    /// Everybody who is granted leaves, until nobody is there; time passes when nothing else does.
    fn drain(&mut self) {
        let mut rounds = 0;
        while !self.people.is_empty() {
            let done: Vec<Ticket> = self.line.held.keys().copied().collect();
            for ticket in &done {
                let (since, _) = self.people.remove(ticket).unwrap();
                self.line.leave(since, *ticket, self.now);
            }
            self.now = self.line.next_change().unwrap_or(self.now);
            self.line.settle(self.now);
            rounds += 1;
            assert!(rounds < 10_000, "{} wait for ever", self.people.len());
        }
    }
}

#[test]
fn never_more_than_the_limit_are_in_use_and_nobody_waits_for_ever() {
    for seed in 1..=200 {
        let mut chance = Chance(seed);
        let mut play = Play { line: line(2, 40), people: BTreeMap::new(), now: 1_000, limit: 2 };
        for ticket in 0..300 {
            play.step(&mut chance, ticket);
        }
        play.drain();
        assert_eq!((play.line.waits(), play.line.held.len()), (0, 0), "seed {seed}");
    }
}
