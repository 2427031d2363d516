//! The macros of `transom-plugin-api`, which re-exports and documents them where authors meet them.

mod contract;
#[cfg(test)]
mod expansion;
mod export;
mod naming;
mod ports;
mod settings;

use proc_macro::TokenStream;

/// # What may be said
///
/// | in the attribute | meaning |
/// |---|---|
/// | `name = "…"` | names the payload otherwise than its Rust type; part of the fingerprint |
/// | `revision = 2` | tells people which revision this is; 1 when left out, nothing is decided by it |
/// | `grows` | the enum will get further variants |
/// | `default` | each field of the struct may be absent, and is then what it is in the struct's `Default` |
///
/// | on a field | meaning |
/// |---|---|
/// | `#[contract(default)]` | it may be absent, and is then its type's `Default`; a `Maybe` always may |
/// | `#[contract(was = "…")]` | what it was called before in the encoded form; may be said more than once |
/// | `#[serde(default = "…")]` | it may be absent, and is then what the function of that path returns |
/// | `#[serde(flatten)]` | its own fields stand among those around it |
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
/// | `capabilities = ["net", "fs", "process", "secrets:NAME"]` | what it asks the operator to grant |
#[proc_macro]
pub fn export_plugin(arguments: TokenStream) -> TokenStream {
    export::expand(arguments.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}
