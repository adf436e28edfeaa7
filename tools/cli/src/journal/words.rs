//! Records as a person reads them, and as JSON.
//!
//! Inputs -> outputs: a record -> its fields by name; a time -> its text.
//! Invariants: every field that means something is there; a body that means nothing is said to.
//! Not here: which records are shown.

use gavel_types::{Body, LogRecord, Nanos, Price, SessionSlot};
use serde_json::{Map, Value, json};

/// A record's fields.
pub(super) fn fields(record: &LogRecord) -> Map<String, Value> {
    let LogRecord { stamp, command } = record;
    let (kind, body) = match command.parse() {
        Ok(body) => said(&body),
        Err(bad) => ("unknown", json!({ "kind_code": bad.kind, "length": command.len })),
    };
    let mut fields = Map::new();
    fields.insert("index".into(), json!(stamp.index.0));
    fields.insert("term".into(), json!(stamp.term.0));
    fields.insert("time".into(), json!(time(stamp.time)));
    fields.insert("time_ns".into(), json!(stamp.time.0));
    fields.insert("kind".into(), json!(kind));
    let session = (command.session != SessionSlot::NONE).then_some(command.session.0);
    fields.insert("session".into(), json!(session));
    fields.insert("client_seq".into(), json!(command.client_seq.0));
    fields.insert("body".into(), body);
    fields
}

/// The name of a record's kind.
pub(super) fn kind(record: &LogRecord) -> &'static str {
    record.command.parse().map_or("unknown", |body| said(&body).0)
}

