//! Which paths are what.

use super::{Nature, nature};
use crate::places::locate;
use crate::testing::{facts, resolved};
use leashd_types::{PathFact, PathKind, PathText, Recovery};

fn check(path: &PathText, expected: Nature) {
    let mut facts = facts();
    let asked = crate::places::question(path).unwrap().to_owned();
    let real = resolved(&asked);
    facts.paths.insert(asked, PathFact::Resolved { real, kind: PathKind::File, recovery: Recovery::Unknown });
    assert_eq!(nature(&locate(path, &facts), &facts), expected, "{path:?}");
}

/// The nature, then the paths that have it.
const NATURES: [(Nature, &str); 10] = [
    (
        Nature::Credential,
        "/p/.env /p/.env.local /p/a/.env.production /h/.ssh/id_rsa /h/.ssh/config /h/.ssh \
     /home/other/.aws/credentials /root/.ssh/x /h/.npmrc /h/.config/gh/hosts.yml /p/server.pem \
     /p/tls.key /etc/shadow /proc/1/environ /proc/self/environ /h/.kube/config /h/.netrc \
     /h/.docker/config.json /p/config/secrets.yml /h/.ssh/authorized_keys /h/.leashd/config.yaml \
     /p/.ENV /p/credentials.json",
    ),
    (
        Nature::Ordinary,
        "/p/.env.example /p/.env.sample /p/docs/credentials.md /p/docs/secrets.md /h/.ssh/id_rsa.pub \
     /h/.ssh/known_hosts /etc/ssl/certs/a.pem /p/src/key.rs /p/.npmrc /p/environment.ts /p/.bashrc \
     /p/.claude/plans/x.md /p/.leopold/PLAN.md /p/.gitignore /p/.github/CODEOWNERS /p/keyboard.key.md",
    ),
    (Nature::Startup, "/h/.bashrc /h/.config/fish/config.fish /home/other/.profile /h/.gitconfig"),
    (
        Nature::GitControl,
        "/p/.git/hooks/pre-commit /p/.git/config /p/sub/.git/hooks /p/.GIT/config \
     /p/.git/modules/x/hooks/post-checkout /p/.git/info/attributes",
    ),
    (Nature::GitInternal, "/p/.git /p/.git/HEAD /p/.git/refs/heads/main"),
    (Nature::AgentSettings, "/p/.claude/settings.json /p/.claude/settings.local.json /p/.claude/hooks/x.sh"),
    (Nature::Leashd, "/p/.leashd/audit.jsonl /p/.leashd"),
    (Nature::RunControl, "/p/.leopold/ALLOW_GIT /p/.leopold/STOP /p/.leopold/state.json"),
    (Nature::RunFiles, "/p/.leopold /p/.leopold/events.jsonl /p/.leopold/GUARDRAILS.md"),
    (
        Nature::Automation,
        "/p/.github/workflows/ci.yml /p/.envrc /p/.vscode/tasks.json /p/.mcp.json /p/.husky/pre-push \
     /p/Jenkinsfile /p/x.code-workspace /p/.claude/agents/x.md",
    ),
];

#[test]
fn names_and_places_say_what_a_file_is() {
    for (expected, paths) in NATURES {
        for path in paths.split(' ') {
            check(&PathText::Exact(path.to_owned()), expected);
        }
    }
}

#[test]
fn a_glob_is_what_it_could_reach() {
    let glob = |directory: &str, pattern: &str| PathText::Glob {
        directory: directory.to_owned(),
        pattern: pattern.to_owned(),
    };
    for (directory, pattern) in
        [("/p", ".en?"), ("/p", ".e*"), ("/h", ".ssh*/*"), ("/h/.ssh", "*"), ("/p", "*.pem"), ("/p", "id_r*")]
    {
        check(&glob(directory, pattern), Nature::Credential);
    }
    check(&glob("/p", ".gi[t]"), Nature::GitInternal);
    check(&glob("/p", ".*"), Nature::PerhapsCredential);
    check(&glob("/p", ".leo*"), Nature::RunFiles);
    for (directory, pattern) in [("/p", "*.rs"), ("/p", "src/*"), ("/p", "*"), ("/p", "doc?")] {
        check(&glob(directory, pattern), Nature::Ordinary);
    }
}
