//! Interpreters, editors, package managers and service clients whose options mean more than a role each.

use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use super::spec::Action;
use super::{Stdin, code, hosts};
use crate::Word;
use leashd_types::{CodeSource, Direction, Effect, Host, Strength, SystemChange};

/// The language an interpreter's standard input is in.
fn language(name: &str) -> &'static str {
    match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" | "ipython" | "bpython" => "python",
        "node" | "nodejs" | "deno" | "bun" | "tsx" | "ts-node" | "qjs" => "node",
        "perl" | "raku" => "perl",
        "ruby" | "irb" | "jruby" => "ruby",
        "php" => "php",
        "lua" | "luajit" => "lua",
        _ => "other",
    }
}

/// Without code and without a file, the code comes on standard input.
pub(super) fn interpreter(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let is_code =
        |hit: &super::args::Hit<'_>| hit.flag.actions.iter().any(|action| matches!(action, Action::Code(_)));
    let given = parsed.hits.iter().any(is_code);
    let asks = parsed.has("--help") || parsed.has("-v");
    if !given && !asks && parsed.operands.is_empty() {
        report.stdin_code(language(report.name));
    }
    if given && language(report.name) != "python" {
        // The words after inline code are its arguments; programs that loop over files read them.
        let loops = parsed.has("-n") || parsed.has("-p") || parsed.has("-i");
        if loops && matches!(language(report.name), "perl" | "ruby") {
            for file in &parsed.operands {
                report.read(file);
                if parsed.has("-i") {
                    report.write(file);
                }
            }
        }
        for hit in &parsed.hits {
            for action in &hit.flag.actions {
                if let Some(value) = &hit.value {
                    super::roles::act(report, action, value, &[]);
                }
            }
        }
        return After::Done;
    }
    After::Generic
}

/// `python -m MODULE` names a tool.
pub(super) fn python(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let Some(module) = parsed.value("-m") else { return interpreter(report, parsed) };
    let Some(name) = module.text() else {
        report.unclear("the module python would run cannot be told");
        return After::Done;
    };
    let args = parsed.operands.as_slice();
    match name {
        "json.tool" => {
            args.first()
                .filter(|word| !word.prefix().starts_with('-'))
                .into_iter()
                .for_each(|file| report.read(file));
            args.get(1)
                .filter(|word| !word.prefix().starts_with('-'))
                .into_iter()
                .for_each(|file| report.write(file));
        }
        "http.server" | "SimpleHTTPServer" => {
            report.read_text(".");
            report.network(Host::Named("localhost".to_owned()), Direction::Listen);
        }
        "venv" | "virtualenv" => args
            .iter()
            .filter(|word| !word.prefix().starts_with('-'))
            .for_each(|directory| report.write(directory)),
        "timeit" => report.runs_project("python"),
        "this" | "platform" | "sysconfig" | "site" | "tokenize" | "ast" | "dis" | "calendar" => {}
        "py_compile" | "compileall" | "zipfile" | "tarfile" | "cProfile" | "pdb" | "trace" | "unittest"
        | "doctest" => {
            report.runs_project("python");
        }
        _ if super::knows(name) => {
            let words = std::iter::once(Word::literal(name)).chain(args.iter().cloned()).collect();
            report.command(words);
        }
        _ => {
            report.runs(CodeSource::Package { name: name.to_owned() });
        }
    }
    After::Done
}

/// `-c CMD`, `+CMD`, `-S SCRIPT`; the rest are files to edit.
pub(super) fn vim(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for command in parsed.values("-c") {
        vim_command(report, command);
    }
    for operand in &parsed.operands {
        match operand.text().and_then(|text| text.strip_prefix('+')) {
            Some(command) => vim_command(report, &Word::literal(command)),
            None => {
                report.read(operand);
                if !parsed.has("-R") {
                    report.write(operand);
                }
            }
        }
    }
    if let (Stdin::Text(text), true) = (report.argv.stdin, parsed.has("-e")) {
        text.lines().for_each(|line| vim_command(report, &Word::literal(line)));
    }
    After::Generic
}

