//! [`Watch`]: what stands between a model and the world, from before a kill of the host until after it.

use super::berth::Berth;
use super::permission::{Answer, Asked, Fate, is_asked, is_asked_and_answered};
use super::{hook, repository, server};
use crate::guards::Guards;
use crate::random::Random;
use crate::scene::Scene;

/// What is guarded from before a kill of the host until after it.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    /// A question that is answered behind the kill.
    waiting: Asked<'a>,
    /// One that is answered with yes just before it.
    pub(super) allowed: Asked<'a>,
    server: Berth<'a>,
    pub(super) repository: Berth<'a>,
}

impl<'a> Watch<'a> {
    /// Everything at the same time, in conversations that nobody else speaks in.
    pub(super) async fn begins(scene: &Scene<'a>, random: &mut Random) -> Result<(Self, Guards), String> {
        let (answer, mut of_server, mut of_hook) = (Answer::of(random), random.branch(), random.branch());
        let server = Berth::of(scene, "soundings").await?;
        let repository = Berth::of(scene, "prize").await?;
        let (waiting, allowed, asked, served, hooked, entered) = tokio::try_join!(
            async { is_asked(Berth::of(scene, "leave-later").await?).await },
            async { is_asked(Berth::of(scene, "leave-granted").await?).await },
            async { is_asked_and_answered(Berth::of(scene, "leave").await?, answer).await },
            server::ends(&server, &mut of_server),
            async { hook::forbids_and_changes(&Berth::of(scene, "paint").await?, &mut of_hook).await },
            repository::is_entered(&repository),
        )?;
        let mut seen = asked;
        [served, hooked, entered].into_iter().for_each(|one| seen.add(one));
        Ok((Self { waiting, allowed, server, repository }, seen))
    }

    /// The host was killed, and serves again.
    pub(super) async fn goes_on(&self, answer: Answer) -> Result<Guards, String> {
        let (waited, cut_off, served, held) = tokio::try_join!(
            async {
                self.waiting.is_answered(answer).await?;
                self.waiting.has_ended(answer, Fate::KilledBefore).await
            },
            self.allowed.has_ended(Answer::YES, Fate::KilledBehind),
            server::ends_with_the_host(&self.server),
            repository::a_turn_is_held(&self.repository),
        )?;
        let mut seen = waited;
        [cut_off, served, held].into_iter().for_each(|one| seen.add(one));
        Ok(seen)
    }
}
