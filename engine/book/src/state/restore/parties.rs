//! Limits of risk, switches and positions from bytes.

use super::super::{Head2, PartyRow, PositionRow, Section, check, take_rows};
use crate::book::Book;
use crate::orders::flag;
use crate::positions::Position;
use gavel_contract::{BadState, StateSource};
use gavel_types::{Account, Qty};

/// A position beyond this is none: it could not be traded to. Whatever is open fits on top.
const NET_MAX: u128 = 1 << 120;

pub(super) fn take(
    book: &mut Book,
    head: &Head2,
    from: &mut impl StateSource,
) -> Result<(), BadState> {
    book.risk.is_armed = head.is_armed == 1;
    book.risk.is_venue_killed = head.is_venue_killed == 1;
    let books = book.books.len() as u32;
    let bad = BadState { what: "a limit contradicts itself" };
    let mut next = 0;
    take_rows(from, Section::Sessions, head.sessions, |rows: &[PartyRow]| {
        for row in rows {
            let party = row.party(books).ok_or(bad)?;
            let is_known = row.party >= next && row.party < book.owners.sessions_max();
            check(is_known, "a session with limits is unknown")?;
            check(party.limits.position_max == 0, "a session has a limit of positions")?;
            next = row.party + 1;
            book.risk.sessions[row.party as usize] = party;
        }
        Ok(())
    })?;
    take_rows(from, Section::Accounts, head.accounts, |rows: &[PartyRow]| {
        for row in rows {
            let party = row.party(books).ok_or(bad)?;
            let account = Account(row.party);
            let is_new = account != Account(0) && book.risk.account(account).is_none();
            check(is_new && book.risk.name(account), "an account is named twice, or too many")?;
            let place = book.risk.account(account).ok_or(bad)?;
            book.risk.accounts[place as usize].1 = party;
        }
        Ok(())
    })?;
    know_accounts(book);
    take_rows(from, Section::Positions, head.positions, |rows: &[PositionRow]| {
        rows.iter().try_for_each(|row| begin(book, row))
    })?;
    count_open(book);
    Ok(())
}

/// Marks the live orders of accounts that were named, and counts them.
fn know_accounts(book: &mut Book) {
    if book.risk.accounts.is_empty() {
        return;
    }
    for slot in 0..book.orders.used() {
        let node = book.orders.node(slot);
        let account = book.risk.account(node.order.account).filter(|_| node.is_live());
        if let Some(account) = account {
            book.orders.order_mut(slot).flags |= flag::KNOWN;
            book.risk.accounts[account as usize].1.live += 1;
        }
    }
}

fn begin(book: &mut Book, row: &PositionRow) -> Result<(), BadState> {
    let is_known = (row.account as usize) < book.risk.accounts.len()
        && (row.place as usize) < book.books.len();
    let positions = &mut book.risk.positions;
    let is_new =
        is_known && positions.find(row.account, row.place).is_none() && !positions.is_full();
    check(is_new, "a position is nobody's, or one too many")?;
    let net = i128::from(row.net_high) << 64 | i128::from(row.net_low);
    check(net.unsigned_abs() <= NET_MAX, "a position is beyond reach")?;
    positions.begin(Position { account: row.account, book: row.place, net, open: [0; 2] });
    Ok(())
}

fn count_open(book: &mut Book) {
    if book.risk.positions.list().is_empty() {
        return;
    }
    for slot in 0..book.orders.used() {
        let node = book.orders.node(slot);
        if node.is_live() && node.order.is(flag::KNOWN) {
            book.opened(slot, Qty(0), book.orders.open(slot));
        }
    }
}
