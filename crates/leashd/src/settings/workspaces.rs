//! Workspaces: repositories that belong together, by name. Read from a file of the person's; what is read is approved, so
//! the file lies where no agent can write.

use super::{Settings, expand_tilde, read_file};
use crate::failure::Failure;
use leashd_types::visible;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const FILES: [&str; 2] = ["workspaces.yaml", "workspaces.yml"];
/// Below the root the settings name.
pub(super) const DIRECTORY: &str = ".leashd";
/// Bytes of the file.
const BYTES_MAX: u64 = 1 << 20;
/// Characters of a name.
const NAME_MAX: usize = 64;
/// Written first; what stands before the first workspace is kept.
const HEADER: &str = "# Managed by `leashd ws`. The directories named here are approved.\n";

/// One workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Absolute, the first is where a session starts. As written, whether or not they are there.
    pub(crate) directories: Vec<PathBuf>,
}

/// All workspaces, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workspaces {
    pub(crate) file: PathBuf,
    list: Vec<Workspace>,
    /// Directories of all of them that are there.
    present: Vec<PathBuf>,
    /// What stands in the file before the first workspace.
    header: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    workspaces: Option<BTreeMap<String, WrittenOne>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOne {
    #[serde(default)]
    directories: Vec<String>,
    description: Option<String>,
}

impl Workspaces {
    /// Reads the file the settings name. A missing file is no workspaces.
    pub(crate) fn load(settings: &Settings) -> Result<Self, Failure> {
        let directory = match &settings.workspace_root {
            Some(root) => root.join(DIRECTORY),
            None => settings.home.clone(),
        };
        for name in FILES {
            let file = directory.join(name);
            if let Some(text) = read_file(&file, BYTES_MAX)? {
                ours_alone(&file)?;
                return Self::parse(file, &text.text, &settings.user_home);
            }
        }
        let [name, _] = FILES;
        Ok(Self { file: directory.join(name), header: HEADER.to_owned(), ..Self::default() })
    }

    fn parse(file: PathBuf, text: &str, user_home: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::usage(format!("{}: {}", file.display(), visible(&what)));
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let written = if text.lines().all(blank) {
            Written { workspaces: None }
        } else {
            serde_saphyr::from_str::<Written>(text).map_err(|error| {
                wrong(error.without_snippet().to_string()).hint(
                    "the file has `workspaces:`, below it names, below each `directories:` and `description:`",
                )
            })?
        };
        let mut list = Vec::new();
        for (name, one) in written.workspaces.unwrap_or_default() {
            check_name(&name)?;
            let mut workspace = Workspace { name, description: one.description, directories: Vec::new() };
            for item in &one.directories {
                let path = expand_tilde(item, user_home);
                if !path.is_absolute() {
                    return Err(wrong(format!(
                        "{} names {item:?}, which is not an absolute path",
                        workspace.name
                    )));
                }
                workspace.directories.push(path);
            }
            list.push(workspace);
        }
        let header = text.split_inclusive('\n').take_while(|line| blank(line)).collect();
        let mut all = Self { file, list, present: Vec::new(), header };
        all.look();
        Ok(all)
    }

    pub(crate) fn list(&self) -> &[Workspace] {
        &self.list
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Workspace> {
        self.list.iter().find(|workspace| workspace.name == name)
    }

    /// Directories of all workspaces that are there. One that is missing is no reason to start nothing.
    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.present
    }

    /// Adds directories to a workspace, which is made if there is none.
    pub(crate) fn add(
        &mut self,
        name: &str,
        directories: &[PathBuf],
        description: Option<&str>,
    ) -> Result<(), Failure> {
        check_name(name)?;
        if self.find(name).is_none() {
            self.list.push(Workspace { name: name.to_owned(), ..Workspace::default() });
            self.list.sort_by(|left, right| left.name.cmp(&right.name));
        }
        for workspace in self.list.iter_mut().filter(|workspace| workspace.name == name) {
            for directory in directories {
                if !workspace.directories.contains(directory) {
                    workspace.directories.push(directory.clone());
                }
            }
            if let Some(description) = description {
                workspace.description = Some(description.to_owned());
            }
        }
        self.look();
        Ok(())
    }

    /// Removes directories from a workspace, or with none named the workspace. One without directories goes too.
    pub(crate) fn remove(&mut self, name: &str, directories: &[PathBuf]) -> Result<(), Failure> {
        let Some(workspace) = self.list.iter_mut().find(|workspace| workspace.name == name) else {
            return Err(self.none_called(name));
        };
        for directory in directories {
            let before = workspace.directories.len();
            workspace.directories.retain(|known| known != directory);
            if workspace.directories.len() == before {
                return Err(Failure::failed(format!(
                    "{} is not in the workspace {name}",
                    directory.display()
                ))
                .hint(format!("`leashd ws show {name}` lists its directories")));
            }
        }
        if directories.is_empty() || workspace.directories.is_empty() {
            self.list.retain(|workspace| workspace.name != name);
        }
        self.look();
        Ok(())
    }

    pub(crate) fn none_called(&self, name: &str) -> Failure {
        let known: Vec<&str> = self.list.iter().map(|workspace| workspace.name.as_str()).collect();
        let hint = match known.as_slice() {
            [] => "`leashd ws add NAME DIR…` makes one".to_owned(),
            known => format!("there are {}", known.join(", ")),
        };
        Failure::failed(format!("there is no workspace {}", visible(name))).hint(hint)
    }

