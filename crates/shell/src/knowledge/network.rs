//! Network clients whose options decide what is fetched, sent or run. Hosts come from `hosts`.

use super::args::{Parsed, after};
use super::custom::After;
use super::report::Report;
use super::{Stdin, hosts, roles};
use crate::Word;
use leashd_types::{CodeSource, Direction, Host};

/// Everything but the operands and `-O` is in the table; a name to write to comes from the address.
pub(super) fn curl(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let sends = ["-d", "-F", "-T", "--json", "--url-query", "-H", "-b", "-u"];
    let method = parsed.value("-X").and_then(|word| word.text()).unwrap_or("GET");
    let body = parsed.has("-d")
        || parsed.has("--data-urlencode")
        || parsed.has("-F")
        || parsed.has("-T")
        || parsed.has("--json");
    if body || !matches!(method.to_ascii_uppercase().as_str(), "GET" | "HEAD" | "OPTIONS") {
        report.direction = Direction::Send;
    }
    for value in sends.iter().flat_map(|name| parsed.values(name)) {
        if value.unknown_reason().is_some() {
            report.direction = Direction::Send;
        }
    }
    // What is not known of an address is sent, whatever it is.
    if parsed.operands.iter().chain(parsed.values("--url")).any(|url| url.unknown_reason().is_some()) {
        report.direction = Direction::Send;
    }
    for field in parsed.values("--data-urlencode") {
        // `name@file`
        if let Some((name, _)) = field.prefix().split_once('@').filter(|(name, _)| !name.contains('=')) {
            report.read(&after(field, name.len() + 1));
        }
    }
    for form in parsed.values("-F") {
        form_part(report, form);
    }
    // Another place to talk to than the address says.
    for proxy in parsed.values("-x").filter(|proxy| proxy.text() != Some("")) {
        report.network(hosts::of_url(proxy), Direction::Send);
    }
    for target in parsed.values("--resolve") {
        let address = target.text().and_then(|text| text.splitn(3, ':').nth(2)).unwrap_or("");
        report.network(hosts::of_authority(address.trim_matches(['[', ']'])), Direction::Send);
    }
    for target in parsed.values("--connect-to") {
        match target.text().and_then(|text| text.split(':').nth(2)) {
            Some("") => {}
            Some(host) => report.network(hosts::of_authority(host), Direction::Send),
            None => report.network(Host::Unknown("the address cannot be told".to_owned()), Direction::Send),
        }
    }
    if body || !matches!(method.to_ascii_uppercase().as_str(), "GET" | "HEAD") {
        lands_on_code_host(report, parsed);
    }
    if method.eq_ignore_ascii_case("DELETE") {
        deletes_in_store(report, parsed);
    }
    for config in parsed.values("-K") {
        report.read(config);
        report.network(Host::Unknown("curl reads its address from a file".to_owned()), Direction::Send);
    }
    if parsed.has("-O") {
        for url in &parsed.operands {
            let name =
                url.prefix().split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or("");
            let directory = parsed.value("--output-dir").and_then(|word| word.text()).unwrap_or(".");
            report.write_text(&format!("{directory}/{name}"));
        }
    }
    if let Stdin::Text(text) = report.argv.stdin
        && parsed.values("-K").any(|word| word.text() == Some("-"))
    {
        curl_config(report, text);
    }
    After::Generic
}

/// Files, references and merges written through the interface of a code host are a push by another way.
fn lands_on_code_host(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    let urls = parsed.operands.iter().chain(parsed.values("--url"));
    let lands = urls.map(Word::prefix).any(|url| {
        let host = url.contains("api.github.com/repos/")
            || url.contains("/api/v4/projects/")
            || url.contains("/api/v1/repos/");
        host && ["/contents/", "/git/", "/merge", "/repository/"].iter().any(|part| url.contains(part))
    });
    if lands {
        report.git(leashd_types::GitOperation::Push);
    }
}

/// A `DELETE` at the port of a data store drops an index, a database or a collection.
fn deletes_in_store(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    let stores = [":9200", ":9201", ":5984", ":6333", ":8983", ":2379"];
    let urls = parsed.operands.iter().chain(parsed.values("--url"));
    if urls.map(Word::prefix).any(|url| stores.iter().any(|port| url.contains(port))) {
        report.add(leashd_types::Effect::Database { statement: leashd_types::Strength::Destroy });
    }
}

/// `name=@file;type=…`, `name=<file`.
fn form_part(report: &mut Report<'_>, form: &Word) {
    let start = form.prefix();
    let Some((name, value)) = start.split_once('=') else { return };
    if value.starts_with(['@', '<']) {
        let file = after(form, name.len() + 2);
        let file = match file.text().and_then(|text| text.split_once(';')) {
            Some((path, _)) => Word::literal(path),
            None => file,
        };
        report.read(&file);
    }
}

