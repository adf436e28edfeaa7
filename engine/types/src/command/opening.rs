//! The words with which order messages begin, for whoever looks at many of them in haste.
//!
//! Inputs -> outputs: a command -> its kind's rough class and three words of its body, unchecked.
//! Not here: what a message says (`Command::parse`).

use crate::command::{CancelOrder, Command, CommandKind, NewOrder, ReduceOrder, ReplaceOrder};
use crate::{ClOrdId, OrderId};
use core::mem::offset_of;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// The first words of the body of a cancel, a reduce and a replace; of a new order, its ClOrdID and
/// two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Opening {
    /// Tag 11.
    pub cl_ord_id: ClOrdId,
    /// Tag 41.
    pub orig_cl_ord_id: ClOrdId,
    /// Tag 37; 0 if the order is named by its ClOrdID.
    pub order_id: OrderId,
}

macro_rules! begins_so {
    ($($body:ident)+) => {$(
        const _: () = assert!(offset_of!($body, cl_ord_id) == offset_of!(Opening, cl_ord_id));
        const _: () =
            assert!(offset_of!($body, orig_cl_ord_id) == offset_of!(Opening, orig_cl_ord_id));
        const _: () = assert!(offset_of!($body, order_id) == offset_of!(Opening, order_id));
    )+};
}
begins_so!(CancelOrder ReduceOrder ReplaceOrder);
const _: () = assert!(offset_of!(NewOrder, cl_ord_id) == offset_of!(Opening, cl_ord_id));

impl Command {
    /// True of NewOrder.
    #[inline]
    #[must_use]
    pub fn enters(&self) -> bool {
        self.kind == CommandKind::NewOrder.code()
    }

    /// True of the kinds that name a live order and may end it or move it.
    #[inline]
    #[must_use]
    pub fn alters(&self) -> bool {
        const KINDS: u32 = 1 << CommandKind::Cancel.code()
            | 1 << CommandKind::Reduce.code()
            | 1 << CommandKind::Replace.code();
        self.kind < 32 && KINDS >> self.kind & 1 == 1
    }

    /// The first words of the body, whatever the kind.
    ///
    /// # Panics
    /// Never: a body is longer.
    #[inline]
    #[must_use]
    pub fn opening(&self) -> Opening {
        let (opening, _) = Opening::read_from_prefix(&self.body).expect("a body is longer");
        opening
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SeqNo, SessionSlot, Side, SymbolId};

    #[test]
    fn a_cancel_begins_with_its_names() {
        let cancel = CancelOrder {
            cl_ord_id: ClOrdId(3),
            orig_cl_ord_id: ClOrdId(5),
            order_id: OrderId(7),
            symbol: SymbolId(1),
            side: Side::Buy,
            reserved: [0; 3],
        };
        let command = Command::cancel(SessionSlot(0), SeqNo(1), &cancel);
        let opening = command.opening();
        assert_eq!((opening.cl_ord_id, opening.orig_cl_ord_id), (ClOrdId(3), ClOrdId(5)));
        assert_eq!(opening.order_id, OrderId(7));
        assert!(command.alters() && !command.enters());
    }

    #[test]
    fn every_kind_has_its_class() {
        for kind in CommandKind::ALL {
            let mut command = Command::tick();
            command.kind = kind.code();
            let named = [CommandKind::Cancel, CommandKind::Reduce, CommandKind::Replace];
            assert_eq!(command.alters(), named.contains(kind), "{kind:?}");
            assert_eq!(command.enters(), *kind == CommandKind::NewOrder, "{kind:?}");
        }
    }
}
