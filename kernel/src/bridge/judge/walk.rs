//! One walk through two shapes side by side: where they do not fit, and what is lost.

use super::{Misfit, Reason};
use crate::bridge::shape::{Enum, Field, Shape, Variant};

/// For a person, more names than this are noise.
const MOST_NAMES: usize = 4;

/// What the value that was written is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To keep it.
    Read,
    /// By a link of a filter, whose changes will be carried back by name.
    Lend,
    /// By the filter, into a value that has the fields which the link lacks.
    Return,
}

/// What was found, and where it stands.
pub(super) struct Walk {
    pub(super) misfits: Vec<Misfit>,
    pub(super) lost: Vec<String>,
    way: Way,
    path: String,
}

impl Walk {
    pub(super) fn through(way: Way, written: &Shape, read: &Shape) -> Self {
        let mut walk = Self { misfits: Vec::new(), lost: Vec::new(), way, path: String::new() };
        walk.value(written, read);
        walk
    }

    fn value(&mut self, written: &Shape, read: &Shape) {
        match (written.encoded(), read.encoded()) {
            (written, Shape::Json) if !written.has_foreign_part() => {}
            (Shape::Foreign(one), Shape::Foreign(other)) if one == other => {}
            // None within none is null as well, so how often a value may be none does not show.
            (written, Shape::Maybe(read)) => self.value(written.present(), read),
            (Shape::Bool, Shape::Bool) | (Shape::Unit, Shape::Unit) | (Shape::Text, Shape::Text) => {}
            (Shape::Number(number), Shape::Number(wider)) if number.fits(*wider) => {}
            (Shape::List(written), Shape::List(read)) => self.below("[]", |walk| walk.value(written, read)),
            (Shape::Map(written), Shape::Map(read)) => self.below("{}", |walk| walk.value(written, read)),
            (Shape::Struct(written), Shape::Struct(read)) => self.fields(&written.fields, &read.fields),
            (Shape::Enum(written), Shape::Enum(read)) => self.choice(written, read),
            (written, read) => self.misfit(quoted(read), quoted(written), reason(written, read)),
        }
    }

    fn fields(&mut self, written: &[Field], read: &[Field]) {
        for field in read {
            let found: Vec<&Field> =
                written.iter().filter(|other| field.is_read_under(&other.name)).collect();
            self.in_field(&field.name, |walk| match found.as_slice() {
                [] => walk.absent(field),
                [one] => walk.field(one, field),
                [one, other, ..] => {
                    let both = format!("`{}` and `{}`", one.name, other.name);
                    walk.misfit("one of the two".to_owned(), both, Reason::Twice);
                }
            });
        }
        for field in written {
            if !read.iter().any(|other| other.is_read_under(&field.name)) {
                self.in_field(&field.name, |walk| walk.lost.push(walk.path.clone()));
            }
        }
    }

    fn absent(&mut self, read: &Field) {
        // What a link has no field for is still in the value that its changes are carried into.
        if self.way != Way::Return && !read.may_be_absent() {
            self.misfit(quoted(&read.shape), "nothing".to_owned(), Reason::Missing);
        }
    }

    fn field(&mut self, written: &Field, read: &Field) {
        // Carried back under another name, a change would stand beside the field and not in it.
        if self.way != Way::Read && written.name != read.name {
            let name = |field: &Field| format!("`{}`", field.name);
            return self.misfit(name(read), name(written), Reason::Renamed);
        }
        match written.unless_left_out() {
            Some(_) if !read.may_be_absent() => {
                self.misfit(quoted(&read.shape), quoted(&written.shape), Reason::MayBeLeftOut);
            }
            Some(present) => self.value(present, &read.shape),
            None => self.value(&written.shape, &read.shape),
        }
    }

    fn choice(&mut self, written: &Enum, read: &Enum) {
        if written.tag != read.tag {
            return self.misfit(tagging(read), tagging(written), Reason::OtherTag);
        }
        for variant in &written.variants {
            self.below(&format!("<{}>", variant.name), |walk| walk.variant(variant, read));
        }
        if written.grows && !read.grows {
            self.misfit(variants(read), "any variant".to_owned(), Reason::DoesNotGrow);
        }
    }

    fn variant(&mut self, written: &Variant, read: &Enum) {
        match read.variant(&written.name) {
            Some(same) => self.fields(&written.fields, &same.fields),
            None if read.grows => {}
            None => self.misfit(variants(read), format!("`{}`", written.name), Reason::UnknownVariant),
        }
    }

    fn misfit(&mut self, expected: String, found: String, reason: Reason) {
        let is_returned = self.way == Way::Return;
        self.misfits.push(Misfit { path: self.path.clone(), expected, found, reason, is_returned });
    }

    fn in_field(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.below(&format!("{dot}{name}"), walk);
    }

    fn below(&mut self, step: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        walk(self);
        self.path.truncate(length);
    }
}

fn reason(written: &Shape, read: &Shape) -> Reason {
    match (written, read) {
        (written, Shape::Json) if written.has_foreign_part() => Reason::Foreign,
        (Shape::Foreign(_), _) | (_, Shape::Foreign(_)) => Reason::Foreign,
        (Shape::Json, _) => Reason::Unbounded,
        (Shape::Maybe(_), _) => Reason::MayBeNone,
        (Shape::Number(_), Shape::Number(_)) => Reason::DoesNotFit,
        _ => Reason::OtherKind,
    }
}

fn quoted(shape: &Shape) -> String {
    format!("`{shape}`")
}

fn tagging(of: &Enum) -> String {
    match &of.tag {
        Some(tag) => format!("a map with the tag `{tag}`"),
        None => "the name of a variant".to_owned(),
    }
}

fn variants(of: &Enum) -> String {
    let names: Vec<String> = of.variants.iter().map(|variant| format!("`{}`", variant.name)).collect();
    match names.as_slice() {
        [] => "no variant".to_owned(),
        [one] => one.clone(),
        few if few.len() <= MOST_NAMES => format!("one of {}", few.join(", ")),
        many => format!("one of {} and {} more", many[..MOST_NAMES].join(", "), many.len() - MOST_NAMES),
    }
}