/// A record in one line.
pub(super) fn line(record: &LogRecord) -> String {
    let fields = fields(record);
    let text = |name: &str| plain(&fields[name]);
    let mut line = format!(
        "{:>10} {:>3} {} {:<11} {:>7} {:>9} ",
        text("index"),
        text("term"),
        text("time"),
        text("kind"),
        text("session"),
        text("client_seq"),
    );
    if let Some(body) = fields["body"].as_object() {
        for (name, value) in body.iter().filter(|(_, value)| !means_nothing(value)) {
            line += &format!(" {name}={}", plain(value));
        }
    }
    line
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

fn means_nothing(value: &Value) -> bool {
    value.is_null() || *value == json!(0) || *value == json!("")
}

/// A kind's name, and the fields of its body.
fn said(body: &Body<'_>) -> (&'static str, Value) {
    let name = |value: &dyn core::fmt::Debug| format!("{value:?}");
    match body {
        Body::AdminStart(b) => (
            "start",
            json!({
                "incarnation": b.incarnation,
                "configuration": format!("{:016x}", b.configuration),
                "idle_expiry_ms": b.idle_expiry_ms,
            }),
        ),
        Body::Negotiate(b) => (
            "negotiate",
            json!({
                "uuid": b.uuid.to_string(), "conn": b.conn.0, "timestamp": b.timestamp.0,
                "key_id": b.key_id, "role": name(&b.role),
            }),
        ),
        Body::Establish(b) => (
            "establish",
            json!({
                "uuid": b.uuid.to_string(), "conn": b.conn.0, "timestamp": b.timestamp.0,
                "next_seq": b.next_seq.0, "last_term": b.last_term.0,
                "last_index": b.last_index.0, "last_number": b.last_number.0,
                "keepalive_ms": b.keepalive_ms, "cod_type": b.cod_type,
                "cod_window_ms": b.cod_window_ms, "key_id": b.key_id, "role": name(&b.role),
            }),
        ),
        Body::Disconnect(b) => (
            "disconnect",
            json!({
                "conn": b.conn.0, "cause": name(&b.cause), "code": name(&b.code),
                "said": name(&b.said),
            }),
        ),
        Body::Finish(b) => ("finish", json!({ "conn": b.conn.0, "last_seq": b.last_seq.0 })),
        Body::Skip(b) => ("skip", json!({ "until": b.until.0 })),
        Body::Rejected(b) => (
            "rejected",
            json!({
                "ref_template": b.ref_template, "reason": name(&b.reason), "ref_tag": b.ref_tag,
                "ref_id": b.ref_id,
            }),
        ),
        Body::Tick => ("tick", json!({})),
        order => ordered(order),
    }
}

fn ordered(body: &Body<'_>) -> (&'static str, Value) {
    let name = |value: &dyn core::fmt::Debug| format!("{value:?}");
    match body {
        Body::NewOrder(b) => (
            "new",
            json!({
                "cl_ord_id": b.cl_ord_id.0, "symbol": b.symbol.0, "side": name(&b.side),
                "qty": b.qty.0, "price": price(b.price), "ord_type": name(&b.ord_type),
                "time_in_force": name(&b.time_in_force), "account": b.account.0,
                "min_qty": b.min_qty.0, "display_qty": b.display_qty.0,
                "stop_px": price(b.stop_px), "expire_time": b.expire_time.0, "stp": name(&b.stp),
                "stp_id": b.stp_id, "exec_inst": b.exec_inst, "budget": b.budget,
            }),
        ),
        Body::Cancel(b) => (
            "cancel",
            json!({
                "cl_ord_id": b.cl_ord_id.0, "orig_cl_ord_id": b.orig_cl_ord_id.0,
                "order_id": b.order_id.0, "symbol": b.symbol.0, "side": name(&b.side),
            }),
        ),
        Body::Replace(b) => (
            "replace",
            json!({
                "cl_ord_id": b.cl_ord_id.0, "orig_cl_ord_id": b.orig_cl_ord_id.0,
                "order_id": b.order_id.0, "symbol": b.symbol.0, "side": name(&b.side),
                "qty": b.qty.0, "price": price(b.price), "time_in_force": name(&b.time_in_force),
                "exec_inst": b.exec_inst, "stop_px": given(b.stop_px),
            }),
        ),
        Body::Reduce(b) => (
            "reduce",
            json!({
                "cl_ord_id": b.cl_ord_id.0, "orig_cl_ord_id": b.orig_cl_ord_id.0,
                "order_id": b.order_id.0, "symbol": b.symbol.0, "side": name(&b.side),
                "by": b.by.0,
            }),
        ),
        Body::MarketData(b) => (
            "market_data",
            json!({ "md_req_id": b.md_req_id.0, "symbol": b.symbol.0, "depth": b.depth }),
        ),
        Body::MassAction(b) => (
            "mass_action",
            json!({
                "cl_ord_id": b.cl_ord_id.0, "symbol": b.symbol.0, "account": b.account.0,
                "action": name(&b.action), "scope": name(&b.scope), "side": b.side,
            }),
        ),
        Body::OrderStatus(b) => (
            "status",
            json!({
                "cl_ord_id": b.cl_ord_id.0, "order_id": b.order_id.0, "symbol": b.symbol.0,
                "side": name(&b.side),
            }),
        ),
        other => steered(other),
    }
}

fn steered(body: &Body<'_>) -> (&'static str, Value) {
    let name = |value: &dyn core::fmt::Debug| format!("{value:?}");
    match body {
        Body::DefineSymbol(b) => (
            "define",
            json!({
                "request_id": b.request_id, "symbol": b.symbol.0, "tick": price(b.tick),
                "lot": b.lot.0, "price_min": price(b.price_min),
                "price_max": price(b.price_max), "qty_max": b.qty_max.0,
                "qty_scale": b.qty_scale, "stp": name(&b.stp),
                "protection": given(b.protection),
            }),
        ),
        Body::SetPhase(b) => (
            "phase",
            json!({
                "request_id": b.request_id, "symbol": b.symbol.0, "phase": name(&b.phase),
                "reference": price(b.reference),
            }),
        ),
        Body::SetBands(b) => (
            "bands",
            json!({
                "request_id": b.request_id, "symbol": b.symbol.0, "low": given(b.low),
                "high": price(b.high), "dynamic": given(b.dynamic), "action": name(&b.action),
            }),
        ),
        Body::SetRisk(b) => (
            "risk",
            json!({
                "request_id": b.request_id, "scope": name(&b.scope), "target": b.target,
                "qty_max": b.qty_max.0, "notional_max": b.notional_max,
                "position_max": b.position_max.0, "collar": given(b.collar),
                "orders_max": b.orders_max, "rate_per_s": b.rate_per_s,
                "rate_burst": b.rate_burst, "duplicate_ms": b.duplicate_ms,
            }),
        ),
        Body::Kill(b) => (
            "kill",
            json!({
                "request_id": b.request_id, "scope": name(&b.scope), "target": b.target,
                "action": name(&b.action),
            }),
        ),
        other => unreachable!("said with those of sessions and orders: {other:?}"),
    }
}

/// A price where 0 says that there is none.
fn given(value: Price) -> Value {
    if value == Price(0) { Value::Null } else { price(value) }
}

/// A price in units of the quote currency; null if there is none.
fn price(price: Price) -> Value {
    if price == Price::NULL {
        return Value::Null;
    }
    let (sign, units) = (if price.0 < 0 { "-" } else { "" }, price.0.unsigned_abs());
    let text = format!("{sign}{}.{:09}", units / 1_000_000_000, units % 1_000_000_000);
    json!(text.trim_end_matches('0').trim_end_matches('.'))
}

/// A time of the log, UTC.
pub(super) fn time(at: Nanos) -> String {
    let (seconds, nanos) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// The date so many days after 1970-01-01, in years that begin in March, so that a leap day is the
/// last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of + of / 4 - of / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + of + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gavel_types::{
        BandAction, ClOrdId, Command, DefineSymbol, Index, Kill, KillAction, KillScope, OrderId,
        Qty, ReduceOrder, RiskScope, SeqNo, SetBands, SetPhase, SetRisk, Side, Stamp,
        StpInstruction, SymbolId, Term, TradingPhase,
    };

    #[test]
    fn times_are_dates() {
        let at = |seconds: u64| time(Nanos(seconds * 1_000_000_000 + 5));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000005Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000000005Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000000005Z");
        assert_eq!(at(1_795_651_200), "2026-11-26T00:00:00.000000005Z");
    }

    fn shown(command: Command) -> String {
        let stamp = Stamp { index: Index(9), term: Term(1), time: Nanos(0) };
        let line = line(&LogRecord { stamp, command });
        line.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_steers_a_symbol_is_named_field_by_field() {
        let (slot, seq, symbol) = (SessionSlot(2), SeqNo(5), SymbolId(7));
        let define = DefineSymbol {
            request_id: 1,
            tick: Price(10_000_000),
            price_min: Price(10_000_000),
            price_max: Price(1_000_000_000_000),
            lot: Qty(1),
            qty_max: Qty(50),
            protection: Price(0),
            symbol,
            qty_scale: 8,
            stp: StpInstruction::Allow,
            reserved: [0; 2],
        };
        let phase = SetPhase {
            request_id: 2,
            reference: Price::NULL,
            symbol,
            phase: TradingPhase::Halt,
            reserved: [0; 3],
        };
        let bands = SetBands {
            request_id: 3,
            low: Price(0),
            high: Price(110_000_000_000),
            dynamic: Price(2_000_000_000),
            symbol,
            action: BandAction::Reject,
            reserved: [0; 3],
        };
        for (command, expected) in [
            (
                Command::define_symbol(slot, seq, &define),
                "define 2 5 lot=1 price_max=1000 price_min=0.01 qty_max=50 qty_scale=8 \
                 request_id=1 stp=Allow symbol=7 tick=0.01",
            ),
            (Command::set_phase(slot, seq, &phase), "phase 2 5 phase=Halt request_id=2 symbol=7"),
            (
                Command::set_bands(slot, seq, &bands),
                "bands 2 5 action=Reject dynamic=2 high=110 request_id=3 symbol=7",
            ),
        ] {
            assert_eq!(shown(command), expected);
        }
    }

    #[test]
    fn what_steers_a_party_is_named_field_by_field() {
        let (slot, seq) = (SessionSlot(2), SeqNo(5));
        let risk = SetRisk {
            request_id: 4,
            qty_max: Qty(10),
            notional_max: 20,
            position_max: Qty(30),
            collar: Price(500_000_000),
            orders_max: 40,
            rate_per_s: 50,
            rate_burst: 60,
            duplicate_ms: 70,
            target: 11,
            scope: RiskScope::Account,
            reserved: [0; 3],
        };
        let kill = Kill {
            request_id: 5,
            target: 3,
            scope: KillScope::Session,
            action: KillAction::Suspend,
            reserved: [0; 2],
        };
        let reduce = ReduceOrder {
            cl_ord_id: ClOrdId(6),
            orig_cl_ord_id: ClOrdId(1),
            order_id: OrderId(0),
            by: Qty(4),
            symbol: SymbolId(7),
            side: Side::Sell,
            reserved: [0; 3],
        };
        for (command, expected) in [
            (
                Command::set_risk(slot, seq, &risk),
                "risk 2 5 collar=0.5 duplicate_ms=70 notional_max=20 orders_max=40 \
                 position_max=30 qty_max=10 rate_burst=60 rate_per_s=50 request_id=4 \
                 scope=Account target=11",
            ),
            (
                Command::kill(slot, seq, &kill),
                "kill 2 5 action=Suspend request_id=5 scope=Session target=3",
            ),
            (
                Command::reduce(slot, seq, &reduce),
                "reduce 2 5 by=4 cl_ord_id=6 orig_cl_ord_id=1 side=Sell symbol=7",
            ),
        ] {
            assert_eq!(shown(command), expected);
        }
    }

    #[test]
    fn prices_are_decimal() {
        assert_eq!(price(Price(100_010_000_000)), json!("100.01"));
        assert_eq!(price(Price(-5)), json!("-0.000000005"));
        assert_eq!(price(Price(7_000_000_000)), json!("7"));
        assert_eq!(price(Price::NULL), Value::Null);
    }
}
