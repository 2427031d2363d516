//! The lock file: which plugins a manifest was found with, each file by its SHA-256.
//!
//! `transom lock` writes it beside the manifest; `--locked` refuses everything that differs. What is hashed are the bytes
//! that are loaded, so nothing can be changed in between.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use transom_plugin_api::sabotage::sabotaged;

use crate::assembly::{Assembled, Source};
use crate::manifest::{Fault, Faults, Manifest};
use crate::regular_file::{Unread, bytes_of};

/// The form of the file.
const FORM: u32 = 1;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

const HEAD: &str =
    "# Written by `transom lock`: what `--locked` compares. Commit it beside the manifest.\n\n";

/// What a lock file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    form: u32,
    #[serde(default, rename = "plugin")]
    plugins: Vec<Locked>,
}

/// One plugin of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    id: String,
    version: String,
    abi: u32,
    /// Of the file; left out for a plugin that is linked into the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Lock {
    /// Where the lock of a manifest stands: `transom.toml` has `transom.lock` beside it.
    #[must_use]
    pub fn path_of(manifest: &Manifest) -> PathBuf {
        Path::new(manifest.file()).with_extension("lock")
    }

    /// What there is to lock, by id.
    #[must_use]
    pub fn of(plugins: &[Assembled]) -> Self {
        let locked = |plugin: &Assembled| Locked {
            id: plugin.entry.id.clone(),
            version: plugin.descriptor.version.clone(),
            abi: plugin.descriptor.abi,
            sha256: match &plugin.source {
                Source::File(file) => Some(file.sha256().to_owned()),
                Source::Linked(_) => None,
            },
        };
        let mut plugins: Vec<Locked> = plugins.iter().map(locked).collect();
        plugins.sort_by(|one, other| one.id.cmp(&other.id));
        Self { form: FORM, plugins }
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let draft = path.with_extension("lock.draft");
        std::fs::write(&draft, format!("{HEAD}{text}"))?;
        std::fs::rename(draft, path)
    }

    /// Compares the plugins of a manifest with its lock file.
    ///
    /// # Errors
    /// Everything that differs, or that there is no lock to compare with.
    pub fn check(manifest: &Manifest, plugins: &[Assembled]) -> Result<(), Faults> {
        Self::check_some(manifest, plugins, true)
    }

    /// As [`check`](Self::check); `are_all` says whether there are no others.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn check_some(
        manifest: &Manifest,
        plugins: &[Assembled],
        are_all: bool,
    ) -> Result<(), Faults> {
        let path = Self::path_of(manifest);
        let locked = Self::read(&path)?.plugins;
        let locked: BTreeMap<&str, &Locked> = locked.iter().map(|one| (one.id.as_str(), one)).collect();
        let found = Self::of(plugins).plugins;
        let mut faults = Vec::new();
        for now in &found {
            let entry = &plugins.iter().find(|plugin| plugin.entry.id == now.id).expect("it was found").entry;
            let difference = match locked.get(now.id.as_str()) {
                None => Some(format!("plugin `{}` is not in `{}`", now.id, path.display())),
                Some(then) => then.difference(now),
            };
            let key = if now.sha256.is_some() { "source" } else { "id" };
            let help = "see what has changed, and write the lock again with `transom lock` when it is meant";
            faults.extend(
                difference.map(|message| manifest.fault_at(entry, key, message, Some(help.to_owned()))),
            );
        }
        let gone = locked.keys().filter(|id| are_all && !found.iter().any(|now| now.id == **id));
        faults.extend(gone.map(|id| {
            let message = format!("plugin `{id}` is locked, and not in the manifest");
            fault(&path, message, "write the lock again with `transom lock` when it is meant")
        }));
        Faults::of(faults).map_or(Ok(()), Err)
    }

    fn read(path: &Path) -> Result<Self, Faults> {
        let unread = |message: String| fault(path, message, "write it with `transom lock`");
        let bytes = bytes_of(path, LARGEST).map_err(|why| match why {
            Unread::Failed(error) if error.kind() == io::ErrorKind::NotFound => {
                unread("there is no lock file".to_owned())
            }
            Unread::Failed(error) => unread(format!("the lock file cannot be read: {}", error.kind())),
            Unread::NotAFile => unread("the lock file is not a regular file".to_owned()),
            Unread::TooLong => unread(format!("the lock file has more than {LARGEST} bytes")),
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| unread("the lock file cannot be read: it is not UTF-8 text".to_owned()))?;
        let lock: Self = toml::from_str(&text).map_err(|error| {
            fault(
                path,
                format!("the lock file is damaged: {}", error.message()),
                "write it again with `transom lock`",
            )
        })?;
        if lock.form == FORM {
            return Ok(lock);
        }
        let message = format!("the lock file has form {}, and this host knows form {FORM}", lock.form);
        Err(fault(path, message, "use the host that wrote it, or write it again with `transom lock`").into())
    }
}

impl Locked {
    /// What is different now; the file says most, so it is asked first.
    fn difference(&self, now: &Self) -> Option<String> {
        let id = &self.id;
        let attached = |sha256: &Option<String>| if sha256.is_some() { "a file" } else { "linked in" };
        match (&self.sha256, &now.sha256) {
            (Some(then), Some(now)) if then != now && !sabotaged("trust-any-file") => {
                Some(format!("the file of plugin `{id}` has SHA-256 {now}, expected {then}"))
            }
            (then, now) if then.is_some() != now.is_some() => Some(format!(
                "plugin `{id}` is {}, and was {} when it was locked",
                attached(now),
                attached(then)
            )),
            _ if self.version != now.version => {
                Some(format!("plugin `{id}` has version {}, expected {}", now.version, self.version))
            }
            _ if self.abi != now.abi => {
                Some(format!("plugin `{id}` has ABI revision {}, expected {}", now.abi, self.abi))
            }
            _ => None,
        }
    }
}

fn fault(path: &Path, message: String, help: &str) -> Fault {
    let file = path.display().to_string();
    Fault { file, position: None, message, help: Some(help.to_owned()), explanation: None }
}
