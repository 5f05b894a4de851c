//! Clients of services: how strong a call is, and which files go along.

use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use crate::Word;
use leashd_types::{Effect, Strength, SystemChange};

pub(super) fn gh_api(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let method = parsed.value("-X").and_then(|word| word.text()).map(str::to_ascii_uppercase);
    let fields = parsed.has("-f") || parsed.has("-F") || parsed.has("--input");
    let graphql = parsed.operands.first().and_then(|word| word.text()) == Some("graphql");
    let mutates = parsed
        .values("-f")
        .chain(parsed.values("-F"))
        .any(|field| field.text().is_none_or(|text| text.contains("mutation")));
    for field in parsed.values("-F") {
        if let Some((name, value)) = field.prefix().split_once('=')
            && value.starts_with('@')
        {
            report.read(&super::args::after(field, name.len() + 2));
        }
    }
    let action = match (method.as_deref(), fields) {
        (Some("DELETE"), _) => Strength::Destroy,
        (Some("GET" | "HEAD"), _) => Strength::Query,
        (Some(_), _) => Strength::Change,
        (None, true) if graphql && !mutates => Strength::Query,
        (None, true) => Strength::Change,
        (None, false) => Strength::Query,
    };
    report.service("github", action);
    if parsed.operands.first().is_some_and(|word| word.prefix().contains("/merge"))
        && action != Strength::Query
    {
        report.git(leashd_types::GitOperation::Commit);
        report.git(leashd_types::GitOperation::Push);
    }
    After::Generic
}

pub(super) fn docker_run(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.has("--help") {
        report.help = true;
        return After::Done;
    }
    let mut privileged = parsed.has("--privileged");
    for (flag, value) in
        ["--pid", "--ipc", "--userns", "--network", "--cap-add", "--security-opt", "--device"]
            .iter()
            .flat_map(|flag| parsed.values(flag).map(move |value| (*flag, value)))
    {
        let text = value.text().unwrap_or("host");
        privileged |= match flag {
            "--pid" | "--ipc" | "--userns" => text == "host",
            "--cap-add" => matches!(
                text.to_ascii_uppercase().as_str(),
                "ALL" | "SYS_ADMIN" | "SYS_PTRACE" | "SYS_MODULE"
            ),
            "--security-opt" => text.contains("unconfined"),
            "--device" => true,
            _ => false,
        };
    }
    let mounts =
        parsed.values("-v").map(|word| (word, word.prefix().split(':').next().unwrap_or("").to_owned()));
    let binds = parsed.values("--mount").map(|word| {
        let source = word
            .prefix()
            .split(',')
            .find_map(|part| part.strip_prefix("source=").or_else(|| part.strip_prefix("src=")));
        (word, source.unwrap_or("").to_owned())
    });
    for (word, source) in mounts.chain(binds) {
        if word.text().is_none() && source.is_empty() {
            report.read(&Word::unknown("what is mounted cannot be told"));
            report.write(&Word::unknown("what is mounted cannot be told"));
        }
        if !source.starts_with(['/', '.', '~']) {
            continue;
        }
        privileged |= source == "/"
            || source.contains("docker.sock")
            || source == "/etc"
            || source == "/proc"
            || source == "/dev";
        report.read_text(&source);
        let read_only = word
            .text()
            .is_some_and(|text| text.ends_with(":ro") || text.contains(",readonly") || text.ends_with(",ro"));
        if !read_only {
            report.write_text(&source);
        }
    }
    for file in parsed.values("--env-file") {
        report.read(file);
    }
    report.service("docker", Strength::Change);
    if privileged {
        report.privilege("a container with the rights of the machine");
    }
    After::Done
}

/// An alias with `!` is shell code.
pub(super) fn gh_alias(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    match parsed.operands.get(1).map(|word| (word.text(), word)) {
        Some((Some(text), _)) => match text.strip_prefix('!') {
            Some(code) => report.script_text(code),
            None => {
                let words: Vec<&str> = std::iter::once("gh").chain(text.split_whitespace()).collect();
                report.command_texts(&words);
            }
        },
        Some((None, _)) => report.unclear("the alias cannot be told"),
        None => {}
    }
    After::Generic
}

/// A namespace or a volume takes with it what cannot be made again from files.
pub(super) fn kubectl_delete(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    const HEAVY: &[&str] = &[
        "ns",
        "namespace",
        "namespaces",
        "pv",
        "persistentvolume",
        "persistentvolumes",
        "pvc",
        "persistentvolumeclaim",
        "persistentvolumeclaims",
        "crd",
        "crds",
        "customresourcedefinition",
        "customresourcedefinitions",
        "node",
        "nodes",
        "cluster",
        "clusters",
        "project",
        "projects",
    ];
    let kinds = parsed.operands.iter().take(1).filter_map(Word::text).flat_map(|text| text.split(','));
    if kinds.map(|kind| kind.split('/').next().unwrap_or(kind)).any(|kind| HEAVY.contains(&kind)) {
        report.service("kubernetes", Strength::Destroy);
    }
    After::Generic
}

/// The names of secrets are no secret, what is in them is.
pub(super) fn kubectl_get(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let kinds = parsed.operands.iter().filter_map(Word::text).flat_map(|text| text.split(','));
    let secret = kinds
        .map(|kind| kind.split('/').next().unwrap_or(kind))
        .any(|kind| matches!(kind, "secret" | "secrets"));
    let shows = parsed
        .value("-o")
        .is_some_and(|form| form.text().is_none_or(|form| !matches!(form, "name" | "wide")));
    if secret && shows {
        report.secret("a secret of the cluster");
    }
    After::Generic
}

/// `aws s3 cp`, `gsutil cp`: what goes to a bucket is read here, what comes from one is written here.
pub(super) fn bucket_copy(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let remote = |word: &Word| {
        ["s3://", "gs://", "https://", "az://"].iter().any(|start| word.prefix().starts_with(start))
    };
    let service = match report.name {
        "aws" | "s3cmd" | "s5cmd" | "mc" => "aws",
        _ => "gcloud",
    };
    report.dry |= parsed.has("--dryrun") || parsed.has("-n") && report.name != "aws";
    let Some((destination, sources)) = parsed.operands.split_last() else { return After::Done };
    for source in sources.iter().filter(|word| !remote(word)) {
        report.read(source);
    }
    if remote(destination) {
        report.service(service, Strength::Change);
    } else {
        report.write(destination);
        report.service(service, Strength::Query);
    }
    if parsed.path.iter().any(|word| word == "mv") {
        report.service(service, Strength::Change);
    }
    After::Done
}

/// `service NAME status` and its like.
pub(super) fn service_by_verb(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let verb =
        parsed.operands.get(1).or_else(|| parsed.operands.first()).and_then(|word| word.text()).unwrap_or("");
    if !matches!(verb, "status" | "" | "--status-all" | "list" | "help") {
        report.add(Effect::System { change: SystemChange::Services });
    }
    After::Done
}
