//! [`Table`]: which route a request belongs to, and what is wrong with routes that cannot be served.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use matchit::Router;
use transom_agent::reach::HttpRoute;
use transom_plugin_api::sabotage::sabotaged;

use crate::own;
use crate::past::Past;
use crate::pattern::{METHODS, Pattern};
use crate::routes::{Offer, Routes, Way};

/// What is served.
#[derive(Debug)]
pub(crate) struct Table {
    by_method: BTreeMap<&'static str, Router<Route>>,
    served: Vec<Served>,
}

/// A route that is served, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) pattern: Pattern,
    pub(crate) route: Route,
    pub(crate) about: HttpRoute,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Who answers.
    pub(crate) target: Target,
    /// The name under which it was registered.
    pub(crate) name: String,
    /// The plugin that answers.
    pub(crate) plugin: String,
}

/// Who answers a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The transport itself: whether it lives, and who does not.
    Health,
    /// The transport itself: whether start-up is over.
    Ready,
    /// The transport itself: what the host says of its plugins.
    Plugins,
    /// The transport itself: what is served.
    Description,
    /// Whoever registered it.
    Offered(Way),
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'table> {
    /// A route, and the parts of the path that stand for a parameter, not yet decoded.
    Route(&'table Route, Vec<(String, String)>),
    /// Routes of other methods only.
    OtherMethods,
    /// Nothing.
    Nothing,
}

/// A route that is registered but not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Table {
    /// Of routes that answer the same requests the one is served that was `before`, else the first in byte order; the
    /// others are reported.
    pub(crate) fn of(mut offers: Vec<Offer>, before: Option<&Self>) -> (Self, Vec<Problem>) {
        offers.sort_by_cached_key(|Offer { name, plugin, way, .. }| {
            let was_served = before.is_some_and(|table| table.serves(name, plugin, *way));
            (!was_served || sabotaged("serve-the-newcomer"), name.clone(), plugin.clone(), *way)
        });
        let offered = offers.into_iter().map(|Offer { name, plugin, way, about }| {
            let target = Target::Offered(way);
            (Route { target, name, plugin }, about)
        });
        let mut builder = Builder::default();
        // Nobody can take the place of the transport's own.
        own::routes().into_iter().chain(offered).for_each(|(route, about)| builder.add(route, about));
        (Self { by_method: builder.by_method, served: builder.served }, builder.problems)
    }

    /// Everything that is served: the transport's own routes first, then in byte order of their names.
    pub(crate) fn served(&self) -> &[Served] {
        &self.served
    }

    fn serves(&self, name: &str, plugin: &str, way: Way) -> bool {
        let is_it = |Route { target, name: its_name, plugin: its_plugin }: &Route| {
            *target == Target::Offered(way) && its_name == name && its_plugin == plugin
        };
        self.served.iter().any(|served| is_it(&served.route))
    }

    /// The route of a request. `HEAD` is answered by the route for `GET`.
    pub(crate) fn find(&self, method: &str, path: &str) -> Found<'_> {
        let method = if method == "HEAD" { "GET" } else { method };
        if let Some(matched) = self.by_method.get(method).and_then(|router| router.at(path).ok()) {
            let params = matched.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            return Found::Route(matched.value, params.collect());
        }
        if self.allowed(path).is_empty() { Found::Nothing } else { Found::OtherMethods }
    }

    /// The methods a path has, `HEAD` and `OPTIONS` among them; none when it leads nowhere.
    pub(crate) fn allowed(&self, path: &str) -> Vec<&'static str> {
        let has = |method: &&str| self.by_method.get(method).is_some_and(|router| router.at(path).is_ok());
        let mut methods: Vec<_> = METHODS.into_iter().filter(|method| has(method)).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        if !methods.is_empty() {
            methods.push("OPTIONS");
        }
        methods.sort_unstable();
        methods
    }
}