fn curl_config(report: &mut Report<'_>, text: &str) {
    for line in text.lines() {
        let (key, value) = line.split_once(['=', ' ', ':']).unwrap_or((line, ""));
        let value = value.trim_start_matches(['=', ' ', ':']).trim().trim_matches('"');
        match key.trim().trim_start_matches('-') {
            "url" => report.url(&Word::literal(value), Direction::Send),
            "data" | "data-binary" | "upload-file" | "form" => {
                let path = value.rsplit('@').next().unwrap_or(value);
                report.read_text(path);
            }
            "output" | "o" => report.write_text(value),
            _ => {}
        }
    }
}

/// Without `-O` the file's name comes from the address.
pub(super) fn wget(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.operands.iter().any(|url| url.unknown_reason().is_some()) {
        report.direction = Direction::Send;
    }
    for list in parsed.values("-i") {
        let why = format!("the addresses are in {}", list.prefix());
        report.network(Host::Unknown(why), Direction::Fetch);
    }
    for setting in parsed.values("-e") {
        let (name, _) = setting.prefix().split_once('=').unwrap_or((setting.prefix(), ""));
        match name.trim() {
            name if name.ends_with("_proxy") && name != "use_proxy" && name != "no_proxy" => {
                report.network(
                    hosts::of_url(&after(setting, setting.prefix().len().min(name.len() + 1))),
                    Direction::Send,
                );
            }
            "use_askpass" | "input" => report.unclear("a setting of wget runs or reads something"),
            _ => {}
        }
    }
    if !parsed.has("-O") && !parsed.has("--spider") && !parsed.has("-P") {
        report.write_text(".");
    }
    After::Generic
}

pub(super) fn nc(report: &mut Report<'_>, parsed: &Parsed<'_>, _words: &[Word]) -> After {
    let executes = ["-e", "-c", "--lua-exec"];
    let shell = executes.iter().any(|name| parsed.has(name));
    for code in executes.iter().flat_map(|name| parsed.values(name)) {
        report.script(code.clone());
    }
    if shell {
        let origin = format!("what {} is sent", report.name);
        report.runs(CodeSource::Piped { interpreter: "sh".to_owned(), origin });
    }
    let host = parsed.operands.first();
    if parsed.has("-l") {
        report.network(Host::Named("localhost".to_owned()), Direction::Listen);
    }
    let quiet = matches!(report.argv.stdin, Stdin::Inherited) || parsed.has("-z");
    if let Some(word) = host.filter(|word| word.text().is_none_or(|text| text.parse::<u32>().is_err())) {
        let host = match word.text() {
            Some(text) => hosts::of_authority(text),
            None => Host::Unknown(word.unknown_reason().unwrap_or("a pattern").to_owned()),
        };
        report.network(host, if quiet && parsed.has("-z") { Direction::Fetch } else { Direction::Send });
    }
    After::Done
}

pub(super) fn ssh(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for option in parsed.values("-o") {
        ssh_option(report, option);
    }
    for file in parsed.values("-F").chain(parsed.values("-I")) {
        report.read(file);
        report.runs_file(file);
    }
    for key in parsed.values("-i") {
        // Used, not shown: but the key leaves its place.
        report.read(key);
    }
    if parsed.has("-V") || parsed.has("-G") || parsed.has("-Q") {
        return After::Done;
    }
    let Some((host, command)) = parsed.operands.split_first() else { return After::Done };
    let host = hosts::of_remote(host).unwrap_or_else(|| match host.text() {
        Some(text) => hosts::of_authority(text),
        None => Host::Unknown(host.unknown_reason().unwrap_or("a pattern").to_owned()),
    });
    report.network(host, Direction::Send);
    if !command.is_empty() {
        let mut line = Word::default();
        for (at, word) in command.iter().enumerate() {
            if at > 0 {
                line.push(crate::Part::Text(" ".to_owned()));
            }
            word.parts().iter().for_each(|part| line.push(part.clone()));
        }
        report.script(line);
    } else if !parsed.has("-N") && !matches!(report.argv.stdin, Stdin::Inherited) {
        report.out.nested.push(super::Nested::StdinScript { via: report.name.to_owned() });
    }
    After::Done
}

fn ssh_option(report: &mut Report<'_>, option: &Word) {
    let start = option.prefix();
    let Some(end) = start.find(['=', ' ']) else { return };
    let (key, _) = start.split_at_checked(end).unwrap_or((start, ""));
    let value = after(option, end + 1);
    match key.trim().to_ascii_lowercase().as_str() {
        "proxycommand" | "localcommand" | "knownhostscommand" | "remotecommand"
            if value.text() != Some("none") =>
        {
            report.script(value);
        }
        "pkcs11provider" | "securitykeyprovider" | "xauthlocation" | "include" => report.runs_file(&value),
        "identityfile" | "certificatefile" => report.read(&value),
        "userknownhostsfile" if value.text() != Some("/dev/null") => report.write(&value),
        _ => {}
    }
}

/// scp and sftp take ssh's options.
pub(super) fn scp(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for option in parsed.values("-o") {
        ssh_option(report, option);
    }
    After::Generic
}

