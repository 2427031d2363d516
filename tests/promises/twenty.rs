//! Twenty plugins in one program: no symbol of one is in the way of another's, and all start on one kernel.

use std::collections::BTreeSet;
use std::path::Path;

use transom_kernel::{Kernel, KernelConfig, PluginToStart};
use transom_loader::PluginFile;
use transom_plugin_api::hosting::PluginState;
use transom_plugin_api::plugin::linked_plugins;
use transom_plugin_api::prelude::*;

/// Answers who is asked.
const ASK: Service<(), Text, Text> = Service::named("tiny/ask");

macro_rules! tiny_plugins {
    ($($module:ident $id:literal)*) => {
        const IDS: [&str; 20] = [$($id),*];
        $(mod $module {
            use transom_plugin_api::prelude::*;

            /// A plugin like nineteen others.
            #[derive(Settings)]
            struct Tiny {
                /// What it answers.
                #[setting(default = $id)]
                answer: String,
            }

            #[derive(Ports)]
            struct TinyPorts {
                #[serves(super::ASK, names = [$id])]
                ask: Server<(), Text, Text>,
            }

            impl Plugin for Tiny {
                type Ports = TinyPorts;

                async fn start(self, ports: TinyPorts, _host: Host) -> Result<(), StartError> {
                    let answer = Text::from(self.answer);
                    ports.ask.serve_named($id, "its id".into(), move |(), _| std::future::ready(Ok(answer.clone())))
                }
            }

            export_plugin!(Tiny, id = $id);
        })*
    };
}

tiny_plugins! {
    one "tiny-1" two "tiny-2" three "tiny-3" four "tiny-4" five "tiny-5"
    six "tiny-6" seven "tiny-7" eight "tiny-8" nine "tiny-9" ten "tiny-10"
    eleven "tiny-11" twelve "tiny-12" thirteen "tiny-13" fourteen "tiny-14" fifteen "tiny-15"
    sixteen "tiny-16" seventeen "tiny-17" eighteen "tiny-18" nineteen "tiny-19" twenty "tiny-20"
}

#[derive(Ports)]
struct AskerPorts {
    #[calls(ASK)]
    ask: Caller<(), Text, Text>,
}

#[tokio::test]
async fn twenty_linked_plugins_start_on_one_kernel_and_each_answers_for_itself() {
    let kernel = Kernel::new(KernelConfig::default(), tokio::runtime::Handle::current());
    let (_, asker) = kernel.resident::<AskerPorts>("asker").expect("it is seated");
    let plugins =
        linked_plugins().map(|linked| PluginToStart::linked(&linked, "{}").expect("the tables agree"));

    let report = kernel.start_planned(plugins.collect()).await.expect("nothing is wrong with them");

    assert_eq!(report.disabled, []);
    let states = kernel.plugins();
    assert_eq!(states.len(), IDS.len());
    assert!(states.iter().all(|plugin| plugin.state == PluginState::Running));
    for id in IDS {
        assert_eq!(asker.ask.call_named(id, ()).await, Ok(id.into()));
    }
    kernel.stop(std::time::Duration::from_secs(10)).await;
}

#[test]
fn the_program_holds_a_record_and_an_entry_for_each_of_the_twenty() {
    let program = PluginFile::read(Path::new("/proc/self/exe")).expect("this program has plugins inside");
    let described: BTreeSet<&str> = program.contents.descriptors.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(program.contents.descriptors.len(), IDS.len());
    assert_eq!(described, IDS.into());
    let entries: BTreeSet<_> = linked_plugins().map(|linked| std::ptr::from_ref(linked.header)).collect();
    assert_eq!(entries.len(), IDS.len());
}
