//! Host sets with a name, so that a person grants "package registries" and not twenty hosts. Public downloads only:
//! whoever may fetch from a host may also send to it, so a set holds no host that anybody can store things on for free
//! unless its name says so.

/// A named set of hosts.
#[derive(Clone, Copy, Debug)]
pub struct HostSet {
    pub name: &'static str,
    /// For people.
    pub about: &'static str,
    pub hosts: &'static [&'static str],
}

/// All of them, in the order they are shown.
pub const HOST_SETS: &[HostSet] = &[
    HostSet {
        name: "package-registries",
        about: "where package managers fetch from: cargo, npm, yarn, pip, go, gem, maven, gradle, nuget, composer, mix, dart, cabal, cocoapods, jsr",
        hosts: &[
            "crates.io",
            "index.crates.io",
            "static.crates.io",
            "registry.npmjs.org",
            "registry.yarnpkg.com",
            "repo.yarnpkg.com",
            "pypi.org",
            "files.pythonhosted.org",
            "proxy.golang.org",
            "sum.golang.org",
            "rubygems.org",
            "index.rubygems.org",
            "repo.maven.apache.org",
            "repo1.maven.org",
            "plugins.gradle.org",
            "plugins-artifacts.gradle.org",
            "api.nuget.org",
            "packagist.org",
            "repo.packagist.org",
            "repo.hex.pm",
            "pub.dev",
            "hackage.haskell.org",
            "cdn.cocoapods.org",
            "jsr.io",
            "npm.jsr.io",
        ],
    },
    HostSet {
        name: "toolchains",
        about: "where toolchains come from: rustup, Node.js, Go, Gradle",
        hosts: &["static.rust-lang.org", "nodejs.org", "go.dev", "services.gradle.org"],
    },
    HostSet {
        name: "github",
        about: "github.com with its API, downloads and SSH over port 443; anybody can store things there",
        hosts: &[
            "github.com",
            "api.github.com",
            "codeload.github.com",
            "uploads.github.com",
            "ssh.github.com:443",
            "*.githubusercontent.com",
        ],
    },
    HostSet {
        name: "gitlab",
        about: "gitlab.com with its API and SSH over port 443; anybody can store things there",
        hosts: &["gitlab.com", "altssh.gitlab.com:443"],
    },
];

/// The set with this name.
#[must_use]
pub fn host_set(name: &str) -> Option<&'static HostSet> {
    HOST_SETS.iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::HOST_SETS;

    #[test]
    fn the_documentation_lists_every_host() {
        let page = include_str!("../../../../docs/network.md");
        for set in HOST_SETS {
            let hosts: Vec<String> = set.hosts.iter().map(|host| format!("`{host}`")).collect();
            let row = format!("| `{}` | {} | {} |", set.name, set.about, hosts.join(", "));
            assert!(page.contains(&row), "docs/network.md needs the line\n{row}");
        }
    }
}
