//! [`Draft`]: what the next table of routes is made of.

mod speakers;
mod words;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use transom_plugin_api::CallError;
use transom_plugin_api::abi::host_table::PortRequest;
use transom_plugin_api::abi::payload::PayloadType;
use transom_plugin_api::point::PointKind;
use transom_plugin_api::port::Role;
use transom_plugin_api::sabotage::sabotaged;

use crate::breadcrumb::{PointMetrics, PointTally};
use crate::bridge::BridgeStatus;
use crate::bridge::fit::{Dialects, Shapes, Unfit};
use crate::bridge::lane::{Carried, Lane, Traffic, unreachable};
use crate::descriptor::{Descriptor, PortDescriptor};
use crate::grants::denied_point;
use crate::operator::OperatorOrder;
use crate::seat::{Seat, intern};
use crate::table::{Contribution, Point, PointTypes, RouteTable, Routes, Visible};
use crate::whereabouts::PointNames;
use speakers::Speakers;
use words::Ends;

/// Fingerprints of a port's input, output and about.
type Fingerprints = [String; 3];

/// Points and handlers, as the next table will show them.
#[derive(Default)]
pub(crate) struct Draft {
    dialects: Vec<Dialect>,
    /// The names of the dialects' points, for those who cannot wait for a lock.
    names: PointNames,
    indices: HashMap<(String, Fingerprints), u32>,
    /// The number of each point's family, which all its dialects belong to.
    families: HashMap<String, usize>,
    contributions: Vec<Arc<Contribution>>,
    lanes: HashMap<LaneKey, KnownLane>,
    shapes: Shapes,
    order: OperatorOrder,
    /// Where the calls of ports lead that are not granted and that their plugins do without.
    voids: HashMap<(String, Fingerprints), u32>,
}

struct Dialect {
    point: Arc<Point>,
    family: usize,
    fingerprints: Fingerprints,
    speakers: Speakers,
}

/// A handler by its address, and the dialect it is shown to.
type LaneKey = (usize, u32);

/// What was found out about a lane.
struct KnownLane {
    built: Option<BuiltLane>,
    /// Why there is none, where the types show it.
    unfit: Option<Unfit>,
    is_told: bool,
}

#[derive(Clone)]
struct BuiltLane {
    contribution: Arc<Contribution>,
    reads: PayloadType,
    traffic: Arc<Traffic>,
}

/// The family of what stands in for points that are not granted: nobody contributes there.
const VOID: usize = usize::MAX;

impl Draft {
    /// An empty one, in which plugins will stand in the operator's order.
    pub(crate) fn ordered(order: OperatorOrder) -> Self {
        Self { order, ..Self::default() }
    }

    /// Makes the dialects that `descriptor` touches, as far as they are not there.
    pub(crate) fn admit(&mut self, descriptor: &Descriptor) {
        self.shapes.add(descriptor);
        for port in &descriptor.ports {
            let fingerprints = fingerprints(port);
            let key = (port.point.clone(), fingerprints.clone());
            if !self.indices.contains_key(&key) {
                let index = u32::try_from(self.dialects.len()).expect("fewer points than fit into memory");
                let next = self.families.len();
                let family = *self.families.entry(port.point.clone()).or_insert(next);
                self.indices.insert(key, index);
                self.names.push(intern(&port.point));
                let (point, speakers) = (Arc::new(Point::of(port)), Speakers::default());
                self.dialects.push(Dialect { point, family, fingerprints, speakers });
            }
        }
    }

