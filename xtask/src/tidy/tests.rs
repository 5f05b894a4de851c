//! Each rule on a small real repository: one that is in order, and that one with a single thing wrong.

use super::tree::Tree;
use super::{Finding, inspect};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const ARCHITECTURE: &str = "\
# Architecture

<!-- dependencies -->
| layer | crate | what it is | may depend on | pure |
|---|---|---|---|---|
| 2 | `leashd` | wiring | all | – |
| 1 | `gate` | the monitor | `types` | – |
| 1 | `sandbox` | the walls | `types` | – |
| 0 | `types` | the vocabulary | – | yes |
| test | `testkit` | for tests | `types` | – |

Pure crates may use, from outside: `serde`, `jiff`
<!-- /dependencies -->
";

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\n\n[lints]\nworkspace = true\n\n{rest}")
}

/// A repository that breaks no rule.
fn in_order() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let git = Command::new("git").args(["init", "-q"]).arg(root.path()).status().unwrap();
    assert!(git.success());
    let clippy =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/types/clippy.toml")).unwrap();
    let types = "[dependencies]\nleashd-types.workspace = true\n";
    for (name, text) in [
        (".gitignore", "/target\n"),
        ("ARCHITECTURE.md", ARCHITECTURE),
        ("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\nSee [the map](ARCHITECTURE.md#crates).\n"),
        ("clippy.toml", "too-many-lines-threshold = 70\n"),
        ("corpus/commands.jsonl", concat!("{\"cwd\":\"/ho", "me/carol/x\"} \n")),
        ("policies/default.yaml", "version: 1\n"),
        ("target/broken.rs", "no header \n"),
        ("crates/types/Cargo.toml", &manifest("leashd-types", "[dependencies]\nserde = \"1\"\n")),
        ("crates/types/clippy.toml", &clippy),
        ("crates/types/src/lib.rs", "//! The vocabulary. It has no unsafe code.\n"),
        ("crates/gate/Cargo.toml", &manifest("leashd-gate", types)),
        (
            "crates/gate/src/lib.rs",
            "//! The monitor.\n\n#[derive(Debug)]\npub struct Permit {\n    call: u8,\n}\n",
        ),
        ("crates/sandbox/Cargo.toml", &manifest("leashd-sandbox", types)),
        ("crates/sandbox/src/lib.rs", "//! The walls.\n\nunsafe fn raw() {}\n"),
        ("crates/testkit/Cargo.toml", &manifest("leashd-testkit", types)),
        ("crates/testkit/src/lib.rs", "//! For tests.\n"),
        ("crates/leashd/Cargo.toml", &manifest("leashd", "[dependencies]\nleashd-gate.workspace = true\n")),
        (
            "crates/leashd/src/main.rs",
            "//! Wiring.\n\nconst P: &str = include_str!(\"../../../policies/default.yaml\");\n",
        ),
    ] {
        write(root.path(), name, text);
    }
    root
}

fn findings(root: &TempDir) -> Vec<Finding> {
    inspect(&Tree::read(root.path()).unwrap())
}

/// With `text` in the file `name`, exactly one rule is broken: there, in that line, said like this.
#[track_caller]
fn check(name: &str, text: &str, line: usize, says: &str) {
    let root = in_order();
    write(root.path(), name, text);
    let found = findings(&root);
    let shown: String = found.iter().map(|it| format!("{it}\n")).collect();
    assert_eq!(found.len(), 1, "{name}\n{shown}");
    let first = found.first().unwrap();
    assert_eq!((first.file.as_str(), first.line), (name, line), "{shown}");
    assert!(first.what.contains(says), "{shown}");
    assert!(!first.fix.is_empty());
}

/// With `text` in the file `name`, no rule is broken.
#[track_caller]
fn fine(name: &str, text: &str) {
    let root = in_order();
    write(root.path(), name, text);
    assert_eq!(findings(&root), []);
}

#[test]
fn a_repository_in_order_has_no_findings() {
    assert_eq!(findings(&in_order()), []);
}

