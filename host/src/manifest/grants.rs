//! What a plugin's table grants: the words of `capabilities` and `points`, before they are compared with any plugin.

use transom_kernel::PointPattern;
use transom_plugin_api::capability::{KNOWN, POWERS, SECRETS, is_capability};

use super::Reader;
use super::fault::Position;
use super::tables::{Capability, Point};
use super::tree::{Content, Located};
use super::wording::{nearest, shown};

/// Where the items of a list stand.
pub(super) fn positions_in(list: Option<&Located>) -> Vec<Position> {
    match list.map(|list| &list.content) {
        Some(Content::List(items)) => items.iter().map(|item| item.at).collect(),
        _ => Vec::new(),
    }
}

impl Reader<'_, '_> {
    pub(super) fn capabilities(
        &mut self,
        id: &str,
        written: Vec<Capability>,
        table: &Located,
    ) -> Vec<String> {
        let places = positions_in(table.get("capabilities"));
        for (Capability(word), at) in written.iter().zip(&places).filter(|(word, _)| !is_capability(&word.0))
        {
            let message = format!("plugin {} is granted {}, which is no capability", shown(id), shown(word));
            let meant = nearest(word, POWERS).or_else(|| nearest(word, [SECRETS.trim_end_matches(':')]));
            let help = match meant {
                Some(power) if POWERS.contains(&power) => format!("did you mean `{power}`?"),
                _ => format!("there are {KNOWN}, the name being lower-case words joined by `-`"),
            };
            self.report.say(*at, message, Some(help));
        }
        written.into_iter().map(|Capability(word)| word).collect()
    }

    pub(super) fn points(&mut self, id: &str, written: &[Point], table: &Located) -> Vec<PointPattern> {
        let places = positions_in(table.get("points"));
        let mut points = Vec::new();
        for (Point(word), at) in written.iter().zip(places) {
            match PointPattern::new(word) {
                Some(pattern) => points.push(pattern),
                None => {
                    let message =
                        format!("plugin {} is granted {}, which is no point", shown(id), shown(word));
                    let help = "write the name of a point, such as `agent/turn.input`, or `agent/*` for all of an owner's";
                    self.report.say(at, message, Some(help.to_owned()));
                }
            }
        }
        points
    }
}