    /// The dialect in which `seat` speaks or listens at a declared point, and whether lanes may lead from or to it only now.
    pub(crate) fn resolve(&mut self, seat: &Seat, request: &PortRequest) -> Result<(u32, bool), CallError> {
        let name = request.point.as_str();
        let declared = seat.descriptor.ports.get(request.port as usize).filter(|port| port.point == name);
        let Some(declared) = declared else {
            return Err(CallError::denied(format!(
                "plugin `{}` asks for `{name}`, which its descriptor does not declare",
                seat.id
            )));
        };
        let asked = [&request.input, &request.output, &request.about];
        let fingerprints = fingerprints(declared);
        if let Some((_, asked)) =
            fingerprints.iter().zip(asked).find(|(ours, asked)| ours.as_bytes() != asked.fingerprint)
        {
            return Err(CallError::failed(format!(
                "plugin `{}` has another `{}` than its descriptor says",
                seat.id, asked.name
            )));
        }
        let is_granted = seat.grants.cover(name) || sabotaged("resolve-what-is-not-granted");
        if !is_granted && !declared.optional {
            return Err(denied_point(seat.id, name));
        }
        let index = if is_granted {
            let index = self.indices.get(&(name.to_owned(), fingerprints));
            let index = *index.ok_or_else(|| CallError::failed(format!("there is no point `{name}`")))?;
            self.check_kind(seat, declared, self.dialects[index as usize].family)?;
            index
        } else {
            self.void(declared)
        };
        let dialect = &mut self.dialects[index as usize];
        let is_first = dialect.speakers.add(seat, declared);
        let is_new = dialect.point.types.get().is_none() || is_first;
        dialect.point.types.get_or_init(|| PointTypes {
            input: request.input,
            output: request.output,
            about: request.about,
        });
        Ok((index, is_new))
    }

    /// The point at which nobody ever is, in place of the one of `port`. So a plugin that does without the point calls as it
    /// always does, and no call is looked at: it finds nobody, and is told why.
    fn void(&mut self, port: &PortDescriptor) -> u32 {
        let key = (port.point.clone(), fingerprints(port));
        if let Some(&index) = self.voids.get(&key) {
            return index;
        }
        let index = u32::try_from(self.dialects.len()).expect("fewer points than fit into memory");
        let point = Arc::new(Point { is_void: true, ..Point::of(port) });
        let (fingerprints, speakers) = (key.1.clone(), Speakers::default());
        self.dialects.push(Dialect { point, family: VOID, fingerprints, speakers });
        self.voids.insert(key, index);
        index
    }