#[test]
fn dependencies_follow_the_table() {
    let types = |rest: &str| manifest("leashd-types", rest);
    let gate = |rest: &str| manifest("leashd-gate", rest);
    let up = "[dependencies]\nleashd-gate.workspace = true\n";
    check("crates/types/Cargo.toml", &types(up), 8, "`types` may not depend on `gate`");
    let renamed = "[dependencies]\ng = { package = \"leashd-gate\", path = \"../gate\" }\n";
    check("crates/types/Cargo.toml", &types(renamed), 8, "may not depend on `gate`");
    let sideways = "[target.'cfg(unix)'.dependencies]\nleashd-sandbox = { workspace = true }\n";
    check("crates/gate/Cargo.toml", &gate(sideways), 8, "`gate` may not depend on `sandbox`");
    let in_tests = "[dev-dependencies]\nleashd-sandbox = { workspace = true }\n";
    check("crates/gate/Cargo.toml", &gate(in_tests), 8, "`gate` may not depend on `sandbox`");
    check(
        "crates/types/Cargo.toml",
        &types("[dependencies.tokio]\nversion = \"1\"\n"),
        7,
        "may not depend on `tokio`",
    );
    check(
        "crates/gate/Cargo.toml",
        &gate("[dependencies]\nleashd-testkit.workspace = true\n"),
        8,
        "`testkit`",
    );
    fine(
        "crates/gate/Cargo.toml",
        &gate("[dev-dependencies]\nleashd-testkit.workspace = true\nproptest = \"1\"\n"),
    );
    let testkit = |rest: &str| manifest("leashd-testkit", rest);
    check("crates/testkit/Cargo.toml", &testkit(in_tests), 8, "`testkit` may not depend on `sandbox`");
    let below =
        ARCHITECTURE.replace("| 1 | `gate` | the monitor | `types` |", "| 1 | `gate` | the monitor | – |");
    let root = in_order();
    write(root.path(), "ARCHITECTURE.md", &below);
    assert_eq!(findings(&root).len(), 1, "gate ships with types");
    write(
        root.path(),
        "crates/gate/Cargo.toml",
        &gate("[dev-dependencies]\nleashd-types.workspace = true\n"),
    );
    assert_eq!(findings(&root), [], "a test may use what lies below");
    fine("crates/types/Cargo.toml", &types("[dev-dependencies]\ntempfile = \"3\"\n"));
    fine("crates/gate/Cargo.toml", &gate("[dependencies]\ntokio = \"1\"\n"));
}

#[test]
fn manifests_have_their_name_and_the_lints() {
    check("crates/gate/Cargo.toml", &manifest("gate", ""), 2, "not named after its directory");
    check(
        "crates/gate/Cargo.toml",
        "[package]\nname = \"leashd-gate\"\n",
        1,
        "lints of the workspace are off",
    );
    check("crates/gate/Cargo.toml", "[package\n", 1, "not TOML");
    check("crates/extra/Cargo.toml", &manifest("leashd-extra", ""), 1, "has no row");
    let root = in_order();
    write(root.path(), "crates/extra/notes.txt", "");
    assert_eq!(findings(&root).first().unwrap().what, "a directory in crates/ without Cargo.toml");
}

#[test]
fn the_table_is_there_and_points_down() {
    check("ARCHITECTURE.md", "# Architecture\n", 1, "no table");
    let up = ARCHITECTURE
        .replace("| 0 | `types` | the vocabulary | – |", "| 0 | `types` | the vocabulary | `gate` |");
    check("ARCHITECTURE.md", &up, 9, "not in a layer below");
    let to_tests = ARCHITECTURE.replace("| the walls | `types`", "| the walls | `testkit`, `types`");
    check("ARCHITECTURE.md", &to_tests, 8, "`sandbox` may use `testkit`");
    let gone = ARCHITECTURE.replace("| test |", "| 1 | `store` | kept | `types` | – |\n| test |");
    check("ARCHITECTURE.md", &gone, 10, "`store`, which is not in crates/");
}

#[test]
fn pure_crates_forbid_what_is_impure() {
    let own =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/types/clippy.toml")).unwrap();
    check(
        "crates/types/clippy.toml",
        &own.replace("Instant::now", "Instant::elapsed"),
        1,
        "`std::time::Instant::now`",
    );
    check(
        "crates/types/clippy.toml",
        &own.replace("threshold = 70", "threshold = 90"),
        1,
        "too-many-lines-threshold",
    );
    check("crates/types/clippy.toml", "= broken", 1, "no readable clippy.toml");
}

#[test]
fn files_have_a_header_and_an_end() {
    check("crates/gate/src/log.rs", "use std::fs;\n//! late\n", 1, "no header");
    let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(500));
    check("crates/gate/src/log.rs", &long, 501, "501 lines, at most 500");
    fine("crates/gate/src/log/tests.rs", &long);
    fine("crates/gate/tests/log.rs", &long);
    check("crates/gate/tests/log.rs", &long.repeat(2), 1002, "at most 1000");
}

#[test]
fn names_say_what_the_job_is() {
    check("crates/gate/src/utils.rs", "//! Things.\n", 1, "`utils`");
    check("crates/gate/src/helper/mod.rs", "//! Things.\n", 1, "`helper`");
    check("crates/gate/src/log.rs", "//! Things.\nmod common {\n}\n", 2, "`common`");
    check(
        "crates/gate/src/log.rs",
        "//! Things.\npub(crate) struct SessionManager;\n",
        2,
        "`SessionManager`",
    );
    check("crates/gate/src/log.rs", "//! Things.\ntrait LogInfo {}\n", 2, "`LogInfo`");
    check("crates/gate/src/log.rs", "//! Things.\ntrait Log {\n    type Info;\n}\n", 3, "`Info`");
    check("crates/gate/src/log.rs", "//! Things.\ntype Info = u8;\n", 2, "`Info`");
    fine("crates/gate/src/log.rs", "//! Things.\nimpl Body for Log {\n    type Data = u8;\n}\n");
    fine(
        "crates/gate/src/log.rs",
        "//! A manager.\n/// struct Info\nstruct Database;\nuse std::core::x;\nlet info = data;\n",
    );
}

