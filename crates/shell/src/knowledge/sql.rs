//! How strong SQL text is, and what the clients of databases do with their arguments. Reads statements by their words,
//! with comments and quoting undone; knows no schema.

use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use super::{Stdin, hosts};
use crate::Word;
use leashd_types::{CodeSource, Direction, Effect, Strength};

pub(super) fn statement(report: &mut Report<'_>, word: &Word) {
    match word.text() {
        Some(text) => text_of(report, text),
        None => report.add(Effect::Database { statement: Strength::Unknown }),
    }
}

/// Whether a text reads like SQL, in a place where it could also be something else.
pub(super) fn is_statement(text: &str) -> bool {
    let mut words =
        text.split(|c: char| c.is_whitespace() || matches!(c, '(' | '*')).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_ascii_lowercase();
    let second = words.next().unwrap_or_default().to_ascii_lowercase();
    let object = |word: &str| {
        matches!(
            word,
            "table"
                | "database"
                | "schema"
                | "index"
                | "view"
                | "user"
                | "role"
                | "keyspace"
                | "trigger"
                | "sequence"
                | "function"
                | "materialized"
                | "type"
                | "extension"
                | "temporary"
                | "temp"
                | "unique"
                | "or"
        )
    };
    match first.as_str() {
        "drop" | "alter" | "create" => object(&second),
        "truncate" => true,
        "delete" => second == "from",
        "insert" | "replace" | "merge" => second == "into",
        "update" => words.next().is_some_and(|word| word.eq_ignore_ascii_case("set")),
        "select" | "with" | "pragma" | "vacuum" | "grant" | "revoke" => !second.is_empty(),
        _ => false,
    }
}

/// SQL as such or a client's own commands, line by line.
fn text_of(report: &mut Report<'_>, text: &str) {
    let mut sql = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('\\') || (line.starts_with('.') && !line.starts_with("..")) {
            client_command(report, line);
        } else if line.to_ascii_lowercase().strip_prefix("system ").is_some() {
            report.script_text(line.get(7..).unwrap_or(""));
        } else {
            sql.push_str(line);
            sql.push('\n');
        }
    }
    let words = words(&sql);
    if words.is_empty() {
        return;
    }
    if let Some(command) = program_of_copy(&sql) {
        report.script_text(&command);
    }
    let statement = stronger(strength_of(&words), functions(report, &sql));
    report.add(Effect::Database { statement });
}

/// Functions and clauses that reach files, load code or do something else than their statement says.
fn functions(report: &mut Report<'_>, sql: &str) -> Strength {
    const READS: [&str; 6] =
        ["readfile(", "load_file(", "pg_read_file(", "pg_read_binary_file(", "pg_ls_dir(", "edit("];
    const WRITES: [&str; 4] = ["writefile(", "lo_export(", "into outfile", "into dumpfile"];
    const ACTS: [&str; 17] = [
        "load_extension(",
        "lo_import(",
        "pg_terminate_backend(",
        "pg_cancel_backend(",
        "pg_reload_conf(",
        "pg_rotate_logfile(",
        "dblink",
        "xp_cmdshell",
        "sp_oacreate",
        "sys_exec(",
        "sys_eval(",
        "setval(",
        "pg_switch_wal(",
        "pg_promote(",
        "load data",
        "openrowset",
        "pg_file_write(",
    ];
    let lower = sql.to_ascii_lowercase();
    let mut strength = Strength::Query;
    if matches!(report.name, "sqlite3" | "sqlite" | "duckdb" | "litecli") {
        for clause in ["attach ", "vacuum into ", ") to ", " to '", "export database "] {
            let path =
                lower.find(clause).and_then(|at| sql.get(at..)).and_then(|rest| rest.split('\'').nth(1));
            if let Some(path) = path.filter(|path| path.contains(['/', '.'])) {
                report.write_text(path);
                strength = Strength::Change;
            }
        }
    }
    for (names, writes) in [(&READS[..], false), (&WRITES[..], true)] {
        for name in names {
            let Some(at) = lower.find(name) else { continue };
            strength = stronger(strength, Strength::Change);
            // The first text is the file, but for `lo_export(id, 'file')` that is the same.
            match sql.get(at + name.len()..).and_then(|rest| rest.split('\'').nth(1)) {
                Some(path) if writes => report.write_text(path),
                Some(path) => report.read_text(path),
                None => strength = stronger(strength, Strength::Unknown),
            }
        }
    }
    for name in ACTS {
        let Some(at) = lower.find(name) else { continue };
        strength = stronger(strength, Strength::Unknown);
        if name == "load_extension("
            && let Some(path) = sql.get(at..).and_then(|rest| rest.split('\'').nth(1))
        {
            report.runs_file(&Word::literal(path));
        }
    }
    strength
}

