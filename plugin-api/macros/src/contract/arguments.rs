//! What is said in the attribute itself: `#[contract(name = "…", revision = 2, grows)]`.

use proc_macro2::{Span, TokenStream};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Data, DeriveInput, Error, LitInt, LitStr};

pub(super) struct Arguments {
    /// What the payload is called.
    pub(super) name: String,
    /// For people.
    pub(super) revision: u32,
    /// Where it says that further variants will come.
    pub(super) grows: Option<Span>,
    /// Where it says that each field may be absent.
    pub(super) default: Option<Span>,
}

impl Arguments {
    pub(super) fn parse(arguments: TokenStream, item: &DeriveInput) -> syn::Result<Self> {
        let mut found = Self { name: item.ident.to_string(), revision: 1, grows: None, default: None };
        syn::meta::parser(|meta| found.read(&meta)).parse2(arguments)?;
        found.check(&item.data)?;
        Ok(found)
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let span = meta.path.get_ident().map(proc_macro2::Ident::span);
        if meta.path.is_ident("name") {
            self.name = meta.value()?.parse::<LitStr>()?.value();
        } else if meta.path.is_ident("revision") {
            self.revision = revision(&meta.value()?.parse()?)?;
        } else if meta.path.is_ident("grows") {
            self.grows = span;
        } else if meta.path.is_ident("default") {
            self.default = span;
        } else {
            return Err(meta.error("expected `name = \"…\"`, `revision = …`, `grows` or `default`"));
        }
        Ok(())
    }

    fn check(&self, data: &Data) -> syn::Result<()> {
        match (self.grows, self.default, data) {
            (Some(span), _, Data::Struct(_)) => Err(Error::new(
                span,
                "a struct grows by fields with `#[contract(default)]`; `grows` is for enums",
            )),
            (_, Some(span), Data::Enum(_)) => Err(Error::new(
                span,
                "an enum has no fields of its own; write `#[contract(default)]` on a variant's",
            )),
            _ => Ok(()),
        }
    }
}

fn revision(number: &LitInt) -> syn::Result<u32> {
    match number.base10_parse() {
        Ok(0) | Err(_) => Err(Error::new(number.span(), "a revision is a number from 1 to 4294967295")),
        Ok(revision) => Ok(revision),
    }
}
