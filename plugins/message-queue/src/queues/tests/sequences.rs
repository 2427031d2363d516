//! Random sequences of everything that can happen: nothing that was acknowledged is lost, nothing arrives twice, and order
//! is kept.

use std::collections::HashSet;

use super::*;
use crate::edges::fake::Mishap;

/// How many sequences, and how long each is.
const SEQUENCES: u64 = 400;
const LENGTH: usize = 50;

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What a person was told.
struct Told {
    id: Text,
    words: String,
    delivery: Delivery,
}

struct Course {
    scene: Scene,
    dice: Dice,
    /// What was acknowledged, in that order.
    told: Vec<Told>,
    /// What was taken out, or replaced by other words.
    gone: HashSet<String>,
    words: u32,
    past: Vec<String>,
}

impl Course {
    fn new(which: u64) -> Self {
        let dice = Dice(which.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (told, gone, past) = (Vec::new(), HashSet::new(), Vec::new());
        Self { scene: Scene::new(), dice, told, gone, words: 0, past }
    }

    fn new_words(&mut self) -> String {
        self.words += 1;
        format!("w{}", self.words)
    }

    async fn step(&mut self) {
        let which = self.dice.below(20);
        self.past.push(which.to_string());
        match which {
            0..5 => self.send().await,
            5 => self.send_into_a_crash().await,
            6..9 => self.end_the_turn().await,
            9 | 10 => self.steer_the_turn().await,
            11 | 12 => self.change().await,
            13 => self.somebody_else_begins(),
            14 => self.let_time_pass().await,
            15 | 16 => self.crash().await,
            17 => self.close().await,
            _ => self.let_something_go_wrong(),
        }
    }

    async fn send(&mut self) {
        let (words, delivery) = (self.new_words(), self.dice.pick(&[0, 1]));
        let delivery = if delivery == 0 { Delivery::Queue } else { Delivery::Steer };
        if let Ok(sent) = self.scene.send(&words, delivery.clone()).await {
            self.told.push(Told { id: sent.message_id, words, delivery });
        }
        self.scene.quiet().await;
    }

    /// Nobody is told what became of the message.
    async fn send_into_a_crash(&mut self) {
        let hangs = self.dice.pick(&[Mishap::Hangs, Mishap::HangsBefore]);
        let of_start = self.dice.below(2) == 0;
        {
            let mut world = self.scene.fake.world();
            if of_start { world.starts.push_front(hangs) } else { world.writes.push_front(hangs) }
        }
        let words = self.new_words();
        let sending = self.scene.sending(&words, Delivery::Queue);
        self.scene.quiet().await;
        sending.abort();
        if let Ok(Ok(sent)) = sending.await {
            self.told.push(Told { id: sent.message_id, words, delivery: Delivery::Queue });
        }
        self.crash().await;
    }

    async fn end_the_turn(&mut self) {
        if self.scene.fake.world().running.is_none() {
            return;
        }
        let reasons =
            [EndReason::Stop, EndReason::Stop, EndReason::Length, EndReason::Aborted, EndReason::Error];
        let reason = reasons[self.dice.below(5) as usize].clone();
        self.scene.end(reason).await;
    }

    async fn steer_the_turn(&mut self) {
        if self.scene.fake.world().running.is_none() {
            return;
        }
        let Ok(taken) = self.scene.queues.take("c".into()).await else { return };
        let Maybe::Some(given) = taken.steering else { return };
        let how = self.dice.below(4);
        if how > 0 {
            self.scene.fake.world().steer(&given.message_id, &given.text);
        }
        if how > 1 {
            let told = Delivered { conversation_id: "c".into(), message_id: given.message_id };
            let _ = self.scene.queues.delivered(told).await;
        }
    }

    async fn change(&mut self) {
        if self.told.is_empty() {
            return;
        }
        let which = self.dice.below(self.told.len() as u64) as usize;
        let text = (self.dice.below(2) == 0).then(|| self.new_words());
        let told = &mut self.told[which];
        let change = Requeue {
            conversation_id: "c".into(),
            message_id: told.id.clone(),
            text: text.clone().map(Text::from).into(),
        };
        // Who gets no answer cannot know; so nothing goes wrong here.
        self.scene.fake.world().writes.clear();
        if self.scene.queues.change(change).await.unwrap().found {
            self.gone.insert(std::mem::replace(&mut told.words, text.unwrap_or_default()));
        }
        self.told.retain(|told| !told.words.is_empty());
    }

    fn somebody_else_begins(&mut self) {
        let words = self.new_words();
        let mut world = self.scene.fake.world();
        if world.running.is_none() {
            world.begin(&words, &words);
        }
    }

    async fn let_time_pass(&mut self) {
        if self.dice.below(2) == 0 {
            self.scene.fake.world().let_the_late_come();
        }
        self.scene.wake().await;
    }

    async fn close(&mut self) {
        let is_running = self.scene.fake.world().running.is_some();
        self.scene.fake.world().is_closed = true;
        self.scene.queues.closed(&"c".into()).await;
        if is_running {
            self.scene.end(EndReason::Aborted).await;
        }
    }

    async fn crash(&mut self) {
        // A reload leaves the turn where it is, a crash of the host ends it.
        if self.dice.below(2) == 0 && self.scene.fake.world().running.take().is_some() {
            self.scene.fake.world().ends.push(EndReason::Lost);
        }
        self.scene.crash().await;
    }

    fn let_something_go_wrong(&mut self) {
        let kind = self.dice.pick(&[
            CallErrorKind::Deadline,
            CallErrorKind::Retired,
            CallErrorKind::Failed,
            CallErrorKind::Unavailable,
            CallErrorKind::NoProvider,
            CallErrorKind::Refused,
        ]);
        // Only an answer that may be lost can be: who refuses has done nothing.
        let is_no = matches!(kind, CallErrorKind::NoProvider | CallErrorKind::Refused);
        let of_start = self.dice.below(2) == 0;
        let is_cut_off = matches!(kind, CallErrorKind::Deadline | CallErrorKind::Retired);
        let mishap = match self.dice.below(3) {
            0 if of_start && is_cut_off => Mishap::ComesLate(kind),
            1 if !is_no => Mishap::LosesAnswer(kind),
            _ => Mishap::Fails(kind),
        };
        let mut world = self.scene.fake.world();
        if of_start { world.starts.push_back(mishap) } else { world.writes.push_back(mishap) }
    }

    /// All that was in the way is gone, and somebody speaks until nothing waits.
    async fn come_to_rest(&mut self) {
        (self.scene.fake.world().starts, self.scene.fake.world().writes) = Default::default();
        for _ in 0..10 {
            self.scene.wake().await;
            if self.scene.fake.world().running.is_some() {
                self.scene.end(EndReason::Stop).await;
            }
        }
        let words = self.new_words();
        self.scene.queue(&words).await;
        for _ in 0..10 {
            self.scene.wake().await;
            if self.scene.fake.world().running.is_some() {
                self.scene.end(EndReason::Stop).await;
            }
        }
    }

    async fn look(&self, which: u64) {
        let context = format!("sequence {which}: {}", self.past.join(" "));
        assert_eq!(self.scene.waiting().await, [""; 0], "nothing waits any more; {context}");
        assert!(self.scene.fake.world().rows.is_empty(), "no row is left; {context}");
        let said = self.scene.said();
        for words in &said {
            let times = said.iter().filter(|other| *other == words).count();
            assert_eq!(times, 1, "`{words}` arrived {times} times; {context}");
            assert!(!self.gone.contains(words), "`{words}` was taken out and arrived; {context}");
        }
        for delivery in [Delivery::Queue, Delivery::Steer] {
            let told = self.told.iter().filter(|told| told.delivery == delivery);
            let places: Vec<Option<usize>> =
                told.map(|told| said.iter().position(|words| *words == told.words)).collect();
            assert!(places.iter().all(Option::is_some), "something was lost of {said:?}; {context}");
            assert!(places.is_sorted(), "{places:?} of {said:?} are not in order; {context}");
        }
    }
}

#[tokio::test]
async fn whatever_happens_each_message_arrives_once_and_in_order() {
    for which in 1..=SEQUENCES {
        let mut course = Course::new(which);
        for _ in 0..LENGTH {
            course.step().await;
        }
        course.come_to_rest().await;
        course.look(which).await;
    }
}
