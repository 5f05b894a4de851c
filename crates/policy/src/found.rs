//! Files a search found: which they are is not known, where they lie is. Reading what a search inside the project found
//! is reading the project, as `grep -r` does; changing what a search outside found is changing the outside.

use crate::act::Act;
use crate::class::Classes;
use crate::places::Where;
use crate::seen::{Seen, runs};
use crate::sensitive::names_credential;
use leashd_shell::{Part, Word};
use leashd_types::{Effect, Facts};
use std::collections::BTreeMap;

/// Programs that print the names of files they find.
const SEARCHERS: &[&str] = &["find", "fd", "fdfind", "git", "rg", "grep", "ls", MAKER];

/// It prints the name of what it has just made: nobody else has put anything there.
const MAKER: &str = "mktemp";

/// What is known of the files one program found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Search {
    place: Where,
    /// Nothing speaks against reading them.
    harmless: bool,
    /// It prints names and nothing else.
    names: bool,
}

/// Gives the unknown paths that searches of the same line found the place where those searched.
pub(crate) fn resolve(acts: &mut [Act<'_>], facts: &Facts) {
    let unknown = |seen: &Seen<'_>| seen.place() == Some(Where::Unknown);
    if !acts.iter().flat_map(|act| &act.seen).any(unknown) {
        return;
    }
    let searches = searches(acts, facts);
    if searches.is_empty() {
        return;
    }
    // One search aimed at credentials taints them all: which file came from where cannot be told.
    let clean = searches.values().all(|search| search.harmless);
    for act in acts.iter_mut() {
        let words = act.command.map(|command| command.words.as_slice()).unwrap_or_default();
        for seen in act.seen.iter_mut().filter(|seen| unknown(seen)) {
            let Some(path) = seen.path.as_mut() else { continue };
            let Some(search) = searches.get(path.asked) else { continue };
            if !stands_alone(words, path.asked) {
                continue;
            }
            let reads = matches!(seen.effect, Effect::Read { .. });
            let inside = matches!(search.place, Where::Inside | Where::Temporary);
            let known = if reads { inside && clean } else { search.names && (clean || !inside) };
            if known {
                path.place = search.place;
                if let Effect::Runs { code } = seen.effect {
                    seen.classes = runs(code, Some(path), facts);
                }
            }
        }
        act.classes = act.seen.iter().fold(Classes::EMPTY, |all, seen| all | seen.classes);
    }
}

fn searches(acts: &[Act<'_>], facts: &Facts) -> BTreeMap<String, Search> {
    let mut searches: BTreeMap<String, Search> = BTreeMap::new();
    for act in acts {
        let Some(program) = act.program().filter(|program| {
            // In a pipeline `grep` prints what it was given.
            SEARCHERS.contains(program) && (*program != "grep" || prints_names(program, act))
        }) else {
            continue;
        };
        let harmless = !act.is_unclear() && !act.arguments().any(|word| names_credential(word, facts));
        let found = Search { place: place(act), harmless, names: prints_names(program, act) };
        let search = searches.entry(format!("the output of {program}")).or_insert(found);
        search.place = farther(search.place, found.place);
        search.harmless &= found.harmless;
        search.names &= found.names;
    }
    searches
}

/// Where a search looks: where it is not told, in the directory of the project.
fn place(act: &Act<'_>) -> Where {
    let places = act.seen.iter().filter_map(Seen::place);
    places.filter(|place| *place != Where::HarmlessDevice).fold(Where::Inside, farther)
}

fn farther(one: Where, other: Where) -> Where {
    let distance = |place: Where| match place {
        Where::Inside | Where::HarmlessDevice => 0,
        Where::Temporary => 1,
        Where::System => 2,
        Where::Unknown => 3,
        Where::Unresolved => 4,
        Where::Outside => 5,
    };
    if distance(other) > distance(one) { other } else { one }
}

fn prints_names(program: &str, act: &Act<'_>) -> bool {
    let has = |words: &[&str]| act.arguments().any(|word| words.contains(&word));
    let short = |letters: &[char]| {
        act.arguments().any(|word| {
            word.starts_with('-')
                && !word.starts_with("--")
                && word.chars().skip(1).any(|c| letters.contains(&c))
        })
    };
    match program {
        "find" => !has(&["-printf", "-fprintf", "-exec", "-execdir", "-ok", "-okdir", "-ls"]),
        "fd" | "fdfind" => !has(&["-x", "-X", "--exec", "--exec-batch", "--format", "-l"]),
        MAKER => true,
        "ls" => !short(&['l', 's', 'i']),
        "rg" | "grep" => {
            short(&['l', 'L']) || has(&["--files", "--files-with-matches", "--files-without-match"])
        }
        "git" => {
            has(&["ls-files"]) && !has(&["-s", "--stage"])
                || has(&["--name-only"])
                || has(&["grep"]) && (short(&['l', 'L']) || has(&["--files-with-matches"]))
        }
        _ => false,
    }
}

/// True if the name found is a word of its own: with something before or behind it, it is another name.
fn stands_alone(words: &[Word], why: &str) -> bool {
    words.iter().filter(|word| word.unknown_reason() == Some(why)).all(|word| match word.parts() {
        [Part::Unknown(_)] => true,
        [Part::Unknown(why), Part::Text(inner)] if why.ends_with(MAKER) => {
            inner.starts_with('/') && inner.split('/').all(|part| part != "..")
        }
        _ => false,
    })
}
