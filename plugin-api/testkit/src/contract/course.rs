//! The course of a check: read, started, stopped, started again, cut off, started once more; and what is left of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::way::Way;
use tempfile::TempDir;
use tokio::runtime::{Builder, Handle, Runtime};
use transom_kernel::descriptor::PortDescriptor;
use transom_plugin_api::hosting::PluginState;
use transom_plugin_api::plugin::Exported;
use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

use super::ContractCheck;
use super::census::{Census, left_behind, soon_empty, unfinished_starts};
use crate::Stand;
use crate::found::{Found, dylib_of, find, inside, read};
use crate::ports::TEST;
use crate::stand::new_folder;

/// How often a start is cut off at once before it is believed that this one cannot be: it may be faster than who cuts.
const CUTS: usize = 20;

/// Everything that is wrong with the plugin when it is attached in this way.
pub(super) fn run<P: Exported>(check: &ContractCheck<P>, way: Way) -> Result<(), String> {
    let named = |problem: String| {
        let way = if way == Way::Linked { "linked" } else { "loaded from its file" };
        format!("{way}, the plugin breaks its contract: {problem}")
    };
    let folder = new_folder();
    describes_itself(check, way, folder.path()).map_err(named)?;
    let images = folder.path().join("images");
    std::fs::create_dir_all(&images).map_err(|error| error.to_string())?;
    let found = find::<P>(way, &images).map_err(named)?;
    let course = Course { check, found, folder };
    course.start_and_stop("the first start").map_err(named)?;
    // What is made once for the whole process, or its image, is there now.
    let before = Census::now();
    course.start_and_stop("a start on what the first one left").map_err(named)?;
    course.cut_off().map_err(named)?;
    course.start_and_stop("a start after one that was cut off").map_err(named)?;
    let left =
        if sabotaged("look-away-when-it-stops") { Vec::new() } else { left_behind(&before, check.patience) };
    if left.is_empty() {
        return Ok(());
    }
    Err(named(format!(
        "when it was stopped it left behind {}\n  help: `Host::on_stop` is where threads are told to end and are joined",
        left.join(", ")
    )))
}

/// The descriptor is data: reading it is reading.
fn describes_itself<P: Exported>(check: &ContractCheck<P>, way: Way, folder: &Path) -> Result<(), String> {
    let inside = inside::<P>()?;
    let before = Census::now();
    let described = inside.table.describe();
    let (first, second) = (described(), described());
    if first != second {
        return Err("its descriptor changes from one reading to the next".to_owned());
    }
    if way == Way::Dylib {
        let path = dylib_of::<P>()?;
        let id = &inside.descriptor.id;
        let file = read(&path, id)?;
        if file.contents.descriptor(id) != Some(&inside.descriptor) {
            return Err(format!("its descriptor in `{}` is another than in the program", path.display()));
        }
    }
    let mut effects = left_behind(&before, check.patience);
    let made = std::fs::read_dir(folder).into_iter().flatten().flatten();
    effects.extend(made.map(|entry| format!("the file `{}`", entry.path().display())));
    if effects.is_empty() {
        Ok(())
    } else {
        Err(format!("reading its descriptor made {}", effects.join(", ")))
    }
}

struct Course<'a, P> {
    check: &'a ContractCheck<P>,
    found: Found,
    folder: Arc<TempDir>,
}

impl<P: Exported> Course<'_, P> {
    /// A stand with the plugin and what it needs.
    fn stand(&self, start_deadline: Option<Duration>) -> Stand {
        let stand = Stand::attaching(self.found.attach, Arc::clone(&self.folder));
        (self.check.around)(&stand);
        let served: Vec<String> = stand
            .kernel()
            .residents()
            .iter()
            .flat_map(|resident| resident.ports.iter().filter(|port| port.role == Role::Serves))
            .map(|port| port.point.clone())
            .collect();
        let wanted = self.found.descriptor.ports.iter().filter(|port| {
            port.role == Role::Calls
                && !port.optional
                && !port.kind.is_named()
                && !served.contains(&port.point)
        });
        let promised: Vec<PortDescriptor> =
            wanted.map(|port| PortDescriptor { role: Role::Serves, ..port.clone() }).collect();
        stand.kernel().seat(TEST, promised, self.found.descriptor.types.clone());
        stand.with(self.found.clone(), &self.check.settings, start_deadline)
    }

    /// Starts and stops it once, on a runtime of its own; `which` is what it is called in what is found.
    fn start_and_stop(&self, which: &str) -> Result<(), String> {
        let runtime = runtime();
        runtime.block_on(async {
            let before = tasks();
            let stand = self.stand(None);
            stand.start().await.map_err(|error| format!("{which} failed: {error}"))?;
            self.stop(stand, before).await
        })
    }

    async fn stop(&self, stand: Stand, before: usize) -> Result<(), String> {
        let report = stand.stop_and_report().await;
        if let Some((_, doing)) = report.cut_off.first() {
            return Err(format!("it did not stop in its time: {doing}"));
        }
        drop(stand);
        let left = soon_empty(self.check.patience, || match tasks().saturating_sub(before) {
            0 => Vec::new(),
            1 => vec!["a task".to_owned()],
            many => vec![format!("{many} tasks")],
        });
        if left.is_empty() {
            return Ok(());
        }
        Err(format!(
            "when it was stopped it left behind {}\n  help: `Host::spawn` runs tasks that end with the plugin",
            left.join(", ")
        ))
    }

    /// Cuts its start off at the deadline, which is over when it begins.
    fn cut_off(&self) -> Result<(), String> {
        for _ in 0..CUTS {
            let runtime = runtime();
            let was_cut = runtime.block_on(async {
                let before = tasks();
                let stand = self.stand(Some(Duration::ZERO));
                let was_cut = stand.start().await.is_err();
                self.look_after_a_cut(&stand, was_cut)?;
                self.stop(stand, before).await.map(|()| was_cut)
            })?;
            if was_cut {
                break;
            }
        }
        Ok(())
    }

    fn look_after_a_cut(&self, stand: &Stand, was_cut: bool) -> Result<(), String> {
        let running = unfinished_starts(self.check.patience);
        if !running.is_empty() {
            return Err("its `start` runs on after it was cut off\n  help: whatever it asks of its host is refused then: \
                        it ends with that error"
                .to_owned());
        }
        let status = stand.status(&self.found.descriptor.id);
        if was_cut && (status.contributions > 0 || status.state != PluginState::Disabled) {
            return Err(format!(
                "a start that was cut off left {} handlers on the bus",
                status.contributions
            ));
        }
        Ok(())
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime can be made")
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
