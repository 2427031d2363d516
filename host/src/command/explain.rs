//! `transom explain`: all there is to say about contracts that do not fit.

use super::check::assembled;
use super::refuse;
use crate::program::{Common, DONE, REFUSED};
use crate::running::Refused;
use crate::terminal::{print, shown};

pub(crate) async fn run(common: &Common) -> u8 {
    let faults = match assembled(common).await {
        Ok(_) => {
            print(&if common.json {
                format!("{}\n", serde_json::json!({ "explanations": [] }))
            } else {
                "there is nothing to explain: every contract fits or can be bridged\n".to_owned()
            });
            return DONE;
        }
        Err(Refused::Faults(faults)) => faults,
        Err(refused) => return refuse(&refused, common.json),
    };
    let explanations: Vec<&str> = faults
        .as_slice()
        .iter()
        .filter_map(|fault| Some(fault.explanation.as_ref()?.text.as_str()))
        .collect();
    if explanations.is_empty() {
        // Whether contracts fit shows only when everything else is right.
        return refuse(&Refused::Faults(faults), common.json);
    }
    if common.json {
        print(&format!("{}\n", serde_json::json!({ "explanations": explanations })));
    } else {
        explanations.iter().for_each(|text| print(&shown(&format!("{}\n\n", text.trim_end()))));
    }
    REFUSED
}
