//! `#[derive(Ports)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Expr, Field, Fields, Ident, Token, Type};

const ROLES: [&str; 6] = ["says", "hears", "applies", "links", "calls", "serves"];

pub(crate) fn expand(item: TokenStream) -> syn::Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    let fields = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => fields.named.iter().collect::<Vec<_>>(),
            Fields::Unit => Vec::new(),
            Fields::Unnamed(fields) => return Err(Error::new(fields.span(), "ports have names")),
        },
        _ => return Err(Error::new(item.span(), "`Ports` is derived for a struct of handles")),
    };
    let ports = fields.into_iter().map(Port::of).collect::<syn::Result<Vec<_>>>()?;
    let declared = ports.iter().map(Port::declaration);
    let connected = ports.iter().enumerate().map(|(index, port)| port.connection(index));
    let ident = &item.ident;
    Ok(quote! {
        // Evaluated here, so that a mistake in a port shows before the plugin is exported.
        const _: &[::transom_plugin_api::port::PortDecl] = <#ident as ::transom_plugin_api::Ports>::DECLARED;

        impl ::transom_plugin_api::Ports for #ident {
            const DECLARED: &'static [::transom_plugin_api::port::PortDecl] = &[#(#declared),*];

            fn connect(
                host: &::transom_plugin_api::Host,
            ) -> ::core::result::Result<Self, ::transom_plugin_api::StartError> {
                ::core::result::Result::Ok(Self { #(#connected),* })
            }
        }
    })
}

struct Port<'a> {
    ident: &'a Ident,
    ty: &'a Type,
    role: Ident,
    terms: Terms,
}

impl<'a> Port<'a> {
    fn of(field: &'a Field) -> syn::Result<Self> {
        let ident = field.ident.as_ref().ok_or_else(|| Error::new(field.span(), "ports have names"))?;
        let mut found = field.attrs.iter().filter_map(|attribute| Some((role_of(attribute)?, attribute)));
        let (role, attribute) = found.next().ok_or_else(|| {
            Error::new(
                field.span(),
                "say what the plugin does here: #[says(…)], #[hears(…)], #[applies(…)], #[links(…)], #[calls(…)] or #[serves(…)]",
            )
        })?;
        if let Some((_, second)) = found.next() {
            return Err(Error::new(second.span(), "one port does one thing; add a second field"));
        }
        let terms: Terms = attribute.parse_args()?;
        terms.check(&role)?;
        Ok(Self { ident, ty: &field.ty, role, terms })
    }

    fn declaration(&self) -> TokenStream {
        let role = format_ident!("{}", capitalised(&self.role));
        let ty = self.ty;
        let Terms { point, optional, names, dynamic, stage, before, after } = &self.terms;
        quote_spanned! {ty.span()=> {
            let mut port = ::transom_plugin_api::port::PortDecl::of::<::transom_plugin_api::port::role::#role, #ty>(
                ::transom_plugin_api::port::Role::#role,
                #point.spec(),
            );
            port.optional = #optional;
            port.names = &[#(#names),*];
            port.dynamic_names = #dynamic;
            port.stage = #stage;
            port.before = &[#(#before),*];
            port.after = &[#(#after),*];
            port.checked()
        }}
    }

    fn connection(&self, index: usize) -> TokenStream {
        let (ident, ty, point) = (self.ident, self.ty, &self.terms.point);
        let role = format_ident!("{}", capitalised(&self.role));
        let index = u32::try_from(index).expect("a struct has fewer fields than a u32 counts");
        let point = quote_spanned!(point.span()=> &#point);
        quote_spanned!(ty.span()=> #ident: <#ty as ::transom_plugin_api::port::HandleFor<
            ::transom_plugin_api::port::role::#role
        >>::connect(host, #point, #index)?)
    }
}

fn role_of(attribute: &Attribute) -> Option<Ident> {
    let ident = attribute.path().get_ident()?;
    ROLES.contains(&ident.to_string().as_str()).then(|| ident.clone())
}

fn capitalised(ident: &Ident) -> String {
    let text = ident.to_string();
    text[..1].to_uppercase() + &text[1..]
}

/// What stands in the attribute's parentheses.
struct Terms {
    point: Expr,
    optional: bool,
    names: Vec<String>,
    dynamic: bool,
    stage: String,
    before: Vec<String>,
    after: Vec<String>,
}

impl Terms {
    fn check(&self, role: &Ident) -> syn::Result<()> {
        let refuse = |what: &str, given: bool, roles: &[&str]| {
            if given && !roles.contains(&role.to_string().as_str()) {
                return Err(Error::new(role.span(), format!("`{what}` goes with {}", roles.join(", "))));
            }
            Ok(())
        };
        refuse("names", self.dynamic || !self.names.is_empty(), &["serves"])?;
        refuse("optional", self.optional, &["calls"])?;
        refuse("stage", !self.stage.is_empty(), &["links"])?;
        refuse("before", !self.before.is_empty(), &["links", "hears"])?;
        refuse("after", !self.after.is_empty(), &["links", "hears"])
    }
}

impl Parse for Terms {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut terms = Self {
            point: input.parse()?,
            optional: false,
            names: Vec::new(),
            dynamic: false,
            stage: String::new(),
            before: Vec::new(),
            after: Vec::new(),
        };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let key: Ident = input.parse()?;
            if key == "optional" {
                terms.optional = true;
                continue;
            }
            input.parse::<Token![=]>()?;
            let value: Expr = input.parse()?;
            match key.to_string().as_str() {
                "names" => match texts(&value) {
                    Ok(names) => terms.names = names,
                    Err(error) => match text(&value) {
                        Ok(word) if word == "dynamic" => terms.dynamic = true,
                        _ => return Err(error),
                    },
                },
                "stage" => terms.stage = text(&value)?,
                "before" => terms.before = texts(&value)?,
                "after" => terms.after = texts(&value)?,
                _ => {
                    return Err(Error::new(
                        key.span(),
                        "expected `optional`, `names`, `stage`, `before` or `after`",
                    ));
                }
            }
        }
        Ok(terms)
    }
}

fn text(value: &Expr) -> syn::Result<String> {
    match value {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Ok(text.value()),
        // What a `macro_rules` macro passes on comes in an invisible group.
        Expr::Group(group) => text(&group.expr),
        other => Err(Error::new(other.span(), "expected text in quotes")),
    }
}

fn texts(value: &Expr) -> syn::Result<Vec<String>> {
    match value {
        Expr::Array(array) => array.elems.iter().map(text).collect(),
        other => Err(Error::new(other.span(), "expected a list such as [\"one\", \"two\"]")),
    }
}

#[cfg(test)]
mod tests;
