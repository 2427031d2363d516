//! The encoded form: what fields and variants are called in it, and what may be absent.
//!
//! Every name is written out for serde, so that the shape, which is made from the same names, cannot differ from it.

use std::collections::BTreeSet;

use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Token, Type, parse_quote};

use super::arguments::Arguments;
use crate::naming::{camel, kebab};

/// Under which key the name of a variant with fields stands.
pub(super) const TAG: &str = "type";

pub(super) enum Encoded {
    /// A map.
    Struct(Vec<EncodedField>),
    /// Texts.
    Words(Vec<EncodedVariant>),
    /// Maps with a tag.
    Tagged(Vec<EncodedVariant>),
}

impl Encoded {
    /// Those of the struct, or of all variants.
    pub(super) fn fields(&self) -> Box<dyn Iterator<Item = &EncodedField> + '_> {
        match self {
            Self::Struct(fields) => Box::new(fields.iter()),
            Self::Words(variants) | Self::Tagged(variants) => {
                Box::new(variants.iter().flat_map(|variant| &variant.fields))
            }
        }
    }
}

pub(super) struct EncodedVariant {
    pub(super) ident: Ident,
    pub(super) name: String,
    pub(super) fields: Vec<EncodedField>,
}

pub(super) struct EncodedField {
    pub(super) name: String,
    pub(super) ty: Type,
    /// What was said on it.
    pub(super) terms: Terms,
}

#[derive(Default)]
pub(super) struct Terms {
    /// It may be absent.
    pub(super) default: bool,
    /// What it was called before.
    pub(super) was: Vec<String>,
    /// Its own fields stand among those around it.
    pub(super) flat: bool,
}

/// Reads what is said on the item, its variants and fields, and says it to serde.
pub(super) fn settle(item: &mut DeriveInput, arguments: &Arguments) -> syn::Result<Encoded> {
    let mut all_default = arguments.default.is_some();
    for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| on_struct(&meta, &item.data, &mut all_default))?;
    }
    if arguments.default.is_some() {
        item.attrs.push(parse_quote!(#[serde(default)]));
    }
    match &mut item.data {
        Data::Struct(data) => {
            let fields = settle_fields(&mut data.fields, all_default, None)?;
            fields.iter().try_for_each(is_no_tag)?;
            Ok(Encoded::Struct(fields))
        }
        Data::Enum(data) => {
            let is_plain = data.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit));
            let variants = data.variants.iter_mut().map(settle_variant).collect::<syn::Result<Vec<_>>>()?;
            distinct(variants.iter().map(|variant| (&variant.name, variant.ident.span())))?;
            Ok(if is_plain { Encoded::Words(variants) } else { Encoded::Tagged(variants) })
        }
        Data::Union(data) => Err(Error::new(data.union_token.span(), "a union cannot cross a point")),
    }
}

/// A struct is a map in the encoded form, and so is an enum, which says by its tag that it became another variant: then
/// nothing of the old one is kept. A struct must not look like that.
fn is_no_tag(field: &EncodedField) -> syn::Result<()> {
    let names = || std::iter::once(&field.name).chain(&field.terms.was);
    if !field.terms.flat && names().any(|name| name == TAG) {
        let message =
            "`type` says which variant an enum is; call the field of a struct otherwise, such as `kind`";
        return Err(Error::new(field.ty.span(), message));
    }
    Ok(())
}

fn on_struct(meta: &ParseNestedMeta<'_>, data: &Data, all_default: &mut bool) -> syn::Result<()> {
    if !meta.path.is_ident("default") || !matches!(data, Data::Struct(_)) {
        return Err(differs(meta, ""));
    }
    *all_default = true;
    skip_path(meta)
}

