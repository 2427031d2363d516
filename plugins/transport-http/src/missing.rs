//! What a client is told that asks for a route which is not there: whose it was, and why that plugin does not serve it.

use axum::http::StatusCode;
use transom_entrance::Refused;
use transom_plugin_api::hosting::{PluginList, PluginState};

/// Of a request that no route answers. `owner` served it earlier; `plugins` are those of the host, if it says.
pub(crate) fn refusal(request: &str, owner: Option<&str>, plugins: Option<&PluginList>) -> Refused {
    let Some(owner) = owner else { return nobody_s(request, plugins) };
    let state = plugins.and_then(|list| list.plugins.iter().find(|plugin| plugin.id == owner));
    match state.map(|plugin| &plugin.state) {
        Some(PluginState::Quarantined) => Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "`{request}` is served by `{owner}`, which is quarantined: `GET /plugins` says why, and \
                 `transom release {owner}` puts it back"
            ),
        ),
        Some(PluginState::Running) => not_found(request, ""),
        Some(_) => not_found(
            request,
            &format!(": it was served by `{owner}`, which does not run; `GET /plugins` says why"),
        ),
        None => not_found(
            request,
            &format!(": it was served by `{owner}`, which is no plugin of this host any more"),
        ),
    }
}

/// Whether a plugin runs, so that it has let go of its route by itself.
pub(crate) fn runs(plugin: &str, plugins: Option<&PluginList>) -> bool {
    let mut known = plugins.into_iter().flat_map(|list| &list.plugins);
    known.any(|known| known.id == plugin && known.state == PluginState::Running)
}

fn nobody_s(request: &str, plugins: Option<&PluginList>) -> Refused {
    let down = plugins.into_iter().flat_map(|list| &list.plugins);
    let down = down.filter(|plugin| plugin.state != PluginState::Running);
    let down: Vec<String> = down.map(|plugin| format!("`{}`", plugin.id)).collect();
    let down = match &down[..] {
        [] => String::new(),
        [one] => format!("; {one} does not run, and `GET /plugins` says why"),
        several => format!("; {} do not run, and `GET /plugins` says why", several.join(", ")),
    };
    not_found(request, &down)
}

fn not_found(request: &str, more: &str) -> Refused {
    Refused::new(StatusCode::NOT_FOUND, format!("there is no route for `{request}`{more}"))
}
