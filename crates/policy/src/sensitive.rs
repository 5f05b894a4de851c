//! Paths that are not ordinary files: credentials, what runs by itself later, and leashd's own. Decided by where a
//! path is and what it is called, on the real path as well as on the one asked for.

use crate::places::Located;
use leashd_types::{Facts, glob_may_match, matches_everything};
use std::path::{Component, Path, PathBuf};

/// Names that hold a secret wherever they lie.
const SECRET_NAMES: &[&str] = &[
    ".env",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".htpasswd",
    ".vault-token",
    ".dockercfg",
    ".s3cfg",
    ".boto",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "credentials",
    "credentials.json",
    "credentials.yml",
    "credentials.yaml",
    "credentials.toml",
    "credentials.ini",
    "credentials.csv",
    "secrets.json",
    "secrets.yml",
    "secrets.yaml",
    "secrets.toml",
    "secrets.env",
    "secret.key",
    "application_default_credentials.json",
    "client_secret.json",
    "service-account.json",
    "service_account.json",
    "master.key",
    "authorized_keys",
];

/// Endings of names that hold a secret.
const SECRET_ENDINGS: &[&str] = &[".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];

/// `.env` files made to be shown.
const EXAMPLE_ENDINGS: &[&str] = &[".example", ".sample", ".template", ".dist", ".defaults", ".schema"];

/// Names in the home directory that hold a secret there and not elsewhere.
const SECRETS_OF_HOME: &[&str] = &[
    ".npmrc",
    ".yarnrc.yml",
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube/config",
    ".docker/config.json",
    ".config/gh",
    ".config/hub",
    ".config/gcloud",
    ".config/op",
    ".config/sops",
    ".config/rclone",
    ".password-store",
    ".leashd",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".terraform.d",
    ".claude/.credentials.json",
    ".claude.json",
    ".codex/auth.json",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    "Library/Keychains",
    ".m2/settings.xml",
    ".gradle/gradle.properties",
    ".wallet",
    ".bitcoin",
];

/// Directories whose content is secret wherever they lie.
const SECRET_DIRECTORIES: &[&str] = &[".ssh", ".aws", ".gnupg", ".azure", ".password-store", ".kube"];

/// Secrets of the machine.
const SECRETS_OF_SYSTEM: &[&str] =
    &["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/run/secrets"];

/// Where certificates are public.
const PUBLIC_CERTIFICATES: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs", "/usr"];

/// Files of the home directory that a shell, a login or git runs by itself.
const STARTUP: &[&str] = &[
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".inputrc",
    ".xprofile",
    ".xinitrc",
    ".xsession",
    ".config/fish",
    ".config/autostart",
    ".config/systemd",
    ".gitconfig",
    ".config/git",
    ".vimrc",
    ".config/nvim",
    ".emacs",
    ".emacs.d",
    ".tmux.conf",
    "Library/LaunchAgents",
    ".config/environment.d",
    ".pam_environment",
];

/// Files of a project that run by themselves later, with rights of their own.
const AUTOMATION: &[&str] = &[
    ".github/workflows",
    ".github/actions",
    ".gitlab-ci.yml",
    ".circleci",
    "jenkinsfile",
    "azure-pipelines.yml",
    ".travis.yml",
    "bitbucket-pipelines.yml",
    ".drone.yml",
    ".buildkite",
    ".woodpecker.yml",
    ".woodpecker",
    ".vscode/tasks.json",
    ".vscode/settings.json",
    ".vscode/launch.json",
    ".idea",
    ".devcontainer",
    ".envrc",
    ".husky",
    ".pre-commit-config.yaml",
    ".mcp.json",
    ".cursor",
    ".claude",
];

/// What a path is beyond an ordinary file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Ordinary,
    /// Holds a secret: neither read nor written.
    Credential,
    /// A pattern that takes in every hidden file, secrets among them.
    PerhapsCredential,
    /// Runs by itself at the next shell, login or git command: never written.
    Startup,
    /// A hook or configuration that git runs: never written.
    GitControl,
    /// Inside `.git`: git's own business.
    GitInternal,
    /// Settings that carry the hook of the gate: never written.
    AgentSettings,
    /// leashd's directory in a project: never written.
    Leashd,
    /// A grant or the state of an unattended run: never written by the agent.
    RunControl,
    /// The rest of a run's directory: not written by the run itself.
    RunFiles,
    /// Runs by itself later: worth a question.
    Automation,
}

