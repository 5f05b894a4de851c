//! The commands of git that are run, a closed list, and what each of them needs to be harmless. Pure.

/// A command of git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Add,
    Apply,
    Branch,
    CatFile,
    Checkout,
    CheckIgnore,
    Clean,
    Clone,
    Commit,
    Diff,
    Fetch,
    ForEachRef,
    Init,
    Log,
    LsFiles,
    LsRemote,
    LsTree,
    Merge,
    MergeBase,
    MergeTree,
    Pull,
    Push,
    /// Only asks for addresses.
    Remote,
    Reset,
    Restore,
    RevList,
    RevParse,
    Rm,
    Show,
    Status,
    Switch,
    SymbolicRef,
    Tag,
    UpdateRef,
    Worktree,
}

const NO_PROGRAMS: &[&str] = &["--no-ext-diff", "--no-textconv", "--ignore-submodules=all"];
const QUIETLY: &[&str] = &["--quiet", "--no-recurse-submodules"];

impl Verb {
    /// Its name, and the options it always gets.
    pub(super) fn recipe(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Add => ("add", &[]),
            Self::Apply => ("apply", &[]),
            Self::Branch => ("branch", &[]),
            Self::CatFile => ("cat-file", &[]),
            // Quiet: else it looks into submodules to say what is changed in them.
            Self::Checkout => ("checkout", QUIETLY),
            Self::CheckIgnore => ("check-ignore", &[]),
            Self::Clean => ("clean", &[]),
            Self::Clone => (
                "clone",
                &["--template=", "--no-recurse-submodules", "--upload-pack=git-upload-pack", "--no-local"],
            ),
            Self::Commit => ("commit", &["--no-verify", "--no-gpg-sign", "--no-status", "--quiet"]),
            Self::Diff => ("diff", NO_PROGRAMS),
            Self::Fetch => (
                "fetch",
                &["--no-recurse-submodules", "--upload-pack=git-upload-pack", "--no-auto-maintenance"],
            ),
            Self::ForEachRef => ("for-each-ref", &[]),
            Self::Init => ("init", &["--template="]),
            Self::Log => {
                ("log", &["--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--no-show-signature"])
            }
            Self::LsFiles => ("ls-files", &[]),
            Self::LsRemote => ("ls-remote", &["--upload-pack=git-upload-pack"]),
            Self::LsTree => ("ls-tree", &[]),
            Self::Merge => ("merge", &["--no-verify", "--no-edit", "--no-gpg-sign", "--no-stat"]),
            Self::MergeBase => ("merge-base", &[]),
            Self::MergeTree => ("merge-tree", &[]),
            Self::Pull => (
                "pull",
                &[
                    "--no-recurse-submodules",
                    "--upload-pack=git-upload-pack",
                    "--no-verify",
                    "--no-edit",
                    "--no-gpg-sign",
                    "--no-stat",
                ],
            ),
            Self::Push => (
                "push",
                &[
                    "--no-verify",
                    "--recurse-submodules=no",
                    "--receive-pack=git-receive-pack",
                    "--no-signed",
                    "--no-follow-tags",
                ],
            ),
            Self::Remote => ("remote", &["get-url"]),
            Self::Reset => ("reset", QUIETLY),
            Self::Restore => ("restore", QUIETLY),
            Self::RevList => ("rev-list", &[]),
            Self::RevParse => ("rev-parse", &[]),
            Self::Rm => ("rm", &[]),
            Self::Show => (
                "show",
                &["--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--no-show-signature"],
            ),
            Self::Status => ("status", &["--ignore-submodules=all"]),
            Self::Switch => ("switch", QUIETLY),
            Self::SymbolicRef => ("symbolic-ref", &[]),
            Self::Tag => ("tag", &["--no-sign"]),
            Self::UpdateRef => ("update-ref", &[]),
            Self::Worktree => ("worktree", &[]),
        }
    }

    /// True if it talks to another repository.
    pub(super) fn connects(self) -> bool {
        matches!(self, Self::Clone | Self::Fetch | Self::LsRemote | Self::Pull | Self::Push)
    }

    /// True if there is no repository yet where it runs.
    pub(super) fn begins(self) -> bool {
        matches!(self, Self::Clone | Self::Init)
    }
}
