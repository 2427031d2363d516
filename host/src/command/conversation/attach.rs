//! `transom attach`: a conversation as it goes on.

use std::time::Duration;

use clap::Args;
use transom_agent::event::Cursor;

use super::identity::find;
use super::show::known;
use super::view::View;
use super::{Failure, One, host};
use crate::client::{Events, Span, latest_of};
use crate::program::{Common, INTERRUPTED};
use crate::terminal::{aside, note};

/// Show what happens in a conversation, from the beginning of the turn that runs, until Ctrl-C
#[derive(Args)]
#[command(
    after_help = "Examples:\n  transom attach 1e1d\n  transom attach notes --from 0:12:0 --json\n\nA cursor is `generation:position:offset` of the last frame that was seen."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    one: One,
    /// Show what follows this cursor first
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    from: Option<Cursor>,
    /// Show what the model thinks, too
    #[arg(long)]
    show_reasoning: bool,
    /// Wait no longer than this for a host that is gone [default: until Ctrl-C]
    #[arg(long, value_name = "SECONDS")]
    give_up_after: Option<u32>,
}

fn cursor(text: &str) -> Result<Cursor, String> {
    text.parse().map_err(|error: transom_plugin_api::CallError| error.message.into())
}

/// Whether something is shown between a cursor and what stands last.
const fn is_behind(after: Cursor, latest: Cursor) -> bool {
    after.generation < latest.generation || after.position < latest.position
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<u8, Failure> {
    let host = host(common)?;
    let id = find(&host.client, &arguments.one.id).await?;
    let known = known(&host.client, &id).await?;
    let runs = !known["turn"].is_null();
    // Where nothing runs it is known from where on everything is new, so that nothing is missed before the first frame.
    let latest = latest_of(&known);
    let after = arguments.from.or_else(|| (!runs).then_some(latest));
    let frames = host.client.events(&id, None, after).await?;
    let mut view = View::of_everything(common, arguments.show_reasoning, after).asking(&host.client);
    if !common.json && !runs {
        let line = format!("nothing runs in {id}; waiting for what comes");
        // Behind what was missed, when there is something.
        match after.is_some_and(|after| is_behind(after, latest)) {
            true => view.say_at(latest, line),
            false => aside(&line),
        }
    }
    let folder = Some(common.data_folder_of_host()?);
    let patience = arguments.give_up_after.map(|seconds| Duration::from_secs(seconds.into()));
    let (client, span) = (host.client.clone(), Span::Conversation);
    let mut events = Events::of(client, folder, patience, id.clone(), span, frames, after);
    drop(host);
    let outcome = tokio::select! {
        // From before the first word on.
        biased;
        _ = tokio::signal::ctrl_c() => {
            view.end_line();
            note(&format!("detached; `{}` comes back", common.again(&format!("attach {id}"))));
            return Ok(INTERRUPTED);
        }
        outcome = view.follow(&mut events) => outcome,
    };
    view.end_line();
    outcome.map_err(|problem| {
        let again = format!("`{}` comes back to it", common.again(&format!("attach {id}")));
        Failure::failed(format!("`{id}` cannot be followed: {problem}")).with_help(&again)
    })
}
