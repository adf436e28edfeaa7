//! Every rule that a saved state keeps, broken once.

use super::*;

#[test]
fn a_state_that_is_cut_is_refused_wherever_it_is_cut() {
    let bytes = saved(&sound());
    for end in 0..bytes.len() {
        let refused = Book::new(&plan()).restore(&mut Left(&bytes[..end])).unwrap_err();
        assert_eq!(refused.what, "it ends too early", "{end}");
    }
}

#[test]
fn a_section_that_is_another_one_is_refused() {
    let bytes = saved(&sound());
    let mut at = size_of::<Head>() + size_of::<Head2>();
    for section_bytes in Parts::of(&bytes).sizes() {
        for byte in 0..size_of::<SectionHead>() {
            let mut bytes = bytes.clone();
            bytes[at + byte] ^= 1;
            let refused = Book::new(&plan()).restore(&mut Left(&bytes)).unwrap_err();
            assert_eq!(refused.what, "a section's head is wrong");
        }
        at += size_of::<SectionHead>() + section_bytes;
    }
    assert_eq!(at, bytes.len());
}

macro_rules! refuses {
    ($($name:ident($what:literal): $damage:expr;)+) => {$(
        #[test]
        fn $name() {
            let mut parts = Parts::of(&saved(&sound()));
            let damage: fn(&mut Parts) = $damage;
            damage(&mut parts);
            let refused = Book::new(&plan()).restore(&mut Left(&parts.bytes()));
            assert_eq!(refused, Err(BadState { what: $what }));
        }
    )+};
}

// The rows of orders: A1, B3 (iceberg), A2, B1 (ask), A7 (stop), B5 (all or none), A6 (Gtd, SMPID);
// of extras: B3, A7, A6; of what was entered: slots 0 1 4 6 of A, 2 3 5 of B.

// The heads.
refuses! {
    something_else("this is no book"): |parts| parts.head.magic ^= 1;
    a_version_to_come("the book has another version"): |parts| parts.head.version += 1;
    no_version("the book has another version"): |parts| parts.head.version = 0;
    another_slab("the book was saved under other sizes"): |parts| parts.head.orders_max += 1;
    other_ladders("the book was saved under other sizes"): |parts| parts.head.levels_max += 1;
    fewer_instruments("the book was saved under other instruments"): |parts| {
        parts.head.symbols = 1;
    };
    more_instruments_than_may_be("the book was saved under other instruments"): |parts| {
        parts.head.symbols = 5;
    };
    slots_beyond_the_slab("more slots were used than there are"): |parts| parts.head.used = 13;
    an_absurd_exec("a counter is beyond use"): |parts| parts.head.exec = u64::MAX;
    an_absurd_match("a counter is beyond use"): |parts| parts.head.trd_match = 1 << 63;
    an_absurd_mass("a counter is beyond use"): |parts| parts.head.mass = u64::MAX;
    an_absurd_entry("a counter is beyond use"): |parts| parts.head2.entries = u64::MAX;
    fewer_reports_than_orders("reports are lost"): |parts| parts.head.exec = 8;
    a_switch_half_on("a switch is neither on nor off"): |parts| parts.head2.is_armed = 2;
    a_venue_half_killed("a switch is neither on nor off"): |parts| {
        parts.head2.is_venue_killed = 2;
    };
    limits_that_are_not_asked("a switch is neither on nor off"): |parts| parts.head2.is_armed = 0;
    a_kill_that_is_not_asked("a switch is neither on nor off"): |parts| {
        (parts.head2.sessions, parts.head2.accounts, parts.head2.is_armed) = (0, 0, 0);
        parts.head2.is_venue_killed = 1;
    };
    a_reserved_byte_of_the_head("a reserved byte is not zero"): |parts| {
        parts.head2.reserved[13] = 1;
    };
}

