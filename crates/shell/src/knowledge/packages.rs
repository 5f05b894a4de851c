//! Package managers: where packages come from, what of them runs, and what is installed for the whole machine.

use super::args::Parsed;
use super::custom::After;
use super::hosts;
use super::report::Report;
use crate::Word;
use leashd_types::{CodeSource, Direction, Host, SystemChange};

/// `npx TOOL`: a tool of the project if it is known here, else a package that is fetched and run.
pub(super) fn npx(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for package in parsed.values("-p") {
        report.configured("the npm registry", Direction::Fetch);
        report.runs(CodeSource::Package { name: package.prefix().to_owned() });
    }
    for line in parsed.values("-c") {
        report.script(line.clone());
    }
    let Some(tool) = parsed.operands.first() else { return After::Done };
    let Some(name) = tool.text() else {
        report.unclear("the package that would be run cannot be told");
        return After::Done;
    };
    let base = match name.strip_prefix('@') {
        Some(scoped) => scoped.rsplit('/').next().unwrap_or(scoped).split('@').next().unwrap_or(scoped),
        None => name.split('@').next().unwrap_or(name),
    };
    if super::is_project_tool(base) && !name.contains(['@', ':', '/']) {
        report.runs_project(base);
        report.command(
            std::iter::once(Word::literal(base)).chain(parsed.operands.iter().skip(1).cloned()).collect(),
        );
    } else if matches!(base, "claude-code" | "codex" | "gemini-cli") {
        report.system(SystemChange::Agent);
    } else {
        report.configured("the npm registry", Direction::Fetch);
        report.runs(CodeSource::Package { name: name.to_owned() });
        if super::knows(base) {
            report.command(
                std::iter::once(Word::literal(base)).chain(parsed.operands.iter().skip(1).cloned()).collect(),
            );
        }
    }
    After::Done
}

/// `npm init` alone writes a file; with a name it runs that package's generator.
pub(super) fn npm_init(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if !parsed.operands.is_empty() {
        return After::Generic;
    }
    report.write_text("package.json");
    After::Done
}

/// Where an installation comes from and where it goes.
pub(super) fn install(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let global = ["-g", "--user", "--system", "--break-system-packages"].iter().any(|name| parsed.has(name))
        || parsed.value("--location").and_then(|word| word.text()) == Some("global");
    if global {
        report.system(SystemChange::Packages);
    }
    if !parsed.has("--no-index") {
        for index in
            ["--registry", "-i", "--extra-index-url", "-f"].iter().flat_map(|name| parsed.values(name))
        {
            match index.prefix().contains("://") {
                true => report.url(index, Direction::Fetch),
                false if index.text().is_none() => report.url(index, Direction::Fetch),
                false => report.read(index),
            }
        }
    }
    for package in &parsed.operands {
        let text = package.prefix();
        let address = text.split_once(" @ ").map_or(text, |(_, address)| address);
        if address.contains("://") {
            let address = address
                .split_once('+')
                .map_or(address, |(kind, rest)| if kind.len() < 5 { rest } else { address });
            report.network(hosts::of_url(&Word::literal(address)), Direction::Fetch);
            report.runs(CodeSource::Package { name: text.to_owned() });
        } else if text.starts_with("github:") || text.starts_with("gist:") || text.starts_with("git@") {
            report.network(Host::Named("github.com".to_owned()), Direction::Fetch);
            report.runs(CodeSource::Package { name: text.to_owned() });
        } else if text.starts_with(['.', '/', '~']) || text.starts_with("file:") {
            report.read(package);
            report.runs_file(package);
        } else if package.text().is_none() {
            report.unclear("the package that would be installed cannot be told");
        }
    }
    After::Generic
}

/// `npm version` commits and tags unless told otherwise; alone it prints.
pub(super) fn npm_version(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    // yarn asks for the step, or takes it as an option.
    let steps = [
        "--new-version",
        "--major",
        "--minor",
        "--patch",
        "--premajor",
        "--preminor",
        "--prepatch",
        "--prerelease",
    ];
    let by_option =
        steps.iter().any(|step| parsed.has(step) || parsed.unknown_flags.iter().any(|flag| flag == step));
    if parsed.operands.is_empty() && !by_option && !report.name.starts_with("yarn") {
        return After::Done;
    }
    report.runs_project(report.name);
    report.write_text("package.json");
    let tags = parsed.has("--no-git-tag-version")
        || parsed.value("--git-tag-version").and_then(|word| word.text()) == Some("false");
    if !tags {
        report.git(leashd_types::GitOperation::Commit);
    }
    After::Done
}

