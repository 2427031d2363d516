//! `#[contract(grows)]`: the variant that keeps what this copy of the contract does not know, and how it comes to it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DataEnum, DeriveInput, Error, Token, Variant, parse_quote};

use super::encoded::{Encoded, EncodedVariant, TAG};

/// The variant's name in Rust.
const UNKNOWN: &str = "Unknown";

pub(super) fn check(data: &Data) -> syn::Result<()> {
    let Data::Enum(data) = data else { return Ok(()) };
    match data.variants.iter().find(|variant| variant.ident == UNKNOWN) {
        Some(variant) => Err(Error::new_spanned(variant, "`Unknown` is the variant that `grows` adds")),
        None => Ok(()),
    }
}

/// Adds the variant, and gives the reader of the enum and the variant's part in the fingerprint.
pub(super) fn grow(item: &mut DeriveInput, encoded: &Encoded) -> (TokenStream, TokenStream) {
    let reader = match (encoded, &item.data) {
        (Encoded::Words(variants), _) => word_reader(item, variants),
        (Encoded::Tagged(variants), Data::Enum(data)) => reader(item, variants, data),
        _ => TokenStream::new(),
    };
    if let Data::Enum(data) = &mut item.data {
        data.variants.push(parse_quote! {
            /// A variant of a later revision of the contract: kept as it was read, and written back unchanged.
            #[serde(untagged)]
            Unknown(::transom_plugin_api::Opaque)
        });
    }
    (reader, quote!(.variant(#UNKNOWN).field("0", 0, ::transom_plugin_api::Opaque::FINGERPRINT)))
}

fn word_reader(item: &DeriveInput, variants: &[EncodedVariant]) -> TokenStream {
    let idents = variants.iter().map(|variant| &variant.ident);
    let names = variants.iter().map(|variant| &variant.name);
    let read = quote! {
        ::transom_plugin_api::__private::growing::read_word(
            deserializer,
            |word| match word {
                #(#names => ::core::option::Option::Some(Self::#idents),)*
                _ => ::core::option::Option::None,
            },
            Self::Unknown,
        )
    };
    deserialize(item, &read)
}

// The variants that are known are read by a twin of the enum, which serde lets make values of the enum itself: a tag
// that is known always goes there, so what is wrong behind it stays an error.
fn reader(item: &DeriveInput, variants: &[EncodedVariant], data: &DataEnum) -> TokenStream {
    let known = twin_variants(data);
    let remote = item.ident.to_string();
    let names = variants.iter().map(|variant| &variant.name);
    let read = quote! {
        ::transom_plugin_api::__private::growing::read(
            deserializer,
            &[#(#names),*],
            __Known::deserialize,
            Self::Unknown,
        )
    };
    let deserialize = deserialize(item, &read);
    quote! {
        const _: () = {
            #[derive(::transom_plugin_api::__private::serde::Deserialize)]
            #[serde(crate = "::transom_plugin_api::__private::serde", remote = #remote, tag = #TAG)]
            enum __Known { #known }

            #deserialize
        };
    }
}

fn twin_variants(data: &DataEnum) -> Punctuated<Variant, Token![,]> {
    let mut variants = data.variants.clone();
    let is_for_serde = |attribute: &Attribute| attribute.path().is_ident("serde");
    for variant in &mut variants {
        variant.attrs.retain(is_for_serde);
        for field in &mut variant.fields {
            field.attrs.retain(is_for_serde);
        }
    }
    variants
}

fn deserialize(item: &DeriveInput, read: &TokenStream) -> TokenStream {
    let ident = &item.ident;
    quote! {
        impl<'de> ::transom_plugin_api::__private::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::transom_plugin_api::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                #read
            }
        }
    }
}
