//! [`RuleSet`]: many rules, so that what they say of a call is found at once, however many there are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use globset::{GlobMatcher, GlobSet, GlobSetBuilder};
use transom_plugin_api::CallError;
use transom_plugin_api::sabotage::sabotaged;

use crate::act::{Act, Place};
use crate::command_line::{Command, without_folder};
use crate::rule::{Decision, Rule};

/// A tool, as rules know it: rules that a person's answer has made are for the plugin that had the tool then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool<'a> {
    pub(crate) name: &'a str,
    pub(crate) plugin: &'a str,
}

/// A rule with what becomes of the calls it means, and for which plugin's tools, where that matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) decision: Decision,
    pub(crate) rule: &'a Rule,
    pub(crate) plugin: Option<&'a str>,
}

/// Whether a rule means a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    No,
    /// It may: nobody can tell what the call does.
    Perhaps,
    /// By this rule.
    By(String),
}

/// Rules that hold at the same place, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    decisions: [Rules; 3],
}

/// Rules by the tool they name, and the plugin that is to have it.
type ByTool<'a> = HashMap<(&'a str, Option<&'a str>), Vec<&'a Rule>>;

/// Those of one decision.
#[derive(Debug, Default)]
struct Rules {
    exact: HashMap<String, Vec<OfTool>>,
    globbed: Vec<(GlobMatcher, OfTool)>,
}

/// Those of one tool, or of one pattern of tools.
#[derive(Debug)]
struct OfTool {
    plugin: Option<String>,
    /// One without a pattern means every call.
    whole: Option<String>,
    /// The rules with a pattern, in the order of the sets.
    rules: Vec<String>,
    /// Patterns that begin where the rules hold, those that begin at the root, and all as patterns of commands; each knows of its
    /// patterns which rules they are.
    relative: Patterns,
    absolute: Patterns,
    commands: Patterns,
}

#[derive(Debug, Default)]
struct Patterns {
    set: GlobSet,
    rules: Vec<usize>,
}

impl RuleSet {
    /// Makes rules ready.
    ///
    /// # Errors
    /// When one of them cannot be meant.
    pub(crate) fn new<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Result<Self, CallError> {
        let mut sorted: [ByTool<'_>; 3] = Default::default();
        for Entry { decision, rule, plugin } in entries {
            sorted[decision as usize].entry((&rule.tool, plugin)).or_default().push(rule);
        }
        let [allow, ask, deny] = sorted;
        let decisions = [
            Rules::new(Decision::Allow, allow)?,
            Rules::new(Decision::Ask, ask)?,
            Rules::new(Decision::Deny, deny)?,
        ];
        Ok(Self { decisions })
    }

    /// Whether a rule of that decision means some of what a call does.
    pub(crate) fn touches(&self, decision: Decision, tool: Tool<'_>, acts: &[Act], base: &Path) -> Meant {
        let mut meant = Meant::No;
        for of_tool in self.decisions[decision as usize].of(tool) {
            match of_tool.touches(acts, base) {
                by @ Meant::By(_) => return by,
                Meant::Perhaps => meant = Meant::Perhaps,
                Meant::No => {}
            }
        }
        meant
    }

    /// Whether rules of that decision mean all of one thing that a call does. `by` is told which: also of some that mean but a part of
    /// it, where others do not mean the rest.
    pub(crate) fn covers(
        &self,
        decision: Decision,
        tool: Tool<'_>,
        act: &Act,
        base: &Path,
        by: &mut impl FnMut(&str),
    ) -> bool {
        self.decisions[decision as usize].of(tool).any(|of_tool| of_tool.covers(act, base, by))
    }
}

impl Rules {
    fn new(decision: Decision, sorted: ByTool<'_>) -> Result<Self, CallError> {
        let mut rules = Self::default();
        for ((tool, plugin), of_tool) in sorted {
            let Some(first) = of_tool.first() else { continue };
            let (is_of_many, tools) = (first.is_of_many_tools(), first.tools()?);
            let of_tool = OfTool::new(decision, plugin, &of_tool)?;
            if is_of_many {
                rules.globbed.push((tools.compile_matcher(), of_tool));
            } else {
                rules.exact.entry(tool.to_owned()).or_default().push(of_tool);
            }
        }
        Ok(rules)
    }