// Symbols and slots.
refuses! {
    another_instrument("the book was saved under other instruments"): |parts| {
        parts.symbols[1].symbol = SymbolId(4);
    };
    an_instrument_twice("the book was saved under other instruments"): |parts| {
        parts.symbols[2].symbol = SymbolId(1);
    };
    instruments_in_another_order("the book was saved under other instruments"): |parts| {
        parts.symbols.swap(0, 1);
    };
    no_lot("a symbol contradicts itself"): |parts| parts.symbols[1].lot = 0;
    no_tick("a symbol contradicts itself"): |parts| parts.symbols[1].tick = 0;
    no_price_at_all("a symbol contradicts itself"): |parts| parts.symbols[1].price_max = 0;
    more_than_fits("a symbol contradicts itself"): |parts| parts.symbols[1].qty_max = u64::MAX;
    an_unknown_default("a symbol contradicts itself"): |parts| parts.symbols[0].stp = 99;
    a_default_of_default("a symbol contradicts itself"): |parts| {
        parts.symbols[0].stp = StpInstruction::Default.code();
    };
    an_unknown_phase("a symbol contradicts itself"): |parts| parts.symbols[0].phase = 99;
    an_unknown_action("a symbol contradicts itself"): |parts| parts.symbols[0].action = 99;
    a_reference_of_none("a symbol contradicts itself"): |parts| {
        parts.symbols[0].reference = Price(0);
    };
    a_trade_at_nothing("a symbol contradicts itself"): |parts| parts.symbols[0].last = Price(-1);
    a_band_upside_down("a symbol contradicts itself"): |parts| parts.symbols[0].low = Price(901);
    a_band_below_nothing("a symbol contradicts itself"): |parts| parts.symbols[0].low = Price(-1);
    a_narrow_band("a symbol contradicts itself"): |parts| parts.symbols[0].dynamic = Price(-1);
    a_symbol_half_killed("a symbol contradicts itself"): |parts| parts.symbols[2].is_killed = 2;
    a_reserved_byte_of_a_symbol("a symbol contradicts itself"): |parts| {
        parts.symbols[2].reserved[6] = 1;
    };
    a_lost_slot("slots are lost"): |parts| parts.head.live -= 1;
    a_slot_too_many("slots are lost"): |parts| parts.head.freed = u32::MAX;
    a_slot_that_is_used_up_twice("slots are lost"): |parts| parts.generations[0] = u32::MAX;
    no_generation("a generation is 0"): |parts| parts.generations[2] = 0;
    a_slot_freed_twice("a slot that was freed is not free"): |parts| parts.freed[1] = 8;
    a_freed_slot_that_is_used_up("a slot that was freed is not free"): |parts| {
        parts.freed[1] = 9;
    };
    a_freed_slot_never_used("a slot that was freed is not free"): |parts| parts.freed[1] = 10;
    a_freed_slot_never_freed("a slot that was freed is not free"): |parts| {
        parts.generations[7] = 1;
    };
}

