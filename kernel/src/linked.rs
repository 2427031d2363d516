//! For programs that have their plugins inside and start them without a host's manifest.

use transom_plugin_api::abi::plugin_table::open_header;
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::plugin::LinkedPlugin;

use crate::lifecycle::{PluginToStart, StartReport};
use crate::{FaultBudget, Grants, Kernel, plan};

impl PluginToStart {
    /// A plugin that is compiled into this program, with its settings as JSON: `{}` for what they are by default. They are
    /// read when it starts; it has no folder for files of its own unless
    /// [`data_folder`](PluginToStart::data_folder) is set.
    ///
    /// # Errors
    /// When the program was put together from parts of different revisions of the ABI; a sentence for a person.
    pub fn linked(plugin: &LinkedPlugin, settings: &str) -> Result<Self, String> {
        let damaged = |error: String| format!("plugin `{}` cannot be entered: {error}", plugin.id());
        let table = open_header(plugin.header).map_err(|error| damaged(error.to_string()))?;
        let descriptor = serde_json::from_str(table.describe()().as_str());
        Ok(Self {
            descriptor: descriptor.map_err(|error| damaged(error.to_string()))?,
            table,
            settings: settings.to_owned(),
            attach: Attach::Linked,
            data_folder: String::new(),
            start_deadline: None,
            faults: FaultBudget::default(),
            grants: Grants::default(),
        })
    }
}

impl Kernel {
    /// As [`start`](Self::start), in the order that the plugins' own needs ask for.
    ///
    /// # Errors
    /// When something is wrong with them together: everything that is, with what to do, for a person. None was started.
    pub async fn start_planned(&self, mut plugins: Vec<PluginToStart>) -> Result<StartReport, String> {
        let descriptors: Vec<_> = plugins.iter().map(|plugin| plugin.descriptor.clone()).collect();
        let plan = plan(&self.residents(), &descriptors)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let place = |plugin: &PluginToStart| plan.order.iter().position(|id| *id == plugin.descriptor.id);
        plugins.sort_by_key(place);
        Ok(self.start(plugins, &plan).await)
    }
}
