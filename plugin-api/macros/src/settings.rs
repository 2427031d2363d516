//! `#[derive(Settings)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Expr, ExprLit, Field, Fields, Lit, Meta, Type, UnOp,
};

use crate::naming::{json_text, kebab};

pub(crate) fn expand(item: TokenStream) -> syn::Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => table(&item, &fields.named.iter().collect::<Vec<_>>()),
            Fields::Unit => table(&item, &[]),
            Fields::Unnamed(fields) => Err(Error::new(fields.span(), "settings have names")),
        },
        Data::Enum(data) => choice(&item, data),
        Data::Union(_) => Err(Error::new(item.span(), "`Settings` is derived for a struct or an enum")),
    }
}

fn table(item: &DeriveInput, fields: &[&Field]) -> syn::Result<TokenStream> {
    let ident = &item.ident;
    let description = json_text(&doc_of(&item.attrs));
    let mut schema = vec![text_piece(&format!(
        "\"type\":\"object\",\"additionalProperties\":false,\"description\":{description},\"properties\":{{"
    ))];
    let mut required = Vec::new();
    let mut reads = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let setting = Setting::of(field)?;
        if index > 0 {
            schema.push(text_piece(","));
        }
        schema.extend(setting.schema());
        if setting.is_required() {
            required.push(json_text(&setting.key));
        }
        reads.push(setting.read());
    }
    schema.push(text_piece(&format!("}},\"required\":[{}]", required.join(","))));
    let names = fields.iter().map(|field| &field.ident);
    Ok(quote! {
        impl ::transom_plugin_api::Settings for #ident {}

        impl ::transom_plugin_api::settings::Setting for #ident {
            const SCHEMA: &'static [::transom_plugin_api::describe::Piece] = &[#(#schema),*];

            fn read(
                value: ::transom_plugin_api::__private::serde_json::Value,
            ) -> ::core::result::Result<Self, ::transom_plugin_api::SettingsError> {
                #[allow(unused_mut, unused_variables, reason = "a table without settings reads nothing")]
                // Named so that no field of anybody's hides it.
                let mut table_of_settings = ::transom_plugin_api::settings::Table::of(value)?;
                #(#reads)*
                ::core::result::Result::Ok(Self { #(#names),* })
            }
        }
    })
}

fn choice(item: &DeriveInput, data: &DataEnum) -> syn::Result<TokenStream> {
    let ident = &item.ident;
    let mut names = Vec::new();
    let mut arms = Vec::new();
    for variant in &data.variants {
        if !variant.fields.is_empty() {
            return Err(Error::new(variant.span(), "a choice among settings has no fields"));
        }
        let (name, variant) = (kebab(&variant.ident.to_string()), &variant.ident);
        arms.push(quote!(::core::option::Option::Some(#name) => ::core::result::Result::Ok(Self::#variant)));
        names.push(name);
    }
    let quoted = names.iter().map(|name| json_text(name)).collect::<Vec<_>>().join(",");
    let schema = text_piece(&format!("\"type\":\"string\",\"enum\":[{quoted}]"));
    let expected = format!("expected one of {}", names.join(", "));
    Ok(quote! {
        impl ::transom_plugin_api::settings::Setting for #ident {
            const SCHEMA: &'static [::transom_plugin_api::describe::Piece] = &[#schema];

            fn read(
                value: ::transom_plugin_api::__private::serde_json::Value,
            ) -> ::core::result::Result<Self, ::transom_plugin_api::SettingsError> {
                match value.as_str() {
                    #(#arms,)*
                    _ => ::core::result::Result::Err(::transom_plugin_api::SettingsError::new(
                        "",
                        ::std::format!("is {value}, {}", #expected),
                    )),
                }
            }
        }
    })
}

struct Setting<'a> {
    key: String,
    field: &'a Field,
    default: Option<String>,
    min: Option<Expr>,
    max: Option<Expr>,
}

impl<'a> Setting<'a> {
    fn of(field: &'a Field) -> syn::Result<Self> {
        let ident = field.ident.as_ref().ok_or_else(|| Error::new(field.span(), "settings have names"))?;
        let key = ident.to_string().trim_start_matches("r#").to_owned();
        let mut setting = Self { key, field, default: None, min: None, max: None };
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("setting")) {
            attribute.parse_nested_meta(|meta| {
                let value: Expr = meta.value()?.parse()?;
                if meta.path.is_ident("default") {
                    setting.default = Some(json_of(&value)?);
                } else if meta.path.is_ident("min") {
                    json_of(&value)?;
                    setting.min = Some(value);
                } else if meta.path.is_ident("max") {
                    json_of(&value)?;
                    setting.max = Some(value);
                } else {
                    return Err(meta.error("expected `default`, `min` or `max`"));
                }
                Ok(())
            })?;
        }
        Ok(setting)
    }

    fn is_required(&self) -> bool {
        self.default.is_none() && !may_be_absent(&self.field.ty)
    }

    fn schema(&self) -> Vec<TokenStream> {
        let ty = &self.field.ty;
        let mut tail = format!(",\"description\":{}", json_text(&doc_of(&self.field.attrs)));
        let bounds =
            [("default", self.default.clone()), ("minimum", json(&self.min)), ("maximum", json(&self.max))];
        for (key, value) in bounds {
            if let Some(value) = value {
                tail += &format!(",\"{key}\":{value}");
            }
        }
        vec![
            text_piece(&format!("{}:{{", json_text(&self.key))),
            quote!(::transom_plugin_api::describe::Piece::Nested(
                <#ty as ::transom_plugin_api::settings::Setting>::SCHEMA
            )),
            text_piece(&(tail + "}")),
        ]
    }

    fn read(&self) -> TokenStream {
        let (ident, ty, key) = (&self.field.ident, &self.field.ty, &self.key);
        let default = match &self.default {
            Some(default) => quote!(::core::option::Option::Some(#default)),
            None => quote!(::core::option::Option::None),
        };
        let bounds = (self.min.is_some() || self.max.is_some()) && !may_be_absent(ty);
        let check = bounds.then(|| {
            let (min, max) = (option(&self.min), option(&self.max));
            quote!(::transom_plugin_api::settings::in_bounds(#key, #ident, #min, #max)?;)
        });
        quote! {
            let #ident: #ty = table_of_settings.take(#key, #default)?;
            #check
        }
    }
}

fn option(value: &Option<Expr>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

fn may_be_absent(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| {
        ["Option", "Vec", "BTreeMap"].contains(&last.ident.to_string().as_str())
    }))
}

fn text_piece(text: &str) -> TokenStream {
    quote!(::transom_plugin_api::describe::Piece::Text(#text))
}

fn doc_of(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn json(value: &Option<Expr>) -> Option<String> {
    value.as_ref().and_then(|value| json_of(value).ok())
}

/// A literal as JSON.
fn json_of(value: &Expr) -> syn::Result<String> {
    match value {
        // What a `macro_rules` macro passes on comes in an invisible group.
        Expr::Group(group) => json_of(&group.expr),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(json_text(&text.value())),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(number.base10_digits().to_owned()),
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => Ok(number.base10_digits().to_owned()),
        Expr::Lit(ExprLit { lit: Lit::Bool(truth), .. }) => Ok(truth.value.to_string()),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => Ok(format!("-{}", json_of(&unary.expr)?)),
        Expr::Array(array) => {
            let items = array.elems.iter().map(json_of).collect::<syn::Result<Vec<_>>>()?;
            Ok(format!("[{}]", items.join(",")))
        }
        other => Err(Error::new(other.span(), "a literal: the schema is written at compile time")),
    }
}

#[cfg(test)]
mod tests;
