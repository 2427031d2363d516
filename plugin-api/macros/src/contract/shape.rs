//! The shape of a contract: its encoded form, as pieces of JSON that are joined at compile time.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::encoded::{Encoded, EncodedField, EncodedVariant, TAG};
use crate::naming::json_text;

/// The pieces, each a constant expression.
pub(super) fn pieces(name: &str, grows: bool, encoded: &Encoded) -> Vec<TokenStream> {
    let name = json_text(name);
    let mut shape = Shape::default();
    match encoded {
        Encoded::Struct(fields) => {
            shape.text(&format!("{{\"struct\":{name},"));
            shape.fields(fields);
        }
        Encoded::Words(variants) => {
            shape.text(&format!("{{\"enum\":{name},"));
            shape.variants(grows, variants, |_, _| ());
        }
        Encoded::Tagged(variants) => {
            shape.text(&format!("{{\"enum\":{name},\"tag\":{},", json_text(TAG)));
            shape.variants(grows, variants, |shape, variant| {
                shape.text(",");
                shape.fields(&variant.fields);
            });
        }
    }
    shape.text("}");
    shape.finish()
}

#[derive(Default)]
struct Shape {
    finished: Vec<TokenStream>,
    text: String,
}

impl Shape {
    fn variants(
        &mut self,
        grows: bool,
        variants: &[EncodedVariant],
        content: impl Fn(&mut Self, &EncodedVariant),
    ) {
        if grows {
            self.text("\"grows\":true,");
        }
        self.text("\"variants\":[");
        for (index, variant) in variants.iter().enumerate() {
            self.text(if index > 0 { ",{\"name\":" } else { "{\"name\":" });
            self.text(&json_text(&variant.name));
            content(self, variant);
            self.text("}");
        }
        self.text("]");
    }

    fn fields(&mut self, fields: &[EncodedField]) {
        self.text("\"fields\":[");
        for (index, field) in fields.iter().enumerate() {
            self.text(if index > 0 { "," } else { "" });
            self.field(field);
        }
        self.text("]");
    }

    fn field(&mut self, field: &EncodedField) {
        self.text(&format!("{{\"name\":{},\"shape\":", json_text(&field.name)));
        self.nested(&field.ty);
        if field.terms.default {
            self.text(",\"default\":true");
        }
        if !field.terms.was.is_empty() {
            let was: Vec<_> = field.terms.was.iter().map(|was| json_text(was)).collect();
            self.text(&format!(",\"was\":[{}]", was.join(",")));
        }
        if field.terms.flat {
            self.text(",\"flat\":true");
        }
        self.text("}");
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn nested(&mut self, ty: &Type) {
        self.close_text();
        self.finished.push(quote_spanned! {ty.span()=>
            ::transom_plugin_api::describe::Piece::Nested(<#ty as ::transom_plugin_api::Contract>::SHAPE)
        });
    }

    fn close_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.finished.push(quote!(::transom_plugin_api::describe::Piece::Text(#text)));
        }
    }

    fn finish(mut self) -> Vec<TokenStream> {
        self.close_text();
        self.finished
    }
}
