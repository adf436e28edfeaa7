//! The messages as they lie on the wire: one struct for each template, without padding.
//!
//! Inputs -> outputs: none; layouts only.
//! Invariants: alignment 1, no padding, sizes equal to the schema's blockLength; templates grow at
//! their end only.
//! Limits: none.
//! Not here: meaning; `client` and `server` turn these into the vocabulary and back.
//! Source: `schema/gavel.xml`, which explains every field.

use crate::layout::{Field, GroupLayout, TemplateLayout};
use gavel_types::Price;
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Anything that can be laid over bytes.
pub(crate) trait Block: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned {}
impl<T: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned> Block for T {}

/// A template's root block.
pub(crate) trait Template: Block {
    /// SBE template id.
    const ID: u16;
    /// Length of the block in version 0, if the template has grown since; else its length.
    const FIRST_BYTES: usize;
}

/// A template that has grown since version 0.
pub(crate) trait Grown: Template + Copy {
    /// A block whose newer fields say nothing: what an older sender means by not having them.
    fn absent() -> Self;
}

/// What a field's type says of the fields inside it.
trait Parts {
    const FIELDS: &'static [Field] = &[];
}
impl Parts for u8 {}
impl Parts for U16 {}
impl Parts for U32 {}
impl Parts for U64 {}
impl Parts for I64 {}
impl<const N: usize> Parts for [u8; N] {}

macro_rules! block {
    ($(#[$doc:meta])* $name:ident($bytes:literal) { $($field:ident: $ty:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq,
            FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
        )]
        #[repr(C)]
        pub(crate) struct $name { $(pub(crate) $field: $ty),* }

        impl Parts for $name {
            const FIELDS: &'static [Field] = &[$(Field {
                name: stringify!($field),
                offset_bytes: core::mem::offset_of!($name, $field),
                bytes: size_of::<$ty>(),
                inner: <$ty as Parts>::FIELDS,
            }),*];
        }

        const _: () = assert!(size_of::<$name>() == $bytes);
    };
}

