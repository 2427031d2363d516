//! What is chosen for the turns of a conversation: refused now where a turn would refuse it later, in the same words.

use transom_agent::conversation::Update;
use transom_agent::refusal::check_conversation_id;
use transom_plugin_api::{CallError, Maybe, Text};

use super::Orchestrator;
use crate::edges::Edges;
use crate::{admission, folder};

/// A choice that was taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// As it stands now; `None` when it was taken back.
    pub(crate) choice: Option<Text>,
    /// Whether a turn could go by it at this moment.
    pub(crate) is_served: bool,
}

impl<E: Edges> Orchestrator<E> {
    /// Chooses a model, or takes that back. One whose provider may be away is taken, since it may come back.
    ///
    /// # Errors
    /// `InvalidInput` for a model that is not served, with the nearest names; `NotFound` when there is nothing to take back.
    pub(crate) async fn choose_model(
        &self,
        conversation_id: &Text,
        model: Option<Text>,
    ) -> Result<Chosen, CallError> {
        check_conversation_id("conversationId", conversation_id)?;
        let mut is_served = true;
        match &model {
            Some(model) => is_served = self.check_model(model).await?,
            None => drop(self.edges.find(conversation_id).await?),
        }
        let update = Update {
            conversation_id: conversation_id.clone(),
            model: Maybe::Some(model.unwrap_or_default()),
            ..Update::default()
        };
        let known = self.edges.update(update).await?;
        Ok(Chosen { choice: known.model.into_option(), is_served })
    }

    async fn check_model(&self, model: &Text) -> Result<bool, CallError> {
        let served: Vec<Text> = self.edges.models().into_iter().map(|model| model.name).collect();
        match admission::check_model(model, &served) {
            Ok(()) => Ok(true),
            Err(_) if admission::lacks_provider(model, &served) && self.edges.is_anybody_away().await => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Chooses a folder, and moves the conversation to a workspace if one is named. What is kept has no symlinks.
    ///
    /// # Errors
    /// As a turn that works there.
    pub(crate) async fn choose_folder_for(
        &self,
        conversation_id: &Text,
        cwd: &str,
        workspace_id: Maybe<Text>,
    ) -> Result<Chosen, CallError> {
        check_conversation_id("conversationId", conversation_id)?;
        let cwd = folder::choose(Some(cwd), None, None, &self.edges.roots())?;
        let update = Update {
            conversation_id: conversation_id.clone(),
            cwd: Maybe::Some(cwd),
            workspace_id,
            ..Update::default()
        };
        let known = self.edges.update(update).await?;
        Ok(Chosen { choice: known.cwd.into_option(), is_served: true })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use transom_plugin_api::CallErrorKind;

    use crate::edges::fake::scene::{Scene, scene};

    async fn chosen(scene: &Scene, model: &str) -> Result<bool, (CallErrorKind, String)> {
        let chosen = scene.orchestrator.choose_model(&"c".into(), Some(model.into())).await;
        let chosen = chosen.map_err(|error| (error.kind, error.message.into_string()))?;
        assert_eq!(chosen.choice.as_deref(), Some(model));
        Ok(chosen.is_served)
    }

    #[tokio::test]
    async fn a_model_that_no_turn_could_ask_is_refused_when_it_is_chosen() {
        let scene = scene();
        assert_eq!(chosen(&scene, "a/one").await, Ok(true));
        let told = "`model` is `a/oen` and not served; nearest is `a/one`";
        assert_eq!(chosen(&scene, "a/oen").await, Err((CallErrorKind::InvalidInput, told.to_owned())));
        assert!(chosen(&scene, "one").await.is_err() && chosen(&scene, "x/one").await.is_err());
    }

    #[tokio::test]
    async fn a_model_whose_provider_may_be_away_is_taken_and_that_is_said() {
        let scene = scene();
        scene.world.is_anybody_away.store(true, Ordering::Relaxed);
        assert_eq!(chosen(&scene, "x/one").await, Ok(false));
        assert!(chosen(&scene, "a/two").await.is_err(), "its provider is there");
        assert!(chosen(&scene, "one").await.is_err(), "it is no name of a model");
    }

    #[tokio::test]
    async fn a_choice_is_taken_back_only_where_there_is_a_conversation() {
        let scene = scene();
        let back = |id: &str| {
            let id = id.into();
            let scene = &scene;
            async move { scene.orchestrator.choose_model(&id, None).await.map_err(|error| error.kind) }
        };
        assert_eq!(back("nobody").await, Err(CallErrorKind::NotFound));
        chosen(&scene, "a/one").await.unwrap();
        assert_eq!(back("c").await.map(|chosen| chosen.choice), Ok(None));
    }

    #[tokio::test]
    async fn a_folder_in_which_no_turn_could_work_is_refused_when_it_is_chosen() {
        let scene = scene();
        for folder in ["/", "src", "/nowhere/at/all"] {
            let refused =
                scene.orchestrator.choose_folder_for(&"c".into(), folder, None.into()).await.unwrap_err();
            assert_eq!(refused.kind, CallErrorKind::InvalidInput);
            assert!(refused.message.starts_with("`cwd` is `"), "{refused}");
        }
        let root = scene.world.roots[0].to_str().unwrap();
        let taken =
            scene.orchestrator.choose_folder_for(&"c".into(), root, Some("w".into()).into()).await.unwrap();
        assert_eq!(taken.choice.as_deref(), Some(root));
    }
}