#[derive(Default)]
struct Builder {
    by_method: BTreeMap<&'static str, Router<Route>>,
    by_shape: BTreeMap<(&'static str, String), usize>,
    served: Vec<Served>,
    problems: Vec<Problem>,
}

impl Builder {
    fn add(&mut self, route: Route, about: HttpRoute) {
        match self.pattern_of(&route) {
            Ok(pattern) => self.served.push(Served { pattern, route, about }),
            Err(problem) => {
                self.problems
                    .push(Problem(format!("route `{}` of `{}` {problem}", route.name, route.plugin)));
            }
        }
    }

    /// The pattern of a route that can be served and now is found.
    fn pattern_of(&mut self, route: &Route) -> Result<Pattern, String> {
        let pattern = Pattern::parse(&route.name)?;
        let shape = (pattern.method, pattern.shape.clone());
        if let Some(first) = self.by_shape.get(&shape) {
            let Route { name, plugin, .. } = &self.served[*first].route;
            return Err(format!("answers the same requests as `{name}` of `{plugin}`, which keeps them"));
        }
        let router = self.by_method.entry(pattern.method).or_default();
        router
            .insert(pattern.path.clone(), route.clone())
            .map_err(|error| format!("cannot be matched: {error}"))?;
        self.by_shape.insert(shape, self.served.len());
        Ok(pattern)
    }
}

/// The table of the moment, made anew when routes have come or gone.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    latest: Mutex<Option<Latest>>,
}

#[derive(Debug)]
struct Latest {
    version: u64,
    table: Arc<Table>,
    problems: Vec<Problem>,
    past: Arc<Past>,
}

impl Directory {
    /// The table of the moment. Problems are logged when they are new.
    pub(crate) fn table(&self, routes: &impl Routes) -> Arc<Table> {
        // The version is read before the routes: a change in between shows at the next request.
        let version = routes.version();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = latest.as_ref().filter(|known| known.version == version) {
            return known.table.clone();
        }
        let before = latest.take();
        let (table, problems) =
            Table::of(routes.offers(), before.as_ref().map(|before| before.table.as_ref()));
        let told = before.as_ref().map_or(&[][..], |before| &before.problems);
        problems
            .iter()
            .filter(|problem| !told.contains(problem))
            .for_each(|problem| tracing::warn!("{problem}"));
        let past = before.map(|before| before.past.and(&before.table, &table)).unwrap_or_default();
        let (table, past) = (Arc::new(table), Arc::new(past));
        *latest = Some(Latest { version, table: table.clone(), problems, past });
        table
    }