macro_rules! templates {
    ($($(#[$doc:meta])* $id:literal $name:ident($bytes:literal $(, once $first:literal)?)
        $fields:tt $([$($group:literal: $entry:ty),+])?;)+) => {
        $(block! { $(#[$doc])* $name($bytes) $fields }
        impl Template for $name {
            const ID: u16 = $id;
            const FIRST_BYTES: usize = [$($first,)? $bytes][0];
        })+

        /// Every template, in ascending order of its number.
        pub const TEMPLATES: &[TemplateLayout] = &[$(TemplateLayout {
            name: stringify!($name),
            id: $id,
            block_bytes: $bytes,
            first_bytes: <$name as Template>::FIRST_BYTES,
            fields: <$name as Parts>::FIELDS,
            groups: &[$($(GroupLayout {
                name: $group,
                entry_bytes: size_of::<$entry>(),
                fields: <$entry as Parts>::FIELDS,
            }),+)?],
        }),+];
    };
}

block! {
    /// Proof of who opens a session. All zero: none is offered.
    WireCredentials(96) {
        public_key: [u8; 32],
        signature: [u8; 64],
    }
}
block! {
    /// Size of a repeating group, in front of its entries.
    GroupSize(4) {
        block_length: U16,
        num_in_group: U16,
    }
}
block! {
    /// Entry of TermRuns in the answers to Establish.
    TermRunEntry(16) {
        run_term: U64,
        first_index: U64,
    }
}
block! {
    /// Entry of a market data group.
    MdEntry(16) {
        md_entry_px: I64,
        md_entry_size: U64,
    }
}
block! {
    /// What every sequenced server message begins with. From `sender_term` on it is the envelope,
    /// stamped when the message is sent (SAFETY 8).
    Common(50) {
        msg_seq_num: U64,
        log_index: U64,
        log_term: U64,
        transact_time: U64,
        sender_term: U64,
        commit_index: U64,
        ack_rule: u8,
        poss_resend: u8,
    }
}
block! {
    /// What every execution report says of its order.
    OrderBlock(63) {
        order_id: U64,
        cl_ord_id: U64,
        exec_id: U64,
        price: I64,
        order_qty: U64,
        leaves_qty: U64,
        cum_qty: U64,
        security_id: U32,
        side: u8,
        ord_status: u8,
        exec_type: u8,
    }
}

templates! {
    1 Negotiate(121) {
        session_id: [u8; 16],
        timestamp: U64,
        client_flow: u8,
        credentials: WireCredentials,
    };
    2 NegotiationResponse(25) {
        session_id: [u8; 16],
        request_timestamp: U64,
        server_flow: u8,
    };
    3 NegotiationReject(25) {
        session_id: [u8; 16],
        request_timestamp: U64,
        code: u8,
    };
    5 Establish(165) {
        session_id: [u8; 16],
        timestamp: U64,
        keepalive_interval: U32,
        next_seq_no: U64,
        cancel_on_disconnect_type: u8,
        cod_timeout_window: U64,
        last_term: U64,
        last_index: U64,
        last_seq_num: U64,
        credentials: WireCredentials,
    };
    6 EstablishmentAck(44) {
        session_id: [u8; 16],
        request_timestamp: U64,
        keepalive_interval: U32,
        next_seq_no: U64,
        next_expected_seq_no: U64,
    } ["TermRuns": TermRunEntry];
    7 EstablishmentReject(49) {
        session_id: [u8; 16],
        request_timestamp: U64,
        code: u8,
        next_seq_no: U64,
        next_expected_seq_no: U64,
        log_index: U64,
    } ["TermRuns": TermRunEntry];
    8 Sequence(8) {
        next_seq_no: U64,
    };
    10 UnsequencedHeartbeat(0) {};
    11 RetransmitRequest(40) {
        session_id: [u8; 16],
        timestamp: U64,
        from_seq_no: U64,
        count: U64,
    };
    12 Retransmission(40) {
        session_id: [u8; 16],
        request_timestamp: U64,
        next_seq_no: U64,
        count: U64,
    };
    13 RetransmitReject(33) {
        session_id: [u8; 16],
        request_timestamp: U64,
        oldest_seq_no: U64,
        code: u8,
    };
    14 Terminate(17) {
        session_id: [u8; 16],
        code: u8,
    };
    15 FinishedSending(24) {
        session_id: [u8; 16],
        last_seq_no: U64,
    };
    16 FinishedReceiving(24) {
        session_id: [u8; 16],
        next_seq_no: U64,
    };
    18 NotApplied(66) {
        common: Common,
        from_seq_no: U64,
        count: U64,
    };
    21 IntakeStatus(2) {
        status: u8,
        reason: u8,
    };
    22 Challenge(32) {
        nonce: [u8; 32],
    };
    100 NewOrderSingle(93, once 85) {
        cl_ord_id: U64,
        security_id: U32,
        side: u8,
        ord_type: u8,
        time_in_force: u8,
        exec_inst: u8,
        price: I64,
        order_qty: U64,
        stop_px: I64,
        min_qty: U64,
        display_qty: U64,
        expire_time: U64,
        smp_id: U64,
        account: U32,
        smp_instruction: u8,
        transact_time: U64,
        cash_order_qty: U64,
    };
    101 OrderCancelRequest(29) {
        cl_ord_id: U64,
        orig_cl_ord_id: U64,
        order_id: U64,
        security_id: U32,
        side: u8,
    };
    102 OrderCancelReplaceRequest(55, once 46) {
        cl_ord_id: U64,
        orig_cl_ord_id: U64,
        order_id: U64,
        price: I64,
        order_qty: U64,
        security_id: U32,
        side: u8,
        time_in_force: u8,
        exec_inst: u8,
        stop_px: I64,
    };
    103 OrderMassActionRequest(19) {
        cl_ord_id: U64,
        mass_action_type: u8,
        mass_action_scope: u8,
        security_id: U32,
        account: U32,
        side: u8,
    };
    104 OrderStatusRequest(21) {
        cl_ord_id: U64,
        order_id: U64,
        security_id: U32,
        side: u8,
    };
    105 MarketDataRequest(13) {
        md_req_id: U64,
        security_id: U32,
        market_depth: u8,
    };
    106 OrderReduceRequest(37) {
        cl_ord_id: U64,
        orig_cl_ord_id: U64,
        order_id: U64,
        reduce_qty: U64,
        security_id: U32,
        side: u8,
    };
    110 ExecutionReportNew(113) {
        common: Common,
        order: OrderBlock,
    };
    111 ExecutionReportTrade(138) {
        common: Common,
        order: OrderBlock,
        last_px: I64,
        last_qty: U64,
        trd_match_id: U64,
        aggressor_indicator: u8,
    };
    112 ExecutionReportCanceled(122) {
        common: Common,
        order: OrderBlock,
        orig_cl_ord_id: U64,
        exec_restatement_reason: u8,
    };
    113 ExecutionReportReplaced(121) {
        common: Common,
        order: OrderBlock,
        orig_cl_ord_id: U64,
    };
    114 ExecutionReportRejected(114) {
        common: Common,
        order: OrderBlock,
        ord_rej_reason: u8,
    };
    117 OrderCancelReject(77) {
        common: Common,
        cl_ord_id: U64,
        orig_cl_ord_id: U64,
        order_id: U64,
        cxl_rej_reason: u8,
        ord_status: u8,
        cxl_rej_response_to: u8,
    };
    118 OrderMassActionReport(83) {
        common: Common,
        cl_ord_id: U64,
        mass_action_report_id: U64,
        security_id: U32,
        account: U32,
        total_affected_orders: U32,
        mass_action_type: u8,
        mass_action_scope: u8,
        mass_action_response: u8,
        mass_action_reject_reason: u8,
        side: u8,
    };
    119 BusinessMessageReject(73) {
        common: Common,
        ref_seq_num: U64,
        business_reject_ref_id: U64,
        ref_tag_id: U32,
        ref_msg_type: U16,
        business_reject_reason: u8,
    };
    120 MarketDataSnapshotFullRefresh(62) {
        common: Common,
        md_req_id: U64,
        security_id: U32,
    } ["Bids": MdEntry, "Asks": MdEntry];
    121 ExecutionReportStatus(114) {
        common: Common,
        order: OrderBlock,
        ord_rej_reason: u8,
    };
    122 ExecutionReportTriggered(113) {
        common: Common,
        order: OrderBlock,
    };
    123 ExecutionReportRestated(113) {
        common: Common,
        order: OrderBlock,
    };
    124 SteeringReport(69) {
        common: Common,
        request_id: U64,
        total_affected_orders: U64,
        ref_msg_type: U16,
        steering_result: u8,
    };
    130 SecurityDefinitionRequest(62) {
        security_req_id: U64,
        security_id: U32,
        tick_increment: I64,
        start_tick_price_range: I64,
        end_tick_price_range: I64,
        round_lot: U64,
        max_trade_vol: U64,
        market_protection: I64,
        qty_scale: u8,
        smp_instruction: u8,
    };
    131 SecurityStatusRequest(21) {
        security_status_req_id: U64,
        security_id: U32,
        security_trading_status: u8,
        trading_reference_price: I64,
    };
    132 PriceBandsRequest(37) {
        price_bands_req_id: U64,
        security_id: U32,
        low_limit_price: I64,
        high_limit_price: I64,
        dynamic_band: I64,
        band_action: u8,
    };
    133 PartyRiskLimitsRequest(61) {
        risk_limit_request_id: U64,
        risk_scope: u8,
        risk_target: U32,
        order_qty_max: U64,
        notional_max: U64,
        position_max: U64,
        price_collar: I64,
        open_orders_max: U32,
        order_rate: U32,
        order_burst: U32,
        duplicate_window: U32,
    };
    134 PartyActionRequest(14) {
        party_action_request_id: U64,
        kill_scope: u8,
        party_action_type: u8,
        kill_target: U32,
    };
}

impl Grown for NewOrderSingle {
    fn absent() -> Self {
        Self::new_zeroed()
    }
}

impl Grown for OrderCancelReplaceRequest {
    fn absent() -> Self {
        Self { stop_px: Price::NULL.0.into(), ..Self::new_zeroed() }
    }
}

/// First template id that is an application message.
pub(crate) const APPLICATION_FIRST: u16 = 100;
