//! The repository names no machine: no path of the one it was written on, no package registry.
//!
//! Inputs -> outputs: every file, this machine's own paths -> findings.
//! Limits: Cargo.lock is written by cargo and names the default registry; its sources are checked
//! by the rule for dependencies.

use super::{Finding, Tree};
use std::path::Path;

/// Where people's files lie on some machine. In pieces, so that this file is clean itself.
const HOMES: &[&str] = &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/")];

/// Hosts that serve packages, and settings that choose one.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npmjs", ".org"),
    concat!("proxy.go", "lang.org"),
    concat!("deb.", "debian.org"),
    concat!("arti", "factory"),
    concat!("jfr", "og"),
    concat!("index", "-url"),
    concat!("replace", "-with"),
];

/// Folders that lie around a checkout without naming a machine.
const SHARED_GROUND: &[&str] = &["/", "/tmp", "/var/tmp", "/usr/src", "/opt", "/srv", "/mnt"];

/// Paths of this machine that must not stand in any file: the checkout's own place.
pub(super) fn of_this_machine(root: &Path) -> Vec<String> {
    let around = root.ancestors().take(2).map(|folder| folder.to_string_lossy().into_owned());
    let telling = around.filter(|folder| !SHARED_GROUND.contains(&folder.as_str()));
    telling.map(|folder| format!("{folder}/")).collect()
}

/// Checks every line of every file.
pub(super) fn check(tree: &Tree, of_this_machine: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        let is_lock = file.name() == "Cargo.lock";
        for (number, line) in file.lines() {
            let own = of_this_machine.iter().map(String::as_str);
            if let Some(path) = own.chain(HOMES.iter().copied()).find(|path| line.contains(path)) {
                findings.push(Finding::new(
                    "places",
                    &file.path,
                    number,
                    format!("a path of one machine: {path}"),
                    "make it relative, or take it from an argument or the environment",
                ));
            }
            let host = REGISTRIES.iter().find(|host| line.contains(**host));
            if let Some(host) = host.filter(|_| !is_lock) {
                findings.push(Finding::new(
                    "places",
                    &file.path,
                    number,
                    format!("a package registry: {host}"),
                    "leave it to the settings of whoever builds",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;

    #[test]
    fn paths_of_a_machine_are_found_in_any_file() {
        for home in HOMES {
            let text = format!("first\nsee {home}ann/x\n");
            assert_one(&check(&Tree::of(&[("a.md", &text)]), &[]), "places", "a.md", 2);
        }
        let own = of_this_machine(Path::new("/build/box/gavel"));
        assert_eq!(own, ["/build/box/gavel/", "/build/box/"]);
        let tree = Tree::of(&[("a.toml", "x = '/build/box/shared'\n")]);
        assert_one(&check(&tree, &own), "places", "a.toml", 1);
    }

    #[test]
    fn ground_that_all_machines_share_is_no_place() {
        assert_eq!(of_this_machine(Path::new("/tmp/gavel")), ["/tmp/gavel/"]);
        assert_eq!(of_this_machine(Path::new("/")), Vec::<String>::new());
    }

    #[test]
    fn registries_are_found_but_not_in_the_lock() {
        for host in REGISTRIES {
            let text = format!("from {host} it came\n");
            assert_one(&check(&Tree::of(&[("a.md", &text)]), &[]), "places", "a.md", 1);
            assert!(check(&Tree::of(&[("Cargo.lock", &text)]), &[]).is_empty());
        }
    }
}
