//! `host.trusted_keys`: whose signatures count.

use transom_loader::TrustedKey;

use super::Reader;
use super::tree::{Content, Located};

impl Reader<'_, '_> {
    /// The keys; `None` when the manifest does not say, and then signatures do not matter. No value is repeated in a
    /// fault: somebody may have pasted the wrong half of a key.
    pub(super) fn trusted_keys(&mut self, root: &Located) -> Option<Vec<TrustedKey>> {
        let list = root.get("host")?.get("trusted_keys")?;
        let Content::List(items) = &list.content else { return None };
        if items.is_empty() {
            let help = "name the keys whose signatures count, or leave it out";
            self.report.say(list.at, "`host.trusted_keys` is empty".to_owned(), Some(help.to_owned()));
        }
        let keys = items.iter().enumerate().filter_map(|(index, item)| self.trusted_key(index, item));
        Some(keys.collect())
    }

    fn trusted_key(&mut self, index: usize, item: &Located) -> Option<TrustedKey> {
        let text = match self.environment.secret(item.text()?, self.folder) {
            Ok(text) => text,
            Err(problem) => {
                let message = format!("`host.trusted_keys[{index}]` needs {problem}");
                self.report.say(item.at, message, problem.help());
                return None;
            }
        };
        let key = TrustedKey::parse(&text);
        if key.is_none() {
            let message = format!("`host.trusted_keys[{index}]` is no public key of minisign");
            let help = "write the key as `minisign -G` shows it, `RW…`, or `file:` and the path of its file";
            self.report.say(item.at, message, Some(help.to_owned()));
        }
        key
    }
}
