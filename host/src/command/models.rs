//! `transom models`: the models that can be asked.

use serde_json::Value;

use super::conversation::{Failure, host, tell};
use super::status::list;
use crate::program::{Common, DONE};
use crate::terminal::{note, shown};

pub(crate) async fn run(common: &Common) -> Result<u8, Failure> {
    let models = host(common)?.client.get("/models").await?;
    if !common.json && list(&models, "models").next().is_none() {
        note("no provider offers a model");
    }
    tell(common, &models, described);
    Ok(DONE)
}

fn described(models: &Value) -> String {
    let names: Vec<&str> = list(models, "models").filter_map(Value::as_str).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let line = |name: &&str| {
        let about = &models["modelInfo"][*name];
        let mut line = format!("{:width$}", shown(name));
        if let Some(tokens) = about["contextWindow"].as_u64() {
            line += &format!("  {tokens} tokens");
        }
        if about["vision"] == true {
            line += "  sees images";
        }
        if models["default"] == **name {
            line += "  (default)";
        }
        line.trim_end().to_owned() + "\n"
    };
    names.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_default_model_is_marked() {
        let models = json!({
            "models": ["a/one", "b/second"],
            "default": "b/second",
            "modelInfo": { "a/one": { "vision": true }, "b/second": { "contextWindow": 1000, "vision": false } },
        });
        assert_eq!(described(&models), "a/one     sees images\nb/second  1000 tokens  (default)\n");
    }
}
