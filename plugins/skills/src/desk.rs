//! [`Desk`]: where skills are asked for. It has them looked for where a slow disk holds nobody up, and hands out what the operator trusts.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use transom_agent::tool::ToolDefinition;
use transom_agent::trust::{Found, Trust, unasked};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, Caller, Host, Json, List};

use crate::aside::Aside;
use crate::finds::Finds;
use crate::instructions::Instructions;
use crate::library::{Library, Sight};
use crate::shelf::Care;
use crate::standing::Standing;
use crate::tree::Tree;
use crate::view::{Miss, Survey, View};

/// What is said to the operator of skills that wait to be trusted.
const PURPOSE: &str = "skills that models are told";

/// How long the word on a tree may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The instructions of a skill, or why there are none: for this plugin, and in words for a model.
type Loaded = Result<Instructions, (Miss, String)>;

/// Where skills are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    library: Arc<Library>,
    pub(crate) aside: Aside,
    trust: Caller<Found, Trust>,
    host: Host,
}

impl Desk {
    pub(crate) fn new(library: Library, aside: Aside, trust: Caller<Found, Trust>, host: Host) -> Self {
        Self { library: Arc::new(library), aside, trust, host }
    }

    /// The tools of a turn that works in `cwd`, with its skills told in them. Whether they are to be [checked](Self::check) beside the
    /// turn.
    ///
    /// # Errors
    /// When a folder of skills cannot be read.
    pub(crate) async fn tell(
        &self,
        cwd: &str,
        mut tools: List<ToolDefinition>,
    ) -> Result<(List<ToolDefinition>, bool), CallError> {
        let view = self.view(cwd, Care::Watched).await?;
        view.tell(&mut tools);
        Ok((tools, self.library.shelves.is_due(&view.trees)))
    }

    /// Looks through everything for changes of which no watch tells.
    pub(crate) async fn check(&self, cwd: &str) {
        let (library, folder) = (Arc::clone(&self.library), cwd.to_owned());
        let looked = self.aside.work(move || library.look(&folder, Care::Afresh).map(drop)).await;
        if let Ok(Err(error)) = looked {
            tracing::warn!("the skills of `{cwd}` cannot be looked through: {error}");
        }
    }

    /// The skills of who works in `cwd`, as they are now; and by which versions of their files those are there that are named.
    ///
    /// # Errors
    /// When a folder of skills cannot be read.
    pub(crate) async fn survey(&self, cwd: &str, names: Vec<String>) -> Result<Survey, CallError> {
        let view = self.view(cwd, Care::Afresh).await?;
        self.aside.work(move || view.survey(&names)).await
    }

    /// The instructions of a skill as they are now.
    ///
    /// # Errors
    /// `NotFound` with the names that may have been meant, `Conflict` when it cannot be read or may not be used.
    pub(crate) async fn read(&self, cwd: &str, name: String) -> Result<Instructions, CallError> {
        let view = self.view(cwd, Care::Afresh).await?;
        self.aside.work(move || view.read(&name).map_err(|miss| view.refusal(&name, &miss))).await?
    }

    /// The instructions of the skill that `input` names, or why there are none.
    pub(crate) async fn load(&self, cwd: &str, input: &Json) -> Result<String, String> {
        let name = name_in(&input.value())?;
        let failed = |error: CallError| error.message.into_string();
        let loaded = match self.loaded(cwd, &name, Care::Watched).await.map_err(failed)? {
            // Before that is said, it is looked for where no watch tells of it.
            Err((Miss::Unknown | Miss::Changed, _)) => {
                self.loaded(cwd, &name, Care::Afresh).await.map_err(failed)?
            }
            loaded => loaded,
        };
        let read = loaded.map_err(|(_, told)| told)?;
        Ok(read.shown.unwrap_or_else(|| format!("[skill `{name}` says nothing]")))
    }

    async fn loaded(&self, cwd: &str, name: &str, care: Care) -> Result<Loaded, CallError> {
        let (view, name) = (self.view(cwd, care).await?, name.to_owned());
        let load = move || {
            view.read(&name).map_err(|miss| {
                let told = view.told(&name, &miss);
                (miss, told)
            })
        };
        self.aside.work(load).await
    }

    /// The skills of who works in `cwd` that may be used.
    async fn view(&self, cwd: &str, care: Care) -> Result<View, CallError> {
        let (library, folder) = (Arc::clone(&self.library), cwd.to_owned());
        let sight = self.aside.work(move || library.look(&folder, care)).await?;
        let unreadable = |error| CallError::unavailable(format!("the skills cannot be read: {error}"));
        let sight = sight.map_err(unreadable)?;
        let standings = self.standings(cwd, &sight).await;
        let of: Vec<_> = sight.of.into_iter().zip(standings).collect();
        let shelf = match self.library.shelves.remembered(cwd, &of) {
            Some(shelf) => shelf,
            None => {
                let (library, folder) = (Arc::clone(&self.library), cwd.to_owned());
                self.aside.work(move || library.shelves.made_of(&folder, of)).await?
            }
        };
        Ok(View::new(sight.trees, shelf))
    }

    async fn standings(&self, cwd: &str, sight: &Sight) -> Vec<Standing> {
        let mut standings = Vec::with_capacity(sight.trees.len());
        for (tree, finds) in sight.trees.iter().zip(&sight.of) {
            standings.push(self.standing(cwd, tree, finds).await);
        }
        standings
    }

    /// What the operator says of a tree; who does not answer does not trust it.
    async fn standing(&self, cwd: &str, tree: &Tree, finds: &Finds) -> Standing {
        let Some(name) = tree.below().filter(|_| !finds.candidates.is_empty()) else { return Standing::Own };
        if sabotaged("skills-trust-every-folder") {
            return Standing::Trusted;
        }
        let found = Found {
            folder: cwd.into(),
            name: name.into(),
            sha256: finds.sha256.as_str().into(),
            purpose: PURPOSE.into(),
        };
        match self.host.within(PATIENCE, self.trust.call(found)).await {
            Some(Ok(trust)) => trust.into(),
            Some(Err(error)) => Standing::Unasked(unasked(&error)),
            None => Standing::Unasked(format!(
                "nobody has said within {} s whether it is trusted",
                PATIENCE.as_secs()
            )),
        }
    }
}

fn name_in(input: &Value) -> Result<String, String> {
    let fields = input.as_object().ok_or("the input is not a JSON object, expected `name`")?;
    if let Some(unknown) = fields.keys().find(|key| *key != "name") {
        return Err(format!("`{unknown}` is not an input of this tool, which takes `name`"));
    }
    match fields.get("name") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        Some(Value::String(_)) => Err("`name` is empty, expected the name of a skill".to_owned()),
        Some(other) => Err(format!("`name` is {other}, expected text")),
        None => Err("`name` is missing, expected text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_input_is_named() {
        for (input, expected) in [
            (json!("pdf"), "the input is not a JSON object, expected `name`"),
            (json!({}), "`name` is missing, expected text"),
            (json!({"name": ""}), "`name` is empty, expected the name of a skill"),
            (json!({"name": 3}), "`name` is 3, expected text"),
            (json!({"name": "a", "path": "b"}), "`path` is not an input of this tool, which takes `name`"),
        ] {
            assert_eq!(name_in(&input), Err(expected.to_owned()));
        }
        assert_eq!(name_in(&json!({"name": "pdf"})), Ok("pdf".to_owned()));
    }
}