    /// The file's text.
    pub(crate) fn text(&self) -> String {
        let quoted = |text: &str| Json::from(text).to_string();
        let mut out = self.header.clone();
        out.push_str(if self.list.is_empty() { "workspaces: {}\n" } else { "workspaces:\n" });
        for workspace in &self.list {
            // Writing to a text cannot fail.
            let _infallible = writeln!(out, "  {}:", quoted(&workspace.name));
            if let Some(description) = &workspace.description {
                let _infallible = writeln!(out, "    description: {}", quoted(description));
            }
            let _infallible = writeln!(out, "    directories:");
            for directory in &workspace.directories {
                let _infallible = writeln!(out, "      - {}", quoted(&directory.to_string_lossy()));
            }
        }
        out
    }

    fn look(&mut self) {
        let mut present: Vec<PathBuf> = Vec::new();
        for directory in self.list.iter().flat_map(|workspace| &workspace.directories) {
            if directory.is_dir() && !present.contains(directory) {
                present.push(directory.clone());
            }
        }
        self.present = present;
    }
}

impl Workspace {
    /// What the agent is told about the workspace it works in.
    pub(crate) fn paragraph(&self) -> String {
        let mut out = format!("You work in the workspace \"{}\"", visible(&self.name));
        match &self.description {
            Some(description) => {
                let _infallible = write!(out, ": {}.", visible(description.trim_end_matches('.')));
            }
            None => out.push('.'),
        }
        out.push_str(" It spans these directories, all of which you may read and change:\n");
        for directory in self.directories.iter().filter(|directory| directory.is_dir()) {
            let _infallible = writeln!(out, "- {}", visible(&directory.to_string_lossy()));
        }
        out.push_str("A task may concern several of them; name the directory when you speak of a file.\n");
        out
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts = name.starts_with(char::is_alphanumeric);
    if starts && name.chars().count() <= NAME_MAX && name.chars().all(plain) {
        return Ok(());
    }
    Err(Failure::usage(format!("{:?} is no name for a workspace", visible(name)))
        .hint(format!("use letters, digits, `-`, `_` and `.`, at most {NAME_MAX}")))
}

/// Who may write the file approves directories.
fn ours_alone(file: &Path) -> Result<(), Failure> {
    let found = std::fs::metadata(file)?;
    let ours = found.uid() == rustix::process::geteuid().as_raw() || found.uid() == 0;
    if ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Failure::failed(format!("{} can be written by others", file.display()))
        .hint(format!("chown it to yourself and run: chmod 600 '{}'", file.display())))
}

#[cfg(test)]
mod tests {
    use super::Workspaces;
    use std::path::{Path, PathBuf};

    fn parse(text: &str) -> Result<Workspaces, String> {
        Workspaces::parse(PathBuf::from("w.yaml"), text, Path::new("/home/you"))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut all = parse("# mine\nworkspaces:\n  b:\n    directories: [~/x]\n").unwrap();
        all.add("a", &["/tmp".into(), "/".into()], Some("say \"hi\": # no comment")).unwrap();
        all.add("a", &["/tmp".into(), "/usr".into()], None).unwrap();
        let again = parse(&all.text()).unwrap();
        assert_eq!(again.list(), all.list());
        let a = again.find("a").unwrap();
        assert_eq!(a.directories, ["/tmp", "/", "/usr"].map(PathBuf::from));
        assert_eq!(again.find("b").unwrap().directories, [PathBuf::from("/home/you/x")]);
        assert!(all.text().starts_with("# mine\nworkspaces:"));
        // Those that are not there are kept and not approved.
        assert_eq!(again.directories(), ["/tmp", "/", "/usr"].map(PathBuf::from));
    }

    #[test]
    fn a_workspace_goes_with_its_last_directory() {
        let mut all = parse("workspaces:\n  a:\n    directories: [/x, /y]\n").unwrap();
        assert!(all.remove("a", &["/z".into()]).is_err() && all.remove("b", &[]).is_err());
        all.remove("a", &["/x".into()]).unwrap();
        assert_eq!(all.find("a").unwrap().directories, [PathBuf::from("/y")]);
        all.remove("a", &["/y".into()]).unwrap();
        assert!(all.list().is_empty() && parse(&all.text()).unwrap().list().is_empty());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, part) in [
            ("workspaces:\n  a:\n    dirs: [/x]\n", "dirs"),
            ("workspaces:\n  a:\n    directories: [x]\n", "not an absolute path"),
            ("workspaces:\n  \"a b\":\n    directories: [/x]\n", "no name for a workspace"),
            ("work: {}\n", "work"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn the_agent_is_told_what_belongs_together() {
        let mut all = parse("").unwrap();
        all.add("web", &["/tmp".into(), "/nowhere/at/all".into()], Some("shop\u{1b}[2J")).unwrap();
        let said = all.find("web").unwrap().paragraph();
        assert!(said.contains("\"web\"") && said.contains("- /tmp\n"), "{said}");
        assert!(!said.contains("nowhere") && !said.contains('\u{1b}'), "{said}");
    }
}
