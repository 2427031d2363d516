//! What the operator grants: points, secrets, and the order at a point.

use transom_kernel::{
    Descriptor, FaultBudget, Grants, Kernel, KernelConfig, OperatorOrder, PluginToStart, PointPattern,
    StartReport, plan,
};
use transom_plugin_api::abi::plugin_table::open_header;
use transom_plugin_api::hosting::Attach;
use transom_plugin_api::plugin::linked_plugins;
use transom_plugin_api::prelude::*;

use super::support::{Diary, kernel};

const FETCH: Service<Text, Text> = Service::new("porter/fetch");
const LINES: StreamService<Text, Text> = StreamService::new("porter/lines");
const KNOCK: Service<Text, Text> = Service::new("guest/knock");
const NAMED: Filter<Text> = Filter::fail_open("porter/name").stages(&["first", "last"]);
const CALLED: Event<Text> = Event::new("porter/called");

/// Tries what it is told to try.
#[derive(Settings)]
struct Guest;

#[derive(Ports)]
struct GuestPorts {
    #[serves(KNOCK)]
    knock: Server<Text, Text>,
    #[calls(FETCH, optional)]
    fetch: Caller<Text, Text>,
    #[calls(LINES, optional)]
    lines: StreamCaller<Text, Text>,
}

impl Plugin for Guest {
    type Ports = GuestPorts;
    async fn start(self, ports: GuestPorts, host: Host) -> Result<(), StartError> {
        let GuestPorts { knock, fetch, lines } = ports;
        knock.serve_with(&(fetch, lines, host), async |(fetch, lines, host), what, _| match what.as_str() {
            "fetch" => fetch.call("a trunk".into()).await,
            "lines" => lines.open("a book".into()).map(|_| "opened".into()),
            name => host.secret(name).map(|secret| secret.expose().into()),
        })
    }
}

export_plugin!(Guest, id = "guest", capabilities = ["secrets:door", "secrets:cellar"]);

#[derive(Ports)]
struct House {
    #[calls(KNOCK, optional)]
    knock: Caller<Text, Text>,
    #[serves(FETCH)]
    fetch: Server<Text, Text>,
}

impl House {
    async fn knock(&self, what: &str) -> Result<String, CallErrorKind> {
        self.knock.call(what.into()).await.map(String::from).map_err(|error| error.kind)
    }
}

fn guest(grants: Grants) -> PluginToStart {
    let found = linked_plugins().find_map(|linked| {
        let table = open_header(linked.header).expect("the tables agree");
        let descriptor: Descriptor = serde_json::from_str(table.describe()().as_str()).expect("JSON");
        (descriptor.id == "guest").then_some((descriptor, table))
    });
    let (descriptor, table) = found.expect("it is linked in");
    PluginToStart {
        descriptor,
        table,
        settings: "{}".to_owned(),
        attach: Attach::Linked,
        data_folder: String::new(),
        start_deadline: None,
        faults: FaultBudget::default(),
        grants,
    }
}

async fn started(grants: Grants) -> (Kernel, House, StartReport) {
    let kernel = kernel();
    let (_, house) = kernel.resident::<House>("porter").expect("seats");
    house.fetch.serve(|what, _| async move { Ok(format!("{what}, fetched").into()) }).expect("serves");
    let guest = guest(grants);
    let plan = plan(&kernel.residents(), std::slice::from_ref(&guest.descriptor)).expect("nothing is wrong");
    let report = kernel.start(vec![guest], &plan).await;
    (kernel, house, report)
}

fn at(points: &[&str]) -> Grants {
    let patterns = points.iter().map(|point| PointPattern::new(point).expect("it is one"));
    Grants { points: Some(patterns.collect()), ..Grants::default() }
}