fn vim_command(report: &mut Report<'_>, command: &Word) {
    let Some(text) = command.text() else {
        report.unclear("an editor command cannot be told, and it can run programs");
        return;
    };
    for part in text.split('|').map(str::trim) {
        let part = part
            .trim_start_matches([':', ' '])
            .trim_start_matches("silent!")
            .trim_start_matches("silent")
            .trim();
        let part =
            part.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '%' | ',' | '$' | '.'));
        let (name, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        if let Some(code) =
            part.strip_prefix("r!").or_else(|| part.strip_prefix("read!")).or_else(|| part.strip_prefix('!'))
        {
            // The bar belongs to the command.
            let from = text.find(code).unwrap_or(0);
            report.script_text(text.get(from..).unwrap_or(code).trim());
            return;
        }
        match name {
            "w" | "write" | "sav" | "saveas" | "wq" | "x" | "w!" | "wq!" if !rest.is_empty() => {
                match rest.strip_prefix('!') {
                    Some(code) => report.script_text(code),
                    None => report.write_text(rest.trim()),
                }
            }
            "r" | "read" | "e" | "edit" | "e!" | "tabe" | "sp" | "vs" => {
                match rest.trim().strip_prefix('!') {
                    Some(code) => report.script_text(code),
                    None => report.read_text(rest.trim()),
                }
            }
            "so" | "source" | "luafile" | "pyfile" | "py3file" => {
                report.runs_file(&Word::literal(rest.trim()))
            }
            "py" | "py3" | "python" | "python3" => code::scan(report, "python", rest),
            "ruby" => code::scan(report, "ruby", rest),
            "perl" => code::scan(report, "perl", rest),
            "lua" => code::scan(report, "lua", rest),
            "terminal" | "term" | "make" | "grep" | "call" | "exe" | "execute" | "let" | "eval" | "au"
            | "autocmd" => {
                if rest.contains("system(")
                    || matches!(name, "terminal" | "term" | "exe" | "execute" | "eval" | "au" | "autocmd")
                {
                    let inner = rest.split(['\'', '"']).nth(1);
                    match inner.filter(|_| rest.contains("system(")) {
                        Some(code) => report.script_text(code),
                        None if matches!(name, "terminal" | "term") => report.script_text(rest),
                        None => report.unclear("an editor command runs something that cannot be told"),
                    }
                }
            }
            _ => {}
        }
    }
}

pub(super) fn emacs(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for code in parsed.values("--eval") {
        lisp(report, code);
    }
    After::Generic
}

