//! A night: the host comes up, scenes follow each other on the same data, and everything is compared in the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::doctor::Doctor;
use crate::figures::Figures;
use crate::findings::Findings;
use crate::host::Host;
use crate::journal::note;
use crate::ledger::Settlement;
use crate::lookout;
use crate::options::Options;
use crate::random::Random;
use crate::report::Report;
use crate::scene::Scene;
use crate::ship::Ship;
use crate::stage::Stage;

/// The scenes of a night, and what is known of it so far.
struct Night {
    ship: Ship,
    host: Option<Host>,
    random: Random,
    figures: Figures,
    findings: Findings,
    settled: Settlement,
    doctor: Doctor,
    scenes: u64,
}

/// Plays it; what goes wrong is in the report.
///
/// # Errors
/// When it cannot begin.
pub(crate) async fn play(options: &Options, stage: Arc<Stage>) -> Result<Report, String> {
    let (seed, began) = (options.seed(), Instant::now());
    let mut night = Night {
        ship: Ship::of(stage)?,
        host: None,
        random: Random::of(seed),
        figures: Figures::default(),
        findings: Findings::default(),
        settled: Settlement::default(),
        doctor: Doctor::NotAsked,
        scenes: 0,
    };
    note(&format!("the night of seed {seed} begins"));
    if let Err(problem) = night.pass(began, options.minutes.unwrap_or_default()).await {
        note(&format!("it cannot go on: {problem}"));
        night.findings.breaks(problem);
    }
    Ok(Report {
        seed,
        scenes: night.scenes,
        seconds: began.elapsed().as_secs(),
        kills: night.ship.kills.all(),
        figures: night.figures,
        findings: night.findings,
        settled: night.settled,
        doctor: night.doctor,
    })
}

impl Night {
    async fn pass(&mut self, began: Instant, minutes: u64) -> Result<(), String> {
        self.host = Some(Host::start(&self.ship.stage, &self.ship.whereabouts).await?);
        note("the host is up, every plugin from its file");
        self.look_at_host().await?;
        loop {
            self.scene().await?;
            let is_over = began.elapsed() >= Duration::from_secs(minutes * 60);
            if is_over || !self.findings.broken.is_empty() {
                return self.end().await;
            }
        }
    }

    async fn scene(&mut self) -> Result<(), String> {
        self.scenes += 1;
        let Self { ship, host, random, figures, .. } = self;
        let scene = Scene { ship, host, random, figures, number: self.scenes, conversations: Vec::new() };
        let evening = scene.play().await;
        for broken in self.figures.take_broken() {
            self.findings.breaks(broken);
        }
        let evening = evening?;
        note("everything that was seen is compared with the log");
        self.findings.examine(&self.ship, &evening).await
    }

    async fn end(&mut self) -> Result<(), String> {
        self.settled = self.findings.settle_all(&self.ship).await?;
        self.doctor = Doctor::asked(&self.ship.operator).await?;
        for fault in self.doctor.faults() {
            self.findings.breaks(format!("the doctor says: {fault}"));
        }
        for one in self.ship.operator.ailing().await? {
            self.findings.breaks(format!("in the end {one}"));
        }
        if self.ship.kills.unbidden() > 0 {
            self.findings.breaks("something was taken back from viewers before the first kill".to_owned());
        }
        self.look_at_host().await?;
        let Some(host) = self.host.take() else { return Ok(()) };
        note("the host is told to stop");
        host.stop().await?;
        let left = lookout::running(self.ship.stage.path()).len();
        if left > 0 {
            self.findings.breaks(format!("the host has left {left} servers of tools behind"));
        }
        Ok(())
    }

    async fn look_at_host(&mut self) -> Result<(), String> {
        match &self.host {
            Some(host) => self.figures.host_at(host, &self.ship.operator).await,
            None => Ok(()),
        }
    }
}
