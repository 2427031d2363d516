//! `GET /credentials`: which accounts there are, and of their keys only whether there is one.

use std::future::ready;
use std::sync::Arc;

use serde_json::{Value, json};
use transom_agent::reach::{HttpReply, HttpRequest, HttpRoute};
use transom_plugin_api::{Server, StartError};

use crate::Account;
use crate::accounts::Accounts;
use crate::mask::masked;

/// Puts the route on the bus.
pub(crate) fn register(
    accounts: &Arc<Accounts>,
    routes: &Server<HttpRequest, HttpReply, HttpRoute>,
) -> Result<(), StartError> {
    let about = HttpRoute { output: schema().into(), ..HttpRoute::new("the accounts, without their keys") };
    let accounts = Arc::clone(accounts);
    routes.serve_named("GET /credentials", about, move |_, _| ready(Ok(HttpReply::ok(listed(&accounts)))))
}

fn listed(accounts: &Accounts) -> Value {
    json!({ "credentials": accounts.iter().map(|(name, account)| line(name, account)).collect::<Vec<_>>() })
}

fn line(name: &str, account: &Account) -> Value {
    let Account { plugin, base_url, key } = account;
    let mut line = json!({ "name": name, "plugin": plugin, "hasKey": key.is_some() });
    if let Some(base_url) = base_url {
        line["baseUrl"] = base_url.as_str().into();
    }
    if let Some(key) = key {
        line["maskedKey"] = masked(key).into();
    }
    line
}

fn schema() -> Value {
    let text = json!({ "type": "string" });
    let account = json!({
        "type": "object",
        "properties": {
            "name": text, "plugin": text, "baseUrl": text, "hasKey": { "type": "boolean" }, "maskedKey": text,
        },
        "required": ["name", "plugin", "hasKey"],
    });
    json!({
        "type": "object",
        "properties": { "credentials": { "type": "array", "items": account } },
        "required": ["credentials"],
    })
}
