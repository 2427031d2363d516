//! How the turns of a conversation went: put together from the facts in its log.

use rusqlite::Connection;
use transom_agent::conversation::{Metrics, StepMetrics, TurnMetrics};
use transom_agent::message::Chunk;
use transom_agent::provider::Usage;
use transom_agent::turn::TurnState;
use transom_plugin_api::{List, Maybe, Text};

use super::place::places_of;
use super::tally::Tally;
use crate::entry;
use crate::word::of_word;

/// The turns of a conversation, the oldest first.
pub(crate) fn of(connection: &Connection, number: i64) -> rusqlite::Result<Metrics> {
    let mut turns = begun(connection, number)?;
    let sql = "SELECT h.turn, h.created_at, e.chunk
               FROM entries e JOIN entries h ON h.place = e.place - e.chunk_index
               WHERE e.place BETWEEN ?1 AND ?2 AND h.role = 'system' AND h.turn IS NOT NULL ORDER BY e.place";
    let places = places_of(number);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((places.start(), places.end()))?;
    while let Some(row) = rows.next()? {
        let turn: i64 = row.get(0)?;
        if let Some(begun) = turns.iter_mut().rev().find(|begun| begun.number == turn) {
            begun.take(&entry::decode(row.get_ref(2)?.as_str()?), row.get(1)?);
        }
    }
    Ok(Metrics { turns: turns.into_iter().map(Begun::metrics).collect() })
}

/// A turn whose facts are being read.
struct Begun {
    number: i64,
    metrics: TurnMetrics,
    tally: Tally,
    steps: Vec<StepMetrics>,
    has_ended: bool,
}

fn begun(connection: &Connection, number: i64) -> rusqlite::Result<Vec<Begun>> {
    let sql = "SELECT number, turn_id, state FROM turns
               WHERE conversation = ?1 AND state IS NOT NULL ORDER BY started_seq";
    let begun = |row: &rusqlite::Row<'_>| {
        let state = of_word(row.get_ref(2)?.as_str()?).unwrap_or(TurnState::Ended);
        let metrics = TurnMetrics {
            turn_id: row.get::<_, String>(1)?.into(),
            model: Text::new(),
            started_at: 0,
            state,
            reason: Maybe::None,
            usage: Usage::default(),
            duration_ms: Maybe::None,
            context_size: Maybe::None,
            steps: List::new(),
        };
        let tally = Tally::default();
        Ok(Begun { number: row.get(0)?, metrics, tally, steps: Vec::new(), has_ended: false })
    };
    connection.prepare_cached(sql)?.query_map([number], begun)?.collect()
}

impl Begun {
    fn take(&mut self, chunk: &Chunk, created_at: i64) {
        self.tally.add(chunk);
        match chunk {
            Chunk::TurnStart { model, .. } => {
                self.metrics.model.clone_from(model);
                self.metrics.started_at = created_at;
            }
            Chunk::Usage { step_id, usage } => self.step(step_id).usage = *usage,
            Chunk::StepComplete { step_id, ttft_ms, decode_ms, gen_total_ms } => {
                let step = self.step(step_id);
                step.ttft_ms = *ttft_ms;
                step.decode_ms = *decode_ms;
                step.gen_total_ms = Maybe::Some(*gen_total_ms);
            }
            Chunk::TurnEnd { record } => {
                self.has_ended = true;
                self.metrics.model.clone_from(&record.model);
                self.metrics.started_at = record.started_at;
                self.metrics.reason = Maybe::Some(record.reason.clone());
                self.metrics.usage = record.usage;
                self.metrics.duration_ms = Maybe::Some(record.duration_ms);
                self.metrics.context_size = record.context_size;
            }
            _ => {}
        }
    }

    fn step(&mut self, step_id: &Text) -> &mut StepMetrics {
        let index = self.steps.iter().position(|step| &step.step_id == step_id).unwrap_or_else(|| {
            self.steps.push(StepMetrics {
                step_id: step_id.clone(),
                usage: Usage::default(),
                ttft_ms: Maybe::None,
                decode_ms: Maybe::None,
                gen_total_ms: Maybe::None,
            });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    fn metrics(self) -> TurnMetrics {
        let Self { mut metrics, tally, steps, has_ended, .. } = self;
        metrics.steps = steps.into();
        if !has_ended {
            metrics.usage = tally.usage;
            metrics.context_size = tally.context_size;
        }
        metrics
    }
}
