//! The plugin with which hooks are measured stands at every hook of the guide.

use std::collections::BTreeSet;

use transom_loader::PluginFile;

use super::repository::{root, text_of};

/// The points in the first table of the guide, without those at which there is only a stream to watch.
fn told() -> BTreeSet<String> {
    let page = text_of(&root().join("docs/guide/hooks.md"));
    let rows = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let hooks = rows.filter(|row| row.split('|').nth(3).is_none_or(|kind| kind.trim() != "stream"));
    let points =
        hooks.flat_map(|row| row.split('|').nth(2).unwrap_or_default().split('`').skip(1).step_by(2));
    points.filter(|point| point.contains('/')).map(str::to_owned).collect()
}

#[test]
fn every_hook_of_the_guide_is_stood_at_by_the_plugin_that_measures_them() {
    let beside = std::env::current_exe().expect("a running program has a path");
    let file = PluginFile::read(&beside.with_file_name("libtransom_bystanders.so"));
    let file = file.expect("it was built with the test");
    let ports = &file.contents.descriptor("onlooker").expect("the file holds the plugin").ports;
    let stood_at: BTreeSet<String> = ports.iter().map(|port| port.point.clone()).collect();
    let told = told();
    assert!(told.len() > 20, "{told:?}");
    assert_eq!(stood_at, told);
}