#[tokio::test]
async fn a_plugin_lives_without_the_points_that_it_is_not_granted_and_can_do_without() {
    let (kernel, house, report) = started(at(&["guest/*"])).await;
    assert_eq!(report.disabled, []);
    assert_eq!(house.knock("fetch").await, Err(CallErrorKind::Denied));
    assert_eq!(house.knock("lines").await, Err(CallErrorKind::Denied));
    assert!(kernel.metrics().iter().filter(|point| point.point == "porter/fetch").count() == 1);

    let (_kernel, house, _) = started(at(&["guest/*", "porter/fetch"])).await;
    assert_eq!(house.knock("fetch").await, Ok("a trunk, fetched".into()));
    assert_eq!(house.knock("lines").await, Err(CallErrorKind::Denied));

    let (_kernel, house, _) = started(Grants::default()).await;
    assert_eq!(house.knock("lines").await, Err(CallErrorKind::NoProvider));
}

#[tokio::test]
async fn a_plugin_does_not_start_without_a_point_that_it_needs() {
    let (_kernel, house, report) = started(at(&["porter/*"])).await;
    let (plugin, reason) = &report.disabled[0];
    let expected =
        "plugin `guest` is not granted the point `guest/knock`: add it to its `points` in the manifest";
    assert_eq!((plugin.as_str(), reason.as_str()), ("guest", expected));
    assert_eq!(house.knock("fetch").await, Err(CallErrorKind::NoProvider));
}

#[tokio::test]
async fn a_secret_reaches_who_asks_for_it_and_is_granted_it_and_nobody_else() {
    let secrets = ["door", "vault"].map(|name| (name.to_owned(), Secret::new(format!("{name} key"))));
    let grants = Grants { secrets: secrets.into(), ..Grants::default() };
    let (_kernel, house, _) = started(grants.clone()).await;
    assert_eq!(house.knock("door").await, Ok("door key".into()));
    assert_eq!(house.knock("cellar").await, Err(CallErrorKind::NotFound));
    assert_eq!(house.knock("vault").await, Err(CallErrorKind::Denied));

    let (_kernel, house, _) = started(Grants { capabilities: Some([].into()), ..grants }).await;
    assert_eq!(house.knock("door").await, Err(CallErrorKind::Denied));
}

#[derive(Ports)]
struct Asker {
    #[applies(NAMED)]
    name: Applier<Text>,
    #[says(CALLED)]
    called: Emitter<Text>,
}

#[derive(Ports)]
struct Early {
    #[links(NAMED)]
    name: Link<Text>,
    #[hears(CALLED)]
    called: Listener<Text>,
}

#[derive(Ports)]
struct Late {
    #[links(NAMED, stage = "last")]
    name: Link<Text>,
    #[hears(CALLED)]
    called: Listener<Text>,
}

fn stamped(mark: &'static str, link: &Link<Text>, listener: &Listener<Text>, diary: &Diary) {
    let linked = link.link(move |mut name: Text, _| {
        name.push_str(mark);
        std::future::ready(Ok(name))
    });
    linked.expect("links");
    let diary = diary.clone();
    listener.inline(move |_, _| diary.write(mark)).expect("listens");
}

#[tokio::test]
async fn plugins_stand_in_the_operator_s_order_across_stages_and_the_others_stay() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    let order = [
        ("porter/name".to_owned(), ids(&["d", "nobody", "a"])),
        ("porter/called".to_owned(), ids(&["c", "b"])),
    ];
    let config = KernelConfig { order: OperatorOrder::new(order.into()), ..KernelConfig::default() };
    let kernel = Kernel::new(config, tokio::runtime::Handle::current());
    let (_, asker) = kernel.resident::<Asker>("asker").expect("seats");
    let diary = Diary::default();
    for mark in ["a", "b", "c"] {
        let (_, early) = kernel.resident::<Early>(mark).expect("seats");
        stamped(mark, &early.name, &early.called, &diary);
    }
    let (_, late) = kernel.resident::<Late>("d").expect("seats");
    stamped("d", &late.name, &late.called, &diary);
    assert_eq!(asker.name.apply("".into()).await, Ok("dbca".into()));
    asker.called.emit(&"".into());
    assert_eq!(diary.lines(), ["a", "c", "b", "d"]);
}