/// `\! ls`, `.shell ls`, `\copy`, `.output file`.
fn client_command(report: &mut Report<'_>, line: &str) {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let file = rest.split_whitespace().next().unwrap_or("").trim_matches(['\'', '"']);
    match name {
        "\\!" | ".shell" | ".system" => report.script_text(rest),
        "\\i" | "\\ir" | "\\include" | ".read" | "\\." => {
            match file.strip_prefix('|') {
                Some(_) => report.script_text(rest.trim_start_matches('|')),
                None => report.read_text(file),
            }
            report.add(Effect::Database { statement: Strength::Unknown });
        }
        "\\o" | "\\out" | ".output" | ".once" | "\\w" | "\\write" | ".backup" | ".save" | ".log"
        | ".excel" | ".clone" | "\\g" | "\\gx" | "\\T" => match file.strip_prefix('|') {
            Some(_) => report.script_text(rest.trim_start_matches('|')),
            None if file.is_empty() => {}
            None => report.write_text(file),
        },
        ".import" | ".restore" | ".open" | ".load" => {
            report.read_text(file);
            if name == ".load" {
                report.runs_file(&Word::literal(file));
            }
            report.add(Effect::Database { statement: Strength::Change });
        }
        "\\copy" => {
            let words = words(rest);
            let writes = words.iter().any(|word| word == "to");
            let name = rest.split(['\'', '"']).nth(1).unwrap_or("");
            if writes {
                report.write_text(name)
            } else {
                report.read_text(name)
            }
            let statement = if writes { Strength::Query } else { Strength::Change };
            report.add(Effect::Database { statement });
        }
        _ if name.starts_with("\\!") => report.script_text(line.trim_start_matches("\\!")),
        _ => report.add(Effect::Database { statement: Strength::Query }),
    }
}

/// `COPY … TO PROGRAM 'command'` runs on the server.
fn program_of_copy(sql: &str) -> Option<String> {
    let at = sql.to_ascii_lowercase().find("program")?;
    let mut quoted = sql.get(at..)?.split('\'');
    quoted.next()?;
    quoted.next().map(str::to_owned)
}