/// Says what a located path is. The stricter of the path as asked and as it really is; for a pattern also of what it
/// matches.
pub(crate) fn nature(path: &Located<'_>, facts: &Facts) -> Nature {
    let by_name = nature_by_name(path, facts);
    let Some(matches) = path.matches else { return by_name };
    let found = strictest(matches.iter().map(PathBuf::as_path), facts);
    let names_secrets = matches!(by_name, Nature::Credential | Nature::PerhapsCredential);
    let decided = names_secrets && !is_in_secret_place(path, facts);
    if found == Nature::Credential || by_name == Nature::Ordinary || decided { found } else { by_name }
}

/// A pattern that takes in names of secrets takes in others as well, and what is there decides; one that names the
/// ending of key files, or lies where everything is secret, is meant to reach them.
fn is_in_secret_place(path: &Located<'_>, facts: &Facts) -> bool {
    let ending = path.pattern.unwrap_or_default().to_ascii_lowercase();
    let directory = path.real.map_or(path.asked, |real| real.as_path().to_str().unwrap_or(path.asked));
    SECRET_ENDINGS.iter().any(|known| ending.ends_with(known))
        || of_text(directory, facts) == Nature::Credential
}

fn nature_by_name(path: &Located<'_>, facts: &Facts) -> Nature {
    let real = path.real.map_or(Nature::Ordinary, |real| named(real.as_path(), path.pattern, facts));
    if real != Nature::Ordinary {
        return real;
    }
    let asked = Path::new(path.asked);
    if path.real.is_some_and(|real| real.as_path() == asked) {
        return Nature::Ordinary;
    }
    named(asked, path.pattern, facts)
}

/// A secret among them before anything else.
fn strictest<'a>(paths: impl Iterator<Item = &'a Path>, facts: &Facts) -> Nature {
    let mut found = Nature::Ordinary;
    for path in paths {
        match path.to_str().map_or(Nature::Ordinary, |text| of_text(text, facts)) {
            Nature::Credential => return Nature::Credential,
            nature if found == Nature::Ordinary => found = nature,
            _ => {}
        }
    }
    found
}

fn named(path: &Path, pattern: Option<&str>, facts: &Facts) -> Nature {
    let Some(text) = path.to_str() else { return Nature::Ordinary };
    let mut natures = [Nature::Ordinary; 2];
    natures[0] = of_text(text, facts);
    if let Some(pattern) = pattern {
        natures[1] = of_glob(text, pattern, facts);
    }
    if natures[0] == Nature::Ordinary { natures[1] } else { natures[0] }
}

pub(crate) fn of_text(text: &str, facts: &Facts) -> Nature {
    let name = text.rsplit('/').next().unwrap_or(text);
    let home = facts.home.as_path().to_str().unwrap_or("/nonexistent");
    let in_home = below(text, home).or_else(|| other_home(text));
    if is_credential(text, name, in_home) {
        return Nature::Credential;
    }
    if let Some(inner) = in_home
        && STARTUP.iter().any(|known| below_name(inner, known))
    {
        return Nature::Startup;
    }
    of_components(Path::new(text))
}

