//! Whether two dialects of a point fit together, told from the shapes in their descriptors.

use std::collections::HashMap;

use transom_plugin_api::point::PointKind;

use super::judge::{Misfit, can_carry_back, judge, loses};
use super::shape::Shape;
use crate::descriptor::Descriptor;

/// The shapes of all contracts that are known, by fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Shapes(HashMap<String, Shape>);

/// Fingerprints of input, output and about on both sides of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialects<'a> {
    /// Of who emits, applies or calls.
    pub(crate) outer: [&'a str; 3],
    /// Of who listens, is a link or serves.
    pub(crate) own: [&'a str; 3],
}

/// Why no lane leads from one dialect to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// Which of the point's contracts: 0 the input, 1 the output, 2 what is said about names.
    pub(crate) part: usize,
    /// Whether the handler is the reader of that part.
    pub(crate) handler_reads: bool,
    /// Where and why; empty when a shape is not known.
    pub(crate) misfits: Vec<Misfit>,
}

impl Shapes {
    /// Takes in what a descriptor says about its contracts.
    pub(crate) fn add(&mut self, descriptor: &Descriptor) {
        for (fingerprint, shape) in &descriptor.types {
            if !self.0.contains_key(fingerprint)
                && let Ok(shape) = Shape::parse(shape)
            {
                self.0.insert(fingerprint.clone(), shape);
            }
        }
    }

    /// Judges whether values get over from one dialect to the other, and back where the kind of point asks for it.
    ///
    /// # Errors
    /// The first part that does not.
    pub(crate) fn fit(&self, kind: PointKind, dialects: &Dialects<'_>) -> Result<(), Unfit> {
        let Dialects { outer, own } = dialects;
        match kind {
            PointKind::Event | PointKind::PacedEvent => self.over(0, true, judge, outer[0], own[0]),
            PointKind::OpenFilter | PointKind::ClosedFilter => {
                self.over(0, true, can_carry_back, outer[0], own[0])
            }
            PointKind::Service | PointKind::NamedService | PointKind::Stream | PointKind::NamedStream => {
                self.over(0, true, judge, outer[0], own[0])?;
                self.over(1, false, judge, own[1], outer[1])?;
                self.over(2, false, judge, own[2], outer[2])
            }
        }
    }

    /// Fields that do not get over, because the other side does not know them. A filter keeps them in the value.
    pub(crate) fn left_behind(&self, kind: PointKind, dialects: &Dialects<'_>) -> Vec<String> {
        let Dialects { outer, own } = dialects;
        let ways: &[(&str, &str)] = match kind {
            PointKind::Event | PointKind::PacedEvent => &[(outer[0], own[0])],
            PointKind::OpenFilter | PointKind::ClosedFilter => &[],
            _ => &[(outer[0], own[0]), (own[1], outer[1]), (own[2], outer[2])],
        };
        let lost = ways
            .iter()
            .filter(|(written, read)| written != read)
            .filter_map(|(written, read)| Some(loses(self.0.get(*written)?, self.0.get(*read)?)));
        lost.flatten().collect()
    }

    fn over(
        &self,
        part: usize,
        handler_reads: bool,
        rule: fn(&Shape, &Shape) -> Result<(), Vec<Misfit>>,
        written: &str,
        read: &str,
    ) -> Result<(), Unfit> {
        if written == read {
            return Ok(());
        }
        let misfits = match (self.0.get(written), self.0.get(read)) {
            (Some(written), Some(read)) => match rule(written, read) {
                Ok(()) => return Ok(()),
                Err(misfits) => misfits,
            },
            _ => Vec::new(),
        };
        Err(Unfit { part, handler_reads, misfits })
    }
}
