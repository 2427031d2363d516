//! `[order]`: for some points, plugins in the order in which they are to stand there.

use std::collections::BTreeMap;

use serde_json::Value;
use transom_kernel::OperatorOrder;

use super::fault::{Fault, Position};
use super::grants::positions_in;
use super::schema::Schema;
use super::tree::Located;
use super::wording::nearest;
use super::{Manifest, Reader};

/// The table, with the places of its keys and of everybody in its lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Order {
    by_point: BTreeMap<String, Vec<String>>,
    places: BTreeMap<String, (Position, Vec<Position>)>,
}

impl Reader<'_, '_> {
    pub(super) fn order(&mut self, root: &Located, schema: Schema<'_>) -> Order {
        let value = self.sound(root, schema);
        let order = value.and_then(|mut value| value.get_mut("order").map(Value::take));
        let by_point = order.and_then(|order| self.read(root, order)).unwrap_or_default();
        let entries = root.get("order").map_or(&[][..], Located::entries).iter();
        let places = entries.map(|entry| (entry.key.clone(), (entry.at, positions_in(Some(&entry.value)))));
        Order { by_point, places: places.collect() }
    }
}

impl Manifest {
    /// The order in which the operator wants plugins to stand at points.
    #[must_use]
    pub fn order(&self) -> OperatorOrder {
        OperatorOrder::new(self.order.by_point.clone())
    }

    /// A fault in `[order]`: at the plugin with that index in the list for `point`, or at the point. `choices` are names
    /// that could stand there.
    #[must_use]
    pub fn fault_in_order(
        &self,
        point: &str,
        index: Option<usize>,
        message: String,
        choices: &[String],
    ) -> Fault {
        let places = self.order.places.get(point);
        let item = index.and_then(|index| places?.1.get(index).copied());
        let written = index.and_then(|index| self.order.by_point.get(point)?.get(index));
        let meant = nearest(written.map_or(point, String::as_str), choices.iter().map(String::as_str));
        let help = match (meant, choices) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, []) => "remove it".to_owned(),
            (None, choices) if choices.len() <= MOST_CHOICES => {
                format!("remove it, or name one of `{}`", choices.join("`, `"))
            }
            (None, _) => "remove it; `transom graph` shows who stands where".to_owned(),
        };
        Fault {
            file: self.file.clone(),
            position: item.or(places.map(|(at, _)| *at)),
            message,
            help: Some(help),
            explanation: None,
        }
    }
}

/// A help with more names than these helps nobody.
const MOST_CHOICES: usize = 6;
