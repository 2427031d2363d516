//! The plan of a start: who needs whom, and everything that can be known to be wrong before any code runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

use crate::bridge::explain::{Explanation, Holder};
use crate::bridge::fit::{Dialects, Shapes, Unfit};
use crate::descriptor::{Descriptor, PortDescriptor};
use crate::order::{Place, places};

mod start_order;

/// The order of a start, and what depends on what.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Plugin ids, first to start first.
    pub order: Vec<String>,
    /// For each plugin, those it cannot run without, with the point that ties them.
    pub needs: BTreeMap<String, BTreeMap<String, String>>,
    /// Where values cannot cross as they are, by point.
    pub lanes: Vec<PlannedLane>,
}

/// Two plugins at a point that were built with different copies of its contract.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedLane {
    /// The point.
    pub point: String,
    /// Who emits, applies or calls.
    pub from: String,
    /// Who listens, is a link or serves.
    pub to: String,
    /// Whether nothing gets over; else each value is encoded and decoded on its way.
    pub is_refused: bool,
    /// Fields that stay behind, because the other side does not know them; a link keeps them in the value.
    pub left_behind: Vec<String>,
}

/// Something that is wrong with a set of plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFault {
    /// The plugin at fault.
    pub plugin: String,
    /// What is wrong, with names in backticks.
    pub problem: String,
    /// What to do about it.
    pub help: String,
    /// The service that nobody provides, where that is the problem; it may be the consequence of another fault.
    pub missing: Option<String>,
    /// All there is to say, where the problem is that two plugins do not fit.
    pub explanation: Option<Box<LaneRefusal>>,
}

/// Two plugins between which no lane can lead at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRefusal {
    /// The point.
    pub point: String,
    /// Both, in the order of their ids.
    pub plugins: [String; 2],
    /// Why, with every field, and the rules.
    pub text: String,
}

