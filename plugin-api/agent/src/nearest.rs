//! The names that are nearest to one that is none: what somebody may have meant.

/// Names that are told, at most.
const TOLD: usize = 3;
/// Characters of a name that are looked at: what is longer is no slip of the keyboard.
const LONGEST: usize = 64;

/// Those of `names` that differ from `written` by a third of its letters at most, or by two, the nearest first.
#[must_use]
pub fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let spelled = |name: &str| name.to_lowercase().chars().take(LONGEST).collect::<String>();
    let written = spelled(written);
    if written.is_empty() {
        return Vec::new();
    }
    let most = (written.chars().count() / 3).max(2);
    let far = |name: &str| strsim::osa_distance(&written, &spelled(name));
    let mut near: Vec<(usize, &str)> =
        names.map(|name| (far(name), name)).filter(|(far, _)| *far <= most).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name).take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_far_ones_not_at_all() {
        let names = ["scripted/echo", "scripted/demo", "local/llama-3", "scripted/recorded"];
        let near = |written: &str| nearest(written, names.into_iter());
        assert_eq!(near("scripted/ehco"), ["scripted/echo", "scripted/demo"]);
        assert_eq!(near("Local/Llama3"), ["local/llama-3"]);
        assert_eq!(near("gpt-5"), [""; 0]);
        assert_eq!(near(""), [""; 0]);
        assert_eq!(near(&"x".repeat(100_000)), [""; 0]);
        let near = |written: &str| nearest(written, ["pdf-forms", "pdf-form", "deploy"].into_iter());
        assert_eq!(near("pdf-fomr"), ["pdf-form", "pdf-forms"]);
        assert_eq!((near("Deploy"), near("knots")), (vec!["deploy"], vec![]));
    }
}
