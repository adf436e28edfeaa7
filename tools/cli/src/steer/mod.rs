//! `gavel steer`: one request that steers the venue, and its answer.
//!
//! Inputs -> outputs: a command line and a node -> what the node answered, and an exit status.
//! Invariants: a session of its own, which is finished when the answer is there, so that the node
//! forgets it soon; the request is sent once, and its answer is the node's and nothing else.
//! Limits: `timeout_ms` for a session, and again for the answer.
//! Not here: what a request means (the node says), requests in a row.

mod args;

pub use args::SteerArgs;

use crate::outcome::{self, Broken, Outcome};
use crate::session;
use anyhow::{Context, Result, bail, ensure};
use gavel_client::{Application, Client, ClientConfig, Event, Key, Sequenced, SequencedBody};
use gavel_types::SteeringResult;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// How long the node may take to say that the session is over: nothing depends on it.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the node answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was asked for.
    pub request: &'static str,
    /// The request's name.
    pub request_id: u64,
    /// Whether it was done.
    pub done: bool,
    /// The node's word for how it went.
    pub result: String,
    /// Field that the node would not have (tag), 0 if none in particular.
    pub tag: u32,
    /// Orders that ended by it.
    pub total_affected: u64,
    /// Record of the log that holds it.
    pub index: u64,
    /// Term of that record.
    pub term: u64,
    /// Time of that record (UTC, ns).
    pub time_ns: u64,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { request, request_id, index, .. } = self;
        if self.done {
            write!(f, "{request} {request_id}: done, in record {index}")?;
            return match self.total_affected {
                0 => Ok(()),
                1 => write!(f, "; 1 order ended by it"),
                orders => write!(f, "; {orders} orders ended by it"),
            };
        }
        write!(f, "{request} {request_id}: refused ({}), in record {index}", self.result)?;
        if self.tag != 0 {
            write!(f, ", tag {}", self.tag)?;
        }
        f.write_str(explained(&self.result))
    }
}

/// What to do about a refusal.
fn explained(result: &str) -> &'static str {
    match result {
        "UnknownSymbol" => ": add it with define-symbol first",
        "UnknownSession" => ": gavel journal cat shows sessions by their numbers",
        "ValueIncorrect" => ": a value is outside its range, or contradicts another one",
        "OrdersLive" => {
            ": tick, lot, scale and bounds change only while the symbol has no live order"
        }
        "NoRoom" => ": raise book.symbols_max or book.accounts_max",
        "NotAuthorized" => ": the node wants a key with the role admin (--key)",
        "UnsupportedMessageType" => ": the node is of an older version",
        "ThrottleLimitExceeded" => {
            ": the node takes fewer messages a second (sessions.throttle_per_s)"
        }
        _ => "",
    }
}

/// Runs the verb.
///
/// # Errors
/// If there was no answer: no node, no session, no time.
pub fn run(args: &SteerArgs) -> Result<Outcome> {
    let answer = ask(args)?;
    if args.json {
        println!("{}", serde_json::to_string(&answer)?);
    } else {
        println!("{answer}");
    }
    Ok(Outcome::agrees_if(answer.done))
}

fn ask(args: &SteerArgs) -> Result<Answer> {
    let message = args.request.message(args.request_id);
    let mut client = connect(args)?;
    let answer = exchange(&mut client, args, &message)?;
    client.finish();
    // The answer stands, whether the node still hears that nothing follows or not.
    let _ = client.poll_until(FAREWELL, &mut |_| {}, Client::is_finished);
    client.close();
    Ok(answer)
}

fn connect(args: &SteerArgs) -> Result<Client> {
    let addrs = session::resolve(&args.connect)?;
    let config = ClientConfig {
        key: args.key.as_deref().map(read_key).transpose()?,
        in_flight_max: 1,
        give_up_after_ms: args.timeout_ms,
        answer_timeout_ms: args.timeout_ms,
        ..ClientConfig::new(addrs[0], session::new_uuid())
    };
    Client::connect(ClientConfig { addrs, ..config }).context("no client can be made")
}

fn read_key(path: &Path) -> Result<Key> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the key {} cannot be read", path.display()))?;
    Key::from_text(&text).with_context(|| {
        format!("{} is no key as gaveld --make-key writes it (64 hex digits)", path.display())
    })
}

fn exchange(client: &mut Client, args: &SteerArgs, message: &Application) -> Result<Answer> {
    let patience = Duration::from_millis(u64::from(args.timeout_ms));
    let (mut answer, mut rolled_back) = (None, false);
    let mut hear = |event: Event<'_>| match event {
        Event::Report(report) => answer = answer_of(args, &report).or(answer.take()),
        Event::RolledBack { .. } => rolled_back = true,
        _ => {}
    };
    let polled = client.poll_until(patience, &mut hear, Client::is_established);
    let ready = polled.map_err(outcome::judge).with_context(|| no_session(args))?;
    ensure!(ready, "{}", no_session(args));
    client.submit(message)?;
    let polled = client.poll_until(patience, &mut hear, |client| client.in_flight() == 0);
    let answered = polled.map_err(outcome::judge)?;
    if rolled_back {
        return Err(Broken::RolledBack.into());
    }
    match answer {
        Some(answer) => Ok(answer),
        None if answered => bail!("the node says that the request never reached it; ask again"),
        None => bail!(
            "no answer within {} ms. It may be done or not: gavel journal cat shows whether the \
             request is in the log",
            args.timeout_ms
        ),
    }
}

fn no_session(args: &SteerArgs) -> String {
    format!(
        "no session with a node at {} within {} ms: is gaveld running there (--connect), and does \
         it know the key (--key)?",
        args.connect, args.timeout_ms
    )
}

fn answer_of(args: &SteerArgs, report: &Sequenced<'_>) -> Option<Answer> {
    let (done, result, tag, total_affected) = match &report.body {
        SequencedBody::Steering(body) => {
            let done = body.result == SteeringResult::Done;
            (done, format!("{:?}", body.result), 0, body.total_affected)
        }
        SequencedBody::BusinessReject(body) => {
            (false, format!("{:?}", body.reason), body.ref_tag, 0)
        }
        _ => return None,
    };
    Some(Answer {
        request: args.request.name(),
        request_id: args.request_id,
        done,
        result,
        tag,
        total_affected,
        index: report.stamp.index.0,
        term: report.stamp.term.0,
        time_ns: report.stamp.time.0,
    })
}
