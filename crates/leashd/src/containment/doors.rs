//! What one permitted shell command gets beyond the tightest profile, from its permit to its report: the hosts its
//! effects name. Decides nothing: the permit did.

use super::network::Network;
use super::questions::Questions;
use leashd_agents::Reply;
use leashd_gate::Permit;
use leashd_proxy::{HostList, Secret};
use leashd_sandbox::{Allowance, Network as Reach, Profile, ShellLauncher};
use leashd_types::{AgentEvent, CallId, Direction, Effect, GitOperation, Host};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// The agent's shell tool.
const SHELL: &str = "Bash";
/// The agent's own tool to fetch a page: its process does, not a command.
const FETCH: &str = "WebFetch";
/// Where a package manager or a toolchain fetches from, when the line does not say.
const CONFIGURED: [&str; 2] = ["package-registries", "toolchains"];
/// Where a remote of git is, when the line does not say.
const REMOTES: [&str; 2] = ["github", "gitlab"];

pub(crate) struct Doors {
    launcher: ShellLauncher,
    tightest: Profile,
    network: Network,
    questions: Questions,
    open: Mutex<BTreeMap<CallId, Open>>,
}

/// Closed when it is dropped and its key taken back.
struct Open {
    _allowance: Allowance,
    key: Secret,
}

impl Doors {
    pub(super) fn new(
        launcher: ShellLauncher,
        tightest: Profile,
        network: Network,
        questions: Questions,
    ) -> Self {
        Self { launcher, tightest, network, questions, open: Mutex::default() }
    }

    /// Calls of leashd's own for the session's loop, given once; [`Doors::answer`] takes their replies.
    pub(crate) fn calls(&self) -> Option<mpsc::Receiver<AgentEvent>> {
        self.questions.calls()
    }

    /// Takes a reply that is not the agent's; any other comes back.
    pub(crate) fn answer(&self, call: &CallId, reply: Reply) -> Option<Reply> {
        let left = self.questions.answer(call, reply);
        if left.is_none() {
            self.network.is_over(call);
        }
        left
    }

    /// Makes room for what was permitted. Where that fails the command runs with less, never with more.
    pub(crate) fn open(&self, permit: &Permit) {
        if permit.tool() == FETCH {
            return self.network.lend(permit.call(), list(&hosts(permit.effects())));
        }
        let command = permit.released().input.get("command").and_then(Value::as_str);
        let Some(command) = command.filter(|_| permit.tool() == SHELL) else { return };
        let hosts = hosts(permit.effects());
        let reach = match (self.network.of_command(), hosts.is_empty()) {
            // Without a namespace a port of the proxy is that port of every host: only who has a permit gets it.
            (Reach::Nothing, true) => return,
            (Reach::Nothing, false) => self.network.of_visitor(),
            // Others are asked about hosts as they come to them.
            (enclosed, _) => enclosed,
        };
        let Some(key) = self.network.admit(permit.call(), list(&hosts)) else { return };
        let mut profile = self.tightest.clone();
        profile.network = reach;
        profile.environment.extend(self.network.variables(&key));
        match self.launcher.allow(command, &profile) {
            Ok(allowance) => {
                self.questions.runs(permit.call(), command);
                let open = Open { _allowance: allowance, key };
                let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(before) = all.insert(permit.call().clone(), open) {
                    self.network.dismiss(&before.key);
                }
            }
            // The same line is running already, with a key of its own.
            Err(_) => self.network.dismiss(&key),
        }
    }

    /// The call is over.
    pub(crate) fn close(&self, call: &CallId) {
        self.network.take_back(call);
        self.questions.is_over(call);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(call);
        if let Some(open) = open {
            self.network.dismiss(&open.key);
        }
    }
}

/// Entries of the list of hosts that these effects grant. None: no network at all.
fn hosts(effects: &[Effect]) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    let git = effects.iter().any(|effect| {
        let operation = match effect {
            Effect::Git { operation, .. } => *operation,
            _ => return false,
        };
        matches!(operation, GitOperation::Fetch | GitOperation::Push | GitOperation::Commit)
    });
    for effect in effects {
        match effect {
            // A name without a dot would be read as a set of hosts, or is this machine.
            Effect::Network { host: Host::Named(name), direction: Direction::Fetch | Direction::Send } => {
                hosts.extend(Some(name).filter(|name| name.contains('.') && !name.contains('*')).cloned());
            }
            Effect::Network {
                host: Host::Configured(_) | Host::Unknown(_),
                direction: Direction::Fetch | Direction::Send,
            } => {
                let sets = if git { &REMOTES } else { &CONFIGURED };
                hosts.extend(sets.iter().map(|&set| set.to_owned()));
            }
            _ => {}
        }
    }
    hosts
}

/// What cannot be written as an entry (this machine, for one) is not granted.
fn list(hosts: &BTreeSet<String>) -> HostList {
    let good = hosts.iter().filter(|host| HostList::parse([host.as_str()]).is_ok());
    HostList::parse(good).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::hosts;
    use leashd_types::{Direction, Effect, Force, GitOperation, Host};

    #[track_caller]
    fn check(effects: &[Effect], expected: &[&str]) {
        assert_eq!(hosts(effects).into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_what_was_permitted_is_opened() {
        let to = |host, direction| Effect::Network { host, direction };
        let named = || Host::Named("example.com".to_owned());
        let git = |operation| Effect::Git { operation, force: Force::Normal, target: None };
        check(&[], &[]);
        check(&[Effect::Secret { what: "x".to_owned() }], &[]);
        check(&[to(named(), Direction::Listen)], &[]);
        check(&[to(named(), Direction::Send)], &["example.com"]);
        for name in ["github", "private", "localhost", "*.com"] {
            check(&[to(Host::Named(name.to_owned()), Direction::Fetch)], &[]);
        }
        let registry = to(Host::Configured("the registry".to_owned()), Direction::Fetch);
        check(std::slice::from_ref(&registry), &["package-registries", "toolchains"]);
        check(&[git(GitOperation::Push), registry.clone()], &["github", "gitlab"]);
        check(&[git(GitOperation::Read), registry], &["package-registries", "toolchains"]);
    }
}
