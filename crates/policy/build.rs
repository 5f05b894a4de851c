//! Reads the policies that ship once, when leashd is built, so that no start reads YAML for them: what the hook of somebody
//! else's session costs is paid on each of its calls. Knows rules as maps, not what they say; loading checks them as ever.

#![expect(clippy::disallowed_methods, reason = "the crate reads no files; building it does")]

use serde::Deserialize;
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;
use std::path::PathBuf;
use std::{env, fs};

/// By their short names.
const POLICIES: [&str; 7] =
    ["default", "strict", "permissive", "dev-tools", "autonomous", "contained", "leopold"];
/// What is checked by a test and read by nobody else.
const EXAMPLES: [&str; 2] = ["matches", "misses"];

#[derive(Deserialize)]
struct File {
    rules: Vec<Spanned<Map<String, Value>>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let from = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../policies");
    let to = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    for name in POLICIES {
        let path = from.join(format!("{name}.yaml"));
        println!("cargo::rerun-if-changed={}", path.display());
        let file: File = serde_saphyr::from_str(&fs::read_to_string(&path)?)?;
        let place =
            |rule: &Spanned<_>| json!({"line": rule.referenced.line(), "column": rule.referenced.column()});
        let places: Vec<Value> = file.rules.iter().map(place).collect();
        let rules = file.rules.into_iter().map(|rule| {
            Value::Object(
                rule.value.into_iter().filter(|(key, _)| !EXAMPLES.contains(&key.as_str())).collect(),
            )
        });
        let mut whole = file.rest;
        whole.insert("rules".to_owned(), rules.collect());
        fs::write(to.join(format!("{name}.json")), json!({"places": places, "file": whole}).to_string())?;
    }
    Ok(())
}