/// Lower-case words and `;`, without comments and literals. `/*!…*/` is code to MySQL.
pub(super) fn words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let skip = |bytes: usize| rest.get(bytes..).unwrap_or("");
        if c.is_alphanumeric() || matches!(c, '_' | '$') {
            word.extend(c.to_lowercase());
            rest = skip(c.len_utf8());
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        rest = if rest.starts_with("--") || c == '#' {
            rest.find('\n').map_or("", skip)
        } else if rest.starts_with("/*!") {
            skip(3).trim_start_matches(|c: char| c.is_ascii_digit())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or("", |end| skip(end + 2))
        } else if matches!(c, '\'' | '"' | '`') {
            let inner = skip(1);
            words.push("?".to_owned());
            inner.find(c).map_or("", |end| inner.get(end + 1..).unwrap_or(""))
        } else {
            if c == ';' {
                words.push(";".to_owned());
            }
            skip(c.len_utf8())
        };
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What is not known may be anything but is not worse than what is known to destroy.
fn stronger(left: Strength, right: Strength) -> Strength {
    let rank = |strength: Strength| match strength {
        Strength::Query => 0,
        Strength::Change => 1,
        Strength::Unknown => 2,
        Strength::Destroy => 3,
    };
    if rank(right) > rank(left) { right } else { left }
}

pub(super) fn strength_of(words: &[String]) -> Strength {
    words.split(|word| word == ";").filter(|part| !part.is_empty()).map(one).fold(Strength::Query, stronger)
}

fn one(words: &[String]) -> Strength {
    let has = |word: &str| words.iter().any(|found| found == word);
    let first = words.first().map_or("", String::as_str);
    match first {
        "select" | "show" | "describe" | "desc" | "values" | "table" | "use" | "help" | "print" | "fetch"
        | "list" => {
            if has("into") {
                Strength::Change
            } else {
                writes_inside(words)
            }
        }
        "explain" if !has("analyze") => Strength::Query,
        "explain" => one(words.get(2..).unwrap_or(&[])),
        "pragma" => {
            if words.len() > 2 {
                Strength::Change
            } else {
                Strength::Query
            }
        }
        "with" => writes_inside(words).max(if has("insert") || has("update") || has("delete") {
            Strength::Change
        } else {
            Strength::Query
        }),
        "drop" | "truncate" => Strength::Destroy,
        "alter" if has("drop") => Strength::Destroy,
        // A statement without a condition takes every row.
        "insert" | "update" | "delete" | "alter" | "create" | "grant" | "revoke" | "replace" | "merge"
        | "copy" | "call" | "vacuum" | "analyze" | "reindex" | "comment" | "set" | "begin" | "commit"
        | "rollback" | "start" | "end" | "savepoint" | "release" | "lock" | "refresh" | "cluster"
        | "load" | "rename" | "attach" | "detach" | "upsert" | "import" | "optimize" | "flush" | "kill"
        | "reset" | "discard" | "notify" | "listen" => match first {
            "begin" | "commit" | "rollback" | "start" | "end" | "set" | "savepoint" | "release"
            | "analyze" | "listen" => writes_inside(words.get(1..).unwrap_or(&[])),
            _ => Strength::Change,
        },
        "do" | "execute" | "prepare" | "exec" | "declare" => {
            if has("drop") || has("truncate") {
                Strength::Destroy
            } else {
                Strength::Unknown
            }
        }
        "?" => Strength::Query,
        _ => Strength::Unknown,
    }
}

/// Two words that only occur together in a destroying statement.
fn writes_inside(words: &[String]) -> Strength {
    let objects = ["table", "database", "schema", "index", "view", "user", "role", "keyspace", "collection"];
    let drops = words.windows(2).any(|pair| match pair {
        [verb, object] => (verb == "drop" || verb == "truncate") && objects.contains(&object.as_str()),
        _ => false,
    });
    if drops { Strength::Destroy } else { Strength::Query }
}

/// psql, mysql, sqlite3, mongosh, redis-cli and their relatives.
pub(super) fn client(report: &mut Report<'_>, kind: &str, parsed: &Parsed<'_>) -> After {
    for host in parsed.values("-h") {
        report.network(hosts::of_authority(host.text().unwrap_or("")), Direction::Send);
    }
    let before = report.out.effects.len() + report.out.nested.len();
    match kind {
        "sqlite" => sqlite(report, parsed),
        "mongo" => mongo(report, parsed),
        "redis" => redis(report, parsed),
        _ => {
            for operand in parsed.operands.iter().filter(|word| word.prefix().contains("://")) {
                report.network(hosts::of_url(operand), Direction::Send);
            }
            for file in parsed.values("-f") {
                report.read(file);
                report.add(Effect::Database { statement: Strength::Unknown });
            }
        }
    }
    let said = parsed.has("-c") || parsed.has("-e") || parsed.has("-f") || parsed.has("-l");
    let quiet = report.out.effects.len() + report.out.nested.len() == before;
    if !said && quiet {
        from_stdin(report, kind);
    }
    After::Generic
}

fn from_stdin(report: &mut Report<'_>, kind: &str) {
    match report.argv.stdin {
        Stdin::Text(text) if kind == "mongo" => mongo_text(report, text),
        Stdin::Text(text) if kind == "redis" => text.lines().for_each(|line| redis_line(report, line)),
        Stdin::Text(text) => text_of(report, text),
        Stdin::Opaque(_) => report.add(Effect::Database { statement: Strength::Unknown }),
        Stdin::Inherited => report.add(Effect::Database { statement: Strength::Query }),
    }
}

fn sqlite(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    let Some((file, statements)) = parsed.operands.split_first() else { return };
    let start = report.out.effects.len();
    for statement_word in statements {
        statement(report, statement_word);
    }
    if statements.is_empty() {
        from_stdin(report, "sqlite");
    }
    let changes = report
        .out
        .effects
        .iter()
        .skip(start)
        .any(|effect| matches!(effect, Effect::Database { statement } if *statement != Strength::Query));
    if file.text() != Some(":memory:") {
        report.read(file);
        if changes && !parsed.has("-readonly") {
            report.write(file);
        }
    }
}

fn mongo(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    for operand in &parsed.operands {
        let text = operand.prefix();
        if text.contains("://") {
            report.network(hosts::of_url(operand), Direction::Send);
        } else if text.ends_with(".js") {
            report.read(operand);
            report.runs(CodeSource::File { path: report.path(operand) });
        }
    }
    for eval in parsed.values("-e") {
        match eval.text() {
            Some(text) => mongo_text(report, text),
            None => report.add(Effect::Database { statement: Strength::Unknown }),
        }
    }
}

fn mongo_text(report: &mut Report<'_>, text: &str) {
    let lower: String = text.to_ascii_lowercase().split_whitespace().collect();
    let destroys = [
        "dropdatabase",
        ".drop(",
        "dropindex",
        "dropcollection",
        "dropuser",
        "dropalluser",
        "deletemany({})",
        ".remove({})",
        "shutdownserver",
    ];
    let changes = [
        "insert",
        "update",
        "delete",
        "remove",
        "replace",
        "create",
        "rename",
        "bulkwrite",
        "save(",
        "runcommand",
        "eval",
        "grant",
    ];
    let statement = if destroys.iter().any(|verb| lower.contains(verb)) {
        Strength::Destroy
    } else if changes.iter().any(|verb| lower.contains(verb)) {
        Strength::Change
    } else {
        Strength::Query
    };
    report.add(Effect::Database { statement });
}

fn redis(report: &mut Report<'_>, parsed: &Parsed<'_>) {
    if parsed.operands.is_empty() {
        return;
    }
    let line: Vec<&str> = parsed.operands.iter().map(|word| word.text().unwrap_or("?")).collect();
    redis_line(report, &line.join(" "));
}

fn redis_line(report: &mut Report<'_>, line: &str) {
    let mut words = line.split_whitespace().map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    let statement = match (first.as_str(), second.as_str()) {
        ("flushall" | "flushdb" | "shutdown", _) | ("script", "flush") => Strength::Destroy,
        (
            "config" | "script" | "debug" | "module" | "slaveof" | "replicaof" | "eval" | "evalsha" | "fcall",
            _,
        ) if second != "get" => Strength::Change,
        (
            "get" | "mget" | "keys" | "scan" | "info" | "ping" | "ttl" | "pttl" | "type" | "exists" | "hget"
            | "hgetall" | "hkeys" | "hlen" | "hmget" | "hvals" | "lrange" | "llen" | "lindex" | "smembers"
            | "scard" | "sismember" | "zrange" | "zcard" | "zscore" | "zrank" | "strlen" | "dbsize"
            | "monitor" | "memory" | "client" | "slowlog" | "time" | "echo" | "config" | "command" | "object"
            | "xrange" | "xlen" | "getrange" | "randomkey" | "lastsave" | "role" | "select" | "auth"
            | "hello" | "cluster" | "latency" | "hscan" | "sscan" | "zscan" | "quit",
            _,
        ) => Strength::Query,
        ("", _) => return,
        _ => Strength::Change,
    };
    report.add(Effect::Database { statement });
}
