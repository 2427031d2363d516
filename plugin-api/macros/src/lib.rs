//! The macros of `transom-plugin-api`, which re-exports and documents them where authors meet them.

mod contract;
#[cfg(test)]
mod expansion;
mod export;
mod ports;
mod settings;

use proc_macro::TokenStream;

/// Makes a struct or an enum a payload that may cross a point.
///
/// It fixes the layout, derives `Clone`, `Debug`, `PartialEq` and serde, and computes the fingerprint. Fields are
/// written with `Text`, `List`, `Maybe`, `Map`, `Json`, `Shared`, numbers, `bool` and other contracts. Further derives
/// (`Default`, `Eq`, `Copy` …) go below the attribute.
///
/// The encoded form has `camelCase` fields; enums with fields carry their variant's `kebab-case` name as `type`,
/// enums without fields are that name. `#[contract(name = "…")]` names the payload otherwise than its Rust type.
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, item: TokenStream) -> TokenStream {
    contract::expand(arguments.into(), item.into()).into()
}

/// Makes a struct of typed handles the list of points a plugin touches. See `transom_plugin_api::port`.
#[proc_macro_derive(Ports, attributes(says, hears, applies, links, calls, serves))]
pub fn ports(item: TokenStream) -> TokenStream {
    ports::expand(item.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Makes a struct, or an enum without fields, readable from the manifest. See `transom_plugin_api::settings`.
///
/// `#[setting(default = …, min = …, max = …)]` on a field; all are literals.
#[proc_macro_derive(Settings, attributes(setting))]
pub fn settings(item: TokenStream) -> TokenStream {
    settings::expand(item.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Exports a plugin: `export_plugin!(WordCount, id = "word-count")`, once per crate.
///
/// | argument | meaning |
/// |---|---|
/// | `id = "…"` | the plugin's id: lower-case words joined by `-` |
/// | `runtime = "tokio"` | its futures use tokio's sockets, timers or tasks; needs the feature `tokio` |
/// | `capabilities = ["net", "fs", "process"]` | what it asks the operator to grant |
#[proc_macro]
pub fn export_plugin(arguments: TokenStream) -> TokenStream {
    export::expand(arguments.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}
