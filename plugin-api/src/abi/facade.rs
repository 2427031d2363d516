//! The field types of contracts: stable in layout, and convertible both ways to what std calls them.

mod json;
mod list;
mod map;
mod maybe;
mod opaque;
mod secret_text;
mod shared;
mod text;

pub use json::Json;
pub use list::List;
pub use map::Map;
pub use maybe::Maybe;
pub use opaque::Opaque;
pub use secret_text::SecretText;
pub use shared::Shared;
pub use text::Text;