fn lisp(report: &mut Report<'_>, code: &Word) {
    let Some(text) = code.text() else {
        report.unclear("the code given to emacs cannot be told");
        return;
    };
    let runs = ["shell-command", "call-process", "start-process", "async-shell-command"];
    match runs.iter().find_map(|name| text.split_once(*name)) {
        Some((_, rest)) => match rest.split('"').nth(1) {
            Some(command) => report.script_text(command),
            None => report.unclear("the code given to emacs runs a command that cannot be told"),
        },
        None => report.runs(CodeSource::Inline { language: "lisp".to_owned(), text: text.to_owned() }),
    }
}

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
    if parsed.operands.is_empty() {
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

/// `make VAR=value`: a variable can replace any tool a recipe names.
pub(super) fn make(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for text in parsed.values("--eval") {
        match text.text() {
            Some(text) => recipes(report, text),
            None => report.unclear("makefile text on the command line cannot be told"),
        }
    }
    for file in parsed.values("-f") {
        match (file.text(), report.argv.stdin) {
            (Some("-" | "/dev/stdin"), Stdin::Text(text)) => recipes(report, text),
            (Some("-" | "/dev/stdin"), Stdin::Opaque(origin)) => {
                report.runs(CodeSource::Piped { interpreter: "make".to_owned(), origin: origin.to_owned() });
            }
            _ => {
                report.read(file);
                report.runs_file(file);
            }
        }
    }
    for operand in &parsed.operands {
        if let Some((name, _)) = operand.prefix().split_once('=') {
            if name == "SHELL" || operand.prefix().contains("$(shell") {
                let value = super::args::after(operand, name.len() + 1);
                report.script(value);
            }
        }
    }
    for directory in parsed.values("-C") {
        report.read(directory);
    }
    After::Generic
}

/// The commands of makefile text: after a tab, after `target:…;`, in `$(shell …)` and `!=`.
fn recipes(report: &mut Report<'_>, text: &str) {
    for line in text.lines().flat_map(|line| line.split("\\n")) {
        let mut rest = line;
        while let Some((_, tail)) = rest.split_once("$(shell ") {
            let code = tail.rsplit_once(')').map_or(tail, |(code, _)| code);
            report.script_text(code);
            rest = tail;
        }
        let recipe = match line.strip_prefix('\t') {
            Some(recipe) => Some(recipe),
            None => line.split_once(':').and_then(|(_, rest)| rest.split_once(';')).map(|(_, recipe)| recipe),
        };
        if let Some(recipe) = recipe {
            report.script_text(recipe.trim().trim_start_matches(['@', '-', '+']));
        } else if let Some((_, code)) = line.split_once("!=") {
            report.script_text(code.trim());
        }
    }
}

pub(super) fn gh_api(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let method = parsed.value("-X").and_then(|word| word.text()).map(str::to_ascii_uppercase);
    let fields = parsed.has("-f") || parsed.has("-F") || parsed.has("--input");
    let graphql = parsed.operands.first().and_then(|word| word.text()) == Some("graphql");
    let mutates = parsed
        .values("-f")
        .chain(parsed.values("-F"))
        .any(|field| field.text().is_none_or(|text| text.contains("mutation")));
    for field in parsed.values("-F") {
        if let Some((name, value)) = field.prefix().split_once('=') {
            if value.starts_with('@') {
                report.read(&super::args::after(field, name.len() + 2));
            }
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
    ];
    let kinds = parsed.operands.iter().take(1).filter_map(Word::text).flat_map(|text| text.split(','));
    if kinds.map(|kind| kind.split('/').next().unwrap_or(kind)).any(|kind| HEAVY.contains(&kind)) {
        report.service("kubernetes", Strength::Destroy);
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

pub(super) fn openssl(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let words = parsed.operands.as_slice();
    let name = words.first().and_then(|word| word.text()).unwrap_or("");
    for pair in words.windows(2) {
        let [flag, value] = pair else { continue };
        match flag.text() {
            Some(
                "-in" | "-inkey" | "-CAfile" | "-cert" | "-key" | "-config" | "-CA" | "-CAkey" | "-certfile"
                | "-signkey",
            ) => report.read(value),
            Some("-out" | "-keyout" | "-writerand") => report.write(value),
            Some("-connect") => {
                let host = hosts::of_authority(value.prefix());
                report.network(host, Direction::Send);
            }
            Some("-engine" | "-provider" | "-provider-path") => report.runs_file(value),
            _ => {}
        }
    }
    if matches!(name, "s_server" | "ocsp") {
        report.network(Host::Named("localhost".to_owned()), Direction::Listen);
    }
    if matches!(name, "dgst" | "md5" | "sha1" | "sha256" | "sha512" | "verify") {
        if let Some(file) = words.last().filter(|word| words.len() > 1 && !word.prefix().starts_with('-')) {
            report.read(file);
        }
    }
    After::Done
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
        report.runs(CodeSource::Package { name: name.to_owned() });
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

/// `service NAME status` and its like.
pub(super) fn service_by_verb(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let verb =
        parsed.operands.get(1).or_else(|| parsed.operands.first()).and_then(|word| word.text()).unwrap_or("");
    if !matches!(verb, "status" | "" | "--status-all" | "list" | "help") {
        report.add(Effect::System { change: SystemChange::Services });
    }
    After::Done
}
