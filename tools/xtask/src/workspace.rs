//! The checkout: where it is, which packages it has, and how its tools are called.
//!
//! Inputs -> outputs: the environment -> a root folder; `cargo metadata` -> packages.
//! Invariants: every child process runs in the root folder, and is printed before it starts.
//! Not here: what any rule or step makes of it.

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, TargetKind};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
}

/// One package of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root, with forward slashes.
    pub(crate) folder: String,
    pub(crate) roots: Vec<CrateRoot>,
    pub(crate) dependencies: Vec<Dependency>,
}

impl Package {
    /// True if it has a library.
    pub(crate) fn has_library(&self) -> bool {
        self.roots.iter().any(|root| root.kind == RootKind::Library)
    }
}

/// The first file of a library or binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrateRoot {
    /// Relative to the workspace's root.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) kind: RootKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RootKind {
    Library,
    Binary,
}

/// An arrow from one package to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Arrow,
}

/// Which builds an arrow belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrow {
    /// The crate itself, or its build script.
    Normal,
    /// Its tests, examples and benches only.
    Dev,
}

impl Workspace {
    /// Finds the checkout that this was started for.
    ///
    /// # Errors
    /// If neither cargo nor the current folder says where it is.
    pub(crate) fn find() -> Result<Self> {
        let from_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let start = match from_cargo {
            Some(folder) => folder,
            None => std::env::current_dir().context("the current folder cannot be read")?,
        };
        let root = start.ancestors().find(|folder| is_root(folder));
        let Some(root) = root else {
            bail!(
                "no Cargo.toml with [workspace] in {} or above: run it inside the checkout",
                start.display()
            );
        };
        Ok(Self { root: root.to_owned() })
    }

    /// A cargo of the same toolchain, in the root folder.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.tool(cargo);
        command.args(args);
        command
    }

    /// Any other program, in the root folder.
    pub(crate) fn tool(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Prints and runs a command; false if it ran and failed.
    ///
    /// # Errors
    /// If it could not be started.
    pub(crate) fn succeeds(&self, command: &mut Command) -> Result<bool> {
        eprintln!("+ {}", shown(command));
        let status = command.status();
        let status = status.with_context(|| format!("cannot start `{}`", shown(command)))?;
        Ok(status.success())
    }

    /// The members and their own dependencies, without a look at the registry.
    ///
    /// # Errors
    /// If a manifest cannot be read.
    pub(crate) fn packages(&self) -> Result<Vec<Package>> {
        let metadata = self.metadata_command().no_deps().exec();
        let metadata = metadata.context("cargo metadata failed: is a Cargo.toml broken?")?;
        Ok(metadata.workspace_packages().iter().map(|package| self.package(package)).collect())
    }

    /// The members and everything that they pull in on this platform.
    ///
    /// # Errors
    /// If the dependency graph cannot be resolved or fetched.
    pub(crate) fn full_metadata(&self) -> Result<Metadata> {
        let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let options = vec![String::from("--filter-platform"), platform];
        let metadata = self.metadata_command().other_options(options).exec();
        metadata.context("cargo metadata failed: the dependencies could not be resolved or fetched")
    }

    fn metadata_command(&self) -> MetadataCommand {
        let mut command = MetadataCommand::new();
        command.manifest_path(self.root.join("Cargo.toml"));
        command
    }

    fn package(&self, package: &cargo_metadata::Package) -> Package {
        let folder =
            package.manifest_path.parent().map(|folder| self.relative(folder.as_std_path()));
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            kind: match dependency.kind {
                DependencyKind::Development => Arrow::Dev,
                _ => Arrow::Normal,
            },
        });
        Package {
            name: package.name.to_string(),
            folder: folder.unwrap_or_default(),
            roots: package.targets.iter().filter_map(|target| self.crate_root(target)).collect(),
            dependencies: dependencies.collect(),
        }
    }

    fn crate_root(&self, target: &cargo_metadata::Target) -> Option<CrateRoot> {
        let kind = target.kind.iter().find_map(|kind| match kind {
            TargetKind::Bin => Some(RootKind::Binary),
            TargetKind::Lib | TargetKind::ProcMacro | TargetKind::RLib => Some(RootKind::Library),
            _ => None,
        })?;
        let path = self.relative(target.src_path.as_std_path());
        Some(CrateRoot { path, name: target.name.clone(), kind })
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }
}

fn is_root(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml"));
    manifest.is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy().into_owned()];
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        let plain =
            !arg.is_empty() && !arg.contains([' ', '\'', '"', '|', '(', ')', '&', '*', '$']);
        words.push(if plain {
            arg.into_owned()
        } else {
            format!("'{}'", arg.replace('\'', "'\\''"))
        });
    }
    words.join(" ")
}

/// True if `program` can be found on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_knows_its_own_door() {
        let workspace = Workspace::find().expect("tests run inside the checkout");
        let packages = workspace.packages().expect("the manifests can be read");
        let own = packages.iter().find(|package| package.name == "gavel-xtask");
        let own = own.expect("xtask is a member");
        assert_eq!(own.folder, "tools/xtask");
        assert!(own.has_library());
        let tempfile = own.dependencies.iter().find(|dependency| dependency.name == "tempfile");
        assert_eq!(tempfile.map(|dependency| dependency.kind), Some(Arrow::Dev));
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/usr/bin/env");
        command.args(["a", "b c", "it's", ""]);
        assert_eq!(shown(&command), r"env a 'b c' 'it'\''s' ''");
    }

    #[test]
    fn a_failing_command_is_not_a_success() {
        let workspace = Workspace::find().expect("tests run inside the checkout");
        assert!(workspace.succeeds(&mut workspace.tool("true")).expect("true exists"));
        assert!(!workspace.succeeds(&mut workspace.tool("false")).expect("false exists"));
        assert!(workspace.succeeds(&mut workspace.tool("no-such-program-anywhere")).is_err());
    }
}
