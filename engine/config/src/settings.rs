//! The checked configuration.

use crate::error::{from_toml, line_of};
use crate::file::{Conventions as RawConventions, File, Symbol};
use crate::{ConfigError, DEFAULT_TOML, parse_decimal};
use gavel_contract::{
    AckRule, BookPlan, Conventions, JournalPlan, Plan, ReportStorePlan, RetransmitPlan, RingPlan,
    SessionPlan, SnapshotPlan, SymbolSpec,
};
use gavel_types::limits::{BURST, GATEWAY_ROOM_MIN};
use gavel_types::{Price, Qty, StpInstruction, SymbolId};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How blocks are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurableMode {
    /// io_uring write with RWF_DSYNC.
    UringDsync,
    /// io_uring write linked to fdatasync.
    UringFdatasync,
    /// pwritev2 with RWF_DSYNC on a thread of its own.
    Thread,
    /// The node's own choice.
    Auto,
}

impl DurableMode {
    /// Name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UringDsync => "uring-dsync",
            Self::UringFdatasync => "uring-fdatasync",
            Self::Thread => "thread",
            Self::Auto => "auto",
        }
    }
}

/// What an allocation on a hot thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HotAlloc {
    /// Is counted.
    Count,
    /// Ends the process.
    Abort,
}

/// Everything that a node is told, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the log lives.
    pub data_dir: PathBuf,
    /// Name of a built-in topology, or a path.
    pub topology: String,
    /// What an allocation on a hot thread does.
    pub hot_alloc: HotAlloc,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// How blocks are made durable.
    pub durable_mode: DurableMode,
    /// Most bytes a second written of snapshots and stored reports; 0 for no bound.
    pub files_bytes_per_s_max: u64,
    /// Where the keys are that may open sessions; none: anybody may.
    pub keys: Option<PathBuf>,
    /// Every limit.
    pub plan: Plan,
}

const MIB: usize = 1 << 20;
/// Unit in which sessions take retransmission memory.
const CHUNK_BYTES: usize = 64 << 10;
/// Ten years.
const IDLE_EXPIRY_S_MAX: u64 = 10 * 365 * 86_400;
/// Most decimals of a quantity.
const QTY_SCALE_MAX: u8 = 18;
/// Names of what self-trade prevention can be for a symbol.
pub const STP_NAMES: [(&str, StpInstruction); 5] = [
    ("allow", StpInstruction::Allow),
    ("cancel-aggressor", StpInstruction::CancelAggressor),
    ("cancel-resting", StpInstruction::CancelResting),
    ("cancel-both", StpInstruction::CancelBoth),
    ("decrement", StpInstruction::Decrement),
];
/// Least depth of a ring that the gateway writes to.
const GATEWAY_RING_MIN: usize = GATEWAY_ROOM_MIN.next_power_of_two();

impl Settings {
    /// The embedded defaults.
    ///
    /// # Panics
    /// Never: a test parses them.
    #[must_use]
    pub fn embedded() -> Self {
        Self::parse("default.toml", DEFAULT_TOML).expect("the embedded defaults are valid")
    }

    /// Reads a configuration; keys that are left out keep their defaults.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let mut raw: File = toml::from_str(text).map_err(|error| from_toml(file, text, &error))?;
        if raw.symbol.is_empty() {
            let manual: File =
                toml::from_str(DEFAULT_TOML).map_err(|error| from_toml(file, text, &error))?;
            raw.symbol = manual.symbol;
        }
        Check { file, text }.settings(&raw)
    }
}

/// Points at the line of whatever it refuses.
struct Check<'a> {
    file: &'a str,
    text: &'a str,
}

