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
            pub const fn from_code(code: u8) -> Option<Self> {
                $(if code == Self::$variant as u8 { return Some(Self::$variant); })+
                None
            }

            /// The code on the wire.
            #[must_use]
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
    /// Tag 2964 (SelfMatchPreventionInstruction), chosen by the aggressor.
    StpInstruction {
        /// No self-trade prevention asked for.
        Off = 0,
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
