//! [`Origins`]: whose pages are served besides the server's own.

use transom_plugin_api::StartError;

/// Other origins whose pages may ask. None by default.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads the setting `origins`: each a scheme and an authority, as browsers write them into the header `Origin`.
    ///
    /// # Errors
    /// For what no browser would send, and for `*` and `null`, which would let everybody in.
    pub fn parse(listed: &[String]) -> Result<Self, StartError> {
        match listed.iter().find(|origin| !is_origin(origin)) {
            None => Ok(Self(listed.to_vec())),
            Some(origin) => Err(StartError::new(format!(
                "setting `origins` has `{origin}`, expected a scheme, a name and, where it is not the usual one, a port"
            ))
            .help("write it as `https://app.example` or `http://localhost:3000`, without a `/` at the end")),
        }
    }

    /// Whether pages of `origin` are served.
    #[must_use]
    pub fn contain(&self, origin: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(origin))
    }
}

fn is_origin(text: &str) -> bool {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    authority.is_some_and(|authority| !authority.is_empty() && authority.bytes().all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(origin: &str) -> Result<Origins, String> {
        Origins::parse(&[origin.to_owned()]).map_err(|error| error.to_string())
    }

    #[test]
    fn an_origin_is_a_scheme_and_an_authority() {
        for origin in ["https://app.example", "http://localhost:3000", "http://[::1]:80"] {
            assert!(parsed(origin).unwrap().contain(origin), "{origin}");
        }
    }

    #[test]
    fn what_would_let_everybody_in_or_nobody_is_refused() {
        for origin in [
            "*",
            "null",
            "",
            "https://",
            "app.example",
            "https://app.example/",
            "https://*.example",
            "ws://x",
        ] {
            let refused = parsed(origin).expect_err(origin);
            assert!(
                refused.contains(&format!("`{origin}`")) && refused.contains("help: write it"),
                "{refused}"
            );
        }
    }

    #[test]
    fn without_a_list_there_are_none() {
        assert!(!Origins::default().contain("http://localhost:3000") && !Origins::default().contain(""));
    }
}
