//! The top of one book, naively: the levels are added up anew for every request,
//! of what orders display.
//!
//! Inputs -> outputs: those of the fast book's depth.rs.

use super::ReferenceBook;
use super::order::Order;
use crate::MARKET_DATA_REQUEST_TEMPLATE;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use gavel_types::{
    BusinessReject, BusinessRejectReason, MarketDataPart, MarketDataQuery, MdLevel, Price, Qty,
    Report, SeqNo, SessionSlot, Side,
};

impl ReferenceBook {
    pub(super) fn market_data(
        &mut self,
        session: SessionSlot,
        seq: SeqNo,
        asked: &MarketDataQuery,
    ) {
        let mut refuse = |reason, ref_tag| {
            let body = BusinessReject {
                ref_seq: seq,
                ref_id: asked.md_req_id.0,
                ref_tag,
                ref_template: MARKET_DATA_REQUEST_TEMPLATE,
                reason,
                reserved: 0,
            };
            self.pending.push_back(Report::business_reject(self.stamp, session, &body));
        };
        if !self.symbols.contains_key(&asked.symbol) {
            return refuse(BusinessRejectReason::UnknownSymbol, 48);
        }
        if asked.depth == 0 || asked.depth > 64 {
            return refuse(BusinessRejectReason::ValueIncorrect, 264);
        }
        let mut sums = [BTreeMap::new(), BTreeMap::new()];
        let is_shown = |order: &&Order| order.symbol == asked.symbol && !order.is_stop();
        for order in self.live.iter().filter(is_shown) {
            let side = usize::from(order.side == Side::Sell);
            *sums[side].entry(order.price).or_insert(0) += order.displayed;
        }
        let depth = usize::from(asked.depth);
        let bids: Vec<_> = sums[0].iter().rev().take(depth).collect();
        let asks: Vec<_> = sums[1].iter().take(depth).collect();
        let all: Vec<MdLevel> = bids
            .iter()
            .chain(&asks)
            .map(|&(&price, &qty)| MdLevel { price: price.expect("it rests"), qty: Qty(qty) })
            .collect();
        let mut parts: Vec<&[MdLevel]> = all.chunks(4).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        for (part, levels) in parts.iter().enumerate() {
            let mut body = MarketDataPart {
                md_req_id: asked.md_req_id,
                symbol: asked.symbol,
                bids: bids.len() as u8,
                asks: asks.len() as u8,
                levels_used: levels.len() as u8,
                reserved: 0,
                levels: [MdLevel { price: Price(0), qty: Qty(0) }; 4],
            };
            body.levels[..levels.len()].copy_from_slice(levels);
            let mut report = Report::market_data(self.stamp, session, &body);
            report.part = part as u8;
            report.parts = parts.len() as u8;
            self.pending.push_back(report);
        }
    }
}
