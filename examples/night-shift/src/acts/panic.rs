//! A plugin panics until it is taken off the bus; the rest serves on; the operator puts it back.

use serde_json::Value;

use crate::client::Refusal;
use crate::journal::note;
use crate::scene::Scene;
use crate::stage::{FOREMAN, PANICS};

pub(super) async fn into_quarantine(scene: &mut Scene<'_>) -> Result<(), String> {
    note(&format!("`{FOREMAN}` panics {PANICS} times"));
    for _ in 0..PANICS {
        match scene.ship.client.post("/x/foreman/alarm", &Value::Null).await {
            Err(Refusal::Answered(500, _)) => scene.figures.panicked(),
            other => return Err(format!("a route that panics answered {other:?}")),
        }
    }
    is(scene, "quarantined").await?;
    let shown = scene.ship.operator.told(&["status"]).await?;
    if !shown.contains(&format!("{PANICS} faults within")) {
        return Err(format!("`transom status` does not say why: {shown}"));
    }
    note("`transom status` shows it quarantined, and turns go on without it");
    scene.turns(4).await?;
    scene.ship.operator.ask(&["release", FOREMAN]).await?;
    is(scene, "running").await?;
    scene.ship.client.get("/x/foreman").await?;
    scene.figures.released();
    note("it is released, and serves");
    Ok(())
}

async fn is(scene: &Scene<'_>, state: &str) -> Result<(), String> {
    let plugin = scene.ship.operator.plugin(FOREMAN).await?;
    if plugin["state"] == state { Ok(()) } else { Err(format!("expected it {state}: {plugin}")) }
}
