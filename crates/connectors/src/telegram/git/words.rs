//! What stands behind `/git`, and what git's own output says. Pure: runs nothing.

use leashd_types::{GitBranch, GitChanges, GitOrder};
use std::path::PathBuf;

/// Commits of a log.
const LOG: u32 = 10;

/// What a person wants of git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Order(GitOrder),
    /// Branches in which these letters stand; all without any.
    Branches {
        query: String,
    },
    Diff {
        changes: GitChanges,
        paths: Vec<PathBuf>,
    },
    /// Files to pick from.
    PickFiles,
    /// The message is asked for.
    AskMessage,
    /// To be confirmed first.
    Push {
        remote: Option<String>,
        branch: Option<String>,
    },
    Help,
    Unknown(String),
}

pub(super) const HELP: [(&str, &str); 11] = [
    ("status", "what is changed"),
    ("branch [letters]", "branches, those with these letters first"),
    ("checkout <name>", "go to a branch; -b begins a new one"),
    ("diff [--staged] [path]", "the changes themselves"),
    ("log", "the last commits"),
    ("add [path…]", "stage files; without any, pick them"),
    ("commit [message]", "commit what is staged"),
    ("merge <branch>", "merge a branch; --abort ends a merge"),
    ("push [remote branch]", "push, after you confirm"),
    ("pull [remote branch]", "fetch and merge"),
    ("help", "this list"),
];

pub(super) fn wish(arguments: &str) -> Wish {
    let (name, rest) = match arguments.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim()),
        None => (arguments, ""),
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    match (name, words.as_slice()) {
        ("" | "status", _) => Wish::Order(GitOrder::Status),
        ("branch" | "branches", _) => Wish::Branches { query: rest.to_owned() },
        ("checkout" | "switch", ["-b" | "-c", branch]) => checkout(branch, GitBranch::New),
        ("checkout" | "switch", [branch]) => checkout(branch, GitBranch::Existing),
        ("diff", words) => diff(words),
        ("log", _) => Wish::Order(GitOrder::Log { count: LOG }),
        ("add", []) => Wish::PickFiles,
        ("add", ["." | "--all" | "-A"]) => Wish::Order(GitOrder::Add { paths: Vec::new() }),
        ("add", words) => Wish::Order(GitOrder::Add { paths: words.iter().map(PathBuf::from).collect() }),
        ("commit", []) => Wish::AskMessage,
        ("commit", _) => Wish::Order(GitOrder::Commit { message: message(rest) }),
        ("merge", ["--abort"]) => Wish::Order(GitOrder::MergeAbort),
        ("merge", [branch]) => Wish::Order(GitOrder::Merge { branch: (*branch).to_owned() }),
        ("push", words) => {
            let (remote, branch) = remote_and_branch(words);
            Wish::Push { remote, branch }
        }
        ("pull", words) => {
            let (remote, branch) = remote_and_branch(words);
            Wish::Order(GitOrder::Pull { remote, branch })
        }
        ("help", _) => Wish::Help,
        _ => Wish::Unknown(arguments.to_owned()),
    }
}

fn checkout(branch: &str, which: GitBranch) -> Wish {
    Wish::Order(GitOrder::Checkout { branch: branch.to_owned(), which })
}

fn diff(words: &[&str]) -> Wish {
    let is_staged = |word: &str| matches!(word, "--staged" | "--cached");
    let changes = if words.iter().any(|word| is_staged(word)) { GitChanges::Staged } else { GitChanges::All };
    let paths = words.iter().filter(|word| !is_staged(word)).map(PathBuf::from).collect();
    Wish::Diff { changes, paths }
}

/// `-m "text"` as well as the text alone.
fn message(rest: &str) -> String {
    let rest = rest.strip_prefix("-m").map_or(rest, str::trim_start);
    let quoted = ['"', '\''].into_iter().find_map(|quote| rest.strip_prefix(quote)?.strip_suffix(quote));
    quoted.unwrap_or(rest).to_owned()
}

fn remote_and_branch(words: &[&str]) -> (Option<String>, Option<String>) {
    let word = |index: usize| words.get(index).map(|word| (*word).to_owned());
    (word(0), word(1))
}

/// A line of `git status --short`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// Two letters: staged, not staged.
    pub(super) staged: char,
    pub(super) open: char,
    pub(super) path: String,
}

impl Changed {
    /// Whether `git add` would do something.
    pub(super) fn is_open(&self) -> bool {
        self.open != ' '
    }

    pub(super) fn is_staged(&self) -> bool {
        !matches!(self.staged, ' ' | '?' | '!')
    }
}

/// Reads `git status --short --branch`. A name git had to quote has no button: it can be written.
pub(super) fn changed(status: &str) -> Vec<Changed> {
    let lines = status.lines().filter_map(|line| {
        let mut characters = line.chars();
        let (staged, open) = (characters.next()?, characters.next()?);
        let path = characters.as_str().strip_prefix(' ')?;
        let path = path.split_once(" -> ").map_or(path, |(_, to)| to);
        let known = |letter: char| " MADRCUT?!".contains(letter);
        (known(staged) && known(open) && !path.starts_with('"') && staged != '!').then(|| Changed {
            staged,
            open,
            path: path.to_owned(),
        })
    });
    lines.collect()
}

/// A branch of `git branch --all --verbose`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) here: Here,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    CheckedOut,
    Elsewhere,
}

