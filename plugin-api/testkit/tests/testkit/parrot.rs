//! The plugin that the tests share: repeats what it is told, with all that a plugin can do.

use std::time::Duration;

use transom_plugin_api::prelude::*;

pub(crate) const ASK: Service<Text, Text> = Service::new("parrot/ask");
pub(crate) const SAID: Event<Text> = Event::new("parrot/said");
pub(crate) const TICKED: Event<i64> = Event::new("parrot/ticked");
pub(crate) const TEACH: Service<Text, Text> = Service::new("teacher/teach").deadline_ms(2_000);
pub(crate) const SONG: StreamService<Text, Text> = StreamService::new("radio/song");
pub(crate) const WORDING: Filter<Text> = Filter::fail_closed("parrot/wording");

/// Repeats what it is told.
#[derive(Settings)]
pub(crate) struct Parrot {
    /// Seconds between two ticks.
    #[setting(default = 1)]
    tick_s: u64,
}

#[derive(Clone, Ports)]
pub(crate) struct ParrotPorts {
    #[serves(ASK)]
    ask: Server<Text, Text>,
    #[says(SAID)]
    said: Emitter<Text>,
    #[says(TICKED)]
    ticked: Emitter<i64>,
    #[calls(TEACH)]
    teach: Caller<Text, Text>,
    #[calls(SONG, optional)]
    song: StreamCaller<Text, Text>,
    #[applies(WORDING)]
    wording: Applier<Text>,
}

impl Plugin for Parrot {
    type Ports = ParrotPorts;

    async fn start(self, ports: ParrotPorts, host: Host) -> Result<(), StartError> {
        tracing::info!(tick_s = self.tick_s, "wakes up");
        ports.ask.serve_with(&ports, answer)?;
        let (clock, ticked) = (host.clone(), ports.ticked);
        host.spawn(async move {
            loop {
                clock.sleep(Duration::from_secs(self.tick_s)).await;
                ticked.emit(&clock.now_ms());
            }
        });
        let diary = host.data_folder()?.join("diary");
        let lives = std::fs::read_to_string(&diary).unwrap_or_default() + "x";
        std::fs::write(&diary, lives)?;
        Ok(())
    }
}

export_plugin!(Parrot, id = "parrot");

async fn answer(ports: ParrotPorts, asked: Text, context: CallContext) -> Result<Text, CallError> {
    let span = tracing::info_span!("answer");
    span.in_scope(|| tracing::warn!("{} asks {asked}", context.caller()));
    let words = match asked.as_str() {
        "learn" => ports.teach.call(asked).await?,
        "sing" => sung(&ports).await?,
        "panic" => panic!("fell off the perch"),
        _ => ports.wording.apply(asked).await?,
    };
    ports.said.emit(&words);
    Ok(words)
}

async fn sung(ports: &ParrotPorts) -> Result<Text, CallError> {
    let mut song = ports.song.open("any".into())?;
    let mut words = String::new();
    while let Some(line) = song.next().await {
        words += line.map_err(|error| CallError::failed(format!("{words}… {}", error.message)))?.as_str();
    }
    Ok(words.into())
}