    /// What was served until now and is not any more.
    pub(crate) fn past(&self) -> Arc<Past> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref().map(|latest| latest.past.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(name: &str, plugin: &str) -> Offer {
        Offer {
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            way: Way::Whole,
            about: HttpRoute::new("Plays a part"),
        }
    }

    fn table(names: &[&str]) -> Table {
        let (table, problems) = Table::of(names.iter().map(|name| offer(name, "some")).collect(), None);
        assert_eq!(problems, []);
        table
    }

    /// The name of the route found, and its parameters as `name=value`.
    fn found(table: &Table, method: &str, path: &str) -> (String, String) {
        match table.find(method, path) {
            Found::Route(route, params) => {
                let params: Vec<_> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
                (route.name.clone(), params.join(","))
            }
            other => (format!("{other:?}"), String::new()),
        }
    }

    fn check(table: &Table, method: &str, path: &str, name: &str, params: &str) {
        assert_eq!(found(table, method, path), (name.to_owned(), params.to_owned()), "{method} {path}");
    }

    #[test]
    fn a_path_finds_its_route_and_parameters() {
        let table =
            table(&["GET /chats", "GET /chats/:id", "POST /chats/:chat", "GET /chats/:chat/parts/:part"]);
        check(&table, "GET", "/chats", "GET /chats", "");
        check(&table, "GET", "/chats/a%2Fb", "GET /chats/:id", "id=a%2Fb");
        check(&table, "POST", "/chats/7", "POST /chats/:chat", "chat=7");
        check(&table, "GET", "/chats/7/parts/8", "GET /chats/:chat/parts/:part", "chat=7,part=8");
        check(&table, "HEAD", "/chats", "GET /chats", "");
    }

    #[test]
    fn a_fixed_part_is_tried_before_a_parameter() {
        let table = table(&["GET /chats/:id", "GET /chats/new", "POST /chats/:id", "GET /chats/:id/end"]);
        check(&table, "GET", "/chats/new", "GET /chats/new", "");
        check(&table, "POST", "/chats/new", "POST /chats/:id", "id=new");
        check(&table, "GET", "/chats/new/end", "GET /chats/:id/end", "id=new");
    }

    #[test]
    fn paths_are_taken_literally() {
        let table = table(&["GET /chats", "GET /chats/:id"]);
        for path in ["/", "/chats/", "//chats", "/Chats", "/chats/1/2", "/ch%61ts", "*", ""] {
            check(&table, "GET", path, "Nothing", "");
        }
    }

    #[test]
    fn another_method_is_not_nothing() {
        let table = table(&["GET /chats", "POST /chats"]);
        assert_eq!(table.find("DELETE", "/chats"), Found::OtherMethods);
        assert_eq!(table.find("PATCH", "/chats"), Found::OtherMethods);
        assert_eq!(table.find("PATCH", "/nowhere"), Found::Nothing);
        assert_eq!(table.allowed("/chats"), ["GET", "HEAD", "OPTIONS", "POST"]);
        assert!(table.allowed("/nowhere").is_empty());
    }

    #[test]
    fn of_two_routes_for_the_same_requests_the_first_in_byte_order_is_served() {
        let streamed = Offer { way: Way::Streamed, ..offer("GET /chats/:chat", "chats") };
        let (table, problems) = Table::of(vec![offer("GET /chats/:id", "a-plugin"), streamed], None);
        check(&table, "GET", "/chats/7", "GET /chats/:chat", "chat=7");
        let [problem] = &problems[..] else { panic!("one problem, not {problems:?}") };
        assert_eq!(
            problem.to_string(),
            "route `GET /chats/:id` of `a-plugin` answers the same requests as `GET /chats/:chat` of `chats`, which keeps them"
        );
    }

    #[test]
    fn what_is_served_is_not_taken_over_by_a_plugin_that_comes_later() {
        let (before, _) = Table::of(vec![offer("GET /chats/:chat", "chats")], None);
        let both = || vec![offer("GET /chats/:chat", "chats"), offer("GET /chats/:a", "a-plugin")];
        let (table, problems) = Table::of(both(), Some(&before));
        check(&table, "GET", "/chats/7", "GET /chats/:chat", "chat=7");
        assert_eq!(
            problems[0].to_string(),
            "route `GET /chats/:a` of `a-plugin` answers the same requests as `GET /chats/:chat` of `chats`, which keeps them"
        );
        check(&Table::of(both(), None).0, "GET", "/chats/7", "GET /chats/:a", "a=7");
    }

    #[test]
    fn the_transport_s_own_routes_cannot_be_taken() {
        let (table, problems) = Table::of(vec![offer("GET /health", "a"), offer("GET /:page", "b")], None);
        check(&table, "GET", "/other", "GET /:page", "page=other");
        let Found::Route(route, _) = table.find("GET", "/health") else { panic!("health is served") };
        assert_eq!(route.target, Target::Health);
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn a_name_that_is_none_is_reported_and_the_others_are_served() {
        let (table, problems) = Table::of(vec![offer("FETCH /a", "odd"), offer("GET /a", "even")], None);
        check(&table, "GET", "/a", "GET /a", "");
        assert!(
            problems[0].to_string().starts_with("route `FETCH /a` of `odd` has the method"),
            "{problems:?}"
        );
    }
}
