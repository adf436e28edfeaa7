//! What is locked agrees with deny.toml: no banned crate, no licence or source outside the policy.
//! A part of what cargo-deny does, for machines without it.
//!
//! Inputs -> outputs: Cargo.lock, deny.toml, `cargo metadata` -> findings.
//! Limits: licences of what this platform builds; bans and sources of everything locked.

use super::{Finding, Tree, licence};
use anyhow::{Context, Result};
use cargo_metadata::Metadata;
use cargo_metadata::semver::{Version, VersionReq};

const DENY: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// How the default registry is named in a lock file.
const DEFAULT_REGISTRY: &str = concat!("/crates", ".io-index");

/// One entry of the ban list.
struct Ban {
    name: String,
    versions: VersionReq,
    reason: String,
}

/// Checks the lock file, and then the licences.
///
/// # Errors
/// If deny.toml or Cargo.lock cannot be read, or cargo cannot resolve the dependencies.
pub(super) fn check(
    tree: &Tree,
    metadata: impl FnOnce() -> Result<Metadata>,
) -> Result<Vec<Finding>> {
    // That deny.toml exists is a rule of documents.
    let (Some(deny), Some(lock)) = (tree.file(DENY), tree.file(LOCK)) else {
        return Ok(Vec::new());
    };
    let deny: toml::Table = toml::from_str(&deny.text).context("deny.toml is broken")?;
    let lock: toml::Table = toml::from_str(&lock.text).context("Cargo.lock is broken")?;
    let mut findings = check_lock(&lock, &bans(&deny)?)?;
    let allowed = strings(deny.get("licenses").and_then(|table| table.get("allow")));
    let metadata = metadata()?;
    let outside = metadata.packages.iter().filter(|package| package.source.is_some());
    for package in outside {
        let name = format!("{} {}", package.name, package.version);
        findings.extend(check_licence(&name, package.license.as_deref(), &allowed));
    }
    Ok(findings)
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    let list = value.and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

fn bans(deny: &toml::Table) -> Result<Vec<Ban>> {
    let list = deny.get("bans").and_then(|table| table.get("deny"));
    let list = list.and_then(toml::Value::as_array).context("deny.toml has no list bans.deny")?;
    list.iter().map(ban).collect()
}

fn ban(entry: &toml::Value) -> Result<Ban> {
    let spec = entry.get("crate").and_then(toml::Value::as_str);
    let spec = spec.with_context(|| format!("deny.toml: {entry} does not name a crate"))?;
    let (name, versions) = spec.split_once('@').unwrap_or((spec, "*"));
    let versions = VersionReq::parse(versions)
        .with_context(|| format!("deny.toml: {spec} has versions that cannot be read"))?;
    let reason = entry.get("reason").and_then(toml::Value::as_str).unwrap_or("banned");
    Ok(Ban { name: name.to_owned(), versions, reason: reason.to_owned() })
}

fn check_lock(lock: &toml::Table, bans: &[Ban]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let packages = lock.get("package").and_then(toml::Value::as_array);
    for package in packages.context("Cargo.lock lists no packages")? {
        let text = |key| package.get(key).and_then(toml::Value::as_str);
        let name = text("name").context("Cargo.lock: a package has no name")?;
        let version = text("version").context("Cargo.lock: a package has no version")?;
        let parsed = Version::parse(version)
            .with_context(|| format!("Cargo.lock: {name} has the version {version}"))?;
        let is_hit = |ban: &&Ban| ban.name == name && ban.versions.matches(&parsed);
        findings.extend(bans.iter().find(is_hit).map(|ban| {
            let what = format!("{name} {version} is banned: {}", ban.reason);
            let mend = format!("find who needs it (cargo tree -i {name}), and choose another");
            Finding::new("dependencies", LOCK, 0, what, mend)
        }));
        let source = text("source").unwrap_or(DEFAULT_REGISTRY);
        if !source.ends_with(DEFAULT_REGISTRY) {
            findings.push(Finding::new(
                "dependencies",
                LOCK,
                0,
                format!("{name} {version} comes from {source}"),
                "take it from the default registry",
            ));
        }
    }
    Ok(findings)
}

fn check_licence(name: &str, licence: Option<&str>, allowed: &[String]) -> Option<Finding> {
    let expression = licence.unwrap_or("(none stated)");
    let is_allowed = licence.is_some_and(|licence| licence::is_allowed(licence, allowed));
    (!is_allowed).then(|| {
        Finding::new(
            "dependencies",
            LOCK,
            0,
            format!("{name} has the licence {expression}"),
            "choose another crate; deny.toml lists the licences that may be used",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_one;
    use super::*;

    const POLICY: &str = "[bans]\ndeny = [\n  { crate = \"atty\", reason = \"unsound\" },\n  \
                          { crate = \"slab@<0.4.11\", reason = \"out of bounds\" },\n]\n";

    fn findings(lock: &str) -> Vec<Finding> {
        let deny = toml::from_str(POLICY).expect("a policy");
        let lock = toml::from_str(lock).expect("a lock");
        check_lock(&lock, &bans(&deny).expect("bans")).expect("checked")
    }

    fn locked(name: &str, version: &str, source: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n")
    }

    fn registry() -> String {
        format!("registry+https://example.org{DEFAULT_REGISTRY}")
    }

    #[test]
    fn banned_names_and_versions_are_found() {
        assert_one(&findings(&locked("atty", "0.2.14", &registry())), "dependencies", LOCK, 0);
        assert_one(&findings(&locked("slab", "0.4.10", &registry())), "dependencies", LOCK, 0);
        assert!(findings(&locked("slab", "0.4.11", &registry())).is_empty());
        assert!(findings(&locked("atty2", "0.2.14", &registry())).is_empty());
    }

    #[test]
    fn other_sources_are_found() {
        let git = locked("x", "1.0.0", "git+https://example.org/x#0123");
        assert_one(&findings(&git), "dependencies", LOCK, 0);
        assert!(findings("[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n").is_empty());
    }

    #[test]
    fn licences_outside_the_policy_are_found() {
        let allowed = [String::from("MIT")];
        assert!(check_licence("x 1.0.0", Some("MIT"), &allowed).is_none());
        assert!(check_licence("x 1.0.0", Some("EUPL-1.2"), &allowed).is_some());
        assert!(check_licence("x 1.0.0", None, &allowed).is_some());
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_an_error_not_a_pass() {
        for broken in
            ["[bans]\n", "[bans]\ndeny = [\"x\"]\n", "[bans]\ndeny = [{ crate = \"x@new\" }]\n"]
        {
            let deny = toml::from_str(broken).expect("toml");
            assert!(bans(&deny).is_err(), "{broken}");
        }
    }
}