    fn of<'a>(&'a self, tool: Tool<'a>) -> impl Iterator<Item = &'a OfTool> {
        let exact = self.exact.get(tool.name).into_iter().flatten();
        let globbed =
            self.globbed.iter().filter(move |(names, _)| names.is_match(tool.name)).map(|(_, of)| of);
        let is_of = move |of: &&OfTool| of.plugin.as_deref().is_none_or(|plugin| plugin == tool.plugin);
        exact.chain(globbed).filter(move |of| is_of(of) || sabotaged("take-any-plugin-s-tool"))
    }
}

impl OfTool {
    fn new(decision: Decision, plugin: Option<&str>, rules: &[&Rule]) -> Result<Self, CallError> {
        let whole = rules.iter().find(|rule| rule.pattern.is_none()).map(ToString::to_string);
        let (mut relative, mut absolute, mut commands) = (Drawer::new(), Drawer::new(), Drawer::new());
        let mut names = Vec::new();
        for rule in rules {
            let Some(written) = &rule.pattern else { continue };
            let place = names.len();
            names.push(rule.to_string());
            let pattern = &*at_home(written);
            let paths = if pattern.starts_with('/') { &mut absolute } else { &mut relative };
            paths.push(rule.paths(pattern)?, place);
            // What keeps from all that is in a folder keeps from listing it.
            let folder = pattern.strip_suffix("/**").filter(|_| decision > Decision::Allow);
            if let Some(folder) = folder.filter(|_| !sabotaged("leave-the-folder-itself")) {
                paths.push(rule.paths(folder)?, place);
            }
            for glob in rule.commands(written, decision)? {
                commands.push(glob, place);
            }
        }
        Ok(Self {
            plugin: plugin.map(str::to_owned),
            whole,
            rules: names,
            relative: relative.close()?,
            absolute: absolute.close()?,
            commands: commands.close()?,
        })
    }

    fn touches(&self, acts: &[Act], base: &Path) -> Meant {
        if let Some(whole) = &self.whole {
            return Meant::By(whole.clone());
        }
        let mut meant = Meant::No;
        for act in acts.iter().filter(|_| !self.rules.is_empty()) {
            let found = match act {
                Act::Path { place: Some(place), .. } => {
                    [&place.written, &place.resolved].into_iter().find_map(|path| self.of_path(path, base))
                }
                Act::Command { plain: Some(commands), .. } => {
                    if commands.iter().any(|command| command.runs_others) {
                        meant = Meant::Perhaps;
                    }
                    commands.iter().find_map(|command| self.of_command(&command.wide()))
                }
                Act::Reach { .. } => None,
                Act::Path { place: None, .. } | Act::Command { plain: None, .. } | Act::Unknown => {
                    meant = Meant::Perhaps;
                    None
                }
            };
            if let Some(rule) = found {
                return Meant::By(rule.to_owned());
            }
        }
        meant
    }

    fn covers(&self, act: &Act, base: &Path, by: &mut impl FnMut(&str)) -> bool {
        if let Some(whole) = &self.whole {
            by(whole);
            return true;
        }
        let mut is_meant = |rule: Option<&str>| rule.map(&mut *by).is_some();
        match act {
            Act::Path { place: Some(Place { written, resolved }), .. } => {
                is_meant(self.of_path(written, base))
                    && (is_meant(self.of_path(resolved, base)) || sabotaged("allow-what-a-link-leads-to"))
            }
            Act::Command { plain: Some(commands), .. } => {
                let rule =
                    |command: &Command| self.commands.first(command.exact()).map(|place| &*self.rules[place]);
                !commands.is_empty() && commands.iter().all(|command| is_meant(rule(command)))
            }
            _ => false,
        }
    }

    fn of_path(&self, path: &Path, base: &Path) -> Option<&str> {
        let relative = path.strip_prefix(base).ok().and_then(|inside| self.relative.first(inside));
        relative.or_else(|| self.absolute.first(path)).map(|place| self.rules[place].as_str())
    }

    /// A rule that means a program means it in whatever folder it is.
    fn of_command(&self, command: &str) -> Option<&str> {
        let found = self.commands.first(command).or_else(|| self.commands.first(without_folder(command)));
        found.map(|place| self.rules[place].as_str())
    }
}

/// A pattern of paths that begins at the home folder of who runs the host, written from the root.
fn at_home(pattern: &str) -> Cow<'_, str> {
    let behind = pattern.strip_prefix('~').filter(|behind| behind.is_empty() || behind.starts_with('/'));
    let home = std::env::var("HOME").ok().filter(|home| home.starts_with('/'));
    match (behind, home) {
        (Some(behind), Some(home)) if !sabotaged("take-home-for-a-folder") => {
            format!("{}{behind}", globset::escape(home.trim_end_matches('/'))).into()
        }
        _ => pattern.into(),
    }
}

impl Patterns {
    /// The rule of a pattern that something matches.
    fn first(&self, path: impl AsRef<Path>) -> Option<usize> {
        if self.rules.is_empty() {
            return None;
        }
        self.set.matches(path).first().map(|place| self.rules[*place])
    }
}

/// Patterns that are gathered.
struct Drawer {
    builder: GlobSetBuilder,
    rules: Vec<usize>,
}

impl Drawer {
    fn new() -> Self {
        Self { builder: GlobSetBuilder::new(), rules: Vec::new() }
    }

    fn push(&mut self, glob: globset::Glob, rule: usize) {
        self.builder.add(glob);
        self.rules.push(rule);
    }

    fn close(self) -> Result<Patterns, CallError> {
        let set = self.builder.build();
        let set = set
            .map_err(|error| CallError::invalid_input(format!("the rules are too much together: {error}")))?;
        Ok(Patterns { set, rules: self.rules })
    }
}
