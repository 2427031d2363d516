//! What an operator is told of a lane: who was built with what, and what to do about it.

use transom_plugin_api::port::Role;

use super::speakers::{Speaker, speaks};
use crate::bridge::explain::{Explanation, Holder};
use crate::bridge::fit::Unfit;
use crate::descriptor::{PayloadDescriptor, PortDescriptor};
use crate::table::Contribution;

/// A handler, and who would reach it.
pub(super) struct Ends<'a> {
    pub(super) handler: &'a Contribution,
    pub(super) speaker: &'a Speaker,
}

impl Ends<'_> {
    /// The port of the handler; the speaker's own where its descriptor names none, which `resolve` has refused before.
    fn own(&self) -> &PortDescriptor {
        let Self { handler, speaker } = self;
        let mut ports = handler.seat.descriptor.ports.iter();
        ports.find(|port| port.point == handler.info.name && !speaks(port.role)).unwrap_or(&speaker.port)
    }

    fn holders(&self, part: usize) -> [Holder<'_>; 2] {
        let Self { handler, speaker } = self;
        let of = |port, plugin, version| Holder { plugin, version, revision: contract(port, part).revision };
        let descriptor = &handler.seat.descriptor;
        [
            of(self.own(), handler.seat.id, descriptor.version.as_str()),
            of(&speaker.port, speaker.plugin, speaker.version.as_str()),
        ]
    }

    /// Why no lane leads to the handler; at most five lines.
    pub(super) fn unreachable(&self, unfit: &Unfit) -> String {
        let [own, outer] = self.holders(unfit.part);
        let point = &self.handler.info.name;
        let owner = point.split('/').next().unwrap_or_default();
        // As where a plan is judged: the point's owner is right, else who makes its values.
        let serves = self.handler.does(Role::Serves);
        let handler_is_right = own.plugin == owner || (outer.plugin != owner && serves);
        let (plugin, owner) = if handler_is_right { (outer, own) } else { (own, outer) };
        let explanation = Explanation {
            point,
            contract: &contract(&self.speaker.port, unfit.part).name,
            plugin,
            owner,
            plugin_reads: unfit.handler_reads != handler_is_right,
            misfits: &unfit.misfits,
        };
        explanation.to_string()
    }

    /// That values are encoded on their way to the handler.
    pub(super) fn bridged(&self) -> String {
        let part = (0..2)
            .find(|part| {
                contract(self.own(), *part).fingerprint != contract(&self.speaker.port, *part).fingerprint
            })
            .unwrap_or(2);
        let [own, outer] = self.holders(part);
        let (contract, point) = (&contract(self.own(), part).name, &self.handler.info.name);
        format!(
            "each value is encoded on its way at `{point}`: `{}` {} has revision {} of `{contract}`, `{}` {} another copy, \
             revision {}\n  help: build both against one version of the contract; until then `transom status` tells what it costs",
            own.plugin, own.version, own.revision, outer.plugin, outer.version, outer.revision
        )
    }
}

fn contract(port: &PortDescriptor, part: usize) -> &PayloadDescriptor {
    [&port.input, &port.output, &port.about][part]
}
