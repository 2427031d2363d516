//! `transom lock`: pins every plugin of a manifest.

use super::check::assembled;
use super::refuse;
use crate::lock::Lock;
use crate::program::{Common, DONE, REFUSED};
use crate::running::Refused;
use crate::terminal::{counted, print};

pub(crate) async fn run(common: &Common) -> u8 {
    let assembly = match assembled(common).await {
        Ok(assembly) => assembly,
        Err(refused) => return refuse(&refused, common.json),
    };
    let refused = |problem: String| {
        refuse(&Refused::Host(problem), common.json);
        REFUSED
    };
    if !std::path::Path::new(assembly.manifest.file()).is_file() {
        return refused(
            "the built-in default is part of this program, so there is nothing to lock".to_owned(),
        );
    }
    let (path, lock) = (Lock::path_of(&assembly.manifest), Lock::of(&assembly.plugins));
    if let Err(error) = lock.write(&path) {
        return refused(format!("`{}` cannot be written: {error}", path.display()));
    }
    let plugins = assembly.plugins.len();
    print(&if common.json {
        format!("{}\n", serde_json::json!({ "ok": true, "file": path, "plugins": plugins }))
    } else {
        format!("{}: {} locked\n", path.display(), counted(plugins, "plugin"))
    });
    DONE
}
