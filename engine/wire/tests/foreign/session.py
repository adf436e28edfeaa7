"""A whole session with a running node, by the foreign codec over a plain socket.

    python session.py HOST PORT [--security-id 1] [--price 100.0] [--qty 10]

Negotiate, Establish, two NewOrderSingle that trade with each other, MarketDataRequest, an order
whose status is asked for and that OrderMassActionRequest ends, SecurityStatusRequest (a node
without keys lets everybody steer), FinishedSending, Terminate.
Prints one JSON line for everything received; exit status 0 if every answer came and says what it
should, 1 if not. The book should hold nothing that trades at the price.
"""

import argparse
import decimal
import json
import socket
import sys
import time
import uuid

import codec

UNSEQUENCED = {"Sequence", "UnsequencedHeartbeat", "IntakeStatus"}


class Unexpected(Exception):
    """The node said something else than it should have, or nothing."""


def need(holds, rule, fields):
    """Checks one rule about a message."""
    if not holds:
        raise Unexpected(f"{rule}: {printable(fields)}")


def printable(fields):
    """Bytes as hex, so that a message prints as JSON."""
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}


class Connection:
    """A socket that speaks frames, and checks the numbers of the server's flow."""

    def __init__(self, host, port, timeout):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.deadline = time.monotonic() + timeout
        self.frames = codec.Frames()
        self.received = []
        self.next_number = None

    def send(self, name, **fields):
        """Sends one message."""
        self.socket.sendall(codec.encode(name, fields))

    def receive(self):
        """The next message, heartbeats included; (None, {}) when the node has closed."""
        while not self.received:
            self.socket.settimeout(max(0.001, self.deadline - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise Unexpected("the node did not answer in time") from None
            if not data:
                return None, {}
            self.received.extend(codec.decode(frame) for frame in self.frames.feed(data))
        name, fields = self.received.pop(0)
        print(json.dumps({"message": name, **printable(fields)}), flush=True)
        if "MsgSeqNum" in fields:
            need(fields["MsgSeqNum"] == self.next_number, f"number {self.next_number}", fields)
            self.next_number += 1
        return name, fields

    def expect(self, expected):
        """The next message that is no heartbeat; it has to be of the given name."""
        while True:
            name, fields = self.receive()
            if name not in UNSEQUENCED:
                need(name == expected, f"{expected} comes next, not {name}", fields)
                return fields


def begin(node, session):
    """Negotiate and Establish."""
    node.send(
        "Negotiate",
        SessionID=session,
        Timestamp=1001,
        ClientFlow="Idempotent",
        PublicKey=bytes(32),
        Signature=bytes(64),
    )
    answer = node.expect("NegotiationResponse")
    need(answer["SessionID"] == session, "the session is echoed", answer)
    need(answer["RequestTimestamp"] == 1001, "the timestamp is echoed", answer)
    need(answer["ServerFlow"] == "Recoverable", "the server's flow is recoverable", answer)
    node.send(
        "Establish",
        SessionID=session,
        Timestamp=1002,
        KeepaliveInterval=10_000,
        NextSeqNo=1,
        CancelOnDisconnectType="DoNotCancel",
        CODTimeoutWindow=0,
        LastTerm=0,
        LastIndex=0,
        LastSeqNum=0,
        PublicKey=bytes(32),
        Signature=bytes(64),
    )
    answer = node.expect("EstablishmentAck")
    need(answer["SessionID"] == session, "the session is echoed", answer)
    need(answer["RequestTimestamp"] == 1002, "the timestamp is echoed", answer)
    need(answer["NextExpectedSeqNo"] == 1, "a new session begins at 1", answer)
    need(answer["NextSeqNo"] == 1, "so does its server flow", answer)
    node.next_number = answer["NextSeqNo"]


def order(node, cl_ord_id, side, options):
    """One limit order, and the report that it is accepted."""
    node.send(
        "NewOrderSingle",
        ClOrdID=cl_ord_id,
        SecurityID=options.security_id,
        Side=side,
        OrdType="Limit",
        TimeInForce="Gtc",
        ExecInst=0,
        Price=options.price,
        OrderQty=options.qty,
        StopPx=None,
        MinQty=None,
        DisplayQty=None,
        ExpireTime=None,
        SMPID=None,
        Account=0,
        SMPInstruction="Default",
        TransactTime=time.time_ns(),
        CashOrderQty=None,
    )
    report = node.expect("ExecutionReportNew")
    need(report["ClOrdID"] == cl_ord_id, "the report names the order", report)
    need(report["ExecType"] == "New" and report["OrdStatus"] == "New", "it is new", report)
    need(report["LeavesQty"] == options.qty, "all of it is open", report)


def trade(node, options):
    """A buy that rests, a sell that meets it, and the two reports of their match."""
    order(node, 1, "Buy", options)
    order(node, 2, "Sell", options)
    aggressor, maker = node.expect("ExecutionReportTrade"), node.expect("ExecutionReportTrade")
    for report, cl_ord_id, is_aggressor in ((aggressor, 2, "Yes"), (maker, 1, "No")):
        need(report["ClOrdID"] == cl_ord_id, "aggressor first, then maker", report)
        need(report["AggressorIndicator"] == is_aggressor, "each knows which it was", report)
        need(report["LastPx"] == options.price, "the trade is at the price", report)
        need(report["LastQty"] == options.qty, "the trade is of the quantity", report)
        need(report["OrdStatus"] == "Filled", "the order is filled", report)
        need(report["LeavesQty"] == 0 and report["CumQty"] == options.qty, "nothing left", report)
    need(aggressor["TrdMatchID"] == maker["TrdMatchID"], "one match, one id", maker)
    need(aggressor["LogIndex"] == maker["LogIndex"], "one record made both", maker)


def query(node, options):
    """The book, where neither order is any more."""
    node.send("MarketDataRequest", MDReqID=7, SecurityID=options.security_id, MarketDepth=5)
    book = node.expect("MarketDataSnapshotFullRefresh")
    need(book["MDReqID"] == 7, "the answer names the request", book)
    need(book["SecurityID"] == options.security_id, "the answer names the book", book)
    levels = [level["MDEntryPx"] for level in book["Bids"] + book["Asks"]]
    need(options.price not in levels, "both orders are gone", book)


def ask_and_cancel(node, options):
    """An order that rests: how it stands, and its end together with all others."""
    order(node, 3, "Buy", options)
    node.send(
        "OrderStatusRequest",
        ClOrdID=3,
        OrderID=None,
        SecurityID=options.security_id,
        Side="Buy",
    )
    status = node.expect("ExecutionReportStatus")
    need(status["ClOrdID"] == 3 and status["ExecType"] == "OrderStatus", "its status", status)
    need(status["OrdStatus"] == "New" and status["LeavesQty"] == options.qty, "it rests", status)
    node.send(
        "OrderMassActionRequest",
        ClOrdID=4,
        MassActionType="CancelOrders",
        MassActionScope="AllOrders",
        SecurityID=0,
        Account=0,
        Side="Both",
    )
    report = node.expect("ExecutionReportCanceled")
    need(report["ExecRestatementReason"] == "MassAction", "it says why", report)
    need(report["OrigClOrdID"] == 3, "it names the order", report)
    report = node.expect("OrderMassActionReport")
    need(report["ClOrdID"] == 4, "the answer names the request", report)
    need(report["MassActionResponse"] == "Completed", "it is done", report)
    need(report["TotalAffectedOrders"] == 1, "one order was live", report)


def steer(node, options):
    """The instrument goes on trading."""
    node.send(
        "SecurityStatusRequest",
        SecurityStatusReqID=5,
        SecurityID=options.security_id,
        SecurityTradingStatus="Continuous",
        TradingReferencePrice=None,
    )
    report = node.expect("SteeringReport")
    need(report["RequestID"] == 5 and report["RefMsgType"] == 131, "it names the request", report)
    need(report["SteeringResult"] == "Done", "it is done", report)
    need(report["TotalAffectedOrders"] == 0, "nothing ended by it", report)


def finish(node, session):
    """FinishedSending, and its answer."""
    node.send("FinishedSending", SessionID=session, LastSeqNo=7)
    answer = node.expect("FinishedReceiving")
    need(answer["NextSeqNo"] == node.next_number, "every report came before", answer)


def end(node, session):
    """Terminate, its answer, and the end of the stream."""
    node.send("Terminate", SessionID=session, Code="Finished")
    answer = node.expect("Terminate")
    need(answer["Code"] == "Finished", "the end is agreed", answer)
    name, fields = node.receive()
    need(name is None, "the node closes after Terminate", fields)


def mantissa(text):
    """A price as people write it -> units of 10^-9."""
    value = decimal.Decimal(text).scaleb(9)
    if value != value.to_integral_value():
        raise argparse.ArgumentTypeError(f"{text} has more than nine decimals")
    return int(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--security-id", type=int, default=1)
    parser.add_argument("--price", type=mantissa, default=mantissa("100.0"))
    parser.add_argument("--qty", type=int, default=10)
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for the whole session")
    options = parser.parse_args()
    session = uuid.uuid4().bytes
    try:
        node = Connection(options.host, options.port, options.timeout)
        begin(node, session)
        trade(node, options)
        query(node, options)
        ask_and_cancel(node, options)
        steer(node, options)
        finish(node, session)
        end(node, session)
    except (Unexpected, codec.Garbage, OSError) as fault:
        print(f"session failed: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
