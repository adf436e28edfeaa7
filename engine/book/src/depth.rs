//! MarketDataRequest: the top of one book, in parts.
//!
//! Inputs -> outputs: [`MarketDataQuery`] -> adjacent MarketData parts, or a BusinessReject.
//! Invariants: nothing changes; bids best first, then asks best first; at least one part.
//! Limits: MD_DEPTH_MAX levels a side, so at most MD_PARTS_MAX parts, which is less than BURST.
//! Not here: subscriptions, increments (the feed's).

use crate::MARKET_DATA_REQUEST_TEMPLATE;
use crate::book::Book;
use crate::reports::Emit;
use gavel_contract::Outbox;
use gavel_types::limits::{MD_DEPTH_MAX, MD_LEVELS_PER_PART};
use gavel_types::{
    BusinessReject, BusinessRejectReason, Command, MarketDataPart, MarketDataQuery, MdLevel, Price,
    Qty, Report, Side,
};

/// Tag of the instrument (SecurityID).
const TAG_SECURITY_ID: u32 = 48;
/// Tag of the depth (MarketDepth).
const TAG_MARKET_DEPTH: u32 = 264;

const NO_LEVEL: MdLevel = MdLevel { price: Price(0), qty: Qty(0) };

impl Book {
    pub(crate) fn market_data(
        &self,
        command: &Command,
        asked: &MarketDataQuery,
        emit: &mut Emit<'_, impl Outbox>,
    ) {
        let mut refuse = |reason, ref_tag| {
            let body = BusinessReject {
                ref_seq: command.client_seq,
                ref_id: asked.md_req_id.0,
                ref_tag,
                ref_template: MARKET_DATA_REQUEST_TEMPLATE,
                reason,
                reserved: 0,
            };
            emit.push(Report::business_reject(emit.stamp(), command.session, &body));
        };
        let Some(place) = self.place_of(asked.symbol) else {
            return refuse(BusinessRejectReason::UnknownSymbol, TAG_SECURITY_ID);
        };
        let depth = usize::from(asked.depth);
        if !(1..=MD_DEPTH_MAX).contains(&depth) {
            return refuse(BusinessRejectReason::ValueIncorrect, TAG_MARKET_DEPTH);
        }
        let mut levels = [NO_LEVEL; 2 * MD_DEPTH_MAX];
        let bids = self.top(place, Side::Buy, &mut levels[..depth]);
        let asks = self.top(place, Side::Sell, &mut levels[bids..bids + depth]);
        let parts = (bids + asks).div_ceil(MD_LEVELS_PER_PART).max(1);
        for (part, chunk) in levels.chunks_exact(MD_LEVELS_PER_PART).take(parts).enumerate() {
            let before = part * MD_LEVELS_PER_PART;
            let mut body = MarketDataPart {
                md_req_id: asked.md_req_id,
                symbol: asked.symbol,
                bids: bids as u8,
                asks: asks as u8,
                levels_used: (bids + asks - before).min(MD_LEVELS_PER_PART) as u8,
                reserved: 0,
                levels: [NO_LEVEL; MD_LEVELS_PER_PART],
            };
            body.levels.copy_from_slice(chunk);
            let mut report = Report::market_data(emit.stamp(), command.session, &body);
            report.part = part as u8;
            report.parts = parts as u8;
            emit.push(report);
        }
    }

    /// Fills `into` with the best levels of a side; returns how many there are.
    fn top(&self, place: u32, side: Side, into: &mut [MdLevel]) -> usize {
        let book = &self.books[place as usize];
        let ladder = book.side(side);
        let mut next = ladder.first();
        let mut count = 0;
        for shown in into {
            let Some(id) = next else { break };
            let level = self.levels.level(id);
            *shown = MdLevel { price: book.rules.price(level.ticks), qty: level.qty };
            count += 1;
            next = ladder.after(&self.pages, level.ticks);
        }
        count
    }
}
