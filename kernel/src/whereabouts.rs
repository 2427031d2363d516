//! Which plugin a thread is in, and what for; readable where nothing may wait.

use std::sync::Arc;

use crate::breadcrumb::{self, Phase};
use crate::roll::Roll;
use crate::seat::intern;

/// What a thread does in a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doing {
    /// It opens the plugin's file, which runs its constructors.
    Loading,
    /// It runs `start`.
    Starting,
    /// It runs what was registered for the stop.
    Stopping,
    /// It runs what a generation does for the next one, or before it leaves.
    HandingOver,
    /// It polls a task that the plugin spawned.
    Task,
    /// It runs the plugin's handler at this point.
    Handling(&'static str),
}

impl Doing {
    /// The words that end a sentence about the plugin, in three pieces, so that nothing needs to be put together.
    #[must_use]
    pub const fn words(&self) -> [&'static str; 3] {
        match self {
            Self::Loading => ["while it was loaded", "", ""],
            Self::Starting => ["in its `start`", "", ""],
            Self::Stopping => ["while it stopped", "", ""],
            Self::HandingOver => ["while it handed over to its next generation", "", ""],
            Self::Task => ["in a background task", "", ""],
            Self::Handling(point) => ["at `", point, "`"],
        }
    }
}

/// Which plugin a thread is in, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The plugin's id.
    pub plugin: &'static str,
    /// What it does there.
    pub doing: Doing,
}

/// Where this thread is: in the innermost of the plugins whose code it runs, as far as the kernel led it there. It neither
/// waits nor allocates, so that a handler of signals may ask.
#[must_use]
pub fn whereabouts() -> Option<Whereabouts> {
    let (plugin, point) = breadcrumb::here()?;
    Some(known(plugin, point))
}

/// Runs `load`, and says meanwhile that this thread loads the plugin `id`.
pub fn while_loading<R>(id: &str, load: impl FnOnce() -> R) -> R {
    let number = enrol(intern(id), Arc::default());
    breadcrumb::during(number, Phase::Loading, load)
}

/// Names of a kernel's points, by their numbers.
pub(crate) type PointNames = Arc<Roll<&'static str>>;

/// Everybody who ever had a number, and the points of their kernel.
static ENROLLED: Roll<(&'static str, PointNames)> = Roll::new();

/// Gives a plugin a number, for breadcrumbs.
pub(crate) fn enrol(id: &'static str, points: PointNames) -> u32 {
    let number = ENROLLED.push((id, points));
    u32::try_from(number).expect("fewer activations than fit into memory")
}

/// What two numbers of a breadcrumb mean.
pub(crate) fn known(plugin: u32, point: u32) -> Whereabouts {
    const UNKNOWN: &str = "unknown";
    let enrolled = ENROLLED.get(plugin as usize);
    let doing = match Phase::of(point) {
        Some(Phase::Loading) => Doing::Loading,
        Some(Phase::Starting) => Doing::Starting,
        Some(Phase::Stopping) => Doing::Stopping,
        Some(Phase::HandingOver) => Doing::HandingOver,
        Some(Phase::Task) => Doing::Task,
        None => {
            let name = enrolled.and_then(|(_, points)| points.get(point as usize));
            Doing::Handling(name.copied().unwrap_or(UNKNOWN))
        }
    };
    Whereabouts { plugin: enrolled.map_or(UNKNOWN, |(id, _)| id), doing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_in_the_innermost_plugin_and_back_again_afterwards() {
        let at = |plugin, doing| Some(Whereabouts { plugin, doing });
        assert_eq!(whereabouts(), None);
        while_loading("outer", || {
            assert_eq!(whereabouts(), at("outer", Doing::Loading));
            while_loading("inner", || assert_eq!(whereabouts(), at("inner", Doing::Loading)));
            assert_eq!(whereabouts(), at("outer", Doing::Loading));
        });
        assert_eq!(whereabouts(), None);
    }

    #[test]
    fn a_thread_that_panicked_out_of_a_plugin_is_in_none() {
        let panicked = std::panic::catch_unwind(|| while_loading("brittle", || panic!("broke")));
        assert!(panicked.is_err());
        assert_eq!(whereabouts(), None);
    }

    #[test]
    fn a_point_is_known_by_the_number_it_has_in_its_own_kernel() {
        let points = PointNames::default();
        points.push("zoo/birds");
        let number = enrol("parrot", points);
        assert_eq!(known(number, 0), Whereabouts { plugin: "parrot", doing: Doing::Handling("zoo/birds") });
        assert_eq!(known(number, 7).doing, Doing::Handling("unknown"));
    }
}
