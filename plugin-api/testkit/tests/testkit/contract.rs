//! That the check of the contract notices who breaks it.

use std::fs::File;
use std::time::Duration;

use serde_json::Value;
use transom_plugin_api::plugin::Exported;
use transom_plugin_api::prelude::*;
use transom_testkit::{ContractCheck, contract_check, json};
use transom_unruly::{Follower, Unruly};

use super::parrot::Parrot;

/// Breaks its contract as it is told.
#[derive(Settings)]
struct Litterer {
    /// How.
    breach: Breach,
}

#[derive(Settings)]
enum Breach {
    LeavesAThread,
    LeavesAFile,
    LeavesATask,
    StartsOnce,
    DoesNotStop,
    HangsInItsThirdStart,
}

impl Plugin for Litterer {
    type Ports = ();

    async fn start(self, (): (), host: Host) -> Result<(), StartError> {
        let folder = host.data_folder()?;
        match self.breach {
            Breach::LeavesAThread => {
                let thread = std::thread::Builder::new().name("litter".to_owned());
                thread.spawn(|| {
                    loop {
                        std::thread::park()
                    }
                })?;
            }
            Breach::LeavesAFile => std::mem::forget(File::create(folder.join("litter"))?),
            Breach::LeavesATask => drop(tokio::spawn(std::future::pending::<()>())),
            Breach::StartsOnce if folder.join("lock").exists() => return Err(StartError::new("is locked")),
            Breach::StartsOnce => drop(File::create(folder.join("lock"))?),
            Breach::DoesNotStop => host.on_stop(std::future::pending()),
            // The check starts it twice before it cuts off the third start.
            Breach::HangsInItsThirdStart => {
                let starts = std::fs::read_to_string(folder.join("starts")).unwrap_or_default() + "x";
                std::fs::write(folder.join("starts"), &starts)?;
                if starts == "xxx" {
                    park();
                }
            }
        }
        Ok(())
    }
}

export_plugin!(Litterer, id = "litterer", runtime = "tokio");

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// What the check says about a plugin that breaks its contract.
#[track_caller]
fn told_about<P: Exported>(settings: Value) -> String {
    let check = ContractCheck::<P>::with_settings(settings).linked_only().patience(Duration::from_secs(1));
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check.run()));
    let told = told.expect_err("the plugin breaks its contract");
    told.downcast_ref::<String>().expect("a text").clone()
}

#[test]
fn a_plugin_that_keeps_its_contract_passes_in_both_ways() {
    contract_check::<Unruly>(json!({}));
    contract_check::<Follower>(json!({}));
}

#[test]
fn what_a_plugin_calls_may_stand_around_it() {
    let check = ContractCheck::<Parrot>::with_settings(json!({})).linked_only();
    check.around(|stand| stand.serve(super::parrot::TEACH, transom_testkit::fault::never_answers())).run();
}

/// Has a thread, which ends when it is stopped.
#[derive(Settings)]
struct Tidy;

impl Plugin for Tidy {
    type Ports = ();

    async fn start(self, (): (), host: Host) -> Result<(), StartError> {
        let (until, told) = std::sync::mpsc::channel::<()>();
        let thread =
            std::thread::Builder::new().name("tidy".to_owned()).spawn(move || told.recv().is_ok())?;
        host.on_stop(async move {
            drop(until);
            let _ = thread.join();
        });
        Ok(())
    }
}

export_plugin!(Tidy, id = "tidy");

#[test]
fn what_a_start_that_was_cut_off_would_have_stopped_is_let_go() {
    ContractCheck::<Tidy>::with_settings(json!({})).linked_only().run();
}

#[test]
fn a_thread_that_is_left_is_told_by_its_name() {
    let told = told_about::<Litterer>(json!({"breach": "leaves-a-thread"}));
    assert!(told.contains("it left behind the thread `litter`, the thread `litter`"), "{told}");
    assert!(told.contains("help: `Host::on_stop` is where"), "{told}");
}

#[test]
fn a_file_that_is_left_open_is_told_by_its_path() {
    let told = told_about::<Litterer>(json!({"breach": "leaves-a-file"}));
    assert!(told.contains("/data/litterer/litter`"), "{told}");
}

#[test]
fn a_task_that_is_left_is_told() {
    let told = told_about::<Litterer>(json!({"breach": "leaves-a-task"}));
    assert!(told.contains("it left behind a task\n  help: `Host::spawn`"), "{told}");
}

#[test]
fn a_plugin_that_cannot_start_on_what_it_left_is_told() {
    let told = told_about::<Litterer>(json!({"breach": "starts-once"}));
    assert!(
        told.contains("a start on what the first one left failed") && told.contains("is locked"),
        "{told}"
    );
}

#[test]
fn a_stop_that_does_not_end_is_told() {
    let told = told_about::<Litterer>(json!({"breach": "does-not-stop"}));
    assert!(told.contains("it did not stop in its time: its stop had not returned"), "{told}");
}

#[test]
fn a_start_that_goes_on_after_its_deadline_is_told() {
    let told = told_about::<Litterer>(json!({"breach": "hangs-in-its-third-start"}));
    assert!(told.contains("its `start` runs on after it was cut off"), "{told}");
}