pub(super) fn npm_config(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    match parsed.path.last().map(String::as_str) {
        Some("set" | "delete" | "edit" | "fix") => report.write_text("~/.npmrc"),
        Some("get") if parsed.operands.iter().any(|word| word.prefix().contains("auth")) => {
            report.secret("an npm token")
        }
        _ => {}
    }
    After::Done
}

/// `go run` takes packages of the project or, with a host in front, of anybody.
pub(super) fn go_run(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let Some(package) = parsed.operands.first() else { return After::Generic };
    let text = package.prefix();
    let first = text.split('/').next().unwrap_or(text);
    let elsewhere =
        text.contains('@') || first.contains('.') && !first.starts_with('.') && text.contains('/');
    if text.starts_with('/') {
        report.read(package);
        report.runs_file(package);
    } else if elsewhere || package.text().is_none() {
        report.configured("the Go module proxy", Direction::Fetch);
        report.runs(CodeSource::Package { name: text.to_owned() });
    }
    After::Generic
}

/// `cargo install`, `go install`, `uv tool install`: into the person's own directories.
pub(super) fn tool_install(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let path = parsed.value("--path");
    match (path, parsed.value("--git")) {
        (Some(path), _) => {
            report.read(path);
            report.runs_project(report.name);
        }
        (None, Some(address)) => report.url(address, Direction::Fetch),
        _ => report.configured("the package registry", Direction::Fetch),
    }
    if let Some(root) = parsed.value("--root") {
        // Into a directory of the project, as its own dependencies are.
        report.write(root);
        report.runs_project(report.name);
        return After::Done;
    }
    for package in &parsed.operands {
        report.runs(CodeSource::Package { name: package.prefix().to_owned() });
    }
    report.system(SystemChange::Packages);
    After::Done
}

/// `uvx TOOL`, `uv run CMD`, `pipx run TOOL`.
pub(super) fn uvx(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for package in ["--with", "--from", "--spec", "--with-editable", "--with-requirements"]
        .iter()
        .flat_map(|name| parsed.values(name))
    {
        report.configured("the Python package index", Direction::Fetch);
        report.runs(CodeSource::Package { name: package.prefix().to_owned() });
    }
    for index in ["--index", "--default-index", "--index-url", "--extra-index-url"]
        .iter()
        .flat_map(|name| parsed.values(name))
    {
        report.url(index, Direction::Fetch);
    }
    let Some((tool, rest)) = parsed.operands.split_first() else { return After::Generic };
    let Some(name) = tool.text() else {
        report.unclear("what would be run cannot be told");
        return After::Done;
    };
    let project = parsed.path.first().is_some_and(|word| word == "run");
    if project && !report.name.starts_with("pipx") {
        report.runs_project(report.name);
        if parsed.has("-m") {
            return After::Done;
        }
        let words = if name.ends_with(".py") {
            vec![Word::literal("python3"), tool.clone()]
        } else {
            vec![tool.clone()]
        };
        report.command(words.into_iter().chain(rest.iter().cloned()).collect());
    } else {
        report.configured("the Python package index", Direction::Fetch);
        if !super::is_project_tool(name) {
            report.runs(CodeSource::Package { name: name.to_owned() });
        }
        if super::knows(name) {
            report.command(parsed.operands.clone());
        }
    }
    After::Done
}

/// `yarn build`, `pnpm lint`, `bun test`: a word that is no command is a script of the project, or one of its tools.
pub(super) fn project_script(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let alone = parsed.operands.is_empty() && parsed.unknown_sub.is_none();
    if parsed.sub.is_some() || (alone && !matches!(report.name, "yarn" | "yarnpkg")) {
        return After::Generic;
    }
    if alone {
        // `yarn` alone installs.
        report.configured("the npm registry", Direction::Fetch);
        report.write_text("node_modules");
    }
    report.runs_project(report.name);
    if let Some(name) = parsed.operands.first().and_then(|word| word.text()) {
        if name.ends_with(".ts") || name.ends_with(".js") || name.ends_with(".mjs") || name.ends_with(".tsx")
        {
            let file = Word::literal(name);
            report.read(&file);
            report.runs_file(&file);
        }
    } else if !alone {
        report.unclear("the script of the project cannot be told");
    }
    After::Done
}