    fn check_kind(&self, seat: &Seat, declared: &PortDescriptor, family: usize) -> Result<(), CallError> {
        let first = self.dialects.iter().find(|dialect| dialect.family == family);
        match first.map(|dialect| dialect.point.kind) {
            Some(kind) if kind != declared.kind => Err(CallError::failed(format!(
                "plugin `{}` takes `{}` for a {}, but it is a {}",
                seat.id,
                declared.point,
                declared.kind.as_str(),
                kind.as_str()
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn names(&self) -> PointNames {
        PointNames::clone(&self.names)
    }

    pub(crate) fn point(&self, index: u32) -> Option<Arc<Point>> {
        self.dialects.get(index as usize).map(|dialect| Arc::clone(&dialect.point))
    }

    /// The plugin that provides already what `new` is to provide; those of `gone` are leaving.
    pub(crate) fn holder(&self, new: &Contribution, gone: &[Arc<Seat>]) -> Option<&'static str> {
        let stays = |other: &&Arc<Contribution>| !gone.iter().any(|seat| Arc::ptr_eq(seat, &other.seat));
        taken(new, self.contributions.iter().filter(stays))
    }

    /// The family of a point's dialect.
    pub(crate) fn family(&self, point: u32) -> usize {
        self.dialects[point as usize].family
    }

    pub(crate) fn add(&mut self, new: &[Arc<Contribution>]) {
        self.contributions.extend(new.iter().cloned());
    }

    /// Takes out what `goes`, and the lanes to it. The caller drops them where no lock is held.
    pub(crate) fn take(&mut self, goes: impl Fn(&Arc<Contribution>) -> bool) -> Vec<Arc<Contribution>> {
        let (mut gone, left) =
            std::mem::take(&mut self.contributions).into_iter().partition::<Vec<_>, _>(goes);
        self.contributions = left;
        let addresses: HashSet<usize> = gone.iter().map(address_of).collect();
        let lanes = self.lanes.extract_if(|(to, _), _| addresses.contains(to));
        gone.extend(lanes.filter_map(|(_, lane)| lane.built).map(|lane| lane.contribution));
        gone
    }

    /// What a seat has on the bus.
    pub(crate) fn of_seat(&self, seat: &Arc<Seat>) -> Vec<Arc<Contribution>> {
        let is_its = |contribution: &&Arc<Contribution>| Arc::ptr_eq(&contribution.seat, seat);
        self.contributions.iter().filter(is_its).cloned().collect()
    }

    /// How many handlers a seat has on the bus.
    pub(crate) fn count_of(&self, seat: &Seat) -> u64 {
        let of_seat = |contribution: &&Arc<Contribution>| std::ptr::eq(&*contribution.seat, seat);
        self.contributions.iter().filter(of_seat).count() as u64
    }

    /// The table that this draft describes.
    pub(crate) fn table(&mut self) -> RouteTable {
        let mut by_family: Vec<Vec<Arc<Contribution>>> = vec![Vec::new(); self.families.len()];
        for contribution in &self.contributions {
            let family = self.dialects[contribution.point as usize].family;
            by_family[family].push(Arc::clone(contribution));
        }
        let routes = (0u32..).take(self.dialects.len()).map(|index| {
            let family = self.dialects[index as usize].family;
            // Of a point that is not granted there is no family.
            let there = by_family.get(family).map_or(&[][..], Vec::as_slice);
            let visible = there.iter().filter_map(|contribution| self.visible(contribution, index));
            let visible = visible.collect();
            let unreached = self.unreached(there, index);
            let point = Arc::clone(&self.dialects[index as usize].point);
            let listed = self.order.at(&point.name);
            Routes::new(point, visible, listed).without(unreached)
        });
        RouteTable::new(routes.collect())
    }

    /// `contribution` as the dialect `index` sees it; `None` where no lane leads to it.
    fn visible(&mut self, contribution: &Arc<Contribution>, index: u32) -> Option<Visible> {
        if contribution.point == index || sabotaged("skip-fingerprints") {
            return Some(Visible { contribution: Arc::clone(contribution), bridged: None });
        }
        if !self.dialects[index as usize].speakers.are_there() {
            return None;
        }
        let key = (address_of(contribution), index);
        if !self.lanes.contains_key(&key) {
            // Types that are not known yet may be known at the next table.
            let types = self.dialects[index as usize].point.types.get().copied();
            let (outer, own) = (types?, contribution.info.types.get().copied()?);
            let lane = self.build(contribution, index, outer, own);
            self.lanes.insert(key, lane);
        }
        let lane = self.lanes.get_mut(&key)?;
        lane.tell(contribution, &self.dialects[index as usize].speakers);
        let built = lane.built.clone()?;
        Some(Visible { contribution: built.contribution, bridged: Some((built.reads, built.traffic)) })
    }

    /// A plugin whose link no value of the dialect `index` can reach, where that fails the chain.
    fn unreached(&self, family: &[Arc<Contribution>], index: u32) -> Option<&'static str> {
        let Dialect { point, speakers, .. } = &self.dialects[index as usize];
        if point.kind != PointKind::ClosedFilter || !speakers.are_there() {
            return None;
        }
        let is_refused = |link: &&Arc<Contribution>| {
            let lane = self.lanes.get(&(address_of(link), index));
            lane.is_some_and(|lane| lane.built.is_none()) && link.does(Role::Links)
        };
        family.iter().find(is_refused).map(|link| link.seat.id)
    }

    fn build(&self, inner: &Arc<Contribution>, index: u32, outer: PointTypes, own: PointTypes) -> KnownLane {
        let of = |index: u32| &self.dialects[index as usize].fingerprints;
        let dialects = Dialects {
            outer: of(index).each_ref().map(String::as_str),
            own: of(inner.point).each_ref().map(String::as_str),
        };
        if let Err(unfit) = self.shapes.fit(inner.info.kind, &dialects) {
            return KnownLane { built: None, unfit: Some(unfit), is_told: false };
        }
        match Lane::contribution(inner, inner.point, outer, own) {
            Ok((contribution, traffic)) => {
                let built = BuiltLane { contribution: Arc::new(contribution), reads: own.input, traffic };
                KnownLane { built: Some(built), unfit: None, is_told: false }
            }
            Err(error) => {
                inner.seat.fault(&inner.info.name, &error);
                KnownLane { built: None, unfit: None, is_told: true }
            }
        }
    }

    /// The traffic of every point, all its dialects together.
    pub(crate) fn metrics(&self) -> Vec<PointMetrics> {
        let mut all: Vec<PointTally> = Vec::new();
        let mut places = HashMap::new();
        for Dialect { point, family, .. } in self.dialects.iter().filter(|dialect| !dialect.point.is_void) {
            let new = PointTally::of(&point.name, point.counter, &point.times);
            match places.get(family) {
                Some(&place) => {
                    let known: &mut PointTally = &mut all[place];
                    known.add(&new);
                }
                None => {
                    places.insert(family, all.len());
                    all.push(new);
                }
            }
        }
        all.into_iter().map(PointTally::metrics).collect()
    }

    /// Events that wait in mailboxes.
    pub(crate) fn waiting(&self) -> usize {
        self.contributions
            .iter()
            .filter_map(|listener| listener.mailbox.as_ref())
            .map(|mailbox| mailbox.depth())
            .sum()
    }

    /// What is reached over lanes, by point, plugin and name; the lanes of each are added up.
    pub(crate) fn bridges(&self) -> Vec<BridgeStatus> {
        let is_spoken = |index: u32| self.dialects[index as usize].speakers.are_there();
        let lanes = self.lanes.iter().filter(|((_, from), _)| is_spoken(*from));
        let lanes = lanes.filter_map(|(_, lane)| lane.built.as_ref()).map(|lane| {
            let Carried { values, nanos, bytes } = lane.traffic.so_far();
            let handler = &lane.contribution;
            BridgeStatus {
                point: handler.info.name.clone(),
                plugin: handler.seat.id.to_owned(),
                name: handler.name.clone(),
                values,
                nanos,
                bytes,
            }
        });
        let mut by_handler: BTreeMap<(String, String, String), BridgeStatus> = BTreeMap::new();
        for lane in lanes {
            let key = (lane.point.clone(), lane.plugin.clone(), lane.name.clone());
            match by_handler.entry(key) {
                Entry::Vacant(place) => drop(place.insert(lane)),
                Entry::Occupied(mut place) => place.get_mut().add(&lane),
            }
        }
        by_handler.into_values().collect()
    }
}

impl KnownLane {
    /// Tells once what a handler costs, or why it is not reached, when somebody is there to stay who wants to reach it.
    fn tell(&mut self, handler: &Contribution, speakers: &Speakers) {
        let Some(speaker) = speakers.settled().filter(|_| !self.is_told) else { return };
        self.is_told = true;
        let (plugin, point) = (handler.seat.id, handler.info.name.as_str());
        let ends = Ends { handler, speaker };
        let Some(unfit) = &self.unfit else {
            return tracing::warn!(plugin, point, "{}", ends.bridged());
        };
        if handler.info.kind == PointKind::OpenFilter {
            // Values go on without it from now on, so this is told once.
            handler.seat.fault(point, &unreachable(plugin, point));
        }
        tracing::warn!(plugin, point, "{}", ends.unreachable(unfit));
    }
}

fn fingerprints(port: &PortDescriptor) -> Fingerprints {
    [&port.input, &port.output, &port.about].map(|of| of.fingerprint.clone())
}

fn address_of(contribution: &Arc<Contribution>) -> usize {
    Arc::as_ptr(contribution) as usize
}

/// The plugin that provides already what `new` is to provide.
pub(crate) fn taken<'a>(
    new: &Contribution,
    mut others: impl Iterator<Item = &'a Arc<Contribution>>,
) -> Option<&'static str> {
    if !new.does(Role::Serves) {
        return None;
    }
    let is_same = |other: &Contribution| other.info.name == new.info.name && other.name == new.name;
    others.find(|other| other.does(Role::Serves) && is_same(other)).map(|other| other.seat.id)
}