impl Check<'_> {
    fn refuse(&self, section: &str, nth: usize, key: &str, what: String, fix: &str) -> ConfigError {
        ConfigError {
            file: self.file.into(),
            line: line_of(self.text, section, nth, key),
            what: format!("{section}.{key} {what}"),
            fix: fix.into(),
        }
    }

    fn range<T: PartialOrd + std::fmt::Display + Copy>(
        &self,
        (section, key): (&str, &str),
        value: T,
        (least, most): (T, T),
    ) -> Result<T, ConfigError> {
        if value < least || value > most {
            let what = format!("is {value}");
            let fix = format!("It must lie between {least} and {most}");
            return Err(self.refuse(section, 0, key, what, &fix));
        }
        Ok(value)
    }

    fn depth(&self, key: &str, value: usize, least: usize) -> Result<usize, ConfigError> {
        let value = self.range(("rings", key), value, (least, 1 << 24))?;
        if !value.is_power_of_two() {
            let fix = format!("Make it a power of two, such as {}", value.next_power_of_two());
            return Err(self.refuse("rings", 0, key, format!("is {value}"), &fix));
        }
        Ok(value)
    }

    fn settings(&self, raw: &File) -> Result<Settings, ConfigError> {
        let listen = raw.orders.listen.parse::<SocketAddr>().map_err(|_| {
            let what = format!("is {:?}, which is not an address", raw.orders.listen);
            self.refuse("orders", 0, "listen", what, "Write it as IP:PORT, e.g. 127.0.0.1:9010")
        })?;
        let hot_alloc = match raw.node.hot_alloc.as_str() {
            "count" => HotAlloc::Count,
            "abort" => HotAlloc::Abort,
            other => {
                let fix = "Choose count or abort";
                return Err(self.refuse("node", 0, "hot_alloc", format!("is {other:?}"), fix));
            }
        };
        let modes = [
            DurableMode::Auto,
            DurableMode::UringDsync,
            DurableMode::UringFdatasync,
            DurableMode::Thread,
        ];
        let mode = &raw.journal.mode;
        let durable_mode =
            modes.into_iter().find(|known| known.name() == mode).ok_or_else(|| {
                let fix = "Choose auto, uring-dsync, uring-fdatasync or thread";
                self.refuse("journal", 0, "mode", format!("is {mode:?}"), fix)
            })?;
        Ok(Settings {
            data_dir: raw.node.data_dir.clone().into(),
            topology: raw.node.topology.clone(),
            hot_alloc,
            listen,
            durable_mode,
            files_bytes_per_s_max: u64::from(raw.snapshots.write_mib_per_s_max) * MIB as u64,
            keys: Some(&raw.sessions.keys).filter(|path| !path.is_empty()).map(PathBuf::from),
            plan: self.plan(raw)?,
        })
    }

    fn plan(&self, raw: &File) -> Result<Plan, ConfigError> {
        let session = self.session(raw)?;
        Ok(Plan {
            book: self.book(raw, session.sessions_max)?,
            retransmit: self.retransmit(raw, session.sessions_max)?,
            journal: self.journal(raw)?,
            snapshot: self.snapshot(raw)?,
            reports: self.reports(raw)?,
            ring: self.rings(raw, &session)?,
            session,
            ack: AckRule::Local,
            lease_ms: 0,
        })
    }

    fn session(&self, raw: &File) -> Result<SessionPlan, ConfigError> {
        let (sessions, orders) = (&raw.sessions, &raw.orders);
        let keepalive_min_ms =
            self.range(("sessions", "keepalive_min_ms"), sessions.keepalive_min_ms, (10, 60_000))?;
        Ok(SessionPlan {
            sessions_max: self.range(
                ("sessions", "sessions_max"),
                sessions.sessions_max,
                (1, 65_536),
            )?,
            connections_max: self.range(
                ("orders", "connections_max"),
                orders.connections_max,
                (1, 65_536),
            )?,
            keepalive_min_ms,
            keepalive_max_ms: self.range(
                ("sessions", "keepalive_max_ms"),
                sessions.keepalive_max_ms,
                (keepalive_min_ms, 3_600_000),
            )?,
            establish_timeout_ms: self.range(
                ("orders", "establish_timeout_ms"),
                orders.establish_timeout_ms,
                (100, 600_000),
            )?,
            cod_window_max_ms: self.range(
                ("sessions", "cod_window_max_ms"),
                sessions.cod_window_max_ms,
                (0, 3_600_000),
            )?,
            idle_expiry_ms: 1_000
                * self.range(
                    ("sessions", "idle_expiry_s"),
                    sessions.idle_expiry_s,
                    (0, IDLE_EXPIRY_S_MAX),
                )?,
            throttle_per_s: self.range(
                ("sessions", "throttle_per_s"),
                sessions.throttle_per_s,
                (0, 10_000_000),
            )?,
            throttle_burst: self.range(
                ("sessions", "throttle_burst"),
                sessions.throttle_burst,
                (1, 1_000_000),
            )?,
            needs_credentials: !sessions.keys.is_empty(),
        })
    }

    fn retransmit(&self, raw: &File, sessions_max: u32) -> Result<RetransmitPlan, ConfigError> {
        let least = (2 * sessions_max as usize * CHUNK_BYTES).div_ceil(MIB) as u32;
        let pool_mib = raw.retransmit.pool_mib;
        let pool = self.range(("retransmit", "pool_mib"), pool_mib, (least.max(1), 65_536))?;
        let lag_max_mib = raw.retransmit.lag_max_mib;
        let lag = self.range(("retransmit", "lag_max_mib"), lag_max_mib, (1, pool))?;
        Ok(RetransmitPlan {
            pool_bytes: pool as usize * MIB,
            chunk_bytes: CHUNK_BYTES,
            lag_max_bytes: lag as usize * MIB,
        })
    }

    fn journal(&self, raw: &File) -> Result<JournalPlan, ConfigError> {
        let journal = &raw.journal;
        let segment = self.range(("journal", "segment_mib"), journal.segment_mib, (1, 4_096))?;
        let block = self.range(("journal", "block_kib_max"), journal.block_kib_max, (4, 1_024))?;
        if block % 4 != 0 {
            let what = format!("is {block}");
            return Err(self.refuse(
                "journal",
                0,
                "block_kib_max",
                what,
                "Make it a multiple of 4",
            ));
        }
        let in_flight = journal.blocks_in_flight_max;
        if u64::from(block) * u64::from(in_flight) > 2 * 1_024 * u64::from(segment) {
            let what = format!("is {in_flight}, of {block} KiB each, in segments of {segment} MiB");
            let fix = "Let all blocks in flight fit in two segments";
            return Err(self.refuse("journal", 0, "blocks_in_flight_max", what, fix));
        }
        Ok(JournalPlan {
            segment_bytes: u64::from(segment) * MIB as u64,
            block_bytes_max: block as usize * 1_024,
            blocks_in_flight_max: self.range(
                ("journal", "blocks_in_flight_max"),
                journal.blocks_in_flight_max,
                (1, 16),
            )? as usize,
            seal_after_ms: self.range(
                ("journal", "seal_after_ms"),
                journal.seal_after_ms,
                (1, 60_000),
            )?,
            full_retry_ms: self.range(
                ("journal", "full_retry_ms"),
                journal.full_retry_ms,
                (1, 60_000),
            )?,
        })
    }

    fn snapshot(&self, raw: &File) -> Result<SnapshotPlan, ConfigError> {
        let snapshots = &raw.snapshots;
        let retry = ("snapshots", "retry_ms");
        Ok(SnapshotPlan {
            every_records: snapshots.every_records,
            keep: self.range(("snapshots", "keep"), snapshots.keep, (1, 1_000))?,
            retry_ms: self.range(retry, snapshots.retry_ms, (1, 3_600_000))?,
        })
    }

    fn reports(&self, raw: &File) -> Result<ReportStorePlan, ConfigError> {
        let reports = &raw.reports;
        let store = self.range(("reports", "store_mib"), reports.store_mib, (0, 1 << 24))?;
        let gather = self.range(("reports", "gather_mib"), reports.gather_mib, (1, 16_384))?;
        Ok(ReportStorePlan {
            bytes_max: u64::from(store) * MIB as u64,
            gather_bytes_max: gather as usize * MIB,
            pages: self.range(("reports", "pages"), reports.pages, (1, 4_096))?,
        })
    }

    fn rings(&self, raw: &File, session: &SessionPlan) -> Result<RingPlan, ConfigError> {
        let rings = &raw.rings;
        Ok(RingPlan {
            gateway_to_sequencer: self.depth(
                "gateway_to_sequencer",
                rings.gateway_to_sequencer,
                GATEWAY_RING_MIN,
            )?,
            control_to_sequencer: self.depth(
                "control_to_sequencer",
                rings.control_to_sequencer,
                2,
            )?,
            sequencer_to_journal: self.depth(
                "sequencer_to_journal",
                rings.sequencer_to_journal,
                BURST,
            )?,
            sequencer_to_executor: self.depth(
                "sequencer_to_executor",
                rings.sequencer_to_executor,
                BURST,
            )?,
            executor_to_egress: self.depth(
                "executor_to_egress",
                rings.executor_to_egress,
                4 * BURST,
            )?,
            gateway_to_egress: self.depth(
                "gateway_to_egress",
                rings.gateway_to_egress,
                GATEWAY_RING_MIN,
            )?,
            // Egress never waits for the gateway: a connection has at most one answer under way,
            // one complaint and one release.
            egress_to_gateway: (4 * session.connections_max as usize).next_power_of_two(),
        })
    }

    fn book(&self, raw: &File, sessions_max: u32) -> Result<BookPlan, ConfigError> {
        let mut symbols = Vec::with_capacity(raw.symbol.len());
        for (nth, symbol) in raw.symbol.iter().enumerate() {
            symbols.push(self.symbol(nth, symbol, raw.book.orders_max)?);
        }
        symbols.sort_by_key(|spec| spec.symbol);
        if let Some(pair) = symbols.windows(2).find(|pair| pair[0].symbol == pair[1].symbol) {
            let id = pair[0].symbol;
            let nth = raw.symbol.iter().rposition(|symbol| symbol.id == id.0).unwrap_or(0);
            let what = format!("{id} is given twice");
            return Err(self.refuse("symbol", nth, "id", what, "Give every symbol its own id"));
        }
        let book = &raw.book;
        let range = |key, value, bounds| self.range(("book", key), value, bounds);
        let symbols_min = symbols.len().max(1) as u32;
        Ok(BookPlan {
            orders_max: range("orders_max", book.orders_max, (1, 1 << 28))?,
            levels_max: range("levels_max", book.levels_max, (1, 1 << 20))?,
            sessions_max,
            symbols_max: range("symbols_max", book.symbols_max, (symbols_min, 1 << 16))?,
            pages_max: range("pages_max", book.pages_max, (64, 1 << 26))?,
            accounts_max: range("accounts_max", book.accounts_max, (0, 1 << 24))?,
            positions_max: range("positions_max", book.positions_max, (0, 1 << 24))?,
            conventions: conventions(&raw.conventions),
            symbols,
        })
    }

    fn symbol(&self, nth: usize, raw: &Symbol, orders_max: u32) -> Result<SymbolSpec, ConfigError> {
        let refuse =
            |key: &str, what: String, fix: &str| self.refuse("symbol", nth, key, what, fix);
        let price = |key: &str, text: &str| {
            parse_decimal(text).filter(|price| price.0 > 0).ok_or_else(|| {
                let fix = "Write a positive decimal number of at most nine decimals, in quotes";
                refuse(key, format!("is {text:?}"), fix)
            })
        };
        let tick = price("tick", &raw.tick)?;
        if raw.qty_scale > QTY_SCALE_MAX {
            let fix = format!("It must lie between 0 and {QTY_SCALE_MAX}");
            return Err(refuse("qty_scale", format!("is {}", raw.qty_scale), &fix));
        }
        let stp = STP_NAMES.iter().find(|(name, _)| *name == raw.stp).ok_or_else(|| {
            let names: Vec<&str> = STP_NAMES.iter().map(|(name, _)| *name).collect();
            refuse("stp", format!("is {:?}", raw.stp), &format!("Choose {}", names.join(", ")))
        })?;
        let protection = parse_decimal(&raw.protection).ok_or_else(|| {
            let fix = "Write a decimal number of at most nine decimals, in quotes; 0 for none";
            refuse("protection", format!("is {:?}", raw.protection), fix)
        })?;
        let spec = SymbolSpec {
            symbol: SymbolId(raw.id),
            name: raw.name.clone(),
            tick,
            lot: Qty(raw.lot),
            price_min: price("price_min", &raw.price_min)?,
            price_max: price("price_max", &raw.price_max)?,
            qty_max: Qty(raw.qty_max),
            qty_scale: raw.qty_scale,
            stp: stp.1,
            protection,
        };
        let whole = |bound: Price| bound.0 % tick.0 == 0;
        if !whole(spec.price_min) || !whole(spec.price_max) || spec.price_min > spec.price_max {
            let what = format!("{} to {} in steps of {}", raw.price_min, raw.price_max, raw.tick);
            let fix = "Make both bounds multiples of the tick, the lower one first";
            return Err(refuse("price_max", what, fix));
        }
        // A level's total quantity is a sum over orders, and must fit in 63 bits.
        let most = i64::MAX as u64 / u64::from(orders_max.max(1));
        if spec.lot.0 == 0 || spec.qty_max.0 < spec.lot.0 || spec.qty_max.0 > most {
            let what = format!("is {} with a lot of {}", raw.qty_max, raw.lot);
            let fix = format!(
                "The lot is at least 1, and qty_max lies between the lot and {most} \
                 (2^63 / book.orders_max)"
            );
            return Err(refuse("qty_max", what, &fix));
        }
        Ok(spec)
    }
}

