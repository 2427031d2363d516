//! [`Pattern`]: what the name of a route says.

/// The methods a route can have. `HEAD` and `OPTIONS` follow from them.
pub(crate) const METHODS: [&str; 4] = ["DELETE", "GET", "POST", "PUT"];

/// More parameters than any path needs; the matcher cannot take more than 25.
const MOST_PARAMETERS: usize = 16;

/// The name of a route, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// One of [`METHODS`].
    pub(crate) method: &'static str,
    /// The path as the matcher wants it, such as `/chat/{id}`.
    pub(crate) path: String,
    /// The path without the names of its parameters: two routes of equal shape answer the same requests.
    pub(crate) shape: String,
}

impl Pattern {
    /// Whether a route of that name answers the same requests.
    pub(crate) fn answers_as(&self, name: &str) -> bool {
        Self::parse(name).is_ok_and(|other| other.method == self.method && other.shape == self.shape)
    }

    /// Reads `METHOD /path/:parameter`.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence about the route.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let (method, path) = name.split_once(' ').ok_or("has no path, expected `METHOD /path`")?;
        let method = METHODS
            .into_iter()
            .find(|known| *known == method)
            .ok_or_else(|| format!("has the method `{method}`, expected one of {}", METHODS.join(", ")))?;
        let segments =
            path.strip_prefix('/').ok_or_else(|| format!("has the path `{path}`, expected a `/` first"))?;
        let mut pattern = Self { method, path: String::new(), shape: String::new() };
        if segments.is_empty() {
            pattern.add("/", "/");
            return Ok(pattern);
        }
        let mut parameters = Vec::new();
        for segment in segments.split('/') {
            pattern.add("/", "/");
            match segment.strip_prefix(':') {
                Some(parameter) => {
                    check_parameter(parameter, &parameters)?;
                    parameters.push(parameter);
                    pattern.add(&format!("{{{parameter}}}"), ":");
                }
                None => {
                    check_literal(segment)?;
                    pattern.add(segment, segment);
                }
            }
        }
        Ok(pattern)
    }

    fn add(&mut self, path: &str, shape: &str) {
        self.path += path;
        self.shape += shape;
    }
}

fn check_parameter(parameter: &str, before: &[&str]) -> Result<(), String> {
    let is_word = parameter.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if parameter.is_empty() || !is_word {
        return Err(format!(
            "has the parameter `:{parameter}`, expected letters, digits, `_` or `-` after the colon"
        ));
    }
    if before.contains(&parameter) {
        return Err(format!("has the parameter `:{parameter}` twice"));
    }
    if before.len() == MOST_PARAMETERS {
        return Err(format!("has more than {MOST_PARAMETERS} parameters"));
    }
    Ok(())
}

fn check_literal(segment: &str) -> Result<(), String> {
    if segment.is_empty() {
        return Err("has an empty part between two `/` or at its end".to_owned());
    }
    let strange =
        |character: &char| !character.is_ascii_alphanumeric() && !"-._~!$&'()+,;=@".contains(*character);
    match segment.chars().find(strange) {
        Some(character) => Err(format!("has `{character}` in its part `{segment}`, where a path has none")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_method_path_and_parameters() {
        let pattern = Pattern::parse("PUT /chats/:chat/parts/:part-id").unwrap();
        assert_eq!(pattern.method, "PUT");
        assert_eq!(pattern.path, "/chats/{chat}/parts/{part-id}");
        assert_eq!(pattern.shape, "/chats/:/parts/:");
    }

    #[test]
    fn the_root_is_a_path() {
        assert_eq!(Pattern::parse("GET /").unwrap().path, "/");
    }

    #[test]
    fn what_cannot_be_served_says_why() {
        let refused = [
            ("GET", "has no path"),
            ("get /x", "method `get`"),
            ("HEAD /x", "method `HEAD`"),
            ("PATCH /x", "method `PATCH`"),
            ("GET x", "expected a `/` first"),
            ("GET  /x", "expected a `/` first"),
            ("GET /x/", "empty part"),
            ("GET //x", "empty part"),
            ("GET /:", "parameter `:`"),
            ("GET /:a:b", "parameter `:a:b`"),
            ("GET /:a/:a", "`:a` twice"),
            ("GET /{a}", "has `{`"),
            ("GET /*", "has `*`"),
            ("GET /a b", "has ` `"),
            ("GET /a?b", "has `?`"),
            ("GET /a:b", "has `:`"),
            ("GET /a%20b", "has `%`"),
            ("GET /ä", "has `ä`"),
        ];
        for (name, why) in refused {
            let problem = Pattern::parse(name).expect_err(name);
            assert!(problem.contains(why), "{name}: {problem}");
        }
    }

    #[test]
    fn parameters_are_bounded() {
        let path = |count: usize| (0..count).map(|index| format!("/:p{index}")).collect::<String>();
        assert!(Pattern::parse(&format!("GET {}", path(16))).is_ok());
        assert!(Pattern::parse(&format!("GET {}", path(17))).is_err());
    }
}