fn settle_variant(variant: &mut syn::Variant) -> syn::Result<EncodedVariant> {
    for attribute in &variant.attrs {
        is_always_there(attribute)?;
        if attribute.path().is_ident("serde") {
            attribute.parse_nested_meta(|meta| Err(differs(&meta, "")))?;
        }
        if attribute.path().is_ident("contract") {
            return Err(Error::new(attribute.span(), "a variant is what it is; these go with its fields"));
        }
    }
    let name = kebab(&variant.ident.unraw().to_string());
    let fields = settle_fields(&mut variant.fields, false, Some(TAG))?;
    variant.attrs.push(parse_quote!(#[serde(rename = #name)]));
    Ok(EncodedVariant { ident: variant.ident.clone(), name, fields })
}

fn settle_fields(
    fields: &mut Fields,
    all_default: bool,
    reserved: Option<&str>,
) -> syn::Result<Vec<EncodedField>> {
    let settled = fields.iter_mut().map(settle_field).collect::<syn::Result<Vec<_>>>()?;
    let reserved = reserved.map(ToOwned::to_owned);
    let named = settled.iter().filter(|field| !field.terms.flat);
    let names = named.flat_map(|field| {
        std::iter::once(&field.name).chain(&field.terms.was).map(|name| (name, field.ty.span()))
    });
    distinct(reserved.iter().map(|name| (name, proc_macro2::Span::call_site())).chain(names))?;
    Ok(settled
        .into_iter()
        .map(|mut field| {
            field.terms.default |= all_default;
            field
        })
        .collect())
}

fn settle_field(field: &mut syn::Field) -> syn::Result<EncodedField> {
    let mut terms = Terms::default();
    for attribute in &field.attrs {
        is_always_there(attribute)?;
        if attribute.path().is_ident("serde") {
            attribute.parse_nested_meta(|meta| terms.read_serde(&meta))?;
        }
    }
    let (serde_default, serde_aliases) = (terms.default, terms.was.len());
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("contract")) {
        attribute.parse_nested_meta(|meta| terms.read(&meta))?;
    }
    field.attrs.retain(|attribute| !attribute.path().is_ident("contract"));
    if terms.flat && !terms.was.is_empty() {
        return Err(Error::new(field.span(), "a flattened field has no name, nor had it one"));
    }
    let name = field.ident.as_ref().map(|ident| camel(&ident.unraw().to_string())).unwrap_or_default();
    if !terms.flat {
        field.attrs.push(parse_quote!(#[serde(rename = #name)]));
    }
    for was in &terms.was[serde_aliases..] {
        field.attrs.push(parse_quote!(#[serde(alias = #was)]));
    }
    if is_maybe(&field.ty) {
        let path = "::transom_plugin_api::Maybe::is_none";
        field.attrs.push(parse_quote!(#[serde(skip_serializing_if = #path)]));
        terms.default = true;
    }
    if terms.default && !serde_default {
        field.attrs.push(parse_quote!(#[serde(default)]));
    }
    Ok(EncodedField { name, ty: field.ty.clone(), terms })
}

impl Terms {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("default") {
            self.default = true;
        } else if meta.path.is_ident("was") {
            self.was.push(meta.value()?.parse::<LitStr>()?.value());
        } else {
            return Err(meta.error("expected `default` or `was = \"…\"`"));
        }
        Ok(())
    }

    fn read_serde(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("default") {
            self.default = true;
            skip_path(meta)
        } else if meta.path.is_ident("alias") {
            self.was.push(meta.value()?.parse::<LitStr>()?.value());
            Ok(())
        } else if meta.path.is_ident("flatten") {
            self.flat = true;
            Ok(())
        } else {
            Err(differs(meta, "; what may stand here is `default`, `alias` and `flatten`"))
        }
    }
}

/// Skips the path in `default = "path"`.
fn skip_path(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) { meta.value()?.parse::<LitStr>().map(|_| ()) } else { Ok(()) }
}

fn differs(meta: &ParseNestedMeta<'_>, instead: &str) -> Error {
    let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
    meta.error(format!(
        "`{name}` would make the encoded form differ from what the contract says of it{instead}"
    ))
}

fn is_always_there(attribute: &Attribute) -> syn::Result<()> {
    if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
        return Err(Error::new(attribute.span(), "a contract is the same in every build"));
    }
    Ok(())
}

fn distinct<'a>(names: impl Iterator<Item = (&'a String, proc_macro2::Span)>) -> syn::Result<()> {
    let mut seen = BTreeSet::new();
    for (name, span) in names {
        if !seen.insert(name) {
            return Err(Error::new(
                span,
                format!("`{name}` stands for something else in the encoded form already"),
            ));
        }
    }
    Ok(())
}

fn is_maybe(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Maybe"))
}
