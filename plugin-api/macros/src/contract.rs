//! `#[contract]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, LitStr, Type, parse_quote};

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
    let name = name_of(arguments, &item)?;
    if !item.generics.params.is_empty() {
        return Err(Error::new(item.generics.span(), "a contract cannot be generic: its layout must be one"));
    }
    check_fields(&item.data)?;
    let (kind, repr, serde) = shape(&item.data)?;
    let parts = parts(&item.data);
    skip_absent(&mut item.data);
    item.attrs.push(parse_quote!(#[derive(
        Clone, Debug, PartialEq,
        ::transom_plugin_api::__private::serde::Serialize,
        ::transom_plugin_api::__private::serde::Deserialize,
    )]));
    item.attrs.push(parse_quote!(#[repr(#repr)]));
    item.attrs.push(parse_quote!(#[serde(crate = "::transom_plugin_api::__private::serde", #serde)]));
    let ident = &item.ident;
    let types = all_types(&item.data);
    Ok(quote! {
        // First, so that a field that is no contract is reported before what the derives say about it.
        const _: () = {
            const fn contract<T: ::transom_plugin_api::Contract>() {}
            #(#types)*
        };

        #item

        // SAFETY: `#[repr(C)]` over fields that are contracts themselves; the fingerprint covers all of them.
        unsafe impl ::transom_plugin_api::Contract for #ident {
            const NAME: &'static str = #name;
            const FINGERPRINT: ::transom_plugin_api::Fingerprint =
                ::transom_plugin_api::Fingerprint::begin(#kind, #name, size_of::<#ident>(), align_of::<#ident>())
                #(#parts)*;
        }
    })
}

fn name_of(arguments: TokenStream, item: &DeriveInput) -> syn::Result<String> {
    let mut name = item.ident.to_string();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            name = meta.value()?.parse::<LitStr>()?.value();
            return Ok(());
        }
        Err(meta.error("expected `name = \"…\"`"))
    });
    syn::parse::Parser::parse2(parser, arguments)?;
    Ok(name)
}

/// What is said of the type as a whole: its kind, its `repr`, its serde attributes.
fn shape(data: &Data) -> syn::Result<(&'static str, TokenStream, TokenStream)> {
    match data {
        Data::Struct(_) => Ok(("struct", quote!(C), quote!(rename_all = "camelCase"))),
        Data::Enum(item) if item.variants.iter().all(|variant| variant.fields.is_empty()) => {
            Ok(("enum", quote!(u8), quote!(rename_all = "kebab-case")))
        }
        Data::Enum(_) => Ok((
            "enum",
            quote!(C, u8),
            quote!(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase"),
        )),
        Data::Union(item) => Err(Error::new(item.union_token.span(), "a union cannot cross a point")),
    }
}

fn all_fields(data: &Data) -> Vec<&Fields> {
    match data {
        Data::Struct(item) => vec![&item.fields],
        Data::Enum(item) => item.variants.iter().map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    }
}

fn all_types(data: &Data) -> Vec<TokenStream> {
    all_fields(data)
        .into_iter()
        .flatten()
        .map(|field| {
            let ty = &field.ty;
            quote_spanned!(ty.span()=> contract::<#ty>();)
        })
        .collect()
}

fn check_fields(data: &Data) -> syn::Result<()> {
    let mut errors: Option<Error> = None;
    let mut add = |error: Error| match &mut errors {
        Some(all) => all.combine(error),
        None => errors = Some(error),
    };
    for fields in all_fields(data) {
        if let Fields::Unnamed(fields) = fields {
            add(Error::new(fields.span(), "the fields of a contract have names: write `{ name: Type }`"));
        }
        for field in fields {
            if let Err(error) = check_type(&field.ty) {
                add(error);
            }
        }
    }
    errors.map_or(Ok(()), Err)
}

/// Catches the types that people reach for first, each with what to write in its place.
fn check_type(ty: &Type) -> syn::Result<()> {
    match ty {
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Ok(()) };
            let std_name = last.ident.to_string();
            let instead = match std_name.as_str() {
                "String" | "str" => "Text",
                "Vec" | "VecDeque" => "List<…>",
                "Option" => "Maybe<…>",
                "HashMap" | "BTreeMap" => "Map<…>",
                "Value" => "Json",
                "Arc" | "Rc" | "Box" => "Shared<…>",
                "usize" => "u64",
                "isize" => "i64",
                "PathBuf" | "Path" | "OsString" => "Text",
                "Duration" => "u64, with the unit in the field's name",
                "SystemTime" | "Instant" => "i64, milliseconds since the epoch",
                _ => {
                    if let syn::PathArguments::AngleBracketed(arguments) = &last.arguments {
                        for argument in &arguments.args {
                            if let syn::GenericArgument::Type(inner) = argument {
                                check_type(inner)?;
                            }
                        }
                    }
                    return Ok(());
                }
            };
            Err(Error::new(
                ty.span(),
                format!("`{std_name}` has no stable layout and cannot cross a point; write `{instead}`"),
            ))
        }
        Type::Reference(reference) => {
            let instead = if matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str")) {
                "Text"
            } else {
                "an owned contract type"
            };
            Err(Error::new(ty.span(), format!("a payload owns what it carries; write `{instead}`")))
        }
        Type::Tuple(_) => {
            Err(Error::new(ty.span(), "a tuple has no stable layout; write a struct with `#[contract]`"))
        }
        _ => Ok(()),
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

/// An absent `Maybe` is left out of the encoded form.
fn skip_absent(data: &mut Data) {
    let fields: Vec<&mut Fields> = match data {
        Data::Struct(item) => vec![&mut item.fields],
        Data::Enum(item) => item.variants.iter_mut().map(|variant| &mut variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    for field in fields.into_iter().flat_map(|fields| fields.iter_mut()) {
        if is_maybe(&field.ty) {
            let path = LitStr::new("::transom_plugin_api::Maybe::is_none", Span::call_site());
            field.attrs.push(parse_quote!(#[serde(default, skip_serializing_if = #path)]));
        }
    }
}

fn is_maybe(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Maybe"))
}

#[cfg(test)]
mod tests;
