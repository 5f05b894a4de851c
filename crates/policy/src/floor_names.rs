//! The hard floor by name, for people. The floor itself is code; a test holds this list against that code.

/// Every rule of the floor and the boundary, with what it is about. No rule, grant, person or AI overrides one.
pub const FLOOR: &[(&str, &str)] = &[
    ("agent-settings", "changing the settings that carry the gate"),
    ("credentials", "reading, writing, deleting or running a file that holds credentials"),
    ("delete-outside", "a recursive delete outside the approved directories"),
    ("devices", "writing to a device"),
    ("disks", "overwriting or removing a disk, volume or pool"),
    ("drop-database", "dropping or truncating tables and databases"),
    ("force-push", "a forced push in any spelling, `--force-with-lease` included"),
    ("fork-bomb", "starting processes without end"),
    ("git-control", "changing what git runs: hooks, its configuration"),
    ("git-directory", "deleting the history of a project"),
    ("git-lock", "committing or pushing in an unattended run without the grant"),
    ("leashd-command", "telling leashd what only a person may tell it"),
    ("leashd-files", "changing files of leashd"),
    ("pipe-to-shell", "running bytes nobody has read"),
    ("privilege", "getting another user's rights"),
    ("protected-path", "leashd's own state, its audit log and its program"),
    ("rewrite-history", "rewriting history for good"),
    ("run-control", "changing what a person uses to steer an unattended run"),
    ("secrets", "printing or sending secrets"),
    ("shutdown", "stopping the machine"),
    ("startup-files", "changing what runs by itself at the next start"),
    ("whole-tree", "deleting or re-owning the root, a home or a project as a whole"),
    ("world-writable", "making anything writable for everybody"),
];

#[cfg(test)]
mod tests {
    use super::FLOOR;
    use std::collections::BTreeSet;

    const CODE: [&str; 5] = [
        include_str!("floor/code.rs"),
        include_str!("floor/files.rs"),
        include_str!("floor/git.rs"),
        include_str!("floor/machine.rs"),
        include_str!("lock.rs"),
    ];

    #[test]
    fn the_list_is_the_code() {
        let listed: BTreeSet<&str> = FLOOR.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed.len(), FLOOR.len());
        for name in &listed {
            let quoted = format!("\"{name}\"");
            assert!(CODE.iter().any(|text| text.contains(&quoted)), "{name} is not in the code");
        }
        for text in CODE {
            for call in text.split("Opinion::floor(").skip(1) {
                // A name that is not written out here is written out in the table above the call.
                let first = call.trim_start();
                let Some(name) = first.strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                    continue;
                };
                assert!(listed.contains(name), "{name} is not in the list");
            }
        }
        for line in include_str!("floor/machine.rs").lines().filter(|line| line.contains("=> (\"")) {
            let name = line.split('"').nth(1).unwrap();
            assert!(listed.contains(name), "{name} is not in the list");
        }
    }
}
