//! What a field of a contract may hold.

use syn::spanned::Spanned;
use syn::{Data, Error, Fields, Type};

use super::all_fields;

/// Tells everything at once that stands where no contract can.
pub(super) fn check(data: &Data) -> syn::Result<()> {
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