impl PlanFault {
    fn new(plugin: &str, problem: String, help: String) -> Self {
        Self { plugin: plugin.to_owned(), problem, help, missing: None, explanation: None }
    }
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}`: {}\n  help: {}", self.plugin, self.problem, self.help)
    }
}

struct Use<'a> {
    plugin: &'a Descriptor,
    port: &'a PortDescriptor,
}

/// Plans the start of `plugins`, which run beside `residents` (the host's own part of the bus).
///
/// # Errors
/// Every fault found, in the order of plugin ids.
pub fn plan(residents: &[Descriptor], plugins: &[Descriptor]) -> Result<Plan, Vec<PlanFault>> {
    let mut faults = duplicate_ids(plugins);
    let mut by_point: BTreeMap<&str, Vec<Use<'_>>> = BTreeMap::new();
    for plugin in residents.iter().chain(plugins) {
        for port in &plugin.ports {
            by_point.entry(&port.point).or_default().push(Use { plugin, port });
        }
    }
    let mut shapes = Shapes::default();
    residents.iter().chain(plugins).for_each(|plugin| shapes.add(plugin));
    let mut plan = Plan::default();
    for (point, uses) in &by_point {
        faults.extend(disagreements(point, uses));
        let (lanes, refused) = lanes(point, uses, &shapes);
        plan.lanes.extend(lanes);
        faults.extend(refused);
        faults.extend(double_providers(point, uses));
        faults.extend(impossible_places(point, uses));
    }
    let mut wants: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for plugin in plugins {
        for port in plugin.ports.iter().filter(|port| port.role == Role::Calls) {
            let providers: BTreeSet<&str> = by_point[port.point.as_str()]
                .iter()
                .filter(|other| other.port.role == Role::Serves)
                .map(|other| other.plugin.id.as_str())
                .collect();
            // A service with names may have none: they come and go. One without must be there.
            let must_be_there = !port.optional && !port.kind.is_named();
            if must_be_there && providers.is_empty() && !sabotaged("start-without-providers") {
                faults.push(PlanFault {
                    missing: Some(port.point.clone()),
                    ..PlanFault::new(
                        &plugin.id,
                        format!("needs the service `{}`, which no plugin here provides", port.point),
                        "add a plugin that serves it to the manifest".to_owned(),
                    )
                });
            }
            for provider in providers
                .into_iter()
                .filter(|id| *id != plugin.id && plugins.iter().any(|other| other.id == *id))
            {
                wants.entry(&plugin.id).or_default().insert(provider);
                if must_be_there {
                    let needs = plan.needs.entry(plugin.id.clone()).or_default();
                    needs.insert(provider.to_owned(), port.point.clone());
                }
            }
        }
    }
    let nodes = plugins.iter().map(|plugin| plugin.id.as_str()).collect();
    match start_order::start_order(&nodes, wants, &plan.needs) {
        Ok(order) => plan.order = order,
        Err(_) if sabotaged("start-cycles-anyhow") => {
            plan.order = plugins.iter().map(|plugin| plugin.id.clone()).collect();
        }
        Err(fault) => faults.push(fault),
    }
    faults.sort_by(|a, b| a.plugin.cmp(&b.plugin));
    if faults.is_empty() { Ok(plan) } else { Err(faults) }
}

fn duplicate_ids(plugins: &[Descriptor]) -> Vec<PlanFault> {
    let mut seen = BTreeSet::new();
    let twice = plugins.iter().filter(|plugin| !seen.insert(&plugin.id));
    twice
        .map(|plugin| {
            PlanFault::new(&plugin.id, "is there twice".to_owned(), "remove one of the two".to_owned())
        })
        .collect()
}

/// The use whose types are the reference: the point's owner, else who makes its values, else the first by id.
fn reference<'a, 'b>(point: &str, uses: &'b [Use<'a>]) -> &'b Use<'a> {
    let owner = point.split('/').next().unwrap_or_default();
    let rank = |other: &&Use<'_>| {
        let makes = matches!(other.port.role, Role::Says | Role::Applies | Role::Serves);
        (other.plugin.id != owner, !makes, other.plugin.id.clone())
    };
    uses.iter().min_by_key(rank).expect("a point in the table has uses")
}

/// What two plugins must not say differently about a point, because nothing bridges it.
fn disagreements(point: &str, uses: &[Use<'_>]) -> Vec<PlanFault> {
    let reference = reference(point, uses);
    let rule = |port: &PortDescriptor| {
        format!(
            "{} with a deadline of {} ms and stages {:?}",
            port.kind.as_str(),
            port.deadline_ms,
            port.stages
        )
    };
    let ours = rule(reference.port);
    let others = uses.iter().filter(|other| rule(other.port) != ours);
    let fault = |other: &Use<'_>| {
        let owner = reference.plugin;
        PlanFault::new(
            &other.plugin.id,
            format!(
                "was built with another kind of `{point}` than `{}`: {}, expected {ours}",
                owner.id,
                rule(other.port)
            ),
            format!(
                "build `{}` {} and `{}` {} against the same version of the contract",
                other.plugin.id, other.plugin.version, owner.id, owner.version
            ),
        )
    };
    others.map(fault).collect()
}

/// The lanes between uses that were built with different copies of a contract, and the faults where none can lead.
fn lanes(point: &str, uses: &[Use<'_>], shapes: &Shapes) -> (Vec<PlannedLane>, Vec<PlanFault>) {
    let owner = reference(point, uses);
    let (mut planned, mut faults) = (BTreeSet::new(), Vec::new());
    let is_outer = |used: &&Use<'_>| matches!(used.port.role, Role::Says | Role::Applies | Role::Calls);
    for outer in uses.iter().filter(is_outer) {
        for own in uses.iter().filter(|used| !is_outer(used)) {
            let dialects = Dialects { outer: fingerprints(outer.port), own: fingerprints(own.port) };
            if dialects.outer == dialects.own {
                continue;
            }
            let unfit = shapes.fit(own.port.kind, &dialects).err();
            let is_new = planned.insert(PlannedLane {
                point: point.to_owned(),
                from: outer.plugin.id.clone(),
                to: own.plugin.id.clone(),
                is_refused: unfit.is_some(),
                left_behind: shapes.left_behind(own.port.kind, &dialects),
            });
            // A caller that does without is told that nobody provides the service.
            if let (Some(unfit), true, false) = (unfit, is_new, outer.port.optional) {
                let fault = refusal(point, owner, [outer, own], &unfit);
                // Two plugins that are at both ends of a point may disagree in one thing both ways.
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
    }
    (planned.into_iter().collect(), faults)
}

fn fingerprints(port: &PortDescriptor) -> [&str; 3] {
    [&port.input, &port.output, &port.about].map(|of| of.fingerprint.as_str())
}

/// The plugin that is not the owner is the one that cannot take part, whichever started first.
fn refusal(point: &str, owner: &Use<'_>, ends: [&Use<'_>; 2], unfit: &Unfit) -> PlanFault {
    let part = |port: &PortDescriptor| [&port.input, &port.output, &port.about][unfit.part].clone();
    let [outer, own] = ends;
    let own_is_at_fault = own.plugin.id != owner.plugin.id;
    let (guest, host) = if own_is_at_fault { (own, outer) } else { (outer, own) };
    let (theirs, ours) = (part(guest.port), part(host.port));
    let explanation = Explanation {
        point,
        contract: &ours.name,
        plugin: Holder {
            plugin: &guest.plugin.id,
            version: &guest.plugin.version,
            revision: theirs.revision,
        },
        owner: Holder { plugin: &host.plugin.id, version: &host.plugin.version, revision: ours.revision },
        plugin_reads: unfit.handler_reads == own_is_at_fault,
        misfits: &unfit.misfits,
    };
    let mut plugins = ends.map(|end| end.plugin.id.clone());
    plugins.sort();
    PlanFault {
        explanation: Some(Box::new(LaneRefusal {
            point: point.to_owned(),
            plugins,
            text: explanation.long(),
        })),
        ..PlanFault::new(&guest.plugin.id, explanation.problem(), explanation.help())
    }
}

fn double_providers(point: &str, uses: &[Use<'_>]) -> Vec<PlanFault> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut faults = Vec::new();
    for other in uses.iter().filter(|other| other.port.role == Role::Serves) {
        let named = other.port.kind.is_named();
        let names: Vec<&str> =
            if named { other.port.names.iter().map(String::as_str).collect() } else { vec![""] };
        for name in names {
            if let Some(holder) = first.insert(name, &other.plugin.id) {
                let what =
                    if named { format!("`{name}` at `{point}`") } else { format!("the service `{point}`") };
                faults.push(PlanFault::new(
                    &other.plugin.id,
                    format!("provides {what}, and so does `{holder}`"),
                    format!("remove `{holder}` or `{}` from the manifest", other.plugin.id),
                ));
            }
        }
    }
    faults
}

fn impossible_places(point: &str, uses: &[Use<'_>]) -> Vec<PlanFault> {
    let mut faults = Vec::new();
    for role in [Role::Links, Role::Hears] {
        let here: Vec<&Use<'_>> = uses.iter().filter(|other| other.port.role == role).collect();
        let links: Vec<Place<'_>> = here.iter().map(|other| place(&other.plugin.id, other.port)).collect();
        for other in &here {
            if !other.port.stage.is_empty() && !other.port.stages.contains(&other.port.stage) {
                faults.push(PlanFault::new(
                    &other.plugin.id,
                    format!("names the stage `{}`, which `{point}` does not have", other.port.stage),
                    format!("its stages are {:?}", other.port.stages),
                ));
            }
        }
        if let Err(cycle) = places(&links) {
            faults.push(PlanFault::new(
                cycle.first().copied().unwrap_or_default(),
                format!(
                    "cannot be placed at `{point}`: {} each ask to come after the next",
                    cycle.join(" → ")
                ),
                "drop one of their `before` or `after`".to_owned(),
            ));
        }
    }
    faults
}

/// A port's wishes about its place.
pub(crate) fn place<'a>(plugin: &'a str, port: &'a PortDescriptor) -> Place<'a> {
    Place {
        plugin,
        stage: port.stages.iter().position(|stage| *stage == port.stage).unwrap_or(0),
        before: port.before.iter().map(String::as_str).collect(),
        after: port.after.iter().map(String::as_str).collect(),
    }
}