fn conventions(raw: &RawConventions) -> Conventions {
    Conventions {
        refuse_replace_to_filled: raw.refuse_replace_to_filled,
        refuse_replace_that_trades: raw.refuse_replace_that_trades,
        requeue_on_decrease: raw.requeue_on_decrease,
        iceberg_keeps_place: raw.iceberg_keeps_place,
        refuse_stop_beyond_last: raw.refuse_stop_beyond_last,
        market_rest_rests: raw.market_rest_rests,
        post_only_on_entry_only: raw.post_only_on_entry_only,
        surplus_before_reference: raw.surplus_before_reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_defaults_are_valid() {
        let settings = Settings::embedded();
        assert_eq!(settings.listen.port(), 9010);
        assert_eq!(settings.plan.book.symbols.len(), 4);
        assert_eq!(settings.plan.book.symbols[0].tick, Price(100_000));
        assert_eq!(Settings::parse("empty.toml", ""), Ok(settings));
    }

    /// (text, line, part of the message)
    const WRONG: [(&str, Option<usize>, &str); 1 + 14 + 8] = [
        ("[node]\ndata_dirr = 'x'", Some(2), "unknown field `data_dirr`"),
        ("[rings]\n\nexecutor_to_egress = 1000", Some(3), "such as 1024"),
        ("[orders]\nlisten = 'localhost'", Some(2), "not an address"),
        ("[journal]\nmode = 'fast'", Some(2), "Choose auto"),
        ("[journal]\nblock_kib_max = 6", Some(2), "multiple of 4"),
        (
            "[journal]\nblocks_in_flight_max = 16\nblock_kib_max = 1024\nsegment_mib = 4",
            Some(2),
            "fit in two segments",
        ),
        ("[journal]\nsegment_mib = 0", Some(2), "between 1 and 4096"),
        ("[node]\nhot_alloc = 'ignore'", Some(2), "count or abort"),
        ("[retransmit]\npool_mib = 1", Some(2), "between 32 and"),
        ("[sessions]\nkeepalive_max_ms = 50", Some(2), "between 100 and"),
        ("[snapshots]\nkeep = 0", Some(2), "between 1 and"),
        ("[reports]\n\npages = 0", Some(3), "between 1 and"),
        ("[reports]\nstore_mib = 1\ngather_mib = 0", Some(3), "between 1 and"),
        ("[sessions]\ncod_window_max_ms = 4_000_000", Some(2), "between 0 and 3600000"),
        ("[sessions]\nthrottle_burst = 0", Some(2), "between 1 and"),
        ("[journal]\nsegment_mib = 'big'", Some(2), "invalid type"),
        (
            "[[symbol]]\nid=1\nname='A'\ntick='0.01'\nlot=1\nprice_min='0.01'\n\
             price_max='10.005'\nqty_max=5",
            Some(7),
            "multiples of the tick",
        ),
        (
            "[[symbol]]\nid=1\nname='A'\ntick='x'\nlot=1\nprice_min='0.01'\n\
             price_max='10'\nqty_max=5",
            Some(4),
            "positive decimal",
        ),
        ("[book]\nsymbols_max = 3", Some(2), "between 4 and"),
        ("[book]\npages_max = 63", Some(2), "between 64 and"),
        (
            "[[symbol]]\nid=1\nname='A'\ntick='1'\nlot=1\nprice_min='1'\n\
             price_max='10'\nqty_max=5\nqty_scale=19",
            Some(9),
            "between 0 and 18",
        ),
        (
            "[[symbol]]\nid=1\nname='A'\ntick='1'\nlot=1\nprice_min='1'\n\
             price_max='10'\nqty_max=5\nstp='default'",
            Some(9),
            "Choose allow, cancel-aggressor,",
        ),
        (
            "[[symbol]]\nid=1\nname='A'\ntick='1'\nlot=1\nprice_min='1'\n\
             price_max='10'\nqty_max=5\nprotection='-1'",
            Some(9),
            "0 for none",
        ),
    ];

    #[test]
    fn what_the_machine_is_told_comes_from_the_file() {
        let settings = Settings::parse(
            "my.toml",
            "[book]\nsymbols_max=5\npages_max=70\naccounts_max=0\npositions_max=9\n\
             [conventions]\niceberg_keeps_place=true\n\
             [[symbol]]\nid=1\nname='A'\ntick='0.5'\nlot=1\nprice_min='1'\n\
             price_max='10'\nqty_max=5\nqty_scale=8\nstp='decrement'\nprotection='0.25'",
        );
        let book = settings.unwrap().plan.book;
        assert_eq!((book.symbols_max, book.pages_max), (5, 70));
        assert_eq!((book.accounts_max, book.positions_max), (0, 9));
        let expected = Conventions { iceberg_keeps_place: true, ..Conventions::default() };
        assert_eq!(book.conventions, expected);
        let symbol = &book.symbols[0];
        assert_eq!((symbol.qty_scale, symbol.stp), (8, StpInstruction::Decrement));
        assert_eq!(symbol.protection, Price(250_000_000));
    }

    #[test]
    fn what_is_left_out_is_what_logs_without_it_were_written_under() {
        let book = Settings::embedded().plan.book;
        assert_eq!(book.symbols_max, BookPlan::SYMBOLS_MAX);
        assert_eq!(book.pages_max, BookPlan::PAGES_MAX);
        assert_eq!(book.accounts_max, BookPlan::ACCOUNTS_MAX);
        assert_eq!(book.positions_max, BookPlan::POSITIONS_MAX);
        assert_eq!(book.conventions, Conventions::default());
        for symbol in &book.symbols {
            assert_eq!((symbol.qty_scale, symbol.stp), (0, StpInstruction::Allow));
            assert_eq!(symbol.protection, Price(0));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_a_way_out() {
        for (text, line, part) in WRONG {
            let error = Settings::parse("my.toml", text).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.to_string().starts_with("my.toml:"), "{error}");
        }
    }
}
