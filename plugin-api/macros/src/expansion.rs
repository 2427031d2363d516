//! What the macros' tests share: the messages in an expansion.

use proc_macro2::{TokenStream, TokenTree};

/// Parses source text; in a test it is always sound.
pub(crate) fn source(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The texts of all `compile_error!` in an expansion, in order.
pub(crate) fn messages(expansion: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    gather(expansion, &mut found);
    found
}

fn gather(tokens: TokenStream, found: &mut Vec<String>) {
    let mut after_name = false;
    for token in tokens {
        match token {
            TokenTree::Ident(name) => after_name = name == "compile_error",
            TokenTree::Group(group) if after_name => {
                let text: syn::LitStr = syn::parse2(group.stream()).expect("it holds one text");
                found.push(text.value());
                after_name = false;
            }
            TokenTree::Group(group) => gather(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
