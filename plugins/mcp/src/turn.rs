//! [`Servers`]: the operator's servers and those of folders, and which of their tools a turn is offered.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use transom_agent::tool::{ToolAssembly, ToolDefinition};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{List, Text};

use crate::connection::{Company, Connection, Phase};
use crate::definition::Definition;
use crate::folders::Folders;

/// How long a turn may be held up from here, of the 5 s that the filter gives.
const LONGEST: Duration = Duration::from_millis(4_500);

/// How long it may take of that to look into the folder and to ask whether its file is trusted.
const TO_ENTER: Duration = Duration::from_secs(3);

/// All servers.
pub(crate) struct Servers {
    pub(crate) company: Company,
    pub(crate) own: Vec<Arc<Connection>>,
    /// Absent where folders' files are not looked for.
    pub(crate) folders: Option<Folders>,
    wait: Duration,
}

impl Servers {
    /// Begins to start the operator's servers.
    pub(crate) fn begin(
        definitions: Vec<Definition>,
        company: Company,
        folders: Option<Folders>,
        wait: Duration,
    ) -> Arc<Self> {
        let runs_in = company.host.roots().next().map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let begin = |definition| Connection::begin(definition, None, runs_in.clone(), company.clone());
        let own = definitions.into_iter().map(begin).collect();
        Arc::new(Self { company, own, folders, wait })
    }

    /// All of them, wherever they come from.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.own.iter().cloned().chain(self.folders.iter().flat_map(Folders::all)).collect()
    }

    /// The tools of a turn: those of the servers that count in its folder, and what others put there.
    pub(crate) async fn assemble(&self, assembly: ToolAssembly) -> ToolAssembly {
        let known = self.company.registry.served();
        let began_at = self.company.host.now_ms();
        let found = match &self.folders {
            // What could not be judged in time is not used.
            Some(folders) => {
                let entering = folders.enter(&assembly.cwd);
                self.company.host.within(TO_ENTER, entering).await.unwrap_or_default()
            }
            None => Vec::new(),
        };
        let here: Vec<_> = self.own.iter().cloned().chain(found).collect();
        let passed = self.company.host.now_ms().saturating_sub(began_at);
        let passed = Duration::from_millis(passed.try_into().unwrap_or(0));
        self.wait_for(&here, self.wait.min(LONGEST.saturating_sub(passed))).await;
        let offered = offered(&here, &self.company.registry.served());
        ToolAssembly { tools: merged(&assembly.tools, &known, offered), ..assembly }
    }

    /// Waits for those that are being started for the first time, once for each.
    async fn wait_for(&self, servers: &[Arc<Connection>], limit: Duration) {
        let is_new = |phase| phase == Phase::Connecting { first: true };
        if limit.is_zero() {
            return;
        }
        let is_due = |one: &&Arc<Connection>| is_new(one.phase()) && one.claims_its_wait();
        let news: Vec<Arc<Connection>> = servers.iter().filter(is_due).cloned().collect();
        let waiting = async {
            for one in &news {
                one.past(is_new).await;
            }
        };
        if sabotaged("wait-for-servers-without-end") {
            return waiting.await;
        }
        self.company.host.within(limit, waiting).await;
    }

    /// Ends all of them, and waits until nothing runs any more.
    pub(crate) async fn end(&self) {
        let all = self.all();
        all.iter().for_each(|one| one.stop());
        for one in &all {
            one.stopped().await;
        }
    }
}

/// What the servers offer, of what is on the bus.
fn offered(here: &[Arc<Connection>], served: &BTreeSet<Text>) -> Vec<ToolDefinition> {
    let tools = here.iter().map(|one| one.state().tools);
    let mut offered: Vec<ToolDefinition> = Vec::new();
    for tools in tools {
        for one in tools.iter() {
            if served.contains(&one.definition.name) {
                offered.push(one.definition.clone());
            }
        }
    }
    offered
}

/// The tools of a turn: others' as they are, ours as they are in this folder. What stood on the bus and was dropped from the turn
/// before stays out; what came only now is added.
fn merged(
    tools: &List<ToolDefinition>,
    known: &BTreeSet<Text>,
    offered: Vec<ToolDefinition>,
) -> List<ToolDefinition> {
    let is_kept = |tool: &ToolDefinition| {
        tools.iter().any(|there| there.name == tool.name) || !known.contains(&tool.name)
    };
    let others = tools.iter().filter(|tool| {
        !known.contains(&tool.name) && offered.iter().all(|one| one.name != tool.name)
            || sabotaged("offer-all-folders-tools")
    });
    let mut merged: Vec<ToolDefinition> = others.cloned().collect();
    merged.extend(offered.iter().filter(|tool| is_kept(tool)).cloned());
    merged.sort_by(|one, other| one.name.cmp(&other.name));
    merged.dedup_by(|one, other| one.name == other.name);
    merged.into()
}

#[cfg(test)]
mod tests {
    use transom_plugin_api::{Json, Maybe};

    use super::*;

    fn tools(names: &[(&str, &str)]) -> Vec<ToolDefinition> {
        let one = |(name, description): &(&str, &str)| ToolDefinition {
            name: (*name).into(),
            description: (*description).into(),
            parameters: Json::default(),
            concurrency_safe: false,
            effects: Maybe::None,
        };
        names.iter().map(one).collect()
    }

    fn told(there: &[(&str, &str)], known: &[&str], offered: &[(&str, &str)]) -> Vec<(String, String)> {
        let known = known.iter().map(|&name| Text::from(name)).collect();
        let merged = merged(&tools(there).into(), &known, tools(offered));
        merged.iter().map(|tool| (tool.name.to_string(), tool.description.to_string())).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
    }

    #[test]
    fn what_a_folder_does_not_have_is_not_offered_there_and_others_tools_stay() {
        let there = [("a__x", "of another folder"), ("read", ""), ("z__y", "stale")];
        let merged = told(&there, &["a__x", "z__y"], &[("z__y", "current")]);
        assert_eq!(merged, pairs(&[("read", ""), ("z__y", "current")]));
    }

    #[test]
    fn what_came_only_now_is_added_and_what_another_plugin_dropped_stays_out() {
        let merged = told(&[("read", "")], &["a__dropped"], &[("a__dropped", ""), ("a__new", "")]);
        assert_eq!(merged, pairs(&[("a__new", ""), ("read", "")]));
    }
}
