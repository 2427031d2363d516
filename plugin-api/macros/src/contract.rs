//! `#[contract]`.

mod arguments;
mod encoded;
mod growing;
mod shape;
mod types;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, parse_quote};

use arguments::Arguments;
use encoded::Encoded;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match parse(arguments, item.clone()) {
        Ok(expanded) => expanded,
        Err(error) => {
            // The item is kept, so that only the real mistake is reported and not every use of the type.
            let error = error.into_compile_error();
            quote!(#error #item)
        }
    }
}

fn parse(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut item: DeriveInput = syn::parse2(item)?;
    let arguments = Arguments::parse(arguments, &item)?;
    if !item.generics.params.is_empty() {
        return Err(Error::new(item.generics.span(), "a contract cannot be generic: its layout must be one"));
    }
    types::check(&item.data)?;
    let encoded = encoded::settle(&mut item, &arguments)?;
    let checks = checks(&item.data, &encoded);
    let mut parts = parts(&item.data);
    let mut reader = TokenStream::new();
    if arguments.grows.is_some() {
        growing::check(&item.data)?;
        let (own_reader, part) = growing::grow(&mut item, &encoded);
        (reader, parts) = (own_reader, parts.into_iter().chain([part]).collect());
    }
    derive(&mut item, &arguments, &encoded);
    let implementation = implementation(&item, &arguments, &encoded, &parts);
    Ok(quote! {
        // First, so that a field that is no contract is reported before what the derives say about it.
        const _: () = { #checks };

        #item

        #reader

        #implementation
    })
}

/// Adds what the compiler and serde are to make of it.
fn derive(item: &mut DeriveInput, arguments: &Arguments, encoded: &Encoded) {
    let grows = arguments.grows.is_some();
    let reader = (!grows).then(|| quote!(::transom_plugin_api::__private::serde::Deserialize));
    // In front, since serde's own attributes mean something only below it.
    item.attrs.insert(
        0,
        parse_quote!(#[derive(
            Clone, Debug, PartialEq, ::transom_plugin_api::__private::serde::Serialize, #reader
        )]),
    );
    let repr = match encoded {
        Encoded::Struct(_) => quote!(C),
        Encoded::Words(_) if !grows => quote!(u8),
        Encoded::Words(_) | Encoded::Tagged(_) => quote!(C, u8),
    };
    item.attrs.push(parse_quote!(#[repr(#repr)]));
    item.attrs.push(parse_quote!(#[serde(crate = "::transom_plugin_api::__private::serde")]));
    if let Encoded::Tagged(_) = encoded {
        let tag = encoded::TAG;
        item.attrs.push(parse_quote!(#[serde(tag = #tag)]));
    }
}

fn implementation(
    item: &DeriveInput,
    arguments: &Arguments,
    encoded: &Encoded,
    parts: &[TokenStream],
) -> TokenStream {
    let ident = &item.ident;
    let kind = if let Encoded::Struct(_) = encoded { "struct" } else { "enum" };
    let Arguments { name, revision, .. } = arguments;
    let shape = shape::pieces(name, arguments.grows.is_some(), encoded);
    quote! {
        // SAFETY: `#[repr(C)]` over fields that are contracts themselves; the fingerprint covers all of them.
        unsafe impl ::transom_plugin_api::Contract for #ident {
            const NAME: &'static str = #name;
            const FINGERPRINT: ::transom_plugin_api::Fingerprint =
                ::transom_plugin_api::Fingerprint::begin(#kind, #name, size_of::<#ident>(), align_of::<#ident>())
                #(#parts)*;
            const REVISION: u32 = #revision;
            const SHAPE: &'static [::transom_plugin_api::describe::Piece] = &[#(#shape),*];

            // Said here once more, so that it is compiled in this crate and not wherever the contract is used.
            fn encode_to(
                &self,
                bytes: &mut ::std::vec::Vec<u8>,
            ) -> ::core::result::Result<(), ::transom_plugin_api::CallError> {
                ::transom_plugin_api::codec::write(Self::NAME, self, bytes)
            }

            fn decode_from(bytes: &[u8]) -> ::core::result::Result<Self, ::transom_plugin_api::CallError> {
                ::transom_plugin_api::codec::read(Self::NAME, bytes)
            }
        }
    }
}

fn all_fields(data: &Data) -> Vec<&Fields> {
    match data {
        Data::Struct(item) => vec![&item.fields],
        Data::Enum(item) => item.variants.iter().map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    }
}

/// What only the compiler can tell of the fields' types.
fn checks(data: &Data, encoded: &Encoded) -> TokenStream {
    let contracts = all_fields(data).into_iter().flatten().map(|field| {
        let ty = &field.ty;
        quote_spanned!(ty.span()=> contract::<#ty>();)
    });
    let flat = encoded.fields().filter(|field| field.terms.flat).map(|field| {
        let ty = &field.ty;
        quote_spanned! {ty.span()=> assert!(
            ::transom_plugin_api::describe::is_map(<#ty as ::transom_plugin_api::Contract>::SHAPE),
            "only a struct, or an enum with fields, can be flattened: what is encoded as a map",
        );}
    });
    quote! {
        const fn contract<T: ::transom_plugin_api::Contract>() {}
        #(#contracts)*
        #(#flat)*
    }
}

/// The fingerprint of every field and variant, in order.
fn parts(data: &Data) -> Vec<TokenStream> {
    match data {
        Data::Struct(item) => item.fields.iter().map(|field| part(field, true)).collect(),
        Data::Enum(item) => item
            .variants
            .iter()
            .flat_map(|variant| {
                let name = variant.ident.to_string();
                let fields = variant.fields.iter().map(|field| part(field, false));
                std::iter::once(quote!(.variant(#name))).chain(fields).collect::<Vec<_>>()
            })
            .collect(),
        Data::Union(_) => Vec::new(),
    }
}

// An enum's field has no offset that stable Rust can name; `repr(C, u8)` derives it from the sizes and alignments
// of the fields before it, which are part of their types' fingerprints.
fn part(field: &Field, has_offset: bool) -> TokenStream {
    let Some(ident) = &field.ident else { return TokenStream::new() };
    let (name, ty) = (ident.to_string(), &field.ty);
    let offset = if has_offset { quote!(::core::mem::offset_of!(Self, #ident)) } else { quote!(0) };
    quote_spanned!(ty.span()=> .field(#name, #offset, <#ty as ::transom_plugin_api::Contract>::FINGERPRINT))
}

#[cfg(test)]
mod tests;
