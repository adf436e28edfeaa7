//! Every planted bug: how many seeds until a checker found it, and which.
//!
//! Inputs -> outputs: the command line -> a table, or one line of JSON; true if all were found.
//! Invariants: an assertion on the spot does not count, nor what is found in a seed without the bug
//! as well: the next seed is tried.

use super::agenda::Agenda;
use super::attempt::{self, Attempt};
use super::kind::{Bug, Kind, Trial};
use super::sweep::progress;
use super::{Cli, SEEDS};
use crate::run::ASSERTION;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longest life of one world.
const LIMIT: Duration = Duration::from_secs(300);

/// A bug, and if it was found: the worlds that it took, the kind of the last, and what it was.
type Row = (Bug, Option<(u64, Kind, Attempt)>);

/// True if all were found.
///
/// # Errors
/// If there is no profile of that name.
pub(super) fn table(cli: &Cli) -> Result<bool, String> {
    let name = cli.profile.as_deref().unwrap_or("all");
    let kinds = Kind::chosen(name).ok_or(format!("no profile is named {name}: try --list"))?;
    let is_chosen =
        |bug: &Bug| kinds.iter().any(|kind| kind.is_cluster() == bug.kind().is_cluster());
    let bugs: Vec<Bug> = Bug::all().into_iter().filter(is_chosen).collect();
    let began = Instant::now();
    let rows = rows(cli, &bugs);
    let missed = rows.iter().filter(|(_, found)| found.is_none()).count();
    let elapsed_s = began.elapsed().as_secs_f64();
    if cli.json {
        let rows: Vec<Value> = rows.iter().map(json).collect();
        println!("{}", json!({ "missed": missed, "elapsed_s": elapsed_s, "mutations": rows }));
    } else {
        say(&rows);
        println!("{} planted, {missed} not found, {elapsed_s:.0} s", rows.len());
    }
    Ok(missed == 0)
}

fn rows(cli: &Cli, bugs: &[Bug]) -> Vec<Row> {
    let bar = progress(Some(bugs.len() as u64));
    let rows = Mutex::new(vec![None; bugs.len()]);
    let next = AtomicUsize::new(0);
    let work = || {
        while let place = next.fetch_add(1, Ordering::Relaxed)
            && let Some(bug) = bugs.get(place)
        {
            bar.set_message(bug.name());
            let found = hunt(cli, *bug);
            rows.lock().unwrap_or_else(PoisonError::into_inner)[place] = found;
            bar.inc(1);
        }
    };
    std::thread::scope(|scope| (0..cli.threads()).for_each(|_| drop(scope.spawn(work))));
    bar.finish_and_clear();
    let found = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    bugs.iter().copied().zip(found).collect()
}

fn hunt(cli: &Cli, bug: Bug) -> Option<(u64, Kind, Attempt)> {
    let is_its = |kind: &Kind| kind.is_cluster() == bug.kind().is_cluster();
    let kinds = match cli.mixed {
        true => Kind::all().into_iter().filter(is_its).collect(),
        false => vec![bug.kind()],
    };
    let most = cli.seeds.unwrap_or(SEEDS);
    let agenda = Agenda::Seeds { kinds, from: cli.from, most };
    (0..most).find_map(|n| {
        let (kind, seed) = agenda.at(n)?;
        let less = cli.less.clone();
        let trial = Trial { seed, kind, bug: Some(bug), fails: None, less };
        let found = attempt::run(&trial, LIMIT).filter(|found| found.checker != ASSERTION)?;
        let is_clean = attempt::run(&Trial { bug: None, ..trial }, LIMIT).is_none();
        is_clean.then_some((n + 1, kind, found))
    })
}

fn json((bug, found): &Row) -> Value {
    json!({
        "mutation": bug.name(),
        "profile": found.as_ref().map_or(bug.kind(), |(_, kind, _)| *kind).name(),
        "seeds": found.as_ref().map(|(seeds, ..)| seeds),
        "checker": found.as_ref().map(|(.., found)| &found.checker),
    })
}

fn say(rows: &[Row]) {
    println!("{:<30} {:<21} {:>5}  {:<12} said", "mutation", "profile", "seeds", "checker");
    for (bug, found) in rows {
        let name = bug.name();
        match found {
            Some((seeds, kind, Attempt { checker, what, .. })) => {
                println!("{name:<30} {:<21} {seeds:>5}  {checker:<12} {what}", kind.name());
            }
            None => println!("{name:<30} {:<21} {:>5}  not found", bug.kind().name(), "-"),
        }
    }
}
