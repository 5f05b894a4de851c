//! The toolchains a person has below the home directory: what of them is seen, and where their caches are.
//!
//! A cache is code that runs later: `~/.cargo/registry/src` is compiled without being checked again, a wheel in pip's
//! cache is installed, a build cache is linked. Who may write the person's cache may therefore run code as the person
//! the next time *they* build. So by default the person's toolchains are read-only and caches go to a directory of
//! the workspace ([`Caches::Private`]), at the price of one more download. [`Caches::Shared`] opens the listed cache
//! directories, never the programs beside them (`~/.cargo/bin`, `~/.cargo/config.toml`).

use super::{Access, Request, Tree, if_there};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What happens to the caches of toolchains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caches {
    /// Read the person's, write to a directory of the workspace.
    #[default]
    Private,
    /// Write the person's own.
    Shared,
    /// Read the person's, write none.
    ReadOnly,
}

/// A variable that moves a cache to a private directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    pub name: Cow<'static, str>,
    /// Below the cache directory of the workspace.
    pub directory: Cow<'static, str>,
}

/// Part of a path below the home directory.
type Below = Cow<'static, str>;

/// One named toolchain. Paths are below the home directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    pub name: Cow<'static, str>,
    /// Read and run.
    pub run: Cow<'static, [Below]>,
    /// Read, never run.
    pub read: Cow<'static, [Below]>,
    /// Written with [`Caches::Shared`], else read.
    pub caches: Cow<'static, [Below]>,
    /// Set with [`Caches::Private`].
    pub variables: Cow<'static, [Variable]>,
}

const fn variable(name: &'static str, directory: &'static str) -> Variable {
    Variable { name: Cow::Borrowed(name), directory: Cow::Borrowed(directory) }
}

macro_rules! below {
    ($($path:literal),* $(,)?) => { Cow::Borrowed(const { &[$(Cow::Borrowed($path)),*] }) };
}

macro_rules! variables {
    ($($name:literal: $directory:literal),* $(,)?) => {
        Cow::Borrowed(const { &[$(variable($name, $directory)),*] })
    };
}

/// The built-in set.
pub const TOOLCHAINS: &[Toolchain] = &[
    Toolchain {
        name: Cow::Borrowed("git"),
        run: below![],
        read: below![".gitconfig", ".config/git/config", ".config/git/ignore", ".config/git/attributes"],
        caches: below![],
        variables: variables![],
    },
    Toolchain {
        name: Cow::Borrowed("rust"),
        run: below![".cargo/bin", ".rustup"],
        read: below![".cargo/config.toml", ".cargo/config", ".cargo/env"],
        caches: below![".cargo/registry", ".cargo/git"],
        variables: variables!["CARGO_HOME": "cargo"],
    },
    Toolchain {
        name: Cow::Borrowed("node"),
        run: below![
            ".nvm",
            ".fnm",
            ".local/share/fnm",
            ".volta",
            ".bun/bin",
            ".deno/bin",
            ".local/share/pnpm",
            ".npm-global",
            ".n",
        ],
        read: below![],
        caches: below![".npm/_cacache", ".cache/yarn", ".cache/pnpm", ".cache/node", ".bun/install/cache"],
        variables: variables![
            "npm_config_cache": "npm",
            "YARN_CACHE_FOLDER": "yarn",
            "npm_config_store_dir": "pnpm-store",
            "BUN_INSTALL_CACHE_DIR": "bun",
            "DENO_DIR": "deno",
            "COREPACK_HOME": "corepack",
        ],
    },
    Toolchain {
        name: Cow::Borrowed("python"),
        run: below![
            ".pyenv",
            ".local/bin",
            ".local/lib",
            ".local/share/uv",
            ".local/share/pipx",
            ".local/pipx",
            "miniconda3",
            "anaconda3",
            "miniforge3",
        ],
        read: below![],
        caches: below![".cache/pip", ".cache/uv", ".cache/pypoetry", ".cache/pre-commit"],
        variables: variables![
            "PIP_CACHE_DIR": "pip",
            "UV_CACHE_DIR": "uv",
            "POETRY_CACHE_DIR": "poetry",
            "PRE_COMMIT_HOME": "pre-commit",
            "PYTHONPYCACHEPREFIX": "pycache",
        ],
    },
    Toolchain {
        name: Cow::Borrowed("go"),
        run: below!["go/bin", "sdk", ".local/go"],
        read: below![],
        caches: below!["go/pkg/mod", ".cache/go-build"],
        variables: variables!["GOMODCACHE": "go-mod", "GOCACHE": "go-build"],
    },
    Toolchain {
        name: Cow::Borrowed("java"),
        run: below![".sdkman", ".jdks", ".gradle/wrapper/dists"],
        read: below![],
        caches: below![".m2/repository", ".gradle/caches"],
        variables: variables!["GRADLE_USER_HOME": "gradle"],
    },
    Toolchain {
        name: Cow::Borrowed("ruby"),
        run: below![".rbenv", ".rvm", ".local/share/gem", ".gem/ruby"],
        read: below![],
        caches: below![".bundle/cache"],
        variables: variables!["BUNDLE_USER_CACHE": "bundle"],
    },
    Toolchain {
        name: Cow::Borrowed("version-managers"),
        run: below![".asdf", ".local/share/mise", ".proto", ".nix-profile", ".local/state/nix"],
        read: below![".config/mise", ".tool-versions"],
        caches: below![],
        variables: variables![],
    },
];

pub(super) fn add(
    request: &Request<'_>,
    trees: &mut Vec<Tree>,
    environment: &mut BTreeMap<String, String>,
    make: &mut Vec<PathBuf>,
) {
    for toolchain in request.toolchains {
        let what = format!("toolchain {}", toolchain.name);
        let at = |path: &Below| request.home.join(path.as_ref());
        trees.extend(toolchain.run.iter().map(|path| if_there(at(path), Access::Run, &what)));
        trees.extend(toolchain.read.iter().map(|path| if_there(at(path), Access::Read, &what)));
        let cache = match request.caches {
            Caches::Shared => Access::Write,
            Caches::Private | Caches::ReadOnly => Access::Run,
        };
        let what = format!("cache {}", toolchain.name);
        trees.extend(toolchain.caches.iter().map(|path| if_there(at(path), cache, &what)));
        if request.caches == Caches::Private {
            for variable in toolchain.variables.iter() {
                let directory = request.cache_directory.join(variable.directory.as_ref());
                environment.insert(variable.name.clone().into_owned(), directory.display().to_string());
            }
        }
    }
    if request.caches == Caches::Private {
        make.push(request.cache_directory.to_owned());
        trees.push(super::tree(request.cache_directory, Access::Write, "private caches"));
    }
}