#[test]
fn unsafe_stays_in_sandbox() {
    check("crates/gate/src/log.rs", "//! Log.\nfn f() {\n    unsafe { g() }\n}\n", 3, "`unsafe`");
    check("crates/gate/tests/log.rs", "//! Log.\nunsafe fn f() {}\n", 2, "`unsafe`");
    fine(
        "crates/gate/src/log.rs",
        "//! Log.\n// unsafe\n#![deny(unsafe_code)]\nconst S: &str = \"unsafe\";\n",
    );
}

#[test]
fn only_sandbox_and_tests_assume_a_path() {
    let call = "ResolvedPath::assume_resolved(path);\n";
    check("crates/gate/src/log.rs", &format!("//! Log.\n{call}"), 2, "`assume_resolved`");
    let after = format!("//! Log.\n#[cfg(test)]\nmod tests {{\n    fn a() {{}}\n}}\n{call}");
    check("crates/gate/src/log.rs", &after, 6, "`assume_resolved`");
    fine("crates/gate/src/log.rs", &format!("//! Log.\n#[cfg(test)]\nmod tests {{\n    {call}}}\n"));
    fine("crates/gate/tests/log.rs", &format!("//! Log.\n{call}"));
    fine("crates/sandbox/src/paths.rs", &format!("//! Paths.\n{call}"));
    fine("crates/types/src/facts.rs", "//! Facts.\npub fn assume_resolved(path: PathBuf) -> Self {}\n");
}

#[test]
fn only_gate_makes_permits() {
    for (line, text) in
        ["let p = Permit { call: 1 };", "f(leashd_gate::Permit::new(1))", "x(Permit {", "Permit::from(x)"]
            .into_iter()
            .enumerate()
    {
        let text = format!("//! Wiring.{}\n{text}\n", "\n".repeat(line));
        check("crates/leashd/src/serve.rs", &text, line + 2, "`Permit` is made");
    }
    let uses = "//! Wiring.\nfn f(p: Permit) -> Permit {}\nimpl Show for Permit {}\nOutcome::Permit(p) => {}\nuse gate::Permit;\n";
    fine("crates/leashd/src/serve.rs", uses);
    let opened = "//! M.\n\npub struct Permit {\n    pub call: u8,\n}\n";
    check("crates/gate/src/lib.rs", opened, 3, "a field others can set");
    fine("crates/gate/src/lib.rs", &opened.replace("pub call", "pub(crate) call"));
    let copied = "//! M.\n\n#[derive(Debug, Clone)]\npub struct Permit {\n    call: u8,\n}\n";
    check("crates/gate/src/lib.rs", copied, 4, "derives `Clone`");
    fine("crates/gate/src/permit.rs", "//! M.\nfn make() -> Permit {\n    Permit { call: 1 }\n}\n");
}

#[test]
fn policies_are_in_the_binary() {
    check("policies/extra.yaml", "version: 1\n", 1, "in no binary");
    check("policies/extra.yml", "version: 1\n", 1, "end in .yaml");
}

#[test]
fn the_changelog_has_a_section() {
    check("CHANGELOG.md", "# Changelog\n\n## Older\n", 1, "no section");
    fine("CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2026-11-22\n");
    let root = in_order();
    fs::remove_file(root.path().join("CHANGELOG.md")).unwrap();
    assert_eq!(findings(&root).first().unwrap().what, "there is no changelog");
}

#[test]
fn text_has_no_trailing_whitespace_and_no_path_of_a_machine() {
    check("notes.txt", "one\ntwo \n", 2, "whitespace at the end");
    check("notes.txt", concat!("cd /ho", "me/carol/leashd\n"), 1, "carol/leashd`");
    check("notes.txt", concat!("in `/wo", "rk/main`\n"), 1, "somebody's machine");
    check("notes.txt", concat!("in /ro", "ot/.cargo\n"), 1, "somebody's machine");
    fine("notes.txt", "cd /home/dev/proj; ls ~/home/x https://x.org/home/y /home/ /home/*\n");
    fine("policies/default.yaml", concat!("path: /ro", "ot/.ssh\n"));
    let root = in_order();
    fs::write(root.path().join("picture.png"), b"\x89PNG \n\xff \n").unwrap();
    assert_eq!(findings(&root), []);
}

#[test]
fn links_lead_somewhere() {
    check("README.md", "see\n[this](docs/none.md)\n", 2, "`docs/none.md`");
    check("docs/a.md", "[out](../../elsewhere.md)\n", 1, "leads nowhere");
    fine(
        "docs/a.md",
        "[up](../CHANGELOG.md) [dir](../crates/) [self](#x) [web](https://x.org/y) `[c](none)`\n",
    );
    fine("README.md", "```\n[c](none.md)\n```\n![p](/crates/types/Cargo.toml \"title\")\n");
}
