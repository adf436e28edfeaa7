//! The configuration file as it is written: names, defaults, nothing checked.

use gavel_contract::BookPlan;
use serde::Deserialize;

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty = $default:expr),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name { $(pub(crate) $field: $ty),+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }
    };
}

section!(Node {
    data_dir: String = "./gavel-data".into(),
    topology: String = "shared".into(),
    hot_alloc: String = "count".into(),
});
section!(Orders {
    listen: String = "127.0.0.1:9010".into(),
    connections_max: u32 = 2048,
    establish_timeout_ms: u32 = 10_000,
});
section!(Sessions {
    sessions_max: u32 = 256,
    keepalive_min_ms: u32 = 100,
    keepalive_max_ms: u32 = 60_000,
    cod_window_max_ms: u32 = 60_000,
    idle_expiry_s: u64 = 604_800,
    throttle_per_s: u32 = 0,
    throttle_burst: u32 = 100,
    keys: String = String::new(),
});
section!(Retransmit { pool_mib: u32 = 64, lag_max_mib: u32 = 16 });
section!(Journal {
    mode: String = "auto".into(),
    segment_mib: u32 = 64,
    block_kib_max: u32 = 256,
    blocks_in_flight_max: u32 = 2,
    seal_after_ms: u32 = 50,
    full_retry_ms: u32 = 200,
});
section!(Snapshots {
    every_records: u64 = 1_000_000,
    keep: u32 = 2,
    retry_ms: u32 = 1_000,
    write_mib_per_s_max: u32 = 0,
});
section!(Reports { store_mib: u32 = 1_024, gather_mib: u32 = 16, pages: usize = 16 });
section!(Rings {
    gateway_to_sequencer: usize = 8192,
    control_to_sequencer: usize = 64,
    sequencer_to_journal: usize = 16384,
    sequencer_to_executor: usize = 16384,
    executor_to_egress: usize = 32768,
    gateway_to_egress: usize = 8192,
});
section!(Book {
    orders_max: u32 = 1_048_576,
    levels_max: u32 = 16_384,
    symbols_max: u32 = BookPlan::SYMBOLS_MAX,
    pages_max: u32 = BookPlan::PAGES_MAX,
    accounts_max: u32 = BookPlan::ACCOUNTS_MAX,
    positions_max: u32 = BookPlan::POSITIONS_MAX,
});
section!(Conventions {
    refuse_replace_to_filled: bool = false,
    refuse_replace_that_trades: bool = false,
    requeue_on_decrease: bool = false,
    iceberg_keeps_place: bool = false,
    refuse_stop_beyond_last: bool = false,
    market_rest_rests: bool = false,
    post_only_on_entry_only: bool = false,
    surplus_before_reference: bool = false,
});
section!(
    /// The whole file. `symbol` is filled from default.toml if the file names none.
    File {
        node: Node = Node::default(),
        orders: Orders = Orders::default(),
        sessions: Sessions = Sessions::default(),
        retransmit: Retransmit = Retransmit::default(),
        journal: Journal = Journal::default(),
        snapshots: Snapshots = Snapshots::default(),
        reports: Reports = Reports::default(),
        rings: Rings = Rings::default(),
        book: Book = Book::default(),
        conventions: Conventions = Conventions::default(),
        symbol: Vec<Symbol> = Vec::new(),
    }
);

/// One instrument.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Symbol {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) tick: String,
    pub(crate) lot: u64,
    pub(crate) price_min: String,
    pub(crate) price_max: String,
    pub(crate) qty_max: u64,
    #[serde(default)]
    pub(crate) qty_scale: u8,
    #[serde(default = "allow")]
    pub(crate) stp: String,
    #[serde(default = "zero")]
    pub(crate) protection: String,
}

fn allow() -> String {
    "allow".into()
}

fn zero() -> String {
    "0".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEFAULT_TOML;

    #[test]
    fn the_manual_shows_every_key_at_its_default() {
        let manual: File = toml::from_str(DEFAULT_TOML).unwrap();
        let defaults = File { symbol: manual.symbol.clone(), ..File::default() };
        assert_eq!(manual, defaults);
        // Every key is written out, not merely defaulted: a file with one key taken away must
        // parse to the same, so compare the keys instead.
        let table: toml::Table = toml::from_str(DEFAULT_TOML).unwrap();
        let keys: usize =
            table.values().filter_map(toml::Value::as_table).map(toml::Table::len).sum();
        let fields = format!("{:#?}", File { symbol: Vec::new(), ..File::default() });
        let written = fields.lines().filter(|line| line.starts_with("        ")).count();
        assert_eq!(keys, written, "default.toml and file.rs name the same keys");
    }
}
