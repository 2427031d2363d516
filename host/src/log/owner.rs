//! [`Owners`]: whose line a target is, for plugins that are linked. All of them log through the host's own `tracing`, so
//! only the module tells.

/// The linked plugins, by the module that exports each.
#[derive(Default)]
pub(super) struct Owners(Vec<(String, &'static str)>);

impl Owners {
    pub(super) fn add(&mut self, module: &str, plugin: &str) {
        if module.is_empty() || self.0.iter().any(|(known, id)| known == module && *id == plugin) {
            return;
        }
        // As many as there are linked plugins, however often a host is started in this process.
        self.0.push((module.to_owned(), plugin.to_owned().leak()));
    }

    /// The plugin whose module holds `target`; else the only one of its crate. Where two have equal rights it is nobody's.
    pub(super) fn of(&self, target: &str) -> Option<&'static str> {
        let inside = self.0.iter().filter(|(module, _)| holds(module, target));
        let longest = inside.clone().map(|(module, _)| module.len()).max();
        match longest {
            Some(longest) => only(inside.filter(|(module, _)| module.len() == longest)),
            None => only(self.0.iter().filter(|(module, _)| crate_of(module) == crate_of(target))),
        }
    }
}

fn holds(module: &str, target: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn only<'a>(mut found: impl Iterator<Item = &'a (String, &'static str)>) -> Option<&'static str> {
    let (_, first) = found.next()?;
    found.next().is_none().then_some(*first)
}

pub(super) fn crate_of(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

/// Whether a target is one of the host's own crates, which say in a field whom they mean.
pub(super) fn is_hosts(target: &str) -> bool {
    ["transom_host", "transom_kernel", "transom_loader", "transom_plugin_api"].contains(&crate_of(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_of_the_plugin_whose_module_holds_it() {
        let mut owners = Owners::default();
        for (module, plugin) in [
            ("alone", "alone"),
            ("deep::plugin", "deep"),
            ("pair::one", "one"),
            ("pair::two", "two"),
            ("pair::two::inner", "inner"),
            ("twins", "left"),
            ("twins", "right"),
        ] {
            owners.add(module, plugin);
        }
        for (target, plugin) in [
            ("alone", Some("alone")),
            ("alone::store", Some("alone")),
            ("aloneness", None),
            ("deep::store", Some("deep")),
            ("pair::one::store", Some("one")),
            ("pair::two::store", Some("two")),
            ("pair::two::inner::store", Some("inner")),
            ("pair::shared", None),
            ("twins::store", None),
            ("hyper::proto", None),
            ("", None),
        ] {
            assert_eq!(owners.of(target), plugin, "{target}");
        }
    }
}
