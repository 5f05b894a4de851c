//! The policies that ship with leashd, as the files they are.

const POLICIES: [(&str, &str); 7] = [
    ("default", include_str!("../../../policies/default.yaml")),
    ("strict", include_str!("../../../policies/strict.yaml")),
    ("permissive", include_str!("../../../policies/permissive.yaml")),
    ("dev-tools", include_str!("../../../policies/dev-tools.yaml")),
    ("autonomous", include_str!("../../../policies/autonomous.yaml")),
    ("contained", include_str!("../../../policies/contained.yaml")),
    ("leopold", include_str!("../../../policies/leopold.yaml")),
];

/// The same, as read when leashd was built: without their examples.
const READY: [(&str, &str); 7] = [
    ("default", include_str!(concat!(env!("OUT_DIR"), "/default.json"))),
    ("strict", include_str!(concat!(env!("OUT_DIR"), "/strict.json"))),
    ("permissive", include_str!(concat!(env!("OUT_DIR"), "/permissive.json"))),
    ("dev-tools", include_str!(concat!(env!("OUT_DIR"), "/dev-tools.json"))),
    ("autonomous", include_str!(concat!(env!("OUT_DIR"), "/autonomous.json"))),
    ("contained", include_str!(concat!(env!("OUT_DIR"), "/contained.json"))),
    ("leopold", include_str!(concat!(env!("OUT_DIR"), "/leopold.json"))),
];

/// The names of the policies that ship.
pub const BUILTIN_NAMES: [&str; 7] =
    ["default", "strict", "permissive", "dev-tools", "autonomous", "contained", "leopold"];

/// The text of a policy that ships, by its short name (`default` or `default.yaml`).
#[must_use]
pub fn builtin(name: &str) -> Option<&'static str> {
    find(name).map(|(_, text)| text)
}

pub(crate) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    let short = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name);
    POLICIES.iter().find(|(known, _)| *known == short).copied()
}

/// What was read of the policy of this very name.
pub(crate) fn ready(name: &str) -> Option<&'static str> {
    READY.iter().find(|(known, _)| *known == name).map(|(_, ready)| *ready)
}

#[cfg(test)]
mod tests;
