//! Profiles as values: who may touch what, and what is refused.

use super::*;

struct Bench {
    session: SessionPlaces,
    approved: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    capabilities: Capabilities,
    caches: Caches,
}

fn bench() -> Bench {
    let below = |name: &str| PathBuf::from("/home/you/.leashd/sessions/1").join(name);
    Bench {
        session: SessionPlaces {
            temporary: "/tmp/leashd-1".into(),
            config: Some("/home/you/.local/state/leashd/1/config".into()),
            private: Some(below("private")),
            program: vec!["/opt/agent".into()],
            credential: Some("/home/you/.claude/.credentials.json".into()),
        },
        approved: vec!["/home/you/src/app".into()],
        hidden: vec!["/home/you/.leashd".into(), "/home/you/.claude/.credentials.json".into()],
        capabilities: Capabilities::default(),
        caches: Caches::Private,
    }
}

impl Bench {
    fn build(&self, domain: Domain) -> Result<Profile, Refused> {
        Profile::build(&Request {
            domain,
            approved: &self.approved,
            session: &self.session,
            home: Path::new("/home/you"),
            toolchains: TOOLCHAINS,
            caches: self.caches,
            cache_directory: Path::new("/home/you/.cache/leashd/app"),
            hidden: &self.hidden,
            capabilities: &self.capabilities,
            limits: Limits::default(),
        })
    }
}

/// The strongest access that `profile` gives to `path`.
fn access(profile: &Profile, path: &str) -> Option<Access> {
    let above = profile.trees.iter().filter(|tree| Path::new(path).starts_with(&tree.path));
    above.map(|tree| tree.access).max()
}

#[track_caller]
fn check(profile: &Profile, cases: &[(&str, Option<Access>)]) {
    for (path, expected) in cases {
        assert_eq!(access(profile, path), *expected, "{path} in {:?}", profile.domain);
    }
}

#[test]
fn each_domain_has_its_own_trees() {
    use Access::{Read, Run, Write};
    let bench = bench();
    let everywhere = [
        ("/usr/bin/git", Some(Run)),
        ("/etc/shadow", None),
        ("/etc/ssh/ssh_host_ed25519_key", None),
        ("/etc/ssl/private/key.pem", None),
        ("/home/you/.ssh/id_ed25519", None),
        ("/home/you/.bashrc", None),
        ("/home/other/x", None),
        ("/home/you/.cargo/bin/cargo", Some(Run)),
        ("/home/you/.cargo/registry/src/x", Some(Run)),
        ("/home/you/.cargo/credentials.toml", None),
        ("/home/you/.npmrc", None),
        ("/tmp/other", None),
        ("/tmp/leashd-1/x", Some(Write)),
        ("/home/you/.leashd/audit.jsonl", None),
        ("/home/you/.cache/leashd/app/cargo", Some(Write)),
    ];
    for domain in [Domain::Outer, Domain::Inner, Domain::Mcp] {
        check(&bench.build(domain).unwrap(), &everywhere);
    }
    let config = "/home/you/.local/state/leashd/1/config/settings.json";
    let snapshot = "/home/you/.local/state/leashd/1/config/shell-snapshots/s.sh";
    let private = "/home/you/.leashd/sessions/1/private/mcp.json";
    let login = "/home/you/.claude/.credentials.json";
    let project = "/home/you/src/app/README.md";
    check(
        &bench.build(Domain::Outer).unwrap(),
        &[
            (config, Some(Write)),
            (snapshot, Some(Write)),
            (private, Some(Run)),
            (login, Some(Read)),
            (project, Some(Write)),
        ],
    );
    check(
        &bench.build(Domain::Inner).unwrap(),
        &[(config, None), (snapshot, Some(Read)), (private, None), (login, None), (project, Some(Write))],
    );
    check(
        &bench.build(Domain::Mcp).unwrap(),
        &[(config, None), (snapshot, None), (private, None), (login, None), (project, Some(Run))],
    );
}

#[test]
fn shared_caches_open_caches_and_nothing_that_starts_by_itself() {
    let mut bench = bench();
    bench.caches = Caches::Shared;
    let profile = bench.build(Domain::Inner).unwrap();
    check(
        &profile,
        &[
            ("/home/you/.cargo/registry/cache/x", Some(Access::Write)),
            ("/home/you/.cargo/bin/cargo", Some(Access::Run)),
            ("/home/you/.cargo/config.toml", Some(Access::Read)),
            ("/home/you/.local/bin/pip", Some(Access::Run)),
        ],
    );
    assert!(!profile.environment.contains_key("CARGO_HOME"));
    bench.caches = Caches::ReadOnly;
    let profile = bench.build(Domain::Inner).unwrap();
    check(&profile, &[("/home/you/.cargo/registry/cache/x", Some(Access::Run))]);
    assert!(profile.make.is_empty());
}

#[test]
fn no_cache_of_the_built_in_set_holds_programs_of_another() {
    for cache in TOOLCHAINS.iter().flat_map(|toolchain| toolchain.caches.iter()) {
        for program in TOOLCHAINS.iter().flat_map(|toolchain| toolchain.run.iter()) {
            assert!(!Path::new(program.as_ref()).starts_with(cache.as_ref()), "{cache} holds {program}");
        }
    }
}

#[test]
fn what_contains_something_hidden_is_refused() {
    for wide in ["/", "/home", "/home/you", "/home/you/.config", "/home/you/.leashd"] {
        let mut bench = bench();
        bench.approved = vec![wide.into()];
        assert!(matches!(bench.build(Domain::Inner), Err(Refused::ContainsHidden { .. })), "{wide}");
    }
    for granted in ["/home/you/.ssh", "/home/you/.ssh/config", "/home/you/.leashd/sessions"] {
        let mut bench = bench();
        bench.capabilities.read = vec![granted.into()];
        assert!(matches!(bench.build(Domain::Inner), Err(Refused::ContainsHidden { .. })), "{granted}");
    }
    for wrong in ["relative", "/home/you/src/../../you"] {
        let mut bench = bench();
        bench.approved = vec![wrong.into()];
        assert!(matches!(bench.build(Domain::Inner), Err(Refused::NotAbsolute(_))), "{wrong}");
    }
}

#[test]
fn nothing_but_a_grant_opens_the_network() {
    let mut bench = bench();
    assert_eq!(bench.build(Domain::Inner).unwrap().network, Network::Nothing);
    bench.capabilities.network = Network::Ports([8080].into());
    assert_eq!(bench.build(Domain::Inner).unwrap().network, Network::Ports([8080].into()));
}

#[test]
fn the_orders_of_git_are_guarded_in_each_project() {
    let mut bench = bench();
    bench.approved.push("/srv/other".into());
    let guarded = bench.build(Domain::Inner).unwrap().guarded;
    for path in ["/home/you/src/app/.git/config", "/srv/other/.git/hooks"] {
        assert!(guarded.iter().any(|guarded| guarded == Path::new(path)), "{path}");
    }
    // In the domain that cannot write the project there is nothing to guard.
    assert!(bench.build(Domain::Mcp).unwrap().guarded.is_empty());
}
