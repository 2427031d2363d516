//! Every plugin is replaced from its file, while everybody goes on.

use crate::journal::note;
use crate::scene::Scene;
use crate::stage::Stage;

pub(super) async fn every_plugin(scene: &mut Scene<'_>) -> Result<(), String> {
    note("every plugin is reloaded from its file");
    for plugin in Stage::plugins() {
        let told = scene.ship.operator.ask(&["reload", plugin]).await?;
        let reloaded = &told["reloaded"][0];
        if reloaded["plugin"] != plugin || !reloaded["cutOff"].is_null() {
            return Err(format!("`{plugin}` was not replaced in good order: {told}"));
        }
        scene.figures.reloaded(plugin, reloaded["longestWaitMs"].as_u64().unwrap_or_default());
    }
    scene.turns(4).await?;
    scene.figures.host_at(scene.host.as_ref().ok_or("no host runs")?, &scene.ship.operator).await
}
