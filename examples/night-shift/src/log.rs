//! [`Log`]: a conversation as the host has it, and whether it makes sense in itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::book::Book;
use crate::client::Client;

/// What the host says of a conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) id: String,
    pub(crate) entries: Vec<Value>,
    /// How far viewers are.
    pub(crate) latest_position: u64,
    /// The messages that wait, as one text.
    pub(crate) waiting: String,
}

impl Log {
    /// Reads it from the host.
    ///
    /// # Errors
    /// When the host does not answer.
    pub(crate) async fn of(client: &Client, id: &str) -> Result<Self, String> {
        let document = client.get(&format!("/conversations/{id}")).await?;
        let queue = client.get(&format!("/conversations/{id}/queue")).await?;
        Ok(Self {
            id: id.to_owned(),
            entries: document["chunks"].as_array().cloned().unwrap_or_default(),
            latest_position: document["latestPosition"].as_u64().unwrap_or_default(),
            waiting: queue["queue"].to_string(),
        })
    }

    /// How often a person has said this in it.
    pub(crate) fn times_said(&self, words: &str) -> usize {
        let by_person = self.entries.iter().filter(|entry| entry["role"] == "user");
        by_person
            .filter_map(|entry| entry["chunk"]["text"].as_str())
            .map(|text| text.matches(words).count())
            .sum()
    }

    /// How often this waits.
    pub(crate) fn times_waiting(&self, words: &str) -> usize {
        self.waiting.matches(words).count()
    }

    /// The chunks of one type.
    pub(crate) fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.entries.iter().map(|entry| &entry["chunk"]).filter(move |chunk| chunk["type"] == kind)
    }

    /// How turns ended, by their reasons.
    pub(crate) fn reasons(&self) -> BTreeMap<String, u64> {
        let mut reasons = BTreeMap::new();
        for end in self.of_type("turn-end") {
            let reason = end["record"]["reason"].as_str().unwrap_or("without a reason");
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
        reasons
    }

    /// What is wrong in it, one line each: `seq` and positions without a gap, one result for each call, one end for each
    /// turn.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |is_well: bool, what: &str| {
            if !is_well {
                faults.push(format!("{}: {what}", self.id));
            }
        };
        let seqs = self.entries.iter().filter_map(|entry| entry["seq"].as_u64());
        check(seqs.eq(1..=self.entries.len() as u64), "`seq` has a gap");
        let positions = self.positions();
        check(positions.iter().copied().eq(1..=positions.len() as u64), "positions have a gap");
        let calls = self.counted("tool-call", |chunk| &chunk["toolCallId"]);
        let results = self.counted("tool-result", |chunk| &chunk["toolCallId"]);
        check(calls == results, "calls and results do not match");
        let starts = self.counted("turn-start", |chunk| &chunk["turnId"]);
        let ends = self.counted("turn-end", |chunk| &chunk["record"]["turnId"]);
        check(starts == ends, "turns do not end as often as they begin");
        check(starts.values().all(|times| *times == 1), "a turn begins twice");
        faults
    }

    /// The positions that something stands at, in order.
    fn positions(&self) -> Vec<u64> {
        let mut positions: Vec<u64> =
            self.entries.iter().filter_map(|entry| entry["position"].as_u64()).collect();
        // The seal has no entry of its own.
        let ends = self.entries.iter().filter(|entry| entry["chunk"]["type"] == "turn-end");
        positions.extend(ends.filter_map(|entry| Some(entry["position"].as_u64()? + 1)));
        positions.sort_unstable();
        positions
    }

    /// How often each key stands in chunks of a type, by turn.
    fn counted<'a>(&'a self, kind: &str, key: impl Fn(&'a Value) -> &'a Value) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry["chunk"]["type"] == kind) {
            *counts.entry(format!("{} {}", entry["turnId"], key(&entry["chunk"]))).or_default() += 1;
        }
        counts
    }

    /// Where what viewers are shown is not what is stored: each text byte for byte, everything else by its position.
    pub(crate) fn differences_from(&self, shown: &Book) -> Vec<String> {
        let mut found = Vec::new();
        for entry in &self.entries {
            let Some(position) = entry["position"].as_u64() else { continue };
            let chunk = &entry["chunk"];
            let is_said =
                entry["role"] == "assistant" && (chunk["type"] == "text" || chunk["type"] == "thinking");
            let is_shown = match chunk["text"].as_str() {
                Some(text) if is_said => shown.text_at(position) == Some(text),
                _ => shown.knows(position),
            };
            if !is_shown {
                found.push(format!("{} at {position} is shown otherwise: {entry}", self.id));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
