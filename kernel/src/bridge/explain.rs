//! What a person is told when two copies of a contract cannot be bridged: who, where, why, and what to do.

#[cfg(test)]
mod tests;

use std::fmt;

use super::judge::Misfit;

/// The rules, for who does not have the guide at hand.
const RULES: &str = "\
two copies of a contract are bridged when every value of the one can be read in the other:
  a field the reader does not know is dropped; a field it needs must be written, or have a default, or be a `Maybe`
  a field with another name is read if the reader says which name it was
  a number can be read as one that holds all its values, a value as a `Maybe`, anything as `Json`
  a variant the reader does not know needs an enum that grows, and so does an enum that grows at the writer
  what a link of a filter returns must fit as well, under the same names; fields it does not have stay as they were
";

/// A plugin, and which copy of the contract it was built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder<'a> {
    /// The plugin's id.
    pub(crate) plugin: &'a str,
    /// The plugin's version.
    pub(crate) version: &'a str,
    /// The contract's revision there.
    pub(crate) revision: u32,
}

/// Why a plugin cannot take part in a point.
///
/// Shown, it is a diagnostic of at most five lines; [`long`](Self::long) is the whole of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explanation<'a> {
    /// The point's name.
    pub(crate) point: &'a str,
    /// What the contract is called.
    pub(crate) contract: &'a str,
    /// Who cannot take part.
    pub(crate) plugin: Holder<'a>,
    /// Whose copy is the reference at this point.
    pub(crate) owner: Holder<'a>,
    /// Whether the plugin reads what the owner writes; for a filter, whether it is the link.
    pub(crate) plugin_reads: bool,
    /// What the judge found.
    pub(crate) misfits: &'a [Misfit],
}

impl Explanation<'_> {
    /// Everything there is to say: all misfits, one a line, and the rules.
    pub(crate) fn long(&self) -> String {
        let mut text = format!("plugin `{}` {}\n", one_line(self.plugin.plugin), self.headline());
        for misfit in self.misfits {
            text += &format!("  {}\n", self.sentence(misfit));
        }
        text + &format!("  {}\n  help: {}\n\n{RULES}", self.revisions(), self.help())
    }

    /// What is wrong, in at most three lines that follow the name of the plugin.
    pub(crate) fn problem(&self) -> String {
        let mut text = self.headline();
        if let Some((first, others)) = self.misfits.split_first() {
            text += &format!("\n  {}", self.sentence(first));
            if !others.is_empty() {
                text += &format!("; and {} more, which `transom explain` tells", others.len());
            }
        } else {
            text += "\n  what one of them looks like is not known: its plugin does not say";
        }
        text + &format!("\n  {}", self.revisions())
    }

    /// What follows the name of the plugin.
    fn headline(&self) -> String {
        let Self { point, contract, owner, .. } = self;
        one_line(&format!(
            "cannot take part in `{point}`: its `{contract}` and that of `{}` cannot be bridged",
            owner.plugin
        ))
    }

    fn sentence(&self, misfit: &Misfit) -> String {
        let Misfit { path, expected, found, reason, is_returned } = misfit;
        let plugin_reads = self.plugin_reads != *is_returned;
        let (reader, writer) =
            if plugin_reads { (self.plugin, self.owner) } else { (self.owner, self.plugin) };
        let place = if path.is_empty() { "the value itself".to_owned() } else { format!("at `{path}`") };
        let verb = if *is_returned { "may return" } else { "has" };
        one_line(&format!(
            "{place}: `{}` expects {expected}, `{}` {verb} {found}: {reason}",
            reader.plugin, writer.plugin
        ))
    }

    fn revisions(&self) -> String {
        let Self { contract, plugin, owner, .. } = self;
        one_line(&format!(
            "`{}` {} has revision {} of `{contract}`, `{}` {} has revision {}",
            plugin.plugin, plugin.version, plugin.revision, owner.plugin, owner.version, owner.revision
        ))
    }

    /// Whoever is behind is to be built again; the owner only when the plugin is ahead of it.
    pub(crate) fn help(&self) -> String {
        let Self { contract, plugin, owner, .. } = self;
        let build = |old: &Holder<'_>, new: &Holder<'_>| {
            let Holder { plugin, version, revision } = new;
            format!(
                "build `{}` against revision {revision} of `{contract}`, that of `{plugin}` {version}",
                old.plugin
            )
        };
        one_line(&match plugin.revision.cmp(&owner.revision) {
            std::cmp::Ordering::Less => build(plugin, owner),
            std::cmp::Ordering::Greater => {
                format!("{}, or use an older `{}`", build(owner, plugin), plugin.plugin)
            }
            std::cmp::Ordering::Equal => format!(
                "{}, and raise the revision when the contract changes: these differ under one number",
                build(plugin, owner)
            ),
        })
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}` {}\n  help: {}", one_line(self.plugin.plugin), self.problem(), self.help())
    }
}

// Names come out of files that anybody may have written; none of them may add a line or steer a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
