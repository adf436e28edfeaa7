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
                "stp_id": b.stp_id, "exec_inst": b.exec_inst,
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
        other => unreachable!("said with those of sessions: {other:?}"),
    }
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

    #[test]
    fn times_are_dates() {
        let at = |seconds: u64| time(Nanos(seconds * 1_000_000_000 + 5));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000005Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000000005Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000000005Z");
        assert_eq!(at(1_795_651_200), "2026-11-26T00:00:00.000000005Z");
    }

    #[test]
    fn prices_are_decimal() {
        assert_eq!(price(Price(100_010_000_000)), json!("100.01"));
        assert_eq!(price(Price(-5)), json!("-0.000000005"));
        assert_eq!(price(Price(7_000_000_000)), json!("7"));
        assert_eq!(price(Price::NULL), Value::Null);
    }
}