fn is_credential(text: &str, name: &str, in_home: Option<&str>) -> bool {
    if name.ends_with(".pub") || matches!(name, "known_hosts" | "allowed_signers") {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    if SECRET_NAMES.contains(&lower.as_str()) {
        return true;
    }
    if let Some(rest) = lower.strip_prefix(".env.") {
        let rest = format!(".{rest}");
        return !EXAMPLE_ENDINGS.iter().any(|ending| rest.ends_with(ending));
    }
    // Certificates of authorities lie there by the hundred and are public.
    let public = PUBLIC_CERTIFICATES.iter().any(|known| below(text, known).is_some());
    if !public
        && !is_certificate(&lower)
        && SECRET_ENDINGS.iter().any(|ending| lower.ends_with(ending) && lower.len() > ending.len())
    {
        return true;
    }
    if in_home.is_some_and(|inner| SECRETS_OF_HOME.iter().any(|known| below_name(inner, known))) {
        return true;
    }
    // The directory itself may be listed by name in a project; what lies in it may not be read.
    let in_secret_directory = || {
        Path::new(text)
            .parent()
            .is_some_and(|parent| parent.components().any(|part| is_one_of(part, SECRET_DIRECTORIES)))
    };
    in_secret_directory()
        || SECRETS_OF_SYSTEM.iter().any(|known| below(text, known).is_some())
        || is_process_secret(text)
}

/// `cert.pem`, `fullchain.pem`, `ca-bundle.pem`: certificates are made to be shown, unless the key is in the same file.
fn is_certificate(name: &str) -> bool {
    const PUBLIC: &[&str] = &[
        "cert",
        "certs",
        "certificate",
        "ca",
        "cacert",
        "cacerts",
        "chain",
        "fullchain",
        "bundle",
        "pub",
        "public",
    ];
    let Some(stem) = name.strip_suffix(".pem") else { return false };
    let mut parts = stem.split(|c: char| !c.is_ascii_alphabetic());
    !stem.contains("key") && !stem.contains("priv") && parts.any(|part| PUBLIC.contains(&part))
}

/// Environment and memory of processes.
fn is_process_secret(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("/proc/") else { return false };
    matches!(rest.rsplit('/').next(), Some("environ" | "mem" | "maps" | "auxv"))
}

/// The part of a path below somebody's home directory.
fn other_home(text: &str) -> Option<&str> {
    if let Some(rest) = below(text, "/root") {
        return Some(rest);
    }
    let rest = text.strip_prefix("/home/").or_else(|| text.strip_prefix("/Users/"))?;
    rest.split_once('/').map(|(_, inner)| inner)
}

fn of_components(path: &Path) -> Nature {
    let parts: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let mut rest: &[&str] = &parts;
    while let [first, inner @ ..] = rest {
        let nature = match *first {
            name if name.eq_ignore_ascii_case(".git") => git::nature(inner),
            name if name.eq_ignore_ascii_case(".claude") => claude(inner),
            name if name.eq_ignore_ascii_case(".leashd") => Nature::Leashd,
            name if name.eq_ignore_ascii_case(".leopold") => leopold(inner),
            _ => Nature::Ordinary,
        };
        if nature != Nature::Ordinary {
            return nature;
        }
        rest = inner;
    }
    if is_automation(&parts) { Nature::Automation } else { Nature::Ordinary }
}

fn claude(inner: &[&str]) -> Nature {
    match inner {
        [name] if is_settings(name) => Nature::AgentSettings,
        [first, ..] if first.eq_ignore_ascii_case("hooks") => Nature::AgentSettings,
        _ => Nature::Ordinary,
    }
}

/// Some file systems take no notice of capitals.
fn is_settings(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("settings") && name.ends_with(".json")
}

/// What a run itself keeps up to date; everything else in its directory belongs to the person.
const RUN_OWN: &[&str] = &["PLAN.md", "DECISIONS.md", "CHECKPOINT.md", "NOTES.md"];

fn leopold(inner: &[&str]) -> Nature {
    match inner {
        [] => Nature::RunFiles,
        [name] if RUN_OWN.contains(name) => Nature::Ordinary,
        [name] if name.to_ascii_uppercase().starts_with("ALLOW_") => Nature::RunControl,
        ["STOP" | "state.json"] => Nature::RunControl,
        _ => Nature::RunFiles,
    }
}

fn is_automation(parts: &[&str]) -> bool {
    let joined = parts.join("/").to_ascii_lowercase();
    AUTOMATION.iter().any(|known| {
        joined.match_indices(known).any(|(start, found)| {
            let ends = joined
                .get(start + found.len()..)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            let starts = start == 0 || joined.get(..start).is_some_and(|before| before.ends_with('/'));
            starts && ends
        }) && !joined.contains(".claude/plans/")
    }) || joined.ends_with(".code-workspace")
}

/// What a glob could reach: the names above, held against its components.
pub(crate) fn of_glob(directory: &str, pattern: &str, facts: &Facts) -> Nature {
    let mut parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    // `**/x` is `x` at any depth.
    while parts.first() == Some(&"**") {
        parts.remove(0);
    }
    let Some((first, rest)) = parts.split_first() else { return Nature::Ordinary };
    if matches_everything(first) && first.starts_with('.') {
        return Nature::PerhapsCredential;
    }
    // `*` alone reaches what a listing reaches; only a pattern that is aimed at hidden or secret names counts.
    let aimed = first.chars().any(|c| c.is_ascii_alphanumeric()) || first.starts_with('.');
    let known =
        SECRET_NAMES.iter().chain(SECRET_DIRECTORIES).chain(&[".git", ".leashd", ".leopold", ".claude"]);
    let directory = directory.trim_end_matches('/');
    for name in known.filter(|name| aimed && glob_may_match(first, name)) {
        let whole = match rest {
            [] => format!("{directory}/{name}"),
            rest => format!("{directory}/{name}/{}", rest.join("/")),
        };
        let nature = of_text(&whole, facts);
        if nature != Nature::Ordinary {
            return nature;
        }
    }
    let ending = parts.last().copied().unwrap_or_default();
    let secret_ending = SECRET_ENDINGS.iter().any(|known| ending.to_ascii_lowercase().ends_with(known));
    if secret_ending { Nature::Credential } else { Nature::Ordinary }
}

/// A word of which only pieces are known (`~/.ssh/$key`, `/proc/$PPID/environ`): what it could name.
pub(crate) fn could_name_credential(pieces: &str, facts: &Facts) -> bool {
    let Some(star) = pieces.find('*') else { return false };
    let Some(slash) = pieces.get(..star).and_then(|known| known.rfind('/')) else { return false };
    let (Some(directory), Some(pattern)) = (pieces.get(..slash), pieces.get(slash + 1..)) else {
        return false;
    };
    // Nothing known but the directory could be any file of it: only what every file there is counts.
    let sample = pieces.replace('*', "x");
    of_text(&sample, facts) == Nature::Credential || of_glob(directory, pattern, facts) == Nature::Credential
}

/// Whether a word is worth a closer look: cheap, and says yes to every path that could be a secret by name.
pub(crate) fn looks_secret(word: &str) -> bool {
    if !word.contains(['.', '/', '_']) {
        return false;
    }
    if word.contains("/.") || word.starts_with('.') && !word.starts_with("./") && !word.starts_with("../") {
        return true;
    }
    if ["/etc/", "/run/", "/proc/", "Library/"].iter().any(|start| word.contains(start)) {
        return true;
    }
    let name = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
    // A lone word of letters (`credentials`) is as likely a topic or a branch.
    let lone = word.contains('/') || name.contains('.') || name.contains("id_") || name == "authorized_keys";
    lone && (SECRET_NAMES.contains(&name.as_str())
        || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

/// A word, pattern or not, that names a credential wherever it is used.
pub(crate) fn names_credential(word: &str, facts: &Facts) -> bool {
    let name = word.trim_start_matches("./");
    !name.starts_with('-')
        && (of_text(&format!("/-/{name}"), facts) == Nature::Credential
            || of_glob("/-", name, facts) == Nature::Credential
            || matches!(of_glob("/-", name, facts), Nature::PerhapsCredential))
}

fn is_one_of(part: Component<'_>, names: &[&str]) -> bool {
    part.as_os_str().to_str().is_some_and(|part| names.iter().any(|name| name.eq_ignore_ascii_case(part)))
}

/// The part of `text` below `root`; empty if it is the root itself.
fn below<'a>(text: &'a str, root: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(root.trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn below_name(inner: &str, known: &str) -> bool {
    inner.get(..known.len()).is_some_and(|start| {
        start.eq_ignore_ascii_case(known) && matches!(inner.as_bytes().get(known.len()), None | Some(b'/'))
    })
}

mod git;
pub(crate) use git::is_history;
#[cfg(test)]
mod tests;
