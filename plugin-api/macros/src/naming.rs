//! How names in Rust are written in the encoded form, and how text is written in JSON.

/// A variant's name: `RateLimited` is `rate-limited`.
pub(crate) fn kebab(name: &str) -> String {
    let mut out = String::new();
    for (index, character) in name.chars().enumerate() {
        if character.is_uppercase() && index > 0 {
            out.push('-');
        }
        out.extend(character.to_lowercase());
    }
    out
}

/// A field's name: `wait_ms` is `waitMs`.
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_').filter(|word| !word.is_empty()) {
        let mut characters = word.chars();
        match characters.next() {
            Some(first) if !out.is_empty() => out.extend(first.to_uppercase()),
            Some(first) => out.extend(first.to_lowercase()),
            None => {}
        }
        out.push_str(characters.as_str());
    }
    out
}

/// Text in quotes.
pub(crate) fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            control if control < ' ' => out.push(' '),
            other => out.push(other),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests;
