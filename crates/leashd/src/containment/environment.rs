//! Who the agent is to the model API, read from the variables it would get: a key that leashd keeps, or a login that only
//! the agent can use. Reaches nothing.

use leashd_proxy::{Credential, Secret};
use std::ffi::OsString;

/// The model API where nothing else is said.
const VENDOR: &str = "https://api.anthropic.com";

/// In the order in which Claude Code looks at them.
const KEYS: [&str; 3] = ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"];
/// Clouds sign each request with credentials of their own.
const CLOUDS: [&str; 3] = ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"];
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// Ends the name of a variable that is a key for something else: to administer the account, for one.
const SECRETS: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// Headers for every request, `Name: value`, one on a line.
pub(super) const HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";

const UNPROXIED: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// What containment has to know of the environment.
#[derive(Clone, Debug)]
pub(super) struct Variables {
    pub(super) base_url: String,
    pub(super) more_authorities: Option<OsString>,
    pub(super) login: Login,
    /// Headers for every request to the model, which a gateway may take for a key.
    pub(super) headers: Option<Secret>,
}

#[derive(Clone, Debug)]
pub(super) enum Login {
    /// In this variable; stays with leashd.
    Key { variable: &'static str, credential: Credential },
    /// In a file that the agent reads and renews.
    File,
}

impl Variables {
    /// Fails where a contained agent could not reach its model.
    pub(super) fn read(environment: &[(OsString, OsString)]) -> Result<Self, String> {
        let value = |wanted: &str| {
            let found = environment.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value);
            found.filter(|value| !value.is_empty() && *value != "0")
        };
        if let Some(cloud) = CLOUDS.iter().find(|name| value(name).is_some()) {
            return Err(format!("{cloud} is set, and its requests cannot pass through leashd"));
        }
        if let Some(proxy) = PROXIES.iter().find(|name| value(name).is_some()) {
            return Err(format!("{proxy} is set, and leashd cannot reach the model through another proxy"));
        }
        let text = |name: &str| value(name).and_then(|value| value.to_str()).map(str::to_owned);
        let login = KEYS.iter().find_map(|&variable| {
            let secret = Secret::new(text(variable)?);
            let credential = match variable {
                "ANTHROPIC_API_KEY" => Credential::ApiKey(secret),
                _ => Credential::Bearer(secret),
            };
            Some(Login::Key { variable, credential })
        });
        Ok(Self {
            base_url: text("ANTHROPIC_BASE_URL").unwrap_or_else(|| VENDOR.to_owned()),
            more_authorities: value("NODE_EXTRA_CA_CERTS").cloned(),
            login: login.unwrap_or(Login::File),
            headers: text(HEADERS).map(Secret::new),
        })
    }

    /// True for a variable the agent must not have behind the walls.
    pub(super) fn is_kept_back(name: &str) -> bool {
        KEYS.contains(&name)
            || PROXIES.contains(&name)
            || UNPROXIED.contains(&name)
            || name == "ANTHROPIC_BASE_URL"
            || name == HEADERS
            || name == "TMPDIR"
            || (name.starts_with("ANTHROPIC_") && SECRETS.iter().any(|end| name.ends_with(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Login, Variables};

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &str) {
        let environment: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let found = match Variables::read(&environment) {
            Ok(Variables { login: Login::Key { variable, .. }, base_url, .. }) => {
                format!("{variable} {base_url}")
            }
            Ok(Variables { login: Login::File, base_url, .. }) => format!("file {base_url}"),
            Err(why) => why,
        };
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        check(&[("ANTHROPIC_API_KEY", "k")], "ANTHROPIC_API_KEY https://api.anthropic.com");
        check(
            &[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_AUTH_TOKEN", "t"), ("ANTHROPIC_BASE_URL", "http://x")],
            "ANTHROPIC_AUTH_TOKEN http://x",
        );
        check(&[("CLAUDE_CODE_OAUTH_TOKEN", "t")], "CLAUDE_CODE_OAUTH_TOKEN");
        check(&[("ANTHROPIC_API_KEY", "")], "file");
    }

    #[test]
    fn no_other_key_of_the_vendors_passes_the_walls() {
        for name in [
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_ADMIN_KEY",
            "ANTHROPIC_FOUNDRY_API_KEY",
            "ANTHROPIC_CUSTOM_HEADERS",
            "https_proxy",
        ] {
            assert!(Variables::is_kept_back(name), "{name}");
        }
        for name in ["ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL", "PATH", "SSL_CERT_FILE"] {
            assert!(!Variables::is_kept_back(name), "{name}");
        }
    }

    #[test]
    fn what_could_not_reach_its_model_is_said() {
        check(&[("CLAUDE_CODE_USE_BEDROCK", "1")], "CLAUDE_CODE_USE_BEDROCK is set");
        check(&[("CLAUDE_CODE_USE_BEDROCK", "0")], "file");
        check(&[("https_proxy", "http://x")], "https_proxy is set");
    }
}
