//! The points of a turn at which hooks are asked: what each tells them, and what becomes of their answer.

mod calls;
mod happened;
mod input;
mod question;
mod turn;

use std::sync::Arc;

use transom_plugin_api::StartError;

use crate::HookPorts;
use crate::hooks::Hooks;

/// Puts all of it on the bus.
///
/// # Errors
/// When the plugin has been stopped meanwhile.
pub(crate) fn register(hooks: &Arc<Hooks>, ports: &HookPorts) -> Result<(), StartError> {
    ports.input.link_with(hooks, async |hooks, input, context| input::said(&hooks, input, &context).await)?;
    ports
        .gate
        .link_with(hooks, async |hooks, gate, context| Ok(calls::change(&hooks, gate, &context).await))?;
    ports.ran.link_with(hooks, async |hooks, ran, context| Ok(calls::ran(&hooks, ran, &context).await))?;
    ports
        .ending
        .link_with(hooks, async |hooks, end, context| Ok(turn::ending(&hooks, end, &context).await))?;
    ports.compacting.link_with(hooks, async |hooks, draft, context| {
        Ok(turn::compacting(&hooks, draft, &context).await)
    })?;
    happened::register(hooks, ports)
}
