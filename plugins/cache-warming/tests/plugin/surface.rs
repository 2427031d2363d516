//! The surface of a conversation that may be kept warm.

use std::time::Duration;

use serde_json::{Value, json as value};
use transom_agent::surface::{
    Field, SURFACE, SURFACE_ACTION, SURFACE_CHANGED, SurfaceAct, SurfaceChanged, SurfaceOf,
};
use transom_plugin_api::{CallErrorKind, Maybe};
use transom_testkit::{Stand, both_ways_paused};

use crate::world::World;
use crate::{standing, started};

async fn fields(stand: &Stand) -> Vec<Field> {
    let of = SurfaceOf { conversation_id: "c".into() };
    stand.caller(SURFACE).call_named("cache-warming", of).await.expect("it is there").fields.into()
}

async fn act(stand: &Stand, action: &str, payload: Value) -> Result<Option<String>, CallErrorKind> {
    let act = SurfaceAct { action: action.into(), payload: payload.into(), conversation_id: "c".into() };
    let done = stand.caller(SURFACE_ACTION).call_named("cache-warming", act).await;
    done.map(|done| done.told.into_option().map(Into::into)).map_err(|error| error.kind)
}

#[test]
fn the_surface_opts_in_asks_at_once_and_says_when_it_shows_something_else() {
    both_ways_paused(async |stand| {
        let world = World::new();
        let stand = started(stand, &world).await;
        world.turn(&stand, "c");
        let changed = stand.record(SURFACE_CHANGED);
        let off =
            Field::Toggle { label: "Keep it in the cache".into(), value: false, action: "toggle".into() };
        assert_eq!(fields(&stand).await[0], off);
        assert_eq!(act(&stand, "toggle", value!(true)).await, Ok(None));
        assert!(changed.all().contains(&SurfaceChanged::of("cache-warming", &"c".into())));
        assert_eq!(standing(&stand, "c").await["enabled"], true);
        let shown = fields(&stand).await;
        assert!(matches!(&shown[0], Field::Toggle { value: true, .. }), "{shown:?}");
        let Field::Stat { value, .. } = &shown[1] else { panic!("{shown:?}") };
        assert!(value.ends_with('Z'), "{value}");
        let armed = value.clone();
        stand.advance(Duration::from_secs(60)).await;
        let told = act(&stand, "warm", Value::Null).await.expect("the model answers");
        assert_eq!(told.as_deref(), Some("99 percent of 1000000 tokens came from the cache"));
        let Field::Stat { value, .. } = &fields(&stand).await[1] else { panic!("a stat") };
        assert!(value.as_str() > armed.as_str(), "{value}, before {armed}");
        assert_eq!(act(&stand, "toggle", value!("on")).await, Err(CallErrorKind::InvalidInput));
        assert_eq!(act(&stand, "fly", Value::Null).await, Err(CallErrorKind::NotFound));
        let nobody = SurfaceOf { conversation_id: Maybe::None };
        let error = stand.caller(SURFACE).call_named("cache-warming", nobody).await.expect_err("whose");
        assert_eq!(error.kind, CallErrorKind::InvalidInput);
        stand.stop().await;
    });
}
