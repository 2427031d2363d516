//! `export_plugin!`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprArray, ExprLit, Ident, Lit, LitStr, Path, Token};

/// Keep in step with `transom_plugin_api::abi::plugin_table::SYMBOL_PREFIX`; the loader's tests compare them.
const SYMBOL_PREFIX: &str = "transom_plugin_";

pub(crate) fn expand(arguments: TokenStream) -> syn::Result<TokenStream> {
    let Export { plugin, id, runtime, exclusive, capabilities } = syn::parse2(arguments)?;
    let capabilities = checked_capabilities(&capabilities);
    let symbol = format!("{SYMBOL_PREFIX}{}", id.value().replace('-', "_"));
    Ok(quote! {
        const _: () = {
            use ::transom_plugin_api::abi::plugin_table;
            use ::transom_plugin_api::describe;
            use ::transom_plugin_api::plugin;

            const DESCRIPTION: describe::Description = describe::Description {
                id: #id,
                version: ::core::env!("CARGO_PKG_VERSION"),
                about: ::core::env!("CARGO_PKG_DESCRIPTION"),
                module: ::core::module_path!(),
                runtime: ::transom_plugin_api::runtime::RuntimeChoice::#runtime,
                aborts: ::core::cfg!(panic = "abort"),
                exclusive: #exclusive,
                capabilities: #capabilities,
                ports: <<#plugin as plugin::Plugin>::Ports as ::transom_plugin_api::Ports>::DECLARED,
                settings: <#plugin as ::transom_plugin_api::settings::Setting>::SCHEMA,
            };
            const LEN: usize = describe::record_len(&DESCRIPTION);

            #[used]
            #[unsafe(link_section = ".transom")]
            static RECORD: [u8; LEN] = describe::record::<LEN>(&DESCRIPTION);

            impl plugin::Exported for #plugin {
                const RECORD: &'static [u8] = &RECORD;
                const RUNTIME: ::transom_plugin_api::runtime::RuntimeChoice = DESCRIPTION.runtime;
                const CRATE: &'static str = match ::core::option_env!("CARGO_CRATE_NAME") {
                    ::core::option::Option::Some(name) => name,
                    ::core::option::Option::None => "",
                };
            }

            extern "C" fn constructor()
            -> ::transom_plugin_api::__private::abi_stable::library::RootModuleResult {
                plugin_table::root_module(plugin::plugin_table::<#plugin>)
            }

            // SAFETY: the constructor returns what `root_module` made.
            #[unsafe(export_name = #symbol)]
            pub static HEADER: plugin_table::Header = unsafe { plugin_table::header(constructor) };

            ::transom_plugin_api::__private::inventory::submit! {
                plugin::LinkedPlugin { header: &HEADER, record: &RECORD }
            }
        };
    })
}

struct Export {
    plugin: Path,
    id: LitStr,
    runtime: Ident,
    exclusive: bool,
    capabilities: Vec<LitStr>,
}

impl Parse for Export {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let plugin: Path = input.parse()?;
        let mut id = None;
        let mut runtime = Ident::new("None", input.span());
        let mut exclusive = false;
        let mut capabilities = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "id" => id = Some(checked_id(input.parse()?)?),
                "runtime" => {
                    let value: LitStr = input.parse()?;
                    if value.value() != "tokio" {
                        return Err(Error::new(value.span(), "the only runtime is \"tokio\""));
                    }
                    runtime = Ident::new("Tokio", value.span());
                }
                "handover" => exclusive = is_exclusive(&input.parse()?)?,
                "capabilities" => capabilities = texts(&input.parse()?)?,
                _ => {
                    return Err(Error::new(
                        key.span(),
                        "expected `id`, `runtime`, `handover` or `capabilities`",
                    ));
                }
            }
        }
        let id = id.ok_or_else(|| Error::new_spanned(&plugin, "name the plugin: `id = \"word-count\"`"))?;
        Ok(Self { plugin, id, runtime, exclusive, capabilities })
    }
}

fn is_exclusive(handover: &LitStr) -> syn::Result<bool> {
    match handover.value().as_str() {
        "beside" => Ok(false),
        "exclusive" => Ok(true),
        _ => Err(Error::new(handover.span(), "expected \"beside\" or \"exclusive\"")),
    }
}

fn checked_id(id: LitStr) -> syn::Result<LitStr> {
    let text = id.value();
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if text.len() <= 64 && text.split('-').all(is_word) {
        return Ok(id);
    }
    Err(Error::new(id.span(), "an id is lower-case words joined by `-`, at most 64 characters"))
}

/// The list in a constant of its own, so that an error in it points there.
fn checked_capabilities(capabilities: &[LitStr]) -> TokenStream {
    let span = capabilities.first().map_or_else(Span::call_site, LitStr::span);
    quote_spanned! {span=> {
        const ASKED: &[&str] = ::transom_plugin_api::capability::checked(&[#(#capabilities),*]);
        ASKED
    }}
}

fn texts(array: &ExprArray) -> syn::Result<Vec<LitStr>> {
    array.elems.iter().map(text).collect()
}

fn text(item: &Expr) -> syn::Result<LitStr> {
    match item {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        // What a `macro_rules` macro passes on comes in an invisible group.
        Expr::Group(group) => text(&group.expr),
        other => Err(Error::new_spanned(other, "expected text in quotes")),
    }
}

#[cfg(test)]
mod tests;
