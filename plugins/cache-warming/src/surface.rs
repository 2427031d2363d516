//! Whether a conversation is kept warm, as a surface.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use transom_agent::surface::{
    Field, SurfaceAbout, SurfaceAct, SurfaceActed, SurfaceChanged, SurfaceOf, SurfaceSpec,
};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallError, List, Maybe, Server, StartError};

use crate::CacheWarmingPorts;
use crate::choice::{Choice, choose};
use crate::routes::{self, known};
use crate::warmer::Warmer;

/// The surface's id.
const ID: &str = "cache-warming";
/// What the toggle asks for.
const TOGGLE: &str = "toggle";
/// What the button asks for.
const WARM: &str = "warm";

/// How long a request by hand is waited for: who acts is given some seconds more.
const PATIENCE: Duration = Duration::from_secs(25);

/// Puts the surface on the bus.
pub(crate) fn register(
    warmer: &Arc<Warmer>,
    surfaces: &Server<SurfaceOf, SurfaceSpec, SurfaceAbout>,
    actions: &Server<SurfaceAct, SurfaceActed, SurfaceAbout>,
) -> Result<(), StartError> {
    surfaces.serve_named_with(ID, about(), warmer, async |warmer, of, _| {
        let conversation = known(&warmer, of.conversation()?).await?;
        let standing = routes::standing(&warmer, &conversation).await?;
        Ok(about().showing(ID, drawn(&standing)))
    })?;
    actions.serve_named_with(ID, about(), warmer, async |warmer, act, _| act_on(&warmer, &act).await)
}

/// Says that something else is to be shown of a conversation.
pub(crate) fn say_change(ports: &CacheWarmingPorts, id: &str) {
    if !sabotaged("warming-leave-the-surface-as-it-is") {
        ports.surface_changed.emit(&SurfaceChanged::of(ID, &id.into()));
    }
}

fn about() -> SurfaceAbout {
    SurfaceAbout::of_conversations("side", "Cache warming")
}

async fn act_on(warmer: &Arc<Warmer>, act: &SurfaceAct) -> Result<SurfaceActed, CallError> {
    let conversation = known(warmer, act.conversation()?).await?;
    match (act.action.as_str(), act.payload.value()) {
        (TOGGLE, Value::Bool(enabled)) => {
            let choice = Choice { enabled: Some(enabled), ..Choice::default() };
            choose(warmer, &conversation, &choice).await?;
            Ok(SurfaceActed::default())
        }
        (TOGGLE, _) => Err(CallError::invalid_input("`payload` is neither true nor false")),
        (WARM, _) => {
            let outcome = warmer.host.within(PATIENCE, warmer.warm(&conversation.id)).await;
            let late =
                || Err(CallError::unavailable("the model has not answered yet; it is still waited for"));
            let warmed = outcome.unwrap_or_else(late)?;
            let (percent, tokens) = (warmed.cache_pct, warmed.usage.input_tokens);
            let told = format!("{percent} percent of {tokens} tokens came from the cache").into();
            Ok(SurfaceActed { told: Maybe::Some(told) })
        }
        _ => Err(act.unknown()),
    }
}

fn drawn(standing: &Value) -> List<Field> {
    let value = standing["enabled"] == Value::Bool(true);
    List::from([
        Field::Toggle { label: "Keep it in the cache".into(), value, action: TOGGLE.into() },
        Field::Stat { label: "Asked again".into(), value: when(standing).into() },
        Field::Button { label: "Ask now".into(), action: WARM.into() },
    ])
}

fn when(standing: &Value) -> String {
    let at = standing["nextWarmAt"].as_i64().and_then(|ms| Timestamp::from_second(ms.div_euclid(1_000)).ok());
    match (standing["enabled"].as_bool(), standing["off"].as_str(), at) {
        (Some(true), Some(why), _) => format!("not now: {why}"),
        (Some(true), None, Some(at)) => at.to_string(),
        (Some(true), None, None) => "behind the next turn".to_owned(),
        _ => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_time_is_told_to_the_second_and_else_why_there_is_none() {
        for (standing, told) in [
            (json!({"enabled": true, "nextWarmAt": 1_700_000_000_999_i64}), "2023-11-14T22:13:20Z"),
            (json!({"enabled": true, "nextWarmAt": null}), "behind the next turn"),
            (json!({"enabled": true, "nextWarmAt": null, "off": "no prices"}), "not now: no prices"),
            (json!({"enabled": false, "nextWarmAt": null}), "never"),
            (json!({"enabled": true, "nextWarmAt": i64::MIN}), "behind the next turn"),
        ] {
            assert_eq!(when(&standing), told);
        }
    }
}
