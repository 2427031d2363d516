//! [`Report`]: a night in numbers, on one page.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::doctor::Doctor;
use crate::figures::{Burden, Figures};
use crate::findings::Findings;
use crate::guards::Guards;
use crate::kills::Kill;
use crate::ledger::{Manner, Settlement};
use crate::prompts::Prompts;
use crate::stage::Stage;
use crate::viewers::Kind;

/// Everything that is told of a night.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) scenes: u64,
    pub(crate) seconds: u64,
    pub(crate) figures: Figures,
    pub(crate) findings: Findings,
    pub(crate) settled: Settlement,
    pub(crate) kills: Vec<Kill>,
    pub(crate) doctor: Doctor,
}

impl Report {
    /// Whether everything held.
    pub(crate) const fn is_well(&self) -> bool {
        self.findings.broken.is_empty()
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "\n  The night of seed {}: {} in {}\n\n",
            self.seed,
            counted(self.scenes, "scene"),
            duration(self.seconds)
        );
        for (title, lines) in self.sections() {
            for (number, line) in lines.iter().enumerate() {
                let title = if number == 0 { title } else { "" };
                let _ = writeln!(text, "  {title:<14}{line}");
            }
        }
        text.push('\n');
        if self.is_well() {
            text.push_str("  All is well.\n");
        } else {
            let _ = writeln!(text, "  Not all is well; `--seed {} --keep` looks again:\n", self.seed);
            for line in &self.findings.broken {
                let _ = writeln!(text, "  * {line}");
            }
        }
        text
    }

    fn sections(&self) -> [(&'static str, Vec<String>); 16] {
        let Findings { conversations, viewers, agreeing, .. } = &self.findings;
        [
            ("turns", self.turns()),
            ("frames", self.frames()),
            (
                "viewers",
                vec![
                    format!(
                        "{agreeing} of {viewers} know what the log of {conversations} conversations says, and nothing else:"
                    ),
                    format!(
                        "{} whole frames and {} bytes of text, the same to the byte",
                        grouped(self.findings.same_frames),
                        grouped(self.findings.same_bytes)
                    ),
                ],
            ),
            ("acknowledged", self.acknowledged()),
            ("kills", self.killed()),
            (
                "reloads",
                vec![format!(
                    "{}; a call waited {} ms at most, for {}",
                    self.figures.reloads, self.figures.longest_wait.1, self.figures.longest_wait.0
                )],
            ),
            (
                "faults",
                vec![format!(
                    "{}; {} put into quarantine and released",
                    counted(self.figures.panics, "panic"),
                    counted(self.figures.quarantines, "time")
                )],
            ),
            (
                "question",
                vec![format!(
                    "waited {} at most, over a kill, and was answered",
                    seconds(self.figures.question_ms)
                )],
            ),
            ("full disk", self.disk()),
            ("prompts", self.prompts()),
            ("permissions", self.permissions()),
            ("servers", self.servers()),
            ("hooks", self.hooks()),
            ("hostile", self.hostile()),
            (
                "doctor",
                vec![match &self.doctor {
                    Doctor::NotAsked => "not asked".to_owned(),
                    Doctor::Examined(conversations, faults) => {
                        format!("{conversations} conversations examined, {} faults", faults.len())
                    }
                }],
            ),
            ("host", self.host()),
        ]
    }

    fn turns(&self) -> Vec<String> {
        let turns = &self.findings.turns;
        let reasons: Vec<_> =
            turns.iter().map(|(reason, count)| format!("{} {reason}", grouped(*count))).collect();
        vec![format!("{}, by how they ended: {}", grouped(turns.values().sum()), reasons.join(", "))]
    }

    fn frames(&self) -> Vec<String> {
        let of = |kind: Kind| self.findings.frames.get(&kind).copied().unwrap_or_default();
        let kinds = Kind::ALL.map(|kind| format!("{} by {}", grouped(of(kind)), kind.name()));
        let Findings { lost, doubled, disordered, .. } = self.findings;
        vec![kinds.join(", "), format!("lost {lost}, doubled {doubled}, out of order {disordered}")]
    }

    fn acknowledged(&self) -> Vec<String> {
        let settled = &self.settled;
        let of = |manner| grouped(settled.acknowledged.get(&manner).copied().unwrap_or_default());
        vec![
            format!(
                "{}: {} that began turns, {} that waited, {} that steered, {}",
                grouped(settled.total()),
                of(Manner::Spoken),
                of(Manner::Queued),
                of(Manner::Steering),
                counted(settled.answers, "answer")
            ),
            format!(
                "in the log {}, waiting {}, lost {}, there twice {}",
                grouped(settled.in_log),
                grouped(settled.waiting),
                settled.lost.len(),
                settled.twice.len()
            ),
        ]
    }

    fn killed(&self) -> Vec<String> {
        let most = |of: fn(&Kill) -> u64| self.kills.iter().map(of).max().unwrap_or_default();
        vec![
            format!(
                "{}; served again {} later at most",
                self.kills.len(),
                seconds(most(|kill| kill.away_ms))
            ),
            format!("text taken back by each: {}", self.taken_back()),
        ]
    }

    fn taken_back(&self) -> String {
        let each: Vec<u64> = self.kills.iter().map(Kill::taken_back).collect();
        match &each[..] {
            [] => "none".to_owned(),
            few @ ([_] | [_, _] | [_, _, _] | [_, _, _, _]) => {
                few.iter().map(|bytes| format!("{bytes} bytes")).collect::<Vec<_>>().join(", ")
            }
            many => {
                let most = many.iter().max().copied().unwrap_or_default();
                let mean = many.iter().sum::<u64>() / many.len() as u64;
                format!("{mean} bytes in the mean, {most} at most")
            }
        }
    }

    fn disk(&self) -> Vec<String> {
        let disk = &self.figures.disk;
        vec![
            format!(
                "{} for {} at most; {} messages refused, {} of them in a log; {} taken",
                counted(disk.times, "time"),
                seconds(disk.longest_ms),
                disk.refused,
                self.settled.refused_and_there.len(),
                disk.taken
            ),
            format!("{} told that a turn cannot be stored yet", counted(self.findings.warnings, "viewer")),
        ]
    }

    fn prompts(&self) -> Vec<String> {
        let Prompts { skills, summaries, breaks, trusted, warmings, judgement } = &self.figures.prompts;
        vec![
            format!(
                "{} told, {} that went on, {} explained, {} trusted and told",
                counted(*skills, "active skill"),
                counted(*summaries, "summed up conversation"),
                counted(*breaks, "cache break"),
                counted(*trusted, "file")
            ),
            format!(
                "{} between turns; {} judged",
                counted(*warmings, "warming"),
                counted(judgement.judged, "fact")
            ),
        ]
    }

    fn permissions(&self) -> Vec<String> {
        let Guards { allowed, denied, by_program, waited, cut_off, ran, twice, .. } = &self.figures.guards;
        vec![
            format!(
                "{} asked about: {} allowed, {} denied; {} answered by `transom answer`",
                counted(allowed + denied, "command"),
                grouped(*allowed),
                grouped(*denied),
                grouped(*by_program)
            ),
            format!(
                "{} waited over a kill, {} were killed behind the answer",
                grouped(*waited),
                grouped(*cut_off)
            ),
            format!("{} ran, {} more than once", grouped(*ran), grouped(*twice)),
        ]
    }

    fn servers(&self) -> Vec<String> {
        let Guards { answered, failed, ended, .. } = &self.figures.guards;
        vec![format!(
            "ended {}; {} answered, {} failed with it",
            counted(*ended, "time"),
            counted(*answered, "call"),
            grouped(*failed)
        )]
    }

    fn hooks(&self) -> Vec<String> {
        let Guards { forbidden, changed, .. } = &self.figures.guards;
        vec![format!("{} forbidden, {} changed", counted(*forbidden, "command"), grouped(*changed))]
    }

    fn hostile(&self) -> Vec<String> {
        let Guards { hostile_turns, waiting, requests, judgement, .. } = &self.figures.guards;
        vec![
            format!(
                "{} beside {} that nobody trusts; {} to a model looked through",
                counted(*hostile_turns, "turn"),
                counted(*waiting, "file"),
                counted(*requests, "request")
            ),
            format!("{} judged of all these", counted(judgement.judged, "fact")),
        ]
    }

    fn host(&self) -> Vec<String> {
        let Some((first, last)) = &self.figures.burdens else { return vec!["not looked at".to_owned()] };
        let told = |burden: &Burden| {
            let Burden { resident_bytes, threads, descriptors } = burden;
            format!("{} MiB resident, {threads} threads, {descriptors} descriptors", resident_bytes >> 20)
        };
        let most = format!("at most       {} MiB resident", self.figures.most_resident >> 20);
        vec![format!("when it began {}", told(first)), format!("in the end    {}", told(last)), most]
    }

    /// For programs.
    pub(crate) fn document(&self) -> Value {
        let Findings { turns, lost, doubled, disordered, viewers, agreeing, .. } = &self.findings;
        let frames: Vec<Value> = Kind::ALL
            .map(|kind| json!({ "viewer": kind.name(), "frames": self.findings.frames.get(&kind) }))
            .to_vec();
        let kill = |kill: &Kill| json!({ "takenBackBytes": kill.taken_back(), "awayMs": kill.away_ms });
        let (disk, burdens) = (&self.figures.disk, self.figures.burdens.as_ref());
        json!({
            "seed": self.seed,
            "scenes": self.scenes,
            "seconds": self.seconds,
            "conversations": self.findings.conversations,
            "turns": turns,
            "frames": frames,
            "lost": lost, "doubled": doubled, "outOfOrder": disordered,
            "viewers": viewers, "agreeing": agreeing,
            "sameFrames": self.findings.same_frames, "sameBytes": self.findings.same_bytes,
            "acknowledged": self.settled.document(),
            "kills": self.kills.iter().map(kill).collect::<Vec<_>>(),
            "reloads": {
                "count": self.figures.reloads,
                "plugins": Stage::plugins().count(),
                "longestWaitMs": self.figures.longest_wait.1,
                "waitedFor": self.figures.longest_wait.0,
            },
            "faults": { "panics": self.figures.panics, "quarantines": self.figures.quarantines },
            "questionWaitedMs": self.figures.question_ms,
            "fullDisk": {
                "times": disk.times, "longestMs": disk.longest_ms, "refused": disk.refused, "taken": disk.taken,
                "warnings": self.findings.warnings,
            },
            "prompts": self.figures.prompts.document(),
            "guards": self.figures.guards.document(),
            "doctor": self.doctor.document(),
            "host": {
                "first": burdens.map(|(first, _)| first.document()),
                "last": burdens.map(|(_, last)| last.document()),
                "mostResidentBytes": self.figures.most_resident,
            },
            "broken": self.findings.broken,
            "well": self.is_well(),
        })
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number in groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds as seconds.
fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// Seconds as one reads them.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_one_reads_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([40, 3_000, 29_000].map(duration), ["40 s", "50 min", "8 h 3 min"]);
        assert_eq!(seconds(1_949), "1.9 s");
    }
}
