//! FIX code values of orders. The discriminants are FIX's own characters, so that a dump reads as
//! FIX.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

macro_rules! code {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$vdoc:meta])* $variant:ident = $value:expr),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $value),+ }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The value with this code, if there is one.
            #[must_use]
            #[inline]
            pub const fn from_code(code: u8) -> Option<Self> {
                $(if code == Self::$variant as u8 { return Some(Self::$variant); })+
                None
            }

            /// The code on the wire.
            #[must_use]
            #[inline]
            pub const fn code(self) -> u8 { self as u8 }
        }
    };
}
pub(crate) use code;

code! {
    /// Tag 54.
    Side {
        /// Buys: rests as a bid.
        Buy = b'1',
        /// Sells: rests as an ask.
        Sell = b'2',
    }
}

impl Side {
    /// The side that this one trades with.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

code! {
    /// Tag 40.
    OrdType {
        /// Trades at any price; never rests.
        Market = b'1',
        /// Trades at its price or better.
        Limit = b'2',
        /// A market order once the last trade reaches its stop price.
        Stop = b'3',
        /// A limit order once the last trade reaches its stop price.
        StopLimit = b'4',
    }
}

code! {
    /// Tag 59.
    TimeInForce {
        /// Good for the trading day.
        Day = b'0',
        /// Good till cancel.
        Gtc = b'1',
        /// Immediate or cancel.
        Ioc = b'3',
        /// Fill or kill: whole at once, or not at all.
        Fok = b'4',
        /// Good till date: until its ExpireTime.
        Gtd = b'6',
    }
}

code! {
    /// Tag 39.
    OrdStatus {
        /// Accepted, nothing traded.
        New = b'0',
        /// Traded in part, still live.
        PartiallyFilled = b'1',
        /// Traded whole.
        Filled = b'2',
        /// Gone: cancelled.
        Canceled = b'4',
        /// Never accepted.
        Rejected = b'8',
        /// Gone: its time in force ended.
        Expired = b'C',
    }
}

code! {
    /// Tag 2964 (SelfMatchPreventionInstruction), chosen by the aggressor: what happens where it
    /// would trade with an order of its own.
    StpInstruction {
        /// What the symbol says.
        Default = 0,
        /// The aggressor's rest is cancelled ("cancel newest").
        CancelAggressor = 1,
        /// The resting order is cancelled ("cancel oldest").
        CancelResting = 2,
        /// Both are.
        CancelBoth = 3,
        /// Both are made smaller by what they would have traded.
        Decrement = 4,
        /// They trade.
        Allow = 5,
    }
}

/// Bits of tag 18 (ExecInst), as a set of our own.
pub mod exec_inst {
    /// Never trades on entry: refused if it would.
    pub const POST_ONLY: u8 = 1;
    /// Never trades on entry: its price is set one tick short of the other side's best if it would.
    pub const POST_ONLY_SLIDE: u8 = 2;
    /// Trades whole or not at all, but may wait for it.
    pub const ALL_OR_NONE: u8 = 4;
    /// In a replace: goes to the end of its queue even if it might keep its place.
    pub const REQUEUE: u8 = 8;
}

code! {
    /// Tag 326 (SecurityTradingStatus): what may happen in a symbol now. FIX's codes where it has
    /// one.
    TradingPhase {
        /// Orders may only end.
        Halt = 2,
        /// Continuous trading.
        Continuous = 17,
        /// Orders may only end; day orders have ended.
        Closed = 18,
        /// Orders are collected.
        PreOpen = 21,
        /// Orders are collected for the opening's uncross.
        OpeningAuction = 22,
        /// Orders are collected for the closing's uncross.
        ClosingAuction = 100,
    }
}

impl TradingPhase {
    /// True if orders come to rest without trading.
    #[must_use]
    pub const fn is_collecting(self) -> bool {
        matches!(self, Self::PreOpen | Self::OpeningAuction | Self::ClosingAuction)
    }
}

code! {
    /// What happens when a price leaves its band.
    BandAction {
        /// What would leave it is refused, or cancelled if it is under way.
        Reject = 0,
        /// That, and the symbol's trading halts.
        Halt = 1,
    }
}

code! {
    /// Whom limits of risk are for.
    RiskScope {
        /// One account.
        Account = 1,
        /// One session, by its slot.
        Session = 2,
    }
}

code! {
    /// Whom a kill switch is for.
    KillScope {
        /// Everybody.
        Venue = 0,
        /// One account.
        Account = 1,
        /// One session, by its slot.
        Session = 2,
        /// One symbol.
        Symbol = 3,
    }
}

code! {
    /// Tag 2329 (PartyActionType): what a kill switch does.
    KillAction {
        /// New orders are refused, and all live ones are cancelled.
        Suspend = 0,
        /// New orders are refused.
        HaltTrading = 1,
        /// The switch is taken back.
        Reinstate = 2,
    }
}

code! {
    /// How a command that steers the venue was answered.
    SteeringResult {
        /// It was done.
        Done = 0,
        /// There is no such symbol.
        UnknownSymbol = 1,
        /// There is no such session.
        UnknownSession = 2,
        /// A value is outside its range, or contradicts another one.
        ValueIncorrect = 3,
        /// What it would change may change only while the symbol has no live order.
        OrdersLive = 4,
        /// There is no room for another symbol, or account.
        NoRoom = 5,
    }
}

code! {
    /// Tag 1373.
    MassActionType {
        /// Cancel the orders in scope.
        CancelOrders = 3,
    }
}

code! {
    /// Tag 1374.
    MassActionScope {
        /// The orders of one symbol.
        Security = 1,
        /// All orders.
        AllOrders = 7,
    }
}

code! {
    /// Tag 1375.
    MassActionResponse {
        /// Nothing was done.
        Rejected = 0,
        /// Every order in scope is cancelled, and was reported.
        Completed = 2,
    }
}

code! {
    /// Tag 1376.
    MassActionRejectReason {
        /// It was not rejected.
        None = 0,
        /// The symbol is not traded here.
        UnknownSecurity = 1,
    }
}
