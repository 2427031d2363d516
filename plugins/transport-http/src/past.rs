//! [`Past`]: routes that were served and are not any more, so that who asks for one is told whose it was.

use transom_plugin_api::sabotage::sabotaged;

use crate::routes::Offer;
use crate::table::{Found, Route, Served, Table, Target};

/// How many are remembered: plugins that make up names of routes must not fill the memory.
const MOST: usize = 1024;

/// Routes that nobody serves now.
#[derive(Debug)]
pub(crate) struct Past {
    routes: Vec<Offer>,
    table: Table,
}

impl Default for Past {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Past {
    fn of(routes: Vec<Offer>) -> Self {
        let (table, _) = Table::of(routes.clone(), None);
        Self { routes, table }
    }

    /// The same with what has gone from one table to the next, and without what is back.
    pub(crate) fn and(&self, before: &Table, now: &Table) -> Self {
        let is_served = |name: &str| now.served().iter().any(|served| served.route.name == name);
        let earlier = self
            .routes
            .iter()
            .filter(|route| before.served().iter().all(|served| served.route.name != route.name));
        if sabotaged("forget-whose-it-was") {
            return Self::default();
        }
        // Of two that answered the same requests, the one that went last.
        let is_newer = |name: &str| before.served().iter().any(|served| served.pattern.answers_as(name));
        let earlier = earlier.filter(|route| !is_newer(&route.name));
        let routes = before.served().iter().filter_map(offered).chain(earlier.cloned());
        Self::of(routes.filter(|route| !is_served(&route.name)).take(MOST).collect())
    }

    /// The plugin that served such a request last.
    pub(crate) fn plugin(&self, method: &str, path: &str) -> Option<&str> {
        match self.table.find(method, path) {
            Found::Route(Route { target: Target::Offered(_), plugin, .. }, _) => Some(plugin),
            _ => None,
        }
    }
}

fn offered(Served { route, about, .. }: &Served) -> Option<Offer> {
    let Target::Offered(way) = route.target else { return None };
    Some(Offer { name: route.name.clone(), plugin: route.plugin.clone(), way, about: about.clone() })
}

#[cfg(test)]
mod tests {
    use transom_agent::reach::HttpRoute;

    use super::*;
    use crate::routes::Way;

    fn table(routes: &[(&str, &str)]) -> Table {
        let offer = |(name, plugin): &(&str, &str)| Offer {
            name: (*name).to_owned(),
            plugin: (*plugin).to_owned(),
            way: Way::Whole,
            about: HttpRoute::new("Plays a part"),
        };
        Table::of(routes.iter().map(offer).collect(), None).0
    }

    #[test]
    fn a_route_is_remembered_until_somebody_serves_it_again() {
        let (both, one) = (table(&[("GET /a", "a"), ("GET /b/:c", "b")]), table(&[("GET /a", "a")]));
        let gone = Past::default().and(&both, &one);
        assert_eq!(gone.plugin("GET", "/b/7"), Some("b"));
        assert_eq!(gone.plugin("HEAD", "/b/7"), Some("b"));
        for (method, path) in [("GET", "/a"), ("POST", "/b/7"), ("GET", "/health")] {
            assert_eq!(gone.plugin(method, path), None, "{method} {path}");
        }
        let still = gone.and(&one, &one);
        assert_eq!(still.plugin("GET", "/b/7"), Some("b"));
        assert_eq!(still.and(&one, &both).plugin("GET", "/b/7"), None);
    }

    #[test]
    fn of_two_that_answered_the_same_the_last_is_named() {
        let (first, second) = (table(&[("GET /a/:b", "one")]), table(&[("GET /a/:c", "two")]));
        let gone = Past::default().and(&first, &table(&[])).and(&second, &table(&[]));
        assert_eq!(gone.plugin("GET", "/a/7"), Some("two"));
    }

    #[test]
    fn not_more_are_remembered_than_there_is_room_for() {
        let names: Vec<String> = (0..MOST + 7).map(|number| format!("GET /{number}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "many")).collect();
        assert_eq!(Past::default().and(&table(&many), &table(&[])).routes.len(), MOST);
    }
}
