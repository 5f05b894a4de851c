//! Which crate may depend on which, and what keeps the pure crates pure. The table in ARCHITECTURE.md is the law:
//! it is read from there, so the picture people see and the rule cannot differ.

use super::Findings;
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

const LAW: &str = "ARCHITECTURE.md";
const OPEN: &str = "<!-- dependencies -->";
const CLOSE: &str = "<!-- /dependencies -->";
const ALLOWED_OUTSIDE: &str = "Pure crates may use, from outside:";

/// What `clippy.toml` of a pure crate forbids at least.
const IMPURE: [&str; 17] = [
    "std::env::var",
    "std::env::var_os",
    "std::env::current_dir",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::fs::File::open",
    "std::fs::canonicalize",
    "std::path::Path::exists",
    "std::path::Path::canonicalize",
    "std::path::Path::metadata",
    "std::process::Command::new",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::net::TcpStream::connect",
    "std::thread::spawn",
    "std::thread::sleep",
];

/// The table, read.
#[derive(Debug, Default)]
struct Law {
    rows: BTreeMap<String, Row>,
    /// Packages from outside the workspace that a pure crate may use.
    outside: BTreeSet<String>,
}

#[derive(Debug)]
struct Row {
    line: usize,
    /// `None`: a crate for tests, outside the layers.
    layer: Option<u32>,
    /// `None`: all.
    allowed: Option<BTreeSet<String>>,
    pure: Purity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purity {
    Pure,
    Free,
}

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let Some(law) = read_law(tree, findings) else { return };
    rows_agree(tree, &law, findings);
    for krate in tree.crates() {
        let file = format!("crates/{krate}/Cargo.toml");
        let Some(text) = tree.text(&file) else {
            findings.add(
                &format!("crates/{krate}"),
                1,
                "a directory in crates/ without Cargo.toml",
                "remove it",
            );
            continue;
        };
        let manifest = match text.parse::<Table>() {
            Ok(manifest) => manifest,
            Err(error) => {
                findings.add(&file, 1, format!("not TOML: {}", error.message()), "mend it");
                continue;
            }
        };
        let Some(row) = law.rows.get(krate) else {
            findings.add(
                &file,
                1,
                format!("`{krate}` has no row in the table of {LAW}"),
                "add one, with its layer",
            );
            continue;
        };
        let own = Manifest { krate, file: &file, text, table: &manifest };
        own.check_itself(findings);
        own.check_dependencies(row, &law, findings);
        if row.pure == Purity::Pure {
            check_clippy(tree, krate, findings);
        }
    }
}

fn read_law(tree: &Tree, findings: &mut Findings) -> Option<Law> {
    let text = tree.text(LAW).unwrap_or_default();
    let section: Vec<_> = (1..)
        .zip(text.lines())
        .skip_while(|(_, line)| line.trim() != OPEN)
        .take_while(|(_, line)| line.trim() != CLOSE)
        .collect();
    if section.is_empty() {
        findings.add(
            LAW,
            1,
            format!("no table between `{OPEN}` and `{CLOSE}`"),
            "say there which crate may use which",
        );
        return None;
    }
    let mut law = Law::default();
    let mut header: Vec<&str> = Vec::new();
    for (line, text) in section {
        if let Some(list) = text.trim().strip_prefix(ALLOWED_OUTSIDE) {
            law.outside = names(list);
        }
        let Some(cells) = cells(text) else { continue };
        if header.is_empty() {
            header = cells;
            continue;
        }
        if cells.iter().all(|it| it.chars().all(|c| matches!(c, '-' | ':' | ' '))) {
            continue;
        }
        let cell =
            |name: &str| header.iter().position(|it| *it == name).and_then(|at| cells.get(at)).copied();
        let (Some(layer), Some(krate), Some(allowed)) = (cell("layer"), cell("crate"), cell("may depend on"))
        else {
            findings.add(LAW, line, "a row without layer, crate or `may depend on`", "fill in the cell");
            continue;
        };
        let layer = layer.parse().ok();
        let allowed = if allowed == "all" { None } else { Some(names(allowed)) };
        let pure = if cell("pure") == Some("yes") { Purity::Pure } else { Purity::Free };
        law.rows.insert(krate.trim_matches('`').to_owned(), Row { line, layer, allowed, pure });
    }
    Some(law)
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// `gate`, `types` from "`gate`, types"; a dash is nothing.
fn names(list: &str) -> BTreeSet<String> {
    let names = list.split(',').map(|it| it.trim().trim_end_matches('.').trim_matches('`'));
    names.filter(|it| !matches!(*it, "" | "-" | "–")).map(str::to_owned).collect()
}

/// The table itself: every row has its crate, and dependencies point down, so there can be no circle.
fn rows_agree(tree: &Tree, law: &Law, findings: &mut Findings) {
    let crates = tree.crates();
    for (name, row) in &law.rows {
        if !crates.contains(&name.as_str()) {
            findings.add(
                LAW,
                row.line,
                format!("a row for `{name}`, which is not in crates/"),
                "remove the row",
            );
        }
        for allowed in row.allowed.iter().flatten() {
            match law.rows.get(allowed) {
                None => {
                    findings.add(
                        LAW,
                        row.line,
                        format!("`{name}` may use `{allowed}`, which has no row"),
                        "add it",
                    );
                }
                Some(other) if row.layer.is_some() && (other.layer.is_none() || other.layer >= row.layer) => {
                    let what = format!("`{name}` may use `{allowed}`, which is not in a layer below");
                    findings.add(LAW, row.line, what, "move what both need into a lower layer");
                }
                Some(_) => {}
            }
        }
    }
}

struct Manifest<'a> {
    krate: &'a str,
    file: &'a str,
    text: &'a str,
    table: &'a Table,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Shipped,
    Test,
}

