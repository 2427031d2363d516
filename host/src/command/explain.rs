//! `transom explain`: all there is to say about contracts that do not fit.

use super::check::assembled;
use super::refuse;
use crate::program::{Common, DONE, REFUSED};
use crate::running::Refused;
use crate::terminal::{print, shown};

pub(crate) async fn run(common: &Common) -> u8 {
    let faults = match assembled(common).await {
        Ok(_) => None,
        Err(Refused::Faults(faults)) => Some(faults),
        Err(refused) => return refuse(&refused, common.json),
    };
    let told = faults.as_ref().map(|faults| faults.as_slice()).unwrap_or_default();
    let explanations: Vec<&str> = told.iter().filter_map(|fault| fault.explanation.as_deref()).collect();
    if common.json {
        print(&format!("{}\n", serde_json::json!({ "explanations": explanations })));
    } else if explanations.is_empty() {
        print("there is nothing to explain: every contract fits or can be bridged\n");
    }
    if !common.json {
        explanations.iter().for_each(|text| print(&shown(&format!("{}\n\n", text.trim_end()))));
    }
    if explanations.is_empty() { DONE } else { REFUSED }
}
