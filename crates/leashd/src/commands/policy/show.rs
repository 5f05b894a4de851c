//! `policy show`: the rules in force, in the order in which they are asked.

use super::{print, print_json};
use crate::cli::ShowArgs;
use crate::failure::{Exit, Failure};
use crate::policies::{self, Texts};
use crate::settings::Settings;
use leashd_policy::{FLOOR, Layer, Rules, Written, WrittenRule, WrittenSetting};
use leashd_types::Decision;
use serde_json::{Value, json};

/// Nearest first. The floor stands before all of them.
const ORDER: [Layer; 3] = [Layer::Project, Layer::User, Layer::Builtin];

pub(super) fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let texts = policies::texts(&settings, &args.policy, &std::path::absolute(&args.dir)?)?;
    let rules = texts.rules()?;
    let files = read(&texts)?;
    if args.json { print_json(&as_json(&rules, &files)) } else { print(&as_text(&rules, &files)) }?;
    Ok(Exit::Done)
}

fn read(texts: &Texts) -> Result<Vec<Written>, Failure> {
    texts.sources().iter().map(Written::read).collect::<Result<_, _>>().map_err(Failure::usage)
}

fn of_layer(files: &[Written], layer: Layer) -> impl Iterator<Item = &WrittenRule> {
    files.iter().filter(move |file| file.layer == layer).flat_map(|file| &file.rules)
}

fn as_text(rules: &Rules, files: &[Written]) -> Vec<String> {
    let mut lines = vec!["floor: denies whatever the rules say".to_owned()];
    let widest = FLOOR.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    lines.extend(FLOOR.iter().map(|(name, what)| format!("    {name:widest$}  {what}")));
    for layer in ORDER {
        if of_layer(files, layer).next().is_none() {
            continue;
        }
        lines.push(String::new());
        lines.push(title(layer).to_owned());
        for (number, rule) in (1..).zip(of_layer(files, layer)) {
            let WrittenRule { rule: at, action, .. } = rule;
            lines.push(format!("{number:>4} {action:<6} {at}"));
            lines.push(format!("            {}", rule.summary()));
        }
    }
    lines.push(String::new());
    lines.push("settings".to_owned());
    lines.extend(settings_in_force(rules, files).into_iter().map(|(name, value, from)| {
        let from = from.map_or_else(|| "nothing sets it".to_owned(), place);
        format!("    {name}: {value}  ({from})")
    }));
    lines
}

fn place(setting: &WrittenSetting) -> String {
    format!("{}:{}", setting.source, setting.line)
}

fn title(layer: Layer) -> &'static str {
    match layer {
        Layer::Project => "project: can only make it stricter",
        Layer::User => "your files: the first rule that matches decides",
        Layer::Builtin => "built-in: asked where no rule above matched, and after an ask for a denial",
    }
}

fn word(layer: Layer) -> &'static str {
    match layer {
        Layer::Project => "project",
        Layer::User => "user",
        Layer::Builtin => "builtin",
    }
}

/// Each setting with its value and the place it comes from.
fn settings_in_force<'f>(
    rules: &Rules,
    files: &'f [Written],
) -> [(&'static str, String, Option<&'f WrittenSetting>); 2] {
    let default = written_action(rules.default_action());
    let timeout = rules.approval_timeout_seconds();
    let timeout_text = timeout.map_or_else(|| "300".to_owned(), |seconds| seconds.to_string());
    [
        ("default_action", default.to_owned(), source_of(files, "default_action", default)),
        (
            "approval_timeout_seconds",
            timeout_text.clone(),
            source_of(files, "approval_timeout_seconds", &timeout_text),
        ),
    ]
}

/// The last file that sets it; a project's file only where it is stricter than that one.
fn source_of<'f>(files: &'f [Written], name: &str, value: &str) -> Option<&'f WrittenSetting> {
    let settings = |file: &'f Written| file.settings.iter().filter(|setting| setting.name == name);
    let (project, own): (Vec<&Written>, Vec<&Written>) =
        files.iter().partition(|file| file.layer == Layer::Project);
    let last = own.into_iter().flat_map(settings).next_back();
    last.filter(|setting| setting.value == value)
        .or_else(|| project.into_iter().flat_map(settings).find(|setting| setting.value == value))
}

fn written_action(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Ask => "require_approval",
        Decision::Deny => "deny",
    }
}

fn as_json(rules: &Rules, files: &[Written]) -> Value {
    let layers: Vec<Value> = ORDER
        .into_iter()
        .map(|layer| json!({"layer": word(layer), "rules": of_layer(files, layer).collect::<Vec<_>>()}))
        .collect();
    let settings: Vec<Value> = settings_in_force(rules, files)
        .into_iter()
        .map(|(name, value, from)| json!({"name": name, "value": value, "from": from.map(place)}))
        .collect();
    json!({
        "v": 1,
        "generation": format!("{:016x}", rules.generation()),
        "floor": FLOOR.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "layers": layers,
        "settings": settings,
    })
}