// Orders.
refuses! {
    an_order_in_a_freed_slot("an order's slot is not to be had"): |parts| {
        parts.orders[0].slot = 8;
    };
    an_order_in_a_slot_that_is_used_up("an order's slot is not to be had"): |parts| {
        parts.orders[0].slot = 9;
    };
    two_orders_in_a_slot("an order's slot is not to be had"): |parts| parts.orders[0].slot = 1;
    an_order_in_an_unused_slot("an order's slot is not to be had"): |parts| {
        parts.orders[0].slot = 10;
    };
    an_order_nowhere("an order's slot is not to be had"): |parts| parts.orders[0].slot = u32::MAX;
    an_unknown_symbol("an order's symbol is unknown"): |parts| {
        parts.orders[0].symbol = SymbolId(2);
    };
    an_unknown_side("an order's side is unknown"): |parts| parts.orders[0].side = 0;
    an_unknown_time_in_force("an order's time in force is unknown"): |parts| {
        parts.orders[0].time_in_force = 99;
    };
    an_unknown_prevention("an order's self-trade prevention is unknown"): |parts| {
        parts.orders[0].stp = 99;
    };
    an_order_that_is_immediate("an order may not rest"): |parts| {
        parts.orders[0].time_in_force = TimeInForce::Ioc.code();
    };
    a_market_order("an order may not rest"): |parts| parts.orders[0].price = Price::NULL;
    a_price_beyond_the_limits("an order may not rest"): |parts| parts.orders[0].price = Price(0);
    a_stop_with_a_price_beyond("an order may not rest"): |parts| parts.orders[4].price = Price(0);
    nothing_left("an order's quantities are wrong"): |parts| parts.orders[0].leaves = Qty(0);
    more_left_than_asked_for("an order's quantities are wrong"): |parts| {
        parts.orders[0].leaves = Qty(12);
    };
    half_a_lot("an order's quantities are wrong"): |parts| parts.orders[0].leaves = Qty(9);
    an_order_too_large("an order's quantities are wrong"): |parts| {
        parts.orders[0].qty = Qty(1_002);
    };
    an_unknown_session("an order's session is unknown"): |parts| {
        parts.orders[0].session = SessionSlot(3);
    };
    a_reserved_byte("a reserved byte is not zero"): |parts| parts.orders[3].reserved[3] = 1;
    an_order_that_says_it_is_known("a reserved byte is not zero"): |parts| {
        parts.orders[2].flags |= flag::KNOWN;
    };
    a_stop_without_extras("an order lacks something"): |parts| parts.orders[0].flags = flag::WAITS;
    an_iceberg_without_extras("an order lacks something"): |parts| {
        parts.orders[1].flags = flag::ICEBERG;
    };
    an_expiry_without_extras("an order lacks something"): |parts| {
        parts.orders[0].time_in_force = TimeInForce::Gtd.code();
    };
    post_only_and_whole("an order is of two kinds"): |parts| {
        parts.orders[5].flags |= flag::POST_ONLY;
    };
    a_whole_order_in_parts("an order did what it cannot"): |parts| {
        parts.orders[5].leaves.0 -= 2;
    };
    a_whole_order_that_hides("an order did what it cannot"): |parts| {
        parts.orders[5].flags |= flag::ICEBERG | flag::EXTRA;
    };
    a_stop_that_filled("an order did what it cannot"): |parts| parts.orders[4].leaves.0 -= 2;
    a_whole_stop("an order is of two kinds"): |parts| parts.orders[4].flags |= flag::ALL_OR_NONE;
    one_name_twice("two orders have one name"): |parts| parts.orders[2].cl_ord_id = ClOrdId(1);
    a_level_too_many("there are too many levels"): |parts| {
        // 100, 100, 99 and 101 become bids at four prices.
        for (row, price) in parts.orders[..4].iter_mut().zip([90, 91, 92, 93]) {
            (row.side, row.price) = (Side::Buy.code(), Price(price));
        }
    };
    a_crossed_book("a book is crossed"): |parts| parts.orders[3].price = Price(100);
    a_locked_out_order("an order that was entered is not live"): |parts| parts.entered[0] = 7;
    an_entry_nowhere("an order that was entered is not live"): |parts| parts.entered[0] = 10;
    an_entry_of_another_session("sessions are out of order"): |parts| parts.entered.swap(3, 4);
    an_entry_twice("an order was entered twice"): |parts| parts.entered[1] = 0;
}

// What few orders have.
refuses! {
    extras_of_a_plain_order("nobody has this"): |parts| parts.extras[0].slot = 0;
    extras_of_a_freed_slot("nobody has this"): |parts| parts.extras[0].slot = 8;
    extras_of_an_unused_slot("nobody has this"): |parts| parts.extras[0].slot = 11;
    extras_twice("an order has two extras"): |parts| parts.extras[1] = parts.extras[0];
    extras_for_one_too_few("an order lacks something"): |parts| {
        parts.orders[0].flags |= flag::EXTRA;
    };
    an_iceberg_that_displays_nothing("a hidden quantity is wrong"): |parts| {
        parts.extras[0].display = Qty(0);
    };
    half_a_lot_displayed("a hidden quantity is wrong"): |parts| parts.extras[0].display = Qty(3);
    half_a_lot_hidden("a hidden quantity is wrong"): |parts| parts.extras[0].hidden = Qty(5);
    a_stop_that_hides("a hidden quantity is wrong"): |parts| parts.extras[1].hidden = Qty(2);
    a_stop_that_displays("a hidden quantity is wrong"): |parts| parts.extras[1].display = Qty(2);
    more_hidden_than_asked_for("a hidden quantity is wrong"): |parts| {
        parts.extras[0].hidden = Qty(8);
    };
    an_absurd_hidden_quantity("a hidden quantity is wrong"): |parts| {
        parts.extras[0].hidden = Qty(u64::MAX - 1);
    };
    a_stop_without_a_price("a stop price is wrong"): |parts| {
        parts.extras[1].stop_px = Price::NULL;
    };
    a_stop_price_beyond("a stop price is wrong"): |parts| parts.extras[1].stop_px = Price(1_001);
    a_time_that_is_over("an order's time is wrong"): |parts| {
        parts.extras[2].expire_time = Nanos(parts.head2.now);
    };
    no_time("an order's time is wrong"): |parts| parts.extras[2].expire_time = Nanos(0);
    a_time_for_ever("an order's time is wrong"): |parts| {
        parts.extras[0].expire_time = Nanos(u64::MAX);
    };
    an_entry_to_come("an order's time is wrong"): |parts| parts.extras[2].entry = 2;
    no_smp_id("an SMPID is wrong"): |parts| parts.extras[2].smp_id = 0;
    a_stray_smp_id("an SMPID is wrong"): |parts| parts.extras[0].smp_id = 9;
    a_reserved_word_of_an_extra("a reserved byte is not zero"): |parts| {
        parts.extras[2].reserved = 1;
    };
}