/// Branches by how well they match: the same name, one that begins so, one that has the letters in this order.
pub(super) fn matching(output: &str, query: &str) -> Vec<Named> {
    let wanted = query.to_lowercase();
    let mut found: Vec<(usize, Named)> = branches(output)
        .into_iter()
        .filter_map(|branch| rank(&branch.name.to_lowercase(), &wanted).map(|rank| (rank, branch)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, branch)| branch).collect()
}

fn branches(output: &str) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    for line in output.lines() {
        let (here, rest) = match line.strip_prefix("* ") {
            Some(rest) => (Here::CheckedOut, rest),
            None => (Here::Elsewhere, line),
        };
        let mut words = rest.split_whitespace();
        let Some(name) = words.next().filter(|name| !name.starts_with('(')) else { continue };
        if words.next() == Some("->") {
            continue;
        }
        // A branch of a remote is gone to by its own name.
        let name =
            name.strip_prefix("remotes/").and_then(|it| it.split_once('/')).map_or(name, |(_, name)| name);
        if !all.iter().any(|known| known.name == name) {
            all.push(Named { name: name.to_owned(), here });
        }
    }
    all
}

fn rank(name: &str, query: &str) -> Option<usize> {
    if query.is_empty() {
        return Some(0);
    }
    if name == query {
        return Some(0);
    }
    if name.starts_with(query) {
        return Some(1);
    }
    if name.contains(query) {
        return Some(2);
    }
    let mut letters = name.chars();
    query.chars().all(|wanted| letters.any(|letter| letter == wanted)).then_some(3)
}

/// A message for what is staged, where nobody writes one.
pub(super) fn proposed(changed: &[Changed]) -> Option<String> {
    let staged: Vec<&Changed> = changed.iter().filter(|it| it.is_staged()).collect();
    let first = staged.first()?;
    let verb = match first.staged {
        'A' => "Add",
        'D' => "Remove",
        'R' => "Rename",
        _ => "Update",
    };
    let verb = if staged.iter().all(|it| it.staged == first.staged) { verb } else { "Update" };
    let name = first.path.rsplit('/').next().unwrap_or(&first.path);
    Some(match staged.len() {
        1 => format!("{verb} {name}"),
        2 => format!("{verb} {name} and one more file"),
        count => format!("{verb} {name} and {} more files", count.saturating_sub(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::{Here, Wish, changed, matching, proposed, wish};
    use leashd_types::{GitBranch, GitChanges, GitOrder};
    use std::path::PathBuf;

    fn check(arguments: &str, expected: &Wish) {
        assert_eq!(wish(arguments), *expected, "{arguments}");
    }

    #[test]
    fn wishes_are_read() {
        check("", &Wish::Order(GitOrder::Status));
        check("status", &Wish::Order(GitOrder::Status));
        check("branch fea", &Wish::Branches { query: "fea".to_owned() });
        let to = |branch: &str, which| Wish::Order(GitOrder::Checkout { branch: branch.to_owned(), which });
        check("checkout main", &to("main", GitBranch::Existing));
        check("checkout -b new", &to("new", GitBranch::New));
        check("checkout", &Wish::Unknown("checkout".to_owned()));
        let paths = vec![PathBuf::from("src")];
        check("diff --staged src", &Wish::Diff { changes: GitChanges::Staged, paths });
        check("diff", &Wish::Diff { changes: GitChanges::All, paths: Vec::new() });
        check("add", &Wish::PickFiles);
        check("add .", &Wish::Order(GitOrder::Add { paths: Vec::new() }));
        let commit = |message: &str| Wish::Order(GitOrder::Commit { message: message.to_owned() });
        check("commit", &Wish::AskMessage);
        check("commit Fix the test", &commit("Fix the test"));
        check("commit -m \"Fix the test\"", &commit("Fix the test"));
        check("merge --abort", &Wish::Order(GitOrder::MergeAbort));
        check("push", &Wish::Push { remote: None, branch: None });
        let (remote, branch) = (Some("origin".to_owned()), Some("x".to_owned()));
        check("push origin x", &Wish::Push { remote, branch });
        check("push --force", &Wish::Push { remote: Some("--force".to_owned()), branch: None });
        check("rebase", &Wish::Unknown("rebase".to_owned()));
    }

    #[test]
    fn a_status_is_read() {
        let found = changed(
            "## main...origin/main\n M src/a.rs\nA  b.rs\n?? c d.txt\nR  old -> new\n?? \"q\\303\"\n",
        );
        let shown: Vec<_> = found.iter().map(|it| (it.path.as_str(), it.is_staged(), it.is_open())).collect();
        assert_eq!(
            shown,
            [
                ("src/a.rs", false, true),
                ("b.rs", true, false),
                ("c d.txt", false, true),
                ("new", true, false)
            ]
        );
        assert_eq!(proposed(&found), Some("Update b.rs and one more file".to_owned()));
        assert_eq!(proposed(&changed(" M a\n")), None);
        assert_eq!(proposed(&changed("A  src/a\n")), Some("Add a".to_owned()));
    }

    #[test]
    fn branches_are_found_by_a_few_letters() {
        let output = "* main       1234567 Say hello\n  fix-main   1234567 x\n  remotes/origin/feature 123 y\n  \
                      remotes/origin/main 123 z\n  remotes/origin/HEAD -> origin/main\n";
        let names = |query| matching(output, query).into_iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(names(""), ["main", "fix-main", "feature"]);
        assert_eq!(names("main"), ["main", "fix-main"]);
        assert_eq!(names("ftr"), ["feature"]);
        assert_eq!(names("zzz"), Vec::<String>::new());
        assert_eq!(matching(output, "main")[0].here, Here::CheckedOut);
    }
}
