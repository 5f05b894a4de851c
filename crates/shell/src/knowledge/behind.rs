//! Databases behind containers, clusters and clouds: the client's statements are told although it runs elsewhere. Knows no
//! SQL and no service's own words.

use super::report::Report;
use super::{Stdin, sql};
use crate::Word;
use leashd_types::{Effect, Strength};

/// Services behind which a database may be: containers, clusters, clouds.
const HOSTS_OF_DATABASES: [&str; 9] =
    ["docker", "kubernetes", "containers", "cloud", "aws", "gcloud", "azure", "database", "online"];

/// `docker exec db psql -c '…'`, `heroku pg:psql -c '…'`: the client runs elsewhere, its statements are the same.
pub(super) fn statements(report: &mut Report<'_>, words: &[Word]) {
    let reaches = report.out.effects.iter().any(|effect| match effect {
        Effect::Service { name, action } => {
            *action != Strength::Query && HOSTS_OF_DATABASES.contains(&name.as_str())
        }
        Effect::Database { statement } => matches!(statement, Strength::Change | Strength::Unknown),
        _ => false,
    });
    if !reaches || report.dry || report.help || is_client(&Word::literal(report.name)) {
        return;
    }
    if let Some(at) = words.iter().position(is_client).filter(|_| words.iter().any(runs_inside)) {
        let inner = super::Argv {
            words: words.get(at..).unwrap_or(&[]),
            cwd: None,
            home: report.argv.home,
            stdin: report.argv.stdin,
        };
        for effect in super::describe(&inner).effects {
            if matches!(effect, Effect::Database { .. }) {
                report.add(effect);
            }
        }
    }
    let given = match report.argv.stdin {
        Stdin::Text(text) => Some(text),
        Stdin::Inherited | Stdin::Opaque(_) => None,
    };
    let destroys = words.iter().filter_map(Word::text).chain(given).any(drops);
    if destroys {
        report.add(Effect::Database { statement: Strength::Destroy });
    }
}

fn runs_inside(word: &Word) -> bool {
    matches!(word.text(), Some("exec" | "run" | "rsh" | "ssh" | "--"))
}

fn is_client(word: &Word) -> bool {
    let Some(text) = word.text() else { return false };
    let name = text.rsplit('/').next().unwrap_or(text);
    let clients = ["psql", "mysql", "sqlite", "mongo", "redis"];
    matches!(name, "dropdb" | "mysqladmin")
        || super::table::find(name)
            .and_then(|slot| slot.spec().ok())
            .is_some_and(|spec| spec.custom.is_some_and(|custom| clients.contains(&custom)))
}

/// Whether a text, or one quoted in it, drops or empties tables.
fn drops(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("drop") && !lower.contains("truncate") {
        return false;
    }
    text.split(['\'', '"', ';']).any(|piece| {
        let first = piece.split_whitespace().nth(1).unwrap_or_default();
        let whole = !piece.trim_start().to_ascii_lowercase().starts_with("truncate")
            || first.eq_ignore_ascii_case("table");
        whole && sql::is_statement(piece) && sql::strength_of(&sql::words(piece)) == Strength::Destroy
    })
}