// Limits and positions.
refuses! {
    a_session_beyond("a session with limits is unknown"): |parts| parts.sessions[0].party = 3;
    sessions_that_fall("a session with limits is unknown"): |parts| {
        parts.sessions.push(PartyRow { party: 0, ..parts.sessions[0] });
        parts.head2.sessions = 2;
    };
    a_position_of_a_session("a session has a limit of positions"): |parts| {
        parts.sessions[0].position_max = 1;
    };
    a_narrow_collar("a limit contradicts itself"): |parts| parts.sessions[0].collar = -1;
    a_rate_without_a_burst("a limit contradicts itself"): |parts| {
        (parts.sessions[0].rate_burst, parts.sessions[0].units) = (0, 0);
    };
    a_bucket_that_runs_over("a limit contradicts itself"): |parts| {
        parts.accounts[0].units = 3_000_000_001;
    };
    a_party_half_killed("a limit contradicts itself"): |parts| parts.accounts[1].is_killed = 2;
    a_last_order_of_no_side("a limit contradicts itself"): |parts| parts.accounts[0].last_side = 0;
    a_last_order_of_no_symbol("a limit contradicts itself"): |parts| {
        parts.accounts[0].last_symbol = 3;
    };
    half_a_last_order("a limit contradicts itself"): |parts| parts.accounts[0].has_last = 0;
    a_last_order_and_a_half("a limit contradicts itself"): |parts| parts.accounts[0].has_last = 2;
    a_reserved_byte_of_a_party("a limit contradicts itself"): |parts| {
        parts.accounts[0].reserved[4] = 1;
    };
    account_0("an account is named twice, or too many"): |parts| parts.accounts[1].party = 0;
    an_account_twice("an account is named twice, or too many"): |parts| {
        parts.accounts[1].party = 70;
    };
    an_account_too_many("an account is named twice, or too many"): |parts| {
        parts.accounts.push(PartyRow { party: 72, ..parts.accounts[1] });
        parts.head2.accounts = 3;
    };
    a_position_of_nobody("a position is nobody's, or one too many"): |parts| {
        parts.positions[0].account = 2;
    };
    a_position_in_nothing("a position is nobody's, or one too many"): |parts| {
        parts.positions[0].place = 3;
    };
    a_position_twice("a position is nobody's, or one too many"): |parts| {
        parts.positions.push(parts.positions[0]);
        parts.head2.positions = 2;
    };
    a_position_too_many("a position is nobody's, or one too many"): |parts| {
        for place in 1..3 {
            parts.positions.push(PositionRow { place, ..parts.positions[0] });
        }
        parts.head2.positions = 3;
    };
}

/// What an account holds is added to: one that no trades can have made is refused.
#[test]
fn an_absurd_position_is_refused() {
    for (net_low, net_high) in [(u64::MAX, i64::MAX), (0, i64::MIN)] {
        let mut parts = Parts::of(&saved(&sound()));
        parts.positions[0] = PositionRow { net_low, net_high, ..parts.positions[0] };
        let mut book = Book::new(&plan());
        if book.restore(&mut Left(&parts.bytes())).is_ok() {
            let mut desk = Desk { book, index: 1_000_000 };
            for side in [Side::Buy, Side::Sell] {
                let order = NewOrder { account: Account(70), ..limit(50, side, 100) };
                desk.run(Command::new_order(SessionSlot(2), SeqNo(1), &order));
            }
        }
    }
}

#[test]
fn absurd_numbers_of_a_head_are_refused() {
    let damages: [fn(&mut Head2); 2] = [
        |head| head.is_venue_killed = u8::MAX,
        |head| (head.sessions, head.accounts) = (u32::MAX, 1),
    ];
    for damage in damages {
        let mut parts = Parts::of(&saved(&sound()));
        damage(&mut parts.head2);
        assert!(Book::new(&plan()).restore(&mut Left(&parts.bytes())).is_err());
    }
}