impl Manifest<'_> {
    fn check_itself(&self, findings: &mut Findings) {
        let expected = package_of(self.krate);
        let name = self.table.get("package").and_then(|it| it.get("name")).and_then(Value::as_str);
        if name != Some(expected.as_str()) {
            let fix = format!("name it `{expected}`: directories carry the short name, packages the prefix");
            findings.add(self.file, self.line("name"), "the package is not named after its directory", fix);
        }
        if self.table.get("lints").and_then(|it| it.get("workspace")) != Some(&Value::Boolean(true)) {
            findings.add(
                self.file,
                1,
                "the lints of the workspace are off",
                "add `[lints]` with `workspace = true`",
            );
        }
    }

    fn check_dependencies(&self, row: &Row, law: &Law, findings: &mut Findings) {
        for (key, package, usage) in dependencies(self.table) {
            let line = self.line(key);
            let Some(krate) = law.rows.keys().find(|it| package_of(it) == package) else {
                if row.pure == Purity::Pure && usage == Use::Shipped && !law.outside.contains(package) {
                    let what = format!("`{}` is pure and may not depend on `{package}`", self.krate);
                    let fix = format!("do it in an outer crate; the list of what is allowed stands in {LAW}");
                    findings.add(self.file, line, what, fix);
                }
                continue;
            };
            let Some(other) = law.rows.get(krate) else { continue };
            let only_tests = other.layer.is_none();
            // Tests may bring what their crate gets from others at run time, as long as it lies below.
            let below = usage == Use::Test && (only_tests || other.layer < row.layer);
            let listed = row.allowed.as_ref().is_none_or(|it| it.contains(krate));
            let allowed = below || (listed && !only_tests);
            if !allowed {
                let what = format!("`{}` may not depend on `{krate}`", self.krate);
                let fix = if only_tests {
                    "it is for tests: use it under [dev-dependencies]".to_owned()
                } else {
                    format!("pass a value in instead, or change the table in {LAW} and say why in the commit")
                };
                findings.add(self.file, line, what, fix);
            }
        }
    }

    fn line(&self, key: &str) -> usize {
        let starts = |line: &str| {
            line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '=', '.']))
        };
        let header = format!("dependencies.{key}]");
        self.text.lines().position(|line| starts(line) || line.ends_with(&header)).map_or(1, |at| at + 1)
    }
}

fn package_of(krate: &str) -> String {
    if krate == "leashd" { krate.to_owned() } else { format!("leashd-{krate}") }
}

/// Every dependency of a manifest as key, package and use, those of single platforms included.
fn dependencies(manifest: &Table) -> Vec<(&str, &str, Use)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let mut found = Vec::new();
    for table in tables {
        for (section, usage) in [
            ("dependencies", Use::Shipped),
            ("build-dependencies", Use::Shipped),
            ("dev-dependencies", Use::Test),
        ] {
            for (key, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
                let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
                found.push((key.as_str(), package, usage));
            }
        }
    }
    found
}

/// The nearest `clippy.toml` replaces the one of the root: it must forbid what is impure and repeat the rest.
fn check_clippy(tree: &Tree, krate: &str, findings: &mut Findings) {
    let file = format!("crates/{krate}/clippy.toml");
    let parsed = |name: &str| tree.text(name).and_then(|it| it.parse::<Table>().ok());
    let Some(own) = parsed(&file) else {
        let fix =
            "copy the one of another pure crate: its disallowed-methods keep files, clock and network out";
        findings.add(&file, 1, format!("`{krate}` is pure and has no readable clippy.toml"), fix);
        return;
    };
    let entries = own.get("disallowed-methods").and_then(Value::as_array).into_iter().flatten();
    let forbidden: BTreeSet<_> =
        entries.filter_map(|it| it.as_str().or_else(|| it.get("path").and_then(Value::as_str))).collect();
    for method in IMPURE.iter().filter(|it| !forbidden.contains(*it)) {
        findings.add(
            &file,
            1,
            format!("`{method}` is not forbidden in a pure crate"),
            "add it to disallowed-methods",
        );
    }
    for (key, value) in parsed("clippy.toml").unwrap_or_default() {
        if own.get(&key) != Some(&value) {
            findings.add(
                &file,
                1,
                format!("`{key}` differs from the clippy.toml of the root"),
                "repeat the value of the root",
            );
        }
    }
}
