//! `docs/settings.md` is made of the table. `LEASHD_BLESS=1` writes it anew.

use crate::settings::table::{ROWS, Reach, Row, Safety, Secrecy};
use std::fmt::Write as _;
use std::path::Path;

const HEAD: &str = "# Settings

Every setting, as `leashd config` shows it. `leashd config --explain KEY` prints what every layer says of one and which
counts. This page is made from the program's own table.

## Where settings are made

Later beats earlier:

1. the default below
2. `config.yaml` in `LEASHD_HOME` (`~/.leashd`), written by `leashd init`, `leashd config set` or an editor; mode 0600
3. `.env` in the directory of the project, which may only tighten (below)
4. the environment

In `config.yaml` a key is spelt `max_turns`, `LEASHD_MAX_TURNS` or as in the last column. A key twice, in whatever
spellings, and a key that is none are errors with file, line and a suggestion. Lists are YAML, JSON or texts with commas.

```yaml
approved_directories: [~/src/api, ~/src/web]
max_turns: 200
telegram:
  bot_token: 123456:ABC-DEF
  allowed_user_ids: [981234567]
autonomous:
  enabled: true            # without it nothing in this block counts
  policy: autonomous       # in place of policy_files
  auto_approver: true
```

`autonomous.enabled: true` also switches the task orchestrator on.

## What a project may do

A project's `.env` travels with the repository, so it can only tighten, and only what has an entry under *project*. Whatever else
it sets does not count: a warning names file, line and what stays. A setting there that does not exist is an error. The
environment, which is yours, stands above it.

## The table

| variable | default | value | project | what it is | also spelt |
|---|---|---|---|---|---|
";

const DEVIATIONS: &str = "
## Unlike the Python leashd

| variable | difference |
|---|---|
";

fn page() -> String {
    let mut out = HEAD.to_owned();
    for row in ROWS {
        let _infallible = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} |",
            row.name,
            default(row),
            row.kind.described().replace('|', "\\|"),
            project(row),
            about(row),
            row.aliases.iter().map(|alias| format!("`{alias}`")).collect::<Vec<_>>().join(", ")
        );
    }
    out.push_str(DEVIATIONS);
    for row in ROWS.iter().filter(|row| !row.deviation.is_empty()) {
        let _infallible = writeln!(out, "| `{}` | {} |", row.name, row.deviation);
    }
    out
}

fn default(row: &Row) -> String {
    if row.default.is_empty() { row.unset.to_owned() } else { format!("`{}`", row.default) }
}

fn project(row: &Row) -> String {
    match row.safety {
        Safety::None | Safety::Person => "–".to_owned(),
        Safety::Tighten(tighter) => tighter.described(),
    }
}

fn about(row: &Row) -> String {
    let secret = match row.secrecy {
        Secrecy::Open => "",
        Secrecy::Secret => " Never shown.",
        Secrecy::Inside => " Shown without secrets.",
    };
    let reach = if row.reach == Reach::EnvironmentOnly { " Environment only." } else { "" };
    format!("{}{secret}{reach}", row.about)
}

#[test]
fn the_page_is_the_table() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    if std::env::var_os("LEASHD_BLESS").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, page(), "run this test with LEASHD_BLESS=1 to write docs/settings.md");
}
