//! What of a repository's own configuration may count. Pure.
//!
//! A key is kept if it is known to be harmless; every other key that git itself reads is turned off. So a key that a
//! newer git adds is off until somebody has looked at it.

/// Where a value comes from, in git's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// System and global files: the person's.
    Person,
    /// The repository's files, with everything they include: whoever can write to the repository.
    Repository,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) scope: Scope,
    pub(super) key: String,
    pub(super) value: String,
}

/// What becomes of a key of the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Keep,
    /// Overridden with this value, which turns it off.
    Set(&'static str),
    /// Cannot be turned off, and decides where data goes to: no command of git's that talks to another host.
    NoNetwork,
}

/// Set for every command, whatever any file says. Nobody's value of these counts, not the person's either: the daemon
/// has no terminal and its own idea of hooks.
pub(super) const ALWAYS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.pager", "cat"),
    ("core.editor", "false"),
    ("core.askPass", "false"),
    ("core.alternateRefsCommand", ""),
    ("core.attributesFile", "/dev/null"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("sequence.editor", "false"),
    ("interactive.diffFilter", ""),
    ("diff.external", ""),
    ("diff.ignoreSubmodules", "all"),
    ("status.submoduleSummary", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("log.showSignature", "false"),
    ("commit.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("tag.forceSignAnnotated", "false"),
    ("push.gpgSign", "false"),
    ("merge.verifySignatures", "false"),
    ("commit.status", "false"),
    ("init.templateDir", ""),
    ("safe.bareRepository", "explicit"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("uploadpack.packObjectsHook", ""),
    ("help.autoCorrect", "never"),
];

/// Off for every command unless the person's own files set them.
pub(super) const UNLESS_PERSONS: &[(&str, &str)] = &[
    ("credential.helper", ""),
    ("core.sshCommand", "ssh -o BatchMode=yes"),
    ("core.gitProxy", ""),
    ("http.sslVerify", "true"),
    ("gpg.program", "false"),
    ("gpg.openpgp.program", "false"),
    ("gpg.x509.program", "false"),
    ("gpg.ssh.program", "false"),
    ("gpg.ssh.defaultKeyCommand", ""),
];

/// Sections whose keys say how something looks, or what git counts, and run nothing.
const HARMLESS_SECTIONS: &[&str] = &[
    "add",
    "advice",
    "apply",
    "author",
    "blame",
    "branch",
    "checkout",
    "clone",
    "color",
    "column",
    "commitgraph",
    "committer",
    "extensions",
    "feature",
    "fetch",
    "format",
    "fsck",
    "gc",
    "grep",
    "index",
    "init",
    "log",
    "lsrefs",
    "notes",
    "pack",
    "pull",
    "rebase",
    "reftable",
    "repack",
    "rerere",
    "revert",
    "showbranch",
    "sparse",
    "splitindex",
    "stash",
    "status",
    "tag",
    "transfer",
    "uploadpackfilter",
    "user",
    "versionsort",
    "worktree",
];

/// Keys of sections that also have others. A subsection stands as `*`.
const HARMLESS_KEYS: &[&str] = &[
    "core.abbrev",
    "core.autocrlf",
    "core.bare",
    "core.bigfilethreshold",
    "core.checkstat",
    "core.commentchar",
    "core.commentstring",
    "core.commitgraph",
    "core.compression",
    "core.eol",
    "core.filemode",
    "core.ignorecase",
    "core.logallrefupdates",
    "core.longpaths",
    "core.multipackindex",
    "core.precomposeunicode",
    "core.preloadindex",
    "core.quotepath",
    "core.repositoryformatversion",
    "core.safecrlf",
    "core.sharedrepository",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "core.splitindex",
    "core.symlinks",
    "core.trustctime",
    "core.untrackedcache",
    "core.whitespace",
    // The directory is given with every command.
    "core.worktree",
    "commit.cleanup",
    "commit.verbose",
    "diff.algorithm",
    "diff.colormoved",
    "diff.context",
    "diff.indentheuristic",
    "diff.interhunkcontext",
    "diff.mnemonicprefix",
    "diff.noprefix",
    "diff.renamelimit",
    "diff.renames",
    "diff.*.binary",
    "diff.*.xfuncname",
    "merge.conflictstyle",
    "merge.ff",
    "merge.log",
    "merge.renamelimit",
    "merge.renames",
    "merge.*.name",
    "push.autosetupremote",
    "push.default",
    "push.followtags",
    "remote.pushdefault",
    "remote.*.fetch",
    "remote.*.mirror",
    "remote.*.partialclonefilter",
    "remote.*.promisor",
    "remote.*.prune",
    "remote.*.prunetags",
    "remote.*.push",
    "remote.*.pushurl",
    "remote.*.skipdefaultupdate",
    "remote.*.skipfetchall",
    "remote.*.tagopt",
    "remote.*.url",
    "submodule.*.active",
    "submodule.*.branch",
    "submodule.*.path",
    "submodule.*.shallow",
    "submodule.*.url",
    // What they lead to is listed as if it stood in the file itself.
    "include.path",
    "includeif.*.path",
];

/// The other sections that git or a program that comes with it reads. What no section of git's is, git does not read.
const SECTIONS: &[&str] = &[
    "alias",
    "am",
    "archive",
    "attr",
    "bitmappseudomerge",
    "browser",
    "bundle",
    "clean",
    "commit",
    "completion",
    "core",
    "credential",
    "credentialcache",
    "credentialstore",
    "diff",
    "difftool",
    "fastimport",
    "filter",
    "fmtmergemsg",
    "fsmonitor",
    "gitcvs",
    "gitweb",
    "gpg",
    "gui",
    "guitool",
    "help",
    "hook",
    "http",
    "i18n",
    "imap",
    "include",
    "includeif",
    "instaweb",
    "interactive",
    "mailinfo",
    "mailmap",
    "maintenance",
    "man",
    "merge",
    "mergetool",
    "nostalgia",
    "pager",
    "pretty",
    "promisor",
    "protocol",
    "push",
    "receive",
    "reachable",
    "remote",
    "remotes",
    "replay",
    "safe",
    "scalar",
    "sendemail",
    "sendpack",
    "sequence",
    "ssh",
    "submodule",
    "svn",
    "svn-remote",
    "tar",
    "trace2",
    "trailer",
    "uploadarchive",
    "uploadpack",
    "url",
    "volatile",
    "web",
];

/// What becomes of `key` as git writes it: section and name in lower case, the subsection as it is.
pub(super) fn treatment(key: &str) -> Treatment {
    let (section, rest) = key.split_once('.').unwrap_or((key, ""));
    let (subsection, name) = match rest.rsplit_once('.') {
        Some((subsection, name)) => (Some(subsection), name),
        None => (None, rest),
    };
    let general =
        if subsection.is_some() { format!("{section}.*.{name}") } else { format!("{section}.{name}") };
    if HARMLESS_SECTIONS.contains(&section) || HARMLESS_KEYS.contains(&general.as_str()) {
        return Treatment::Keep;
    }
    match (section, general.as_str()) {
        ("url" | "http" | "protocol" | "ssh", _) | (_, "remote.*.vcs" | "remote.*.proxy") => {
            Treatment::NoNetwork
        }
        (_, "filter.*.required" | "submodule.*.fetchrecursesubmodules") => Treatment::Set("false"),
        (_, "submodule.*.ignore") => Treatment::Set("all"),
        (_, "submodule.*.update") => Treatment::Set("none"),
        (_, "remote.*.uploadpack") => Treatment::Set("git-upload-pack"),
        (_, "remote.*.receivepack") => Treatment::Set("git-receive-pack"),
        _ if is_always(&general) || !SECTIONS.contains(&section) => Treatment::Keep,
        // No command, and for a list: forget what came before.
        _ => Treatment::Set(""),
    }
}

fn is_always(key: &str) -> bool {
    let mut fixed = ALWAYS.iter().chain(UNLESS_PERSONS);
    fixed.any(|(name, _)| name.eq_ignore_ascii_case(key))
}

/// What `git config --list --null --show-scope` prints. `None` if it cannot be read.
pub(super) fn parse(output: &[u8]) -> Option<Vec<Setting>> {
    let text = std::str::from_utf8(output).ok()?;
    let mut parts = text.split_terminator('\0');
    let mut settings = Vec::new();
    while let Some(scope) = parts.next() {
        let scope = match scope {
            "system" | "global" => Scope::Person,
            "local" | "worktree" => Scope::Repository,
            _ => return None,
        };
        // A key alone means true.
        let entry = parts.next()?;
        let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
        settings.push(Setting { scope, key: key.to_owned(), value: value.to_owned() });
    }
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::{HARMLESS_SECTIONS, SECTIONS, Treatment, treatment};
    use std::process::Command;

    #[track_caller]
    fn check(expected: Treatment, keys: &[&str]) {
        for key in keys {
            assert_eq!(treatment(key), expected, "{key}");
        }
    }

    #[test]
    fn what_is_not_known_to_be_harmless_is_off() {
        use Treatment::{Keep, NoNetwork, Set};
        check(Keep, &["core.bare", "user.name", "remote.a.b.url", "branch.main.remote", "mytool.command"]);
        check(Keep, &["submodule.x.url", "lfs.repositoryformatversion", "includeif.gitdir:/x.path"]);
        check(Set(""), &["filter.x.clean", "filter.a.b.process", "diff.x.command", "diff.x.textconv"]);
        check(Set(""), &["merge.x.driver", "alias.status", "pager.log", "credential.https://x.helper"]);
        check(
            Set(""),
            &["core.somethingnew", "hook.x.command", "trailer.x.cmd", "tar.x.command", "man.x.cmd"],
        );
        check(Set("false"), &["filter.x.required"]);
        check(Set("git-upload-pack"), &["remote.x.uploadpack"]);
        check(
            NoNetwork,
            &["url.ext::sh.insteadof", "http.proxy", "http.https://x.sslverify", "remote.x.vcs"],
        );
    }

    /// Every variable the installed git knows is in a section that was looked at.
    #[test]
    fn every_section_of_this_git_is_known() {
        let output = Command::new("git").args(["help", "--config"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let sections =
            text.lines().filter(|line| !line.contains(' ')).filter_map(|line| line.split_once('.'));
        let mut count = 0;
        for (section, _) in sections {
            let section = section.to_lowercase();
            count += 1;
            let known = [HARMLESS_SECTIONS, SECTIONS].iter().any(|list| list.contains(&section.as_str()));
            assert!(known, "nobody has looked at `{section}.*`");
        }
        assert!(count > 500, "{text}");
    }
}
