//! `doctor`: what this machine lacks, why it matters, and how to get it.
//!
//! Inputs -> outputs: the machine -> a table or one line of JSON.
//! Invariants: nothing is changed, but for one scratch file that is gone at the end; only what
//! building and testing cannot do without makes the exit status 1.
//! Limits: Linux; what Debian calls things.
//! Not here: whether a host is tuned for trading; that is for a tool that can change it back.

mod probe;

use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::json;

/// How much a thing is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Building or testing is impossible without.
    Required,
    /// Something is slower, or is left out.
    Optional,
}

/// What was found of one thing.
#[derive(Clone, Debug)]
struct Finding {
    name: &'static str,
    need: Need,
    ok: bool,
    found: String,
    /// What it is for.
    why: &'static str,
    /// What to do if it is missing.
    fix: &'static str,
}

/// Looks at everything and prints it.
///
/// # Errors
/// Never for something missing; only if the workspace's manifest cannot be read.
pub(crate) fn run(workspace: &Workspace, as_json: bool) -> Result<bool> {
    let findings = probe::all(workspace)?;
    if as_json {
        println!("{}", to_json(&findings));
    } else {
        print!("{}", to_text(&findings));
    }
    Ok(is_enough(&findings))
}

fn is_enough(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.ok || finding.need == Need::Optional)
}

fn to_json(findings: &[Finding]) -> serde_json::Value {
    let checks = findings.iter().map(|finding| {
        json!({
            "name": finding.name,
            "required": finding.need == Need::Required,
            "ok": finding.ok,
            "found": finding.found,
            "why": finding.why,
            "fix": finding.fix,
        })
    });
    json!({ "ok": is_enough(findings), "checks": checks.collect::<Vec<_>>() })
}

fn to_text(findings: &[Finding]) -> String {
    let name_width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let found_width = findings.iter().map(|finding| finding.found.chars().count()).max();
    let found_width = found_width.unwrap_or(0);
    let mut text = String::new();
    for Finding { name, need, ok, found, why, fix } in findings {
        let state = match (ok, need) {
            (true, _) => "ok",
            (false, Need::Required) => "MISSING",
            (false, Need::Optional) => "lacking",
        };
        text += &format!("{state:<8} {name:<name_width$}  {found:<found_width$}  {why}\n");
        if !ok {
            text += &format!("{:9}-> {fix}\n", "");
        }
    }
    let missing = findings.iter().filter(|f| !f.ok && f.need == Need::Required).count();
    let lacking = findings.iter().filter(|f| !f.ok && f.need == Need::Optional).count();
    text += &match missing {
        0 => format!("\nAll that is required is here; {lacking} optional things are lacking.\n"),
        _ => format!("\n{missing} required things are missing: see the lines under MISSING.\n"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(need: Need, ok: bool) -> Finding {
        Finding {
            name: "thing",
            need,
            ok,
            found: String::from("none"),
            why: "it matters",
            fix: "get it",
        }
    }

    #[test]
    fn only_required_things_decide() {
        assert!(is_enough(&[finding(Need::Required, true), finding(Need::Optional, false)]));
        assert!(!is_enough(&[finding(Need::Required, false), finding(Need::Optional, true)]));
    }

    #[test]
    fn what_is_missing_comes_with_its_fix() {
        let text = to_text(&[finding(Need::Required, false)]);
        assert!(text.contains("MISSING  thing") && text.contains("-> get it"), "{text}");
        assert!(!to_text(&[finding(Need::Required, true)]).contains("get it"));
    }

    #[test]
    fn json_is_one_line_and_says_the_same() {
        let json = to_json(&[finding(Need::Required, false)]);
        assert_eq!(json["ok"], false);
        assert_eq!(json["checks"][0]["required"], true);
        assert!(!json.to_string().contains('\n'));
    }

    #[test]
    fn every_probe_answers_on_this_machine() {
        let workspace = Workspace::find().expect("tests run inside the checkout");
        let findings = probe::all(&workspace).expect("the manifest can be read");
        let rustc = findings.iter().find(|finding| finding.name == "rustc");
        assert!(rustc.is_some_and(|finding| finding.ok), "rustc built this test");
        for finding in &findings {
            assert!(!finding.found.is_empty(), "{} says what was found", finding.name);
            assert!(!finding.fix.is_empty(), "{} says what to do", finding.name);
        }
    }
}
