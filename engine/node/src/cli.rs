//! The command line of a node.

use crate::{boot, exit, say};
use clap::Parser;
use gavel_config::{ConfigError, DEFAULT_TOML, Settings, TOPOLOGIES, Topology, parse_keys};
use gavel_contract::SessionKey;
use gavel_io::credentials;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs one durable Gavel node.
#[derive(Debug, Parser)]
#[command(name = "gaveld", version, after_help = AFTER_HELP)]
struct Args {
    /// Configuration file; keys that it leaves out keep their defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the log lives (node.data_dir).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where clients connect (orders.listen); port 0 lets the system choose.
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// "shared", "pinned" or a file (node.topology).
    #[arg(long, value_name = "NAME|FILE")]
    topology: Option<String>,
    /// When serving, write the address to this file (one line, IP:PORT).
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Time every duty cycle that does something, and write the times to this file at the end.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Say nothing but what is wrong.
    #[arg(long)]
    quiet: bool,
    /// Check configuration and topology, say so, and end.
    #[arg(long)]
    check: bool,
    /// Print the configuration manual (every key at its default) and end.
    #[arg(long)]
    print_config: bool,
    /// Make a key for a client: write its secret to a new file, print its entry for sessions.keys,
    /// and end.
    #[arg(long, value_name = "FILE")]
    make_key: Option<PathBuf>,
    /// Print the built-in topologies and end.
    #[arg(long)]
    print_topology: bool,
}

const AFTER_HELP: &str = "\
Exit status: 0 stopped when asked, 2 command line or configuration, 3 data directory, 4 recovery \
refused the log, 5 address, 6 a write of the log failed.

A node on defaults: data in ./gavel-data, orders on 127.0.0.1:9010. Stop it with Ctrl-C.";

/// What a node is started with.
#[derive(Debug)]
pub struct Start {
    /// The checked configuration.
    pub settings: Settings,
    /// The keys that may open sessions; empty where anybody may.
    pub keys: Vec<SessionKey>,
    /// The checked topology.
    pub topology: Topology,
    /// Where to write the address when serving.
    pub ready_file: Option<PathBuf>,
    /// Where to write the times of duty cycles, if they are taken.
    pub trace: Option<PathBuf>,
    /// Say nothing but what is wrong.
    pub quiet: bool,
}

/// Runs a node as the command line says; returns when it has stopped.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::OK };
            // Printing to a closed pipe is nobody's loss.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    if args.print_config {
        print!("{DEFAULT_TOML}");
        return ExitCode::from(exit::OK);
    }
    if args.print_topology {
        for (_, text) in TOPOLOGIES {
            println!("{text}");
        }
        return ExitCode::from(exit::OK);
    }
    if let Some(path) = &args.make_key {
        return ExitCode::from(make_key(path));
    }
    let check = args.check;
    let code = match prepare(args) {
        Err(error) => {
            say::complain!("gaveld: {error}");
            exit::USAGE
        }
        Ok(start) if check => {
            println!("configuration and topology {:?} are valid", start.topology.name);
            exit::OK
        }
        Ok(start) => match boot::serve(start) {
            Ok(()) => exit::OK,
            Err(failure) => {
                say::complain!("gaveld: {}", failure.what);
                failure.code
            }
        },
    };
    ExitCode::from(code)
}

fn make_key(path: &Path) -> u8 {
    let public_key = match credentials::make_key(path) {
        Ok(public_key) => public_key,
        Err(error) => {
            say::complain!("gaveld: {}: the key cannot be written: {error}", path.display());
            return exit::USAGE;
        }
    };
    let digits: String = public_key.iter().map(|byte| format!("{byte:02x}")).collect();
    let name = path.file_stem().map_or_else(|| "client".into(), |stem| stem.to_string_lossy());
    println!(
        "# The secret is in {}: give it to the client, and to nobody else.\n\
         # This goes into the file that sessions.keys names; choose an id that no key ever had.\n\
         [[key]]\nid = 1\nname = {name:?}\nrole = \"trade\"\npublic_key = \"{digits}\"",
        path.display()
    );
    exit::OK
}

fn prepare(args: Args) -> Result<Start, ConfigError> {
    let mut settings = match &args.config {
        None => Settings::embedded(),
        Some(path) => Settings::parse(&path.display().to_string(), &read(path, "--config")?)?,
    };
    if let Some(data) = args.data {
        settings.data_dir = data;
    }
    if let Some(listen) = args.listen {
        settings.listen = listen;
    }
    if let Some(topology) = args.topology {
        settings.topology = topology;
    }
    let keys = match &settings.keys {
        None => Vec::new(),
        Some(path) => {
            let text = read(path, "sessions.keys")?;
            parse_keys(&path.display().to_string(), &text, credentials::is_public_key)?
        }
    };
    let host = boot::host();
    let name = settings.topology.clone();
    let topology = match Topology::built_in(&name) {
        Some(text) => Topology::parse(&format!("topologies/{name}.toml"), text, &host)?,
        None => Topology::parse(&name, &read(&PathBuf::from(&name), "topology")?, &host)?,
    };
    let Args { ready_file, trace, quiet, .. } = args;
    Ok(Start { settings, keys, topology, ready_file, trace, quiet })
}

fn read(path: &PathBuf, what: &str) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| ConfigError {
        file: path.display().to_string(),
        line: None,
        what: format!("the file of {what} cannot be read: {error}"),
        fix: "Name a file that exists; a topology may also be \"shared\" or \"pinned\"".into(),
    })
}