pub(super) fn rsync(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for option in parsed.values("-o") {
        ssh_option(report, option);
    }
    for shell in parsed.values("-e") {
        if shell.text().is_none_or(|text| !matches!(text, "ssh")) {
            report.script(shell.clone());
        }
    }
    let Some((destination, sources)) = parsed.operands.split_last() else { return After::Generic };
    let sources = if sources.is_empty() { std::slice::from_ref(destination) } else { sources };
    let to = if parsed.operands.len() > 1 { hosts::of_remote(destination) } else { None };
    for source in sources {
        match hosts::of_remote(source) {
            Some(host) => report.network(host, Direction::Fetch),
            None => report.read(source),
        }
        if parsed.has("--remove-source-files") {
            report.delete(source);
        }
    }
    match to {
        Some(host) => report.network(host, Direction::Send),
        None if parsed.operands.len() > 1 => {
            roles::write(report, destination);
            if parsed.has("--delete") {
                report.depth = leashd_types::Depth::Recursive;
                report.delete(destination);
            }
        }
        None => {}
    }
    After::Generic
}

/// HTTPie and xh: `[METHOD] URL ITEM…`.
pub(super) fn httpie(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let method = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let (verb, rest) = match parsed.operands.split_first() {
        Some((first, rest)) if first.text().is_some_and(method) => (first.text(), rest),
        _ => (None, parsed.operands.as_slice()),
    };
    let Some((url, items)) = rest.split_first() else { return After::Generic };
    let body = items.iter().any(|item| !item.prefix().contains("==") && !item.prefix().contains(':'));
    let sends = body || verb.is_some_and(|verb| !matches!(verb, "GET" | "HEAD" | "OPTIONS"));
    let url = match url.text().and_then(|text| text.strip_prefix(':')) {
        Some(_) => Word::literal("localhost"),
        None => url.clone(),
    };
    let stdin = !matches!(report.argv.stdin, Stdin::Inherited);
    report.url(&url, if sends || stdin { Direction::Send } else { Direction::Fetch });
    for item in items {
        if let Some((name, _)) = item.prefix().split_once('@') {
            report.read(&after(item, name.len() + 1));
        }
    }
    After::Generic
}

pub(super) fn socat(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    let mut socket = false;
    let mut runs = Vec::new();
    for address in &parsed.operands {
        let Some(text) = address.text() else {
            report.unclear("an address of socat cannot be told, and it can run commands");
            continue;
        };
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let target = rest.split(',').next().unwrap_or(rest);
        match kind.to_ascii_lowercase().as_str() {
            "exec" | "system" | "shell" => runs.push(target.to_owned()),
            "open" | "file" | "gopen" | "create" | "pipe" => {
                report.read_text(target);
                roles::write(report, &Word::literal(target));
            }
            "-" | "stdio" | "stdin" | "stdout" | "fd" | "pty" => {}
            kind if kind.contains("listen") || kind.ends_with("-l") || kind.contains("recv") => {
                socket = true;
                report.network(Host::Named("localhost".to_owned()), Direction::Listen);
            }
            kind if kind.starts_with("unix") => report.write_text(target),
            _ => {
                socket = true;
                report.network(hosts::of_authority(target), Direction::Send);
            }
        }
    }
    for line in &runs {
        report.script_text(line);
    }
    if socket
        && runs.iter().any(|line| line.split_whitespace().next().is_some_and(|word| word.ends_with("sh")))
    {
        let origin = "what socat is sent".to_owned();
        report.runs(CodeSource::Piped { interpreter: "sh".to_owned(), origin });
    }
    After::Done
}

/// A name looked up is itself a message to whoever runs its servers.
pub(super) fn dig(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    for operand in &parsed.operands {
        let text = operand.prefix();
        if let Some(server) = text.strip_prefix('@') {
            report.network(hosts::of_authority(server), Direction::Send);
        } else if text.starts_with('+')
            || matches!(text, "A" | "AAAA" | "MX" | "NS" | "TXT" | "CNAME" | "SOA" | "ANY" | "PTR" | "SRV")
        {
        } else if operand.text().is_none() {
            let why = operand.unknown_reason().unwrap_or("a pattern").to_owned();
            report.network(Host::Unknown(why), Direction::Send);
        } else {
            report.network(hosts::of_authority(text), Direction::Fetch);
        }
    }
    After::Generic
}

/// Commands of sftp on its standard input: what is put leaves, what is got is written.
pub(super) fn sftp(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if let Stdin::Text(text) = report.argv.stdin {
        for line in text.lines().map(str::trim) {
            let mut words = line.split_whitespace().filter(|word| !word.starts_with('-'));
            match (words.next(), words.next(), words.next()) {
                (Some("put" | "mput" | "reput"), Some(file), _) => report.read_text(file),
                (Some("get" | "mget" | "reget"), _, Some(file)) => report.write_text(file),
                (Some("get" | "mget" | "reget"), _, None) => report.write_text("."),
                (Some(verb), _, _) if verb.starts_with('!') => {
                    report.script_text(line.trim_start_matches('!'))
                }
                _ => {}
            }
        }
    }
    scp(report, parsed)
}
